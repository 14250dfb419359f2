"""The action model: a group of steps makes a response."""

from collections.abc import AsyncIterator, Iterable

from cloudstate.tck.model.action_pb2 import OtherRequest, ProcessGroup, Request, Response

from support.action import Action, Outcome

TWO = "cloudstate.tck.model.action.ActionTwo"


def respond(groups: Iterable[ProcessGroup]) -> Outcome:
    """The last answer that the groups ask for, if any, with all their side effects."""
    outcome = Outcome()
    for step in (step for group in groups for step in group.steps):
        match step.WhichOneof("step"):
            case "reply":
                outcome.reply(Response(message=step.reply.message))
            case "forward":
                outcome.forward(TWO, "Call", OtherRequest(id=step.forward.id))
            case "fail":
                outcome.fail(step.fail.message)
            case "effect":
                effect = step.effect
                outcome.effect(TWO, "Call", OtherRequest(id=effect.id), effect.synchronous)
    return outcome


class Model(Action):
    """The model that the cases drive."""

    service = "cloudstate.tck.model.action.ActionTckModel"

    async def ProcessUnary(self, metadata: dict[str, str], request: Request) -> Outcome:
        return respond(request.groups)

    async def ProcessStreamedIn(
        self, metadata: dict[str, str], requests: AsyncIterator[Request]
    ) -> Outcome:
        return respond([group async for request in requests for group in request.groups])

    async def ProcessStreamedOut(
        self, metadata: dict[str, str], request: Request
    ) -> AsyncIterator[Outcome]:
        for group in request.groups:
            yield respond([group])

    async def ProcessStreamed(
        self, metadata: dict[str, str], requests: AsyncIterator[Request]
    ) -> AsyncIterator[Outcome]:
        async for request in requests:
            for group in request.groups:
                yield respond([group])


class Two(Action):
    """Target of forwards and side effects."""

    service = TWO

    async def Call(self, metadata: dict[str, str], request: OtherRequest) -> Outcome:
        return Outcome(Response())
