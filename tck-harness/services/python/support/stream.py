"""The stream of one live entity: init, then what is stored, then one reply for each command, in order."""

import logging
from collections.abc import AsyncIterator

from cloudstate.entity_pb2 import Failure

from support.command import StreamFailure


class Stream:
    """`activate` makes an entity of an init; its methods are called by the names of the other messages."""

    def __init__(self, activate) -> None:
        self._activate = activate
        self._id = ""
        self._entity = None

    async def replies(self, messages: AsyncIterator, out: type) -> AsyncIterator:
        """Answers with messages of the type `out`; nothing follows a failure."""
        async for message in messages:
            try:
                reply = self._receive(message)
            except Exception as error:
                if not isinstance(error, StreamFailure):
                    logging.exception("a handler has failed")
                # Without an init nothing is known of commands.
                command_id = message.command.id if self._entity else 0
                yield out(failure=Failure(command_id=command_id, description=str(error)))
                return
            if reply is not None:
                yield out(reply=reply)

    def _receive(self, message):
        kind = message.WhichOneof("message")
        if kind is None:
            raise StreamFailure("a message is empty")
        body = getattr(message, kind)
        if (kind == "init") != (self._entity is None):
            raise StreamFailure("init is the first message, and no other")
        if kind == "init":
            self._id = body.entity_id
            self._entity = self._activate(body)
            return None
        if kind == "command" and body.entity_id != self._id:
            raise StreamFailure(f"the command is for {body.entity_id}, the stream for {self._id}")
        return getattr(self._entity, kind)(body)
