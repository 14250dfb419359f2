// Serves the TCK's models on HOST and PORT.
package main

//go:generate go run ./internal/generate

import (
	"log"

	"tck-models/models"
	"tck-models/support"
)

func main() {
	log.Fatal(support.Serve(support.Service{
		Name:    "tck-models-go",
		Version: "0.1.0",
		EventSourced: []support.EventSourced{
			models.EventSourced,
			models.EventSourcedTwo,
			models.EventSourcedConfigured,
			models.EventLogOne,
			models.EventLogTwo,
		},
		Values: []support.ValueEntity{
			models.ValueEntity,
			models.ValueEntityTwo,
			models.ValueEntityConfigured,
		},
		Actions: []support.Action{models.Action, models.ActionTwo, models.EventLogSubscriber},
	}))
}
