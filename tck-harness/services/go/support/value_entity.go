package support

import (
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"google.golang.org/protobuf/proto"

	"tck-models/generated/cloudstate"
)

// ValueEntity declares an entity type of which the proxy stores one value.
type ValueEntity struct {
	Service       string
	PersistenceID string
	// Zero leaves it to the proxy.
	PassivateAfter time.Duration
	// Handle answers a command.
	Handle func(context *ValueContext, command string, request proto.Message) (proto.Message, error)
}

// ValueContext is what a handler of a value entity works with.
type ValueContext struct {
	Context
	value  proto.Message
	action *cloudstate.ValueEntityAction
}

// Value is what is stored: nil if nothing is.
func (context *ValueContext) Value() proto.Message { return context.value }

// Update stores a value, when the command succeeds.
func (context *ValueContext) Update(value proto.Message) {
	context.value = value
	update := &cloudstate.ValueEntityUpdate{Value: context.pack(value)}
	context.action = &cloudstate.ValueEntityAction{
		Action: &cloudstate.ValueEntityAction_Update{Update: update},
	}
}

// Delete removes the value, when the command succeeds.
func (context *ValueContext) Delete() {
	context.value = nil
	context.action = &cloudstate.ValueEntityAction{
		Action: &cloudstate.ValueEntityAction_Delete{Delete: &cloudstate.ValueEntityDelete{}},
	}
}

type liveValue struct {
	entity ValueEntity
	id     string
	value  proto.Message
}

type valueEntityServer struct {
	cloudstate.UnimplementedValueEntityServer
	entities []ValueEntity
}

func (server *valueEntityServer) Handle(stream cloudstate.ValueEntity_HandleServer) error {
	var live *liveValue
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var reply *cloudstate.ValueEntityReply
		if init := in.GetInit(); init != nil && live == nil {
			live, err = server.activate(init)
		} else {
			reply, err = live.receive(in)
		}
		if err != nil {
			log.Print(err)
			failure := &cloudstate.Failure{Description: err.Error()}
			// Without an init nothing is known of commands.
			if live != nil {
				failure.CommandId = in.GetCommand().GetId()
			}
			out := &cloudstate.ValueEntityStreamOut_Failure{Failure: failure}
			return stream.Send(&cloudstate.ValueEntityStreamOut{Message: out})
		}
		if reply == nil {
			continue
		}
		out := &cloudstate.ValueEntityStreamOut_Reply{Reply: reply}
		if err := stream.Send(&cloudstate.ValueEntityStreamOut{Message: out}); err != nil {
			return err
		}
	}
}

func (server *valueEntityServer) activate(init *cloudstate.ValueEntityInit) (*liveValue, error) {
	for _, entity := range server.entities {
		if entity.Service != init.ServiceName {
			continue
		}
		live := &liveValue{entity: entity, id: init.EntityId}
		var err error
		if value := init.GetState().GetValue(); value != nil {
			live.value, err = unpack(value)
		}
		return live, err
	}
	return nil, fmt.Errorf("no service %s is here", init.ServiceName)
}

func (live *liveValue) receive(in *cloudstate.ValueEntityStreamIn) (*cloudstate.ValueEntityReply, error) {
	if in.Message == nil {
		return nil, errEmpty
	}
	if live == nil {
		return nil, errNotReady
	}
	command := in.GetCommand()
	if command == nil {
		return nil, errTwice
	}
	if err := check(command, live.id); err != nil {
		return nil, err
	}
	context := &ValueContext{value: live.value}
	action, err := context.answer(command, func(request proto.Message) (proto.Message, error) {
		return live.entity.Handle(context, command.Name, request)
	})
	if err != nil {
		return nil, err
	}
	reply := &cloudstate.ValueEntityReply{CommandId: command.Id, ClientAction: action}
	if action.GetFailure() == nil {
		live.value = context.value
		reply.SideEffects = context.sideEffects
		reply.StateAction = context.action
	}
	return reply, nil
}
