package support

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tck-models/generated/cloudstate"
)

// Action declares calls without a state.
type Action struct {
	Service string
	Calls   map[string]func(*Call) error
}

// Call is a call in any of the four shapes: it has one request or many, and wants one response or many.
type Call struct {
	// Metadata is what is text of the call's metadata, such as a CloudEvent's attributes.
	Metadata map[string]string
	next     func() (*cloudstate.ActionCommand, error)
	respond  func(*cloudstate.ActionResponse) error
}

// Next gives the next request, and io.EOF behind the last.
func (call *Call) Next() (proto.Message, error) {
	command, err := call.next()
	if err != nil {
		return nil, err
	}
	return unpack(command.Payload)
}

// Respond sends a response.
func (call *Call) Respond(response *Response) error {
	if response.err != nil {
		return response.err
	}
	return call.respond(&response.message)
}

// Response is a reply, a forward or a failure, or nothing of these; and side effects.
type Response struct {
	message cloudstate.ActionResponse
	Context
}

// Reply answers with a message.
func (response *Response) Reply(message proto.Message) {
	reply := &cloudstate.Reply{Payload: response.pack(message)}
	response.message.Response = &cloudstate.ActionResponse_Reply{Reply: reply}
}

// Forward lets another command answer.
func (response *Response) Forward(service, command string, request proto.Message) {
	response.Context.Forward(service, command, request)
	response.message.Response = &cloudstate.ActionResponse_Forward{Forward: response.forward}
}

// Fail answers that the call has failed.
func (response *Response) Fail(description string) {
	failure := &cloudstate.Failure{Description: description}
	response.message.Response = &cloudstate.ActionResponse_Failure{Failure: failure}
}

// Effect runs another command, whose result nobody waits for unless it is synchronous.
func (response *Response) Effect(service, command string, request proto.Message, synchronous bool) {
	response.Context.Effect(service, command, request, synchronous)
	response.message.SideEffects = response.sideEffects
}

type actionServer struct {
	cloudstate.UnimplementedActionProtocolServer
	actions []Action
}

func (server *actionServer) HandleUnary(
	_ context.Context, command *cloudstate.ActionCommand,
) (*cloudstate.ActionResponse, error) {
	response := &cloudstate.ActionResponse{}
	err := server.call(command, once(command), last(response))
	return response, err
}

func (server *actionServer) HandleStreamedIn(stream cloudstate.ActionProtocol_HandleStreamedInServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	response := &cloudstate.ActionResponse{}
	if err := server.call(first, stream.Recv, last(response)); err != nil {
		return err
	}
	return stream.SendAndClose(response)
}

func (server *actionServer) HandleStreamedOut(
	command *cloudstate.ActionCommand, stream cloudstate.ActionProtocol_HandleStreamedOutServer,
) error {
	return server.call(command, once(command), stream.Send)
}

func (server *actionServer) HandleStreamed(stream cloudstate.ActionProtocol_HandleStreamedServer) error {
	// It says what is called; the requests come behind it.
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	return server.call(first, stream.Recv, stream.Send)
}

func (server *actionServer) call(
	first *cloudstate.ActionCommand,
	next func() (*cloudstate.ActionCommand, error),
	respond func(*cloudstate.ActionResponse) error,
) error {
	metadata := map[string]string{}
	for _, entry := range first.GetMetadata().GetEntries() {
		metadata[entry.Key] = entry.GetStringValue()
	}
	for _, action := range server.actions {
		if handle, ok := action.Calls[first.Name]; ok && action.Service == first.ServiceName {
			err := handle(&Call{Metadata: metadata, next: next, respond: respond})
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	return status.Error(codes.Unimplemented, fmt.Sprintf("no command %s/%s is here", first.ServiceName, first.Name))
}

// once gives the command, and nothing more.
func once(command *cloudstate.ActionCommand) func() (*cloudstate.ActionCommand, error) {
	return func() (*cloudstate.ActionCommand, error) {
		if command == nil {
			return nil, io.EOF
		}
		given := command
		command = nil
		return given, nil
	}
}

// last keeps the response of a call that has one.
func last(kept *cloudstate.ActionResponse) func(*cloudstate.ActionResponse) error {
	return func(response *cloudstate.ActionResponse) error {
		proto.Merge(kept, response)
		return nil
	}
}
