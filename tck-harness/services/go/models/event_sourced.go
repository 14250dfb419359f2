// Package models has what the TCK asks of a service.
package models

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"tck-models/generated/eventsourced"
	"tck-models/support"
)

// EventSourced is the event-sourced model: a string to which its events append.
var EventSourced = support.EventSourced{
	Service:       "cloudstate.tck.model.EventSourcedTckModel",
	PersistenceID: "event-sourced-tck-model",
	SnapshotEvery: 5,
	New:           func() support.EventSourcedState { return &text{} },
}

// EventSourcedTwo is the target of forwards and side effects.
var EventSourcedTwo = support.EventSourced{
	Service:       "cloudstate.tck.model.EventSourcedTwo",
	PersistenceID: "event-sourced-two",
	New:           func() support.EventSourcedState { return empty{} },
}

// EventSourcedConfigured has options of its own.
var EventSourcedConfigured = support.EventSourced{
	Service:        "cloudstate.tck.model.EventSourcedConfigured",
	PersistenceID:  "event-sourced-configured",
	PassivateAfter: 100 * time.Millisecond,
	New:            func() support.EventSourcedState { return empty{} },
}

type text struct{ state string }

func (text *text) Apply(event proto.Message) error {
	persisted, ok := event.(*eventsourced.Persisted)
	if !ok {
		return fmt.Errorf("%T is no event of this entity", event)
	}
	text.state += persisted.Value
	return nil
}

func (text *text) Snapshot() proto.Message { return &eventsourced.Persisted{Value: text.state} }

func (text *text) Restore(snapshot proto.Message) error {
	text.state = ""
	return text.Apply(snapshot)
}

func (text *text) Handle(
	context *support.EventSourcedContext, command string, request proto.Message,
) (proto.Message, error) {
	process, ok := request.(*eventsourced.Request)
	if !ok || command != "Process" {
		return nil, support.ErrNoCommand
	}
	for _, action := range process.Actions {
		switch action := action.Action.(type) {
		case *eventsourced.RequestAction_Emit:
			event := &eventsourced.Persisted{Value: action.Emit.Value}
			if err := context.Emit(event); err != nil {
				return nil, err
			}
		case *eventsourced.RequestAction_Forward:
			to := &eventsourced.Request{Id: action.Forward.Id}
			context.Forward(EventSourcedTwo.Service, "Call", to)
		case *eventsourced.RequestAction_Effect:
			on := &eventsourced.Request{Id: action.Effect.Id}
			context.Effect(EventSourcedTwo.Service, "Call", on, action.Effect.Synchronous)
		case *eventsourced.RequestAction_Fail:
			return nil, support.Refusal(action.Fail.Message)
		}
	}
	return &eventsourced.Response{Message: text.state}, nil
}

type empty struct{}

func (empty) Apply(event proto.Message) error {
	return fmt.Errorf("%T is no event of this entity", event)
}

func (empty) Handle(
	_ *support.EventSourcedContext, command string, _ proto.Message,
) (proto.Message, error) {
	if command != "Call" {
		return nil, support.ErrNoCommand
	}
	return &eventsourced.Response{}, nil
}
