// Package support is the protocol of Cloudstate, as far as the models need it.
package support

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const jsonTypes = "json.cloudstate.io/"

// PackJSON packs a value as JSON, which is stored as a message that has it in field 1.
func PackJSON(typeName string, value any) (*anypb.Any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	message, err := proto.Marshal(wrapperspb.Bytes(text))
	return &anypb.Any{TypeUrl: jsonTypes + typeName, Value: message}, err
}

// UnpackJSON reads what PackJSON has packed.
func UnpackJSON(packed *anypb.Any, into any) error {
	var text wrapperspb.BytesValue
	if err := proto.Unmarshal(packed.Value, &text); err != nil {
		return err
	}
	return json.Unmarshal(text.Value, into)
}

// pack takes messages that are packed already as they are.
func pack(message proto.Message) (*anypb.Any, error) {
	if packed, ok := message.(*anypb.Any); ok {
		return packed, nil
	}
	return anypb.New(message)
}

// unpack leaves JSON packed.
func unpack(packed *anypb.Any) (proto.Message, error) {
	if strings.HasPrefix(packed.GetTypeUrl(), jsonTypes) {
		return packed, nil
	}
	return packed.UnmarshalNew()
}

// descriptorSet holds the files of these services and all that they import, with every option.
func descriptorSet(services []string) ([]byte, error) {
	var set descriptorpb.FileDescriptorSet
	seen := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i))
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, service := range services {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", service, err)
		}
		add(found.ParentFile())
	}
	return proto.Marshal(&set)
}
