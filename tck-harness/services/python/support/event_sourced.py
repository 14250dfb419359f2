"""Event-sourced entities: their state is what their events say."""

from cloudstate.event_sourced_pb2 import (
    EventSourcedEvent,
    EventSourcedInit,
    EventSourcedReply,
    EventSourcedStreamOut,
)
from cloudstate.event_sourced_pb2_grpc import EventSourcedServicer
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from support.command import Context, StreamFailure, run
from support.messages import pack, unpack
from support.stream import Stream


class EventSourcedEntity:
    """What an entity type derives from. A method for each command is called like it, and gets a context and a request."""

    kind = "cloudstate.eventsourced.EventSourced"
    service: str
    persistence_id: str
    passivate_after: int | None = None
    """In milliseconds."""
    snapshot_every: int | None = None

    def apply(self, event: Any) -> None:
        """Changes the state; the only place where that is done."""

    def snapshot(self) -> Message:
        raise NotImplementedError

    def restore(self, snapshot: Message) -> None:
        raise NotImplementedError


class EventSourcedContext(Context):
    """What a handler of an event-sourced entity works with."""

    def __init__(self, entity: EventSourcedEntity) -> None:
        super().__init__()
        self._entity = entity
        self.events: list[Any] = []

    def emit(self, event: Message | Any) -> None:
        """Emits an event. The state has it at once; it is stored when the command succeeds."""
        packed = event if isinstance(event, Any) else pack(event)
        self._entity.apply(packed)
        self.events.append(packed)


class Live:
    """An entity in memory."""

    def __init__(self, entity: EventSourcedEntity, init: EventSourcedInit) -> None:
        self._entity = entity
        self._sequence = init.snapshot.snapshot_sequence
        if init.HasField("snapshot"):
            entity.restore(unpack(init.snapshot.snapshot))

    def event(self, event: EventSourcedEvent) -> None:
        self._entity.apply(event.payload)
        self._sequence = event.sequence

    def command(self, command) -> EventSourcedReply:
        context = EventSourcedContext(self._entity)
        client_action = run(self._entity, context, command)
        if client_action.HasField("failure"):
            # The state has events that will not be stored: the proxy is to load the entity again.
            client_action.failure.restart = bool(context.events)
            return EventSourcedReply(command_id=command.id, client_action=client_action)
        before = self._sequence
        self._sequence += len(context.events)
        return EventSourcedReply(
            command_id=command.id,
            client_action=client_action,
            side_effects=context.side_effects,
            events=context.events,
            snapshot=self._snapshot(before),
        )

    def _snapshot(self, before: int) -> Any | None:
        """A snapshot, if the events since then have made it due."""
        every = self._entity.snapshot_every
        if every is None or self._sequence // every == before // every:
            return None
        return pack(self._entity.snapshot())


class EventSourced(EventSourcedServicer):
    """The protocol's service."""

    def __init__(self, types: list[type[EventSourcedEntity]]) -> None:
        self._types = {one.service: one for one in types}

    async def handle(self, request_iterator, context):
        stream = Stream(self._activate)
        async for out in stream.replies(request_iterator, EventSourcedStreamOut):
            yield out

    def _activate(self, init: EventSourcedInit) -> Live:
        if init.service_name not in self._types:
            raise StreamFailure(f"no service {init.service_name} is here")
        return Live(self._types[init.service_name](), init)
