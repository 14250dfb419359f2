package models

import (
	"errors"
	"fmt"
	"io"

	"tck-models/generated/action"
	"tck-models/support"
)

const actionTwo = "cloudstate.tck.model.action.ActionTwo"

// Action is the action model: a group of steps makes a response.
var Action = support.Action{
	Service: "cloudstate.tck.model.action.ActionTckModel",
	Calls: map[string]func(*support.Call) error{
		"ProcessUnary":       oneResponse,
		"ProcessStreamedIn":  oneResponse,
		"ProcessStreamedOut": manyResponses,
		"ProcessStreamed":    manyResponses,
	},
}

// ActionTwo is the target of forwards and side effects.
var ActionTwo = support.Action{
	Service: actionTwo,
	Calls: map[string]func(*support.Call) error{
		"Call": func(call *support.Call) error {
			var response support.Response
			response.Reply(&action.Response{})
			return call.Respond(&response)
		},
	},
}

// oneResponse answers all groups of all requests together.
func oneResponse(call *support.Call) error {
	var groups []*action.ProcessGroup
	for {
		request, err := next(call)
		if errors.Is(err, io.EOF) {
			return call.Respond(respond(groups...))
		}
		if err != nil {
			return err
		}
		groups = append(groups, request.Groups...)
	}
}

// manyResponses answers each group as soon as its request is there.
func manyResponses(call *support.Call) error {
	for {
		request, err := next(call)
		if err != nil {
			return err
		}
		for _, group := range request.Groups {
			if err := call.Respond(respond(group)); err != nil {
				return err
			}
		}
	}
}

func next(call *support.Call) (*action.Request, error) {
	message, err := call.Next()
	if err != nil {
		return nil, err
	}
	request, ok := message.(*action.Request)
	if !ok {
		return nil, fmt.Errorf("%T is no request of the model", message)
	}
	return request, nil
}

// respond makes the last answer that the groups ask for, if any, with all their side effects.
func respond(groups ...*action.ProcessGroup) *support.Response {
	response := &support.Response{}
	for _, group := range groups {
		for _, step := range group.Steps {
			switch step := step.Step.(type) {
			case *action.ProcessStep_Reply:
				response.Reply(&action.Response{Message: step.Reply.Message})
			case *action.ProcessStep_Forward:
				response.Forward(actionTwo, "Call", &action.OtherRequest{Id: step.Forward.Id})
			case *action.ProcessStep_Fail:
				response.Fail(step.Fail.Message)
			case *action.ProcessStep_Effect:
				on := &action.OtherRequest{Id: step.Effect.Id}
				response.Effect(actionTwo, "Call", on, step.Effect.Synchronous)
			}
		}
	}
	return response
}
