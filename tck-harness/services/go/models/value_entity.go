package models

import (
	"time"

	"google.golang.org/protobuf/proto"

	"tck-models/generated/valueentity"
	"tck-models/support"
)

// ValueEntity is the value-entity model: a string, stored as a message.
var ValueEntity = support.ValueEntity{
	Service:       "cloudstate.tck.model.valueentity.ValueEntityTckModel",
	PersistenceID: "value-entity-tck-model",
	Handle:        processValue,
}

// ValueEntityTwo is the target of forwards and side effects.
var ValueEntityTwo = support.ValueEntity{
	Service:       "cloudstate.tck.model.valueentity.ValueEntityTwo",
	PersistenceID: "value-entity-tck-model-two",
	Handle:        callValue,
}

// ValueEntityConfigured has options of its own.
var ValueEntityConfigured = support.ValueEntity{
	Service:        "cloudstate.tck.model.valueentity.ValueEntityConfigured",
	PersistenceID:  "value-entity-configured",
	PassivateAfter: 100 * time.Millisecond,
	Handle:         callValue,
}

func processValue(
	context *support.ValueContext, command string, request proto.Message,
) (proto.Message, error) {
	process, ok := request.(*valueentity.Request)
	if !ok || command != "Process" {
		return nil, support.ErrNoCommand
	}
	for _, action := range process.Actions {
		switch action := action.Action.(type) {
		case *valueentity.RequestAction_Update:
			context.Update(&valueentity.Persisted{Value: action.Update.Value})
		case *valueentity.RequestAction_Delete:
			context.Delete()
		case *valueentity.RequestAction_Forward:
			to := &valueentity.Request{Id: action.Forward.Id}
			context.Forward(ValueEntityTwo.Service, "Call", to)
		case *valueentity.RequestAction_Effect:
			on := &valueentity.Request{Id: action.Effect.Id}
			context.Effect(ValueEntityTwo.Service, "Call", on, action.Effect.Synchronous)
		case *valueentity.RequestAction_Fail:
			return nil, support.Refusal(action.Fail.Message)
		}
	}
	persisted, _ := context.Value().(*valueentity.Persisted)
	return &valueentity.Response{Message: persisted.GetValue()}, nil
}

func callValue(_ *support.ValueContext, command string, _ proto.Message) (proto.Message, error) {
	if command != "Call" {
		return nil, support.ErrNoCommand
	}
	return &valueentity.Response{}, nil
}
