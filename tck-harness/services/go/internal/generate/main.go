// Generates Go code of the .proto files into generated/, without protoc: it compiles them, and asks the plugins.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// The package below generated/ of each file. Other imports have a package of their own already.
var packages = map[string]string{
	"cloudstate/action.proto":                     "cloudstate",
	"cloudstate/entity.proto":                     "cloudstate",
	"cloudstate/entity_key.proto":                 "cloudstate",
	"cloudstate/event_sourced.proto":              "cloudstate",
	"cloudstate/eventing.proto":                   "cloudstate",
	"cloudstate/value_entity.proto":               "cloudstate",
	"cloudstate/tck/model/action.proto":           "action",
	"cloudstate/tck/model/eventlogeventing.proto": "eventlogeventing",
	"cloudstate/tck/model/eventsourced.proto":     "eventsourced",
	"cloudstate/tck/model/valueentity.proto":      "valueentity",
	"google/api/annotations.proto":                "googleapi",
	"google/api/http.proto":                       "googleapi",
}

const module = "tck-models"

func main() {
	sources := []string{"../../../cloudstate-protocol/proto", "../../proto"}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: sources}),
	}
	var names, options []string
	for name, goPackage := range packages {
		names = append(names, name)
		options = append(options, fmt.Sprintf("M%s=%s/generated/%[3]s;%[3]s", name, module, goPackage))
	}
	files, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		log.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      proto.String(strings.Join(append(options, "module="+module), ",")),
		ProtoFile:      withImports(files),
	}
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		if err := generate(plugin, request); err != nil {
			log.Fatalf("%s: %v", plugin, err)
		}
	}
}

// withImports gives the files and what they import, each behind its imports.
func withImports(files linker.Files) []*descriptorpb.FileDescriptorProto {
	var all []*descriptorpb.FileDescriptorProto
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
		all = append(all, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range files {
		add(file)
	}
	return all
}

func generate(plugin string, request *pluginpb.CodeGeneratorRequest) error {
	input, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	command := exec.Command("go", "tool", plugin)
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(output, &response); err != nil {
		return err
	}
	if response.Error != nil {
		return fmt.Errorf("%s", response.GetError())
	}
	for _, file := range response.File {
		name := filepath.FromSlash(path.Clean(file.GetName()))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
