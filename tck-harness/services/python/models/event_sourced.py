"""The event-sourced model: a string to which its events append."""

from cloudstate.tck.model.eventsourced_pb2 import Persisted, Request, Response

from support.command import Refusal
from support.event_sourced import EventSourcedContext, EventSourcedEntity
from support.messages import unpack

TWO = "cloudstate.tck.model.EventSourcedTwo"


class Model(EventSourcedEntity):
    """The model that the cases drive."""

    service = "cloudstate.tck.model.EventSourcedTckModel"
    persistence_id = "event-sourced-tck-model"
    snapshot_every = 5

    def __init__(self) -> None:
        self.state = ""

    def apply(self, event) -> None:
        self.state += unpack(event).value

    def snapshot(self) -> Persisted:
        return Persisted(value=self.state)

    def restore(self, snapshot: Persisted) -> None:
        self.state = snapshot.value

    def Process(self, context: EventSourcedContext, request: Request) -> Response:
        for action in request.actions:
            match action.WhichOneof("action"):
                case "emit":
                    context.emit(Persisted(value=action.emit.value))
                case "forward":
                    context.forward(TWO, "Call", Request(id=action.forward.id))
                case "effect":
                    effect = action.effect
                    context.effect(TWO, "Call", Request(id=effect.id), effect.synchronous)
                case "fail":
                    raise Refusal(action.fail.message)
        return Response(message=self.state)


class Two(EventSourcedEntity):
    """Target of forwards and side effects."""

    service = TWO
    persistence_id = "event-sourced-two"

    def Call(self, context: EventSourcedContext, request: Request) -> Response:
        return Response()


class Configured(EventSourcedEntity):
    """An entity with options of its own."""

    service = "cloudstate.tck.model.EventSourcedConfigured"
    persistence_id = "event-sourced-configured"
    passivate_after = 100

    def Call(self, context: EventSourcedContext, request: Request) -> Response:
        return Response()
