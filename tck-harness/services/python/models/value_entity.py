"""The value-entity model: a string, stored as a message."""

from cloudstate.tck.model.valueentity_pb2 import Persisted, Request, Response

from support.command import Refusal
from support.value_entity import ValueContext, ValueEntity

TWO = "cloudstate.tck.model.valueentity.ValueEntityTwo"


class Model(ValueEntity):
    """The model that the cases drive."""

    service = "cloudstate.tck.model.valueentity.ValueEntityTckModel"
    persistence_id = "value-entity-tck-model"

    def Process(self, context: ValueContext, request: Request) -> Response:
        for action in request.actions:
            match action.WhichOneof("action"):
                case "update":
                    context.update(Persisted(value=action.update.value))
                case "delete":
                    context.delete()
                case "forward":
                    context.forward(TWO, "Call", Request(id=action.forward.id))
                case "effect":
                    effect = action.effect
                    context.effect(TWO, "Call", Request(id=effect.id), effect.synchronous)
                case "fail":
                    raise Refusal(action.fail.message)
        return Response(message=context.value.value if context.value else "")


class Two(ValueEntity):
    """Target of forwards and side effects."""

    service = TWO
    persistence_id = "value-entity-tck-model-two"

    def Call(self, context: ValueContext, request: Request) -> Response:
        return Response()


class Configured(ValueEntity):
    """An entity with options of its own."""

    service = "cloudstate.tck.model.valueentity.ValueEntityConfigured"
    persistence_id = "value-entity-configured"
    passivate_after = 100

    def Call(self, context: ValueContext, request: Request) -> Response:
        return Response()
