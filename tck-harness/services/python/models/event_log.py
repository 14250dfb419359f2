"""The eventing models: two entities that emit, and an action that is subscribed to their events."""

from collections.abc import AsyncIterator

from cloudstate.tck.model.eventlogeventing_pb2 import (
    EffectRequest,
    EmitEventRequest,
    EventOne,
    EventTwo,
    JsonEvent,
    ProcessStep,
    Response,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.empty_pb2 import Empty

from support.action import Action, Outcome
from support.command import Refusal
from support.event_sourced import EventSourcedContext, EventSourcedEntity
from support.messages import pack_json, unpack_json

SUBSCRIBER = "cloudstate.tck.model.eventlogeventing.EventLogSubscriberModel"


class One(EventSourcedEntity):
    """Emits what it is given."""

    service = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityOne"
    persistence_id = "eventlogeventing-one"

    def EmitEvent(self, context: EventSourcedContext, request: EmitEventRequest) -> Empty:
        kind = request.WhichOneof("event")
        if kind is None:
            raise Refusal("event is missing")
        context.emit(getattr(request, kind))
        return Empty()


class Two(EventSourcedEntity):
    """Emits JSON."""

    service = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityTwo"
    persistence_id = "eventlogeventing-two"

    def EmitJsonEvent(self, context: EventSourcedContext, request: JsonEvent) -> Empty:
        context.emit(pack_json("JsonEvent", {"message": request.message}))
        return Empty()


def respond(metadata: dict[str, str], step: ProcessStep) -> Outcome:
    subject = metadata["ce-subject"]
    outcome = Outcome()
    match step.WhichOneof("step"):
        case "reply":
            outcome.reply(Response(id=subject, message=step.reply.message))
        case "forward":
            request = EffectRequest(id=subject, message=step.forward.message)
            outcome.forward(SUBSCRIBER, "Effect", request)
    return outcome


class Subscriber(Action):
    """Is called with the entities' events, which the options of its methods ask for."""

    service = SUBSCRIBER

    async def ProcessEventOne(self, metadata: dict[str, str], event: EventOne) -> Outcome:
        return respond(metadata, event.step)

    async def ProcessEventTwo(
        self, metadata: dict[str, str], event: EventTwo
    ) -> AsyncIterator[Outcome]:
        for step in event.step:
            yield respond(metadata, step)

    async def ProcessAnyEvent(self, metadata: dict[str, str], event: Any) -> Outcome:
        """Events that are no protobuf messages come as they are stored."""
        message = unpack_json(event)["message"]
        return Outcome(Response(id=metadata["ce-subject"], message=message))

    async def Effect(self, metadata: dict[str, str], request: EffectRequest) -> Outcome:
        return Outcome(Response(id=request.id, message=request.message))
