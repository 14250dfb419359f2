"""Actions: calls without a state, in four shapes."""

import grpc
from cloudstate.action_pb2 import ActionCommand, ActionResponse
from cloudstate.action_pb2_grpc import ActionProtocolServicer
from cloudstate.entity_pb2 import Failure, Forward, Reply, SideEffect
from google.protobuf.message import Message

from support.messages import JSON_TYPES, commands_of, pack, unpack


class Action:
    """What an action derives from.

    A method for each command is called like it. It gets the call's metadata, and a request or an asynchronous iterator of
    requests. It returns an `Outcome`, or is an asynchronous generator of them.
    """

    kind = "cloudstate.action.ActionProtocol"
    service: str
    passivate_after = None

    @property
    def persistence_id(self) -> str:
        """Nothing is stored under it."""
        return self.service


class Outcome:
    """One response: a reply, a forward or a failure, or nothing of these; and side effects."""

    def __init__(self, reply: Message | None = None) -> None:
        self.message = ActionResponse()
        if reply is not None:
            self.reply(reply)

    def reply(self, message: Message) -> None:
        self.message.reply.CopyFrom(Reply(payload=pack(message)))

    def forward(self, service: str, command: str, message: Message) -> None:
        forward = Forward(service_name=service, command_name=command, payload=pack(message))
        self.message.forward.CopyFrom(forward)

    def fail(self, description: str) -> None:
        self.message.failure.CopyFrom(Failure(description=description))

    def effect(self, service: str, command: str, message: Message, synchronous: bool) -> None:
        effect = SideEffect(
            service_name=service,
            command_name=command,
            payload=pack(message),
            synchronous=synchronous,
        )
        self.message.side_effects.append(effect)


class Actions(ActionProtocolServicer):
    """The protocol's service."""

    def __init__(self, actions: list[Action]) -> None:
        self._actions = {action.service: action for action in actions}

    async def handleUnary(self, request, context):
        handler = await self._find(request, context)
        return (await handler(metadata(request), payload(request))).message

    async def handleStreamedIn(self, request_iterator, context):
        first = await anext(request_iterator)
        handler = await self._find(first, context)
        return (await handler(metadata(first), payloads(request_iterator))).message

    async def handleStreamedOut(self, request, context):
        handler = await self._find(request, context)
        async for outcome in handler(metadata(request), payload(request)):
            yield outcome.message

    async def handleStreamed(self, request_iterator, context):
        first = await anext(request_iterator)
        handler = await self._find(first, context)
        async for outcome in handler(metadata(first), payloads(request_iterator)):
            yield outcome.message

    async def _find(self, command: ActionCommand, context):
        action = self._actions.get(command.service_name)
        if action is None or command.name not in commands_of(action.service):
            text = f"no command {command.service_name}/{command.name} is here"
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        return getattr(action, command.name)


def metadata(command: ActionCommand) -> dict[str, str]:
    """String metadata, such as a CloudEvent's attributes."""
    return {entry.key: entry.string_value for entry in command.metadata.entries}


def payload(command: ActionCommand):
    """The request; JSON stays packed."""
    packed = command.payload
    return packed if packed.type_url.startswith(JSON_TYPES) else unpack(packed)


async def payloads(messages):
    """The requests behind the first message, which says only what is called."""
    async for message in messages:
        yield payload(message)
