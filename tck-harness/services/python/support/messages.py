"""Messages as `google.protobuf.Any`, and the descriptors that a proxy is sent."""

import json

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

JSON_TYPES = "json.cloudstate.io/"


def pack(message: Message) -> Any:
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def unpack(packed: Any) -> Message:
    """Raises `KeyError` for a type that is not generated."""
    descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    return message_factory.GetMessageClass(descriptor).FromString(packed.value)


def pack_json(type_name: str, value: object) -> Any:
    """JSON is stored as a message that has it in field 1."""
    text = StringValue(value=json.dumps(value, separators=(",", ":")))
    return Any(type_url=JSON_TYPES + type_name, value=text.SerializeToString())


def unpack_json(packed: Any) -> object:
    return json.loads(StringValue.FromString(packed.value).value)


def commands_of(service: str) -> frozenset[str]:
    """The names of the service's methods."""
    return frozenset(descriptor_pool.Default().FindServiceByName(service).methods_by_name)


def descriptor_set(services: list[str]) -> bytes:
    """The files of these services and all that they import, with every option."""
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in files:
            for imported in file.dependencies:
                add(imported)
            files[file.name] = file

    for service in services:
        add(descriptor_pool.Default().FindServiceByName(service).file)
    as_messages = (
        descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)
        for file in files.values()
    )
    return descriptor_pb2.FileDescriptorSet(file=as_messages).SerializeToString()
