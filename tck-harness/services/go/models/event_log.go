package models

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"tck-models/generated/eventlogeventing"
	"tck-models/support"
)

const subscriber = "cloudstate.tck.model.eventlogeventing.EventLogSubscriberModel"

// EventLogOne emits what it is given.
var EventLogOne = support.EventSourced{
	Service:       "cloudstate.tck.model.eventlogeventing.EventSourcedEntityOne",
	PersistenceID: "eventlogeventing-one",
	New:           func() support.EventSourcedState { return emitter{} },
}

// EventLogTwo emits JSON.
var EventLogTwo = support.EventSourced{
	Service:       "cloudstate.tck.model.eventlogeventing.EventSourcedEntityTwo",
	PersistenceID: "eventlogeventing-two",
	New:           func() support.EventSourcedState { return emitter{} },
}

// EventLogSubscriber is called with their events, which the options of its methods ask for.
var EventLogSubscriber = support.Action{
	Service: subscriber,
	Calls: map[string]func(*support.Call) error{
		"ProcessEventOne": processEvent,
		"ProcessEventTwo": processEvent,
		"ProcessAnyEvent": processEvent,
		"Effect":          processEvent,
	},
}

// What JSON events look like.
type jsonEvent struct {
	Message string `json:"message"`
}

type emitter struct{}

func (emitter) Apply(proto.Message) error { return nil }

func (emitter) Handle(
	context *support.EventSourcedContext, command string, request proto.Message,
) (proto.Message, error) {
	switch request := request.(type) {
	case *eventlogeventing.EmitEventRequest:
		switch event := request.Event.(type) {
		case *eventlogeventing.EmitEventRequest_EventOne:
			return &emptypb.Empty{}, context.Emit(event.EventOne)
		case *eventlogeventing.EmitEventRequest_EventTwo:
			return &emptypb.Empty{}, context.Emit(event.EventTwo)
		default:
			return nil, support.Refusal("event is missing")
		}
	case *eventlogeventing.JsonEvent:
		event, err := support.PackJSON("JsonEvent", jsonEvent{Message: request.Message})
		if err != nil {
			return nil, err
		}
		return &emptypb.Empty{}, context.Emit(event)
	default:
		return nil, support.ErrNoCommand
	}
}

// processEvent answers each step of the event, or of the call, of which there is one message.
func processEvent(call *support.Call) error {
	message, err := call.Next()
	if err != nil {
		return err
	}
	subject := call.Metadata["ce-subject"]
	switch message := message.(type) {
	case *eventlogeventing.EventOne:
		return processSteps(call, subject, message.Step)
	case *eventlogeventing.EventTwo:
		return processSteps(call, subject, message.Step...)
	case *eventlogeventing.EffectRequest:
		return reply(call, message.Id, message.Message)
	case *anypb.Any:
		var event jsonEvent
		if err := support.UnpackJSON(message, &event); err != nil {
			return err
		}
		return reply(call, subject, event.Message)
	default:
		return fmt.Errorf("nothing is to be done with %T", message)
	}
}

func processSteps(call *support.Call, subject string, steps ...*eventlogeventing.ProcessStep) error {
	for _, step := range steps {
		var response support.Response
		switch step := step.GetStep().(type) {
		case *eventlogeventing.ProcessStep_Reply:
			response.Reply(&eventlogeventing.Response{Id: subject, Message: step.Reply.Message})
		case *eventlogeventing.ProcessStep_Forward:
			response.Forward(subscriber, "Effect", &eventlogeventing.EffectRequest{
				Id:      subject,
				Message: step.Forward.Message,
			})
		}
		if err := call.Respond(&response); err != nil {
			return err
		}
	}
	return nil
}

func reply(call *support.Call, id, message string) error {
	var response support.Response
	response.Reply(&eventlogeventing.Response{Id: id, Message: message})
	return call.Respond(&response)
}
