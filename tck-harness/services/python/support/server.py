"""Discovery, and the server of everything."""

import logging
import os
import platform

import grpc
from cloudstate.action_pb2_grpc import add_ActionProtocolServicer_to_server
from cloudstate.entity_pb2 import (
    Entity,
    EntityPassivationStrategy,
    EntitySpec,
    ServiceInfo,
    TimeoutPassivationStrategy,
)
from cloudstate.entity_pb2_grpc import (
    EntityDiscoveryServicer,
    add_EntityDiscoveryServicer_to_server,
)
from cloudstate.event_sourced_pb2_grpc import add_EventSourcedServicer_to_server
from cloudstate.value_entity_pb2_grpc import add_ValueEntityServicer_to_server
from google.protobuf.empty_pb2 import Empty

from support.action import Action, Actions
from support.event_sourced import EventSourced, EventSourcedEntity
from support.messages import descriptor_set
from support.value_entity import ValueEntities, ValueEntity


class Discovery(EntityDiscoveryServicer):
    """Tells a proxy what is served."""

    def __init__(self, spec: EntitySpec) -> None:
        self._spec = spec

    async def discover(self, request, context):
        logging.info("discovered by %s %s", request.proxy_name, request.proxy_version)
        return self._spec

    async def reportError(self, request, context):
        logging.error("the proxy reports: %s", request.message)
        return Empty()


def _entity(one: type | Action) -> Entity:
    strategy = None
    if one.passivate_after is not None:
        timeout = TimeoutPassivationStrategy(timeout=one.passivate_after)
        strategy = EntityPassivationStrategy(timeout=timeout)
    return Entity(
        entity_type=one.kind,
        service_name=one.service,
        persistence_id=one.persistence_id,
        passivation_strategy=strategy,
    )


async def serve(name: str, version: str, entities: list[type], actions: list[Action]) -> None:
    """Serves these entity types and actions, without TLS, until the process ends."""
    logging.basicConfig(level=logging.INFO)
    everything = [*entities, *actions]
    spec = EntitySpec(
        proto=descriptor_set([one.service for one in everything]),
        entities=[_entity(one) for one in everything],
        service_info=ServiceInfo(
            service_name=name,
            service_version=version,
            service_runtime=f"python {platform.python_version()}",
            protocol_major_version=0,
            protocol_minor_version=2,
        ),
    )
    event_sourced = [one for one in entities if issubclass(one, EventSourcedEntity)]
    values = [one for one in entities if issubclass(one, ValueEntity)]

    server = grpc.aio.server()
    add_EntityDiscoveryServicer_to_server(Discovery(spec), server)
    add_EventSourcedServicer_to_server(EventSourced(event_sourced), server)
    add_ValueEntityServicer_to_server(ValueEntities(values), server)
    add_ActionProtocolServicer_to_server(Actions(actions), server)
    address = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8080')}"
    server.add_insecure_port(address)
    await server.start()
    logging.info("serving on %s", address)
    await server.wait_for_termination()
