package support

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"tck-models/generated/cloudstate"
)

// Refusal is a handler's way to say no: the caller gets the text. Every other error is a defect and ends the stream.
type Refusal string

func (refusal Refusal) Error() string { return string(refusal) }

// ErrNoCommand is what Handle answers to a command that it does not know.
var ErrNoCommand = errors.New("no such command is here")

// Context is what a handler works with besides its request.
type Context struct {
	forward     *cloudstate.Forward
	sideEffects []*cloudstate.SideEffect
	// What could not be packed.
	err error
}

// Forward lets another command answer.
func (context *Context) Forward(service, command string, request proto.Message) {
	context.forward = &cloudstate.Forward{
		ServiceName: service,
		CommandName: command,
		Payload:     context.pack(request),
	}
}

// Effect runs another command, whose result nobody waits for unless it is synchronous.
func (context *Context) Effect(service, command string, request proto.Message, synchronous bool) {
	context.sideEffects = append(context.sideEffects, &cloudstate.SideEffect{
		ServiceName: service,
		CommandName: command,
		Payload:     context.pack(request),
		Synchronous: synchronous,
	})
}

func (context *Context) pack(message proto.Message) *anypb.Any {
	packed, err := pack(message)
	context.err = errors.Join(context.err, err)
	return packed
}

// answer makes of a handler's result what happens towards the caller.
func (context *Context) answer(
	command *cloudstate.Command,
	handle func(request proto.Message) (proto.Message, error),
) (*cloudstate.ClientAction, error) {
	request, err := unpack(command.Payload)
	if err != nil {
		return nil, err
	}
	reply, err := handle(request)
	var refusal Refusal
	if errors.As(err, &refusal) {
		failure := &cloudstate.Failure{CommandId: command.Id, Description: refusal.Error()}
		return &cloudstate.ClientAction{Action: &cloudstate.ClientAction_Failure{Failure: failure}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command.Name, err)
	}
	if context.forward != nil {
		forward := &cloudstate.ClientAction_Forward{Forward: context.forward}
		return &cloudstate.ClientAction{Action: forward}, context.err
	}
	payload := &cloudstate.Reply{Payload: context.pack(reply)}
	return &cloudstate.ClientAction{Action: &cloudstate.ClientAction_Reply{Reply: payload}}, context.err
}

var (
	errEmpty    = errors.New("a message is empty")
	errTwice    = errors.New("there is a second init")
	errNotReady = errors.New("the first message is no init")
)

// check tells of a command that the proxy must not send.
func check(command *cloudstate.Command, entityID string) error {
	if command.EntityId != entityID {
		return fmt.Errorf("the command is for %s, the stream for %s", command.EntityId, entityID)
	}
	if command.Payload == nil {
		return errors.New("the command has no payload")
	}
	return nil
}
