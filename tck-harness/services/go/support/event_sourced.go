package support

import (
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"tck-models/generated/cloudstate"
)

// EventSourced declares an entity type whose state is what its events say.
type EventSourced struct {
	Service       string
	PersistenceID string
	// Zero leaves it to the proxy.
	PassivateAfter time.Duration
	// A snapshot is taken every so many events, if the state has some and this is not zero.
	SnapshotEvery int64
	New           func() EventSourcedState
}

// EventSourcedState is the state of a live entity.
type EventSourcedState interface {
	// Apply changes the state, and nothing else does. JSON events stay packed.
	Apply(event proto.Message) error
	// Handle answers a command.
	Handle(context *EventSourcedContext, command string, request proto.Message) (proto.Message, error)
}

// Snapshots are taken of a state that has these methods.
type Snapshots interface {
	Snapshot() proto.Message
	Restore(snapshot proto.Message) error
}

// EventSourcedContext is what a handler of an event-sourced entity works with.
type EventSourcedContext struct {
	Context
	state  EventSourcedState
	events []*anypb.Any
}

// Emit emits an event. The state has it at once; it is stored when the command succeeds.
func (context *EventSourcedContext) Emit(event proto.Message) error {
	if err := context.state.Apply(event); err != nil {
		return err
	}
	context.events = append(context.events, context.pack(event))
	return nil
}

type liveEventSourced struct {
	entity   EventSourced
	id       string
	state    EventSourcedState
	sequence int64
}

type eventSourcedServer struct {
	cloudstate.UnimplementedEventSourcedServer
	entities []EventSourced
}

func (server *eventSourcedServer) Handle(stream cloudstate.EventSourced_HandleServer) error {
	var live *liveEventSourced
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var reply *cloudstate.EventSourcedReply
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
			out := &cloudstate.EventSourcedStreamOut_Failure{Failure: failure}
			return stream.Send(&cloudstate.EventSourcedStreamOut{Message: out})
		}
		if reply == nil {
			continue
		}
		out := &cloudstate.EventSourcedStreamOut_Reply{Reply: reply}
		if err := stream.Send(&cloudstate.EventSourcedStreamOut{Message: out}); err != nil {
			return err
		}
	}
}

func (server *eventSourcedServer) activate(init *cloudstate.EventSourcedInit) (*liveEventSourced, error) {
	for _, entity := range server.entities {
		if entity.Service != init.ServiceName {
			continue
		}
		live := &liveEventSourced{entity: entity, id: init.EntityId, state: entity.New()}
		if init.Snapshot == nil {
			return live, nil
		}
		snapshots, ok := live.state.(Snapshots)
		if !ok {
			return nil, fmt.Errorf("%s takes no snapshots", entity.Service)
		}
		snapshot, err := unpack(init.Snapshot.Snapshot)
		if err != nil {
			return nil, err
		}
		live.sequence = init.Snapshot.SnapshotSequence
		return live, snapshots.Restore(snapshot)
	}
	return nil, fmt.Errorf("no service %s is here", init.ServiceName)
}

func (live *liveEventSourced) receive(in *cloudstate.EventSourcedStreamIn) (*cloudstate.EventSourcedReply, error) {
	if in.Message == nil {
		return nil, errEmpty
	}
	if live == nil {
		return nil, errNotReady
	}
	switch message := in.Message.(type) {
	case *cloudstate.EventSourcedStreamIn_Event:
		event, err := unpack(message.Event.Payload)
		if err != nil {
			return nil, err
		}
		live.sequence = message.Event.Sequence
		return nil, live.state.Apply(event)
	case *cloudstate.EventSourcedStreamIn_Command:
		return live.command(message.Command)
	default:
		return nil, errTwice
	}
}

func (live *liveEventSourced) command(command *cloudstate.Command) (*cloudstate.EventSourcedReply, error) {
	if err := check(command, live.id); err != nil {
		return nil, err
	}
	context := &EventSourcedContext{state: live.state}
	action, err := context.answer(command, func(request proto.Message) (proto.Message, error) {
		return live.state.Handle(context, command.Name, request)
	})
	if err != nil {
		return nil, err
	}
	reply := &cloudstate.EventSourcedReply{CommandId: command.Id, ClientAction: action}
	if failure := action.GetFailure(); failure != nil {
		// The state has events that will not be stored: the proxy is to load the entity again.
		failure.Restart = len(context.events) > 0
		return reply, nil
	}
	reply.SideEffects = context.sideEffects
	reply.Events = context.events
	before := live.sequence
	live.sequence += int64(len(context.events))
	reply.Snapshot, err = live.snapshot(before)
	return reply, err
}

// snapshot gives a snapshot if the events since then have made it due.
func (live *liveEventSourced) snapshot(before int64) (*anypb.Any, error) {
	every := live.entity.SnapshotEvery
	snapshots, ok := live.state.(Snapshots)
	if !ok || every == 0 || live.sequence/every == before/every {
		return nil, nil
	}
	return pack(snapshots.Snapshot())
}
