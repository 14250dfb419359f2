"""Value entities: the proxy stores one value of each."""

from cloudstate.value_entity_pb2 import (
    ValueEntityAction,
    ValueEntityDelete,
    ValueEntityInit,
    ValueEntityReply,
    ValueEntityStreamOut,
    ValueEntityUpdate,
)
from cloudstate.value_entity_pb2_grpc import ValueEntityServicer
from google.protobuf.message import Message

from support.command import Context, StreamFailure, run
from support.messages import pack, unpack
from support.stream import Stream


class ValueEntity:
    """What an entity type derives from. A method for each command is called like it, and gets a context and a request."""

    kind = "cloudstate.valueentity.ValueEntity"
    service: str
    persistence_id: str
    passivate_after: int | None = None
    """In milliseconds."""


class ValueContext(Context):
    """What a handler of a value entity works with."""

    def __init__(self, value: Message | None) -> None:
        super().__init__()
        self.value = value
        """None where nothing is stored."""
        self.state_action: ValueEntityAction | None = None

    def update(self, value: Message) -> None:
        self.value = value
        self.state_action = ValueEntityAction(update=ValueEntityUpdate(value=pack(value)))

    def delete(self) -> None:
        self.value = None
        self.state_action = ValueEntityAction(delete=ValueEntityDelete())


class Live:
    """An entity in memory."""

    def __init__(self, entity: ValueEntity, init: ValueEntityInit) -> None:
        self._entity = entity
        self._value = unpack(init.state.value) if init.state.HasField("value") else None

    def command(self, command) -> ValueEntityReply:
        context = ValueContext(self._value)
        client_action = run(self._entity, context, command)
        if client_action.HasField("failure"):
            return ValueEntityReply(command_id=command.id, client_action=client_action)
        self._value = context.value
        return ValueEntityReply(
            command_id=command.id,
            client_action=client_action,
            side_effects=context.side_effects,
            state_action=context.state_action,
        )


class ValueEntities(ValueEntityServicer):
    """The protocol's service."""

    def __init__(self, types: list[type[ValueEntity]]) -> None:
        self._types = {one.service: one for one in types}

    async def handle(self, request_iterator, context):
        stream = Stream(self._activate)
        async for out in stream.replies(request_iterator, ValueEntityStreamOut):
            yield out

    def _activate(self, init: ValueEntityInit) -> Live:
        if init.service_name not in self._types:
            raise StreamFailure(f"no service {init.service_name} is here")
        return Live(self._types[init.service_name](), init)
