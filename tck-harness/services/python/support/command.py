"""What the handlers of every kind have in common: a context, and an outcome."""

from cloudstate.entity_pb2 import ClientAction, Command, Failure, Forward, Reply, SideEffect
from google.protobuf.message import Message

from support.messages import commands_of, pack, unpack


class Refusal(Exception):
    """The handler's way to say no: the caller gets the text."""


class StreamFailure(Exception):
    """Ends the stream: the proxy has broken the protocol."""


class Context:
    """What a handler works with besides its request."""

    def __init__(self) -> None:
        self.side_effects: list[SideEffect] = []
        self.forwarded: Forward | None = None

    def effect(self, service: str, command: str, message: Message, synchronous: bool) -> None:
        """Runs another command, whose result nobody waits for unless it is synchronous."""
        effect = SideEffect(
            service_name=service,
            command_name=command,
            payload=pack(message),
            synchronous=synchronous,
        )
        self.side_effects.append(effect)

    def forward(self, service: str, command: str, message: Message) -> None:
        """Lets another command answer."""
        self.forwarded = Forward(
            service_name=service, command_name=command, payload=pack(message)
        )


def run(entity: object, context: Context, command: Command) -> ClientAction:
    """Calls the entity's method that is called like the command."""
    if not command.HasField("payload"):
        raise StreamFailure("the command has no payload")
    if command.name not in commands_of(entity.service):
        raise StreamFailure(f"no command {command.name} is here")
    try:
        reply = getattr(entity, command.name)(context, unpack(command.payload))
    except Refusal as refusal:
        return ClientAction(failure=Failure(command_id=command.id, description=str(refusal)))
    if context.forwarded:
        return ClientAction(forward=context.forwarded)
    return ClientAction(reply=Reply(payload=pack(reply)))
