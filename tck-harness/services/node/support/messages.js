/** The descriptor set of everything this process speaks, and messages as `google.protobuf.Any`. */

import { readFileSync } from 'node:fs';

import protoLoader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const TYPES = 'type.googleapis.com/';
const JSON_TYPES = 'json.cloudstate.io/';

/** What `npm run build` has made. The proxy is sent it as it is, because protobuf.js would lose the options in it. */
export const descriptorSet = readFileSync(new URL('../services.binpb', import.meta.url));

/** Services and messages by full name; fields are called as in the .proto files. */
export const definitions = protoLoader.loadFileDescriptorSetFromBuffer(descriptorSet, {
  defaults: true,
  longs: String,
  oneofs: true,
});

export function pack(type, message) {
  return { type_url: TYPES + type, value: definitions[type].serialize(message) };
}

/** JSON is stored as a message that has it in field 1. */
export function packJson(type, value) {
  const writer = protobuf.Writer.create().uint32(10).string(JSON.stringify(value));
  return { type_url: JSON_TYPES + type, value: writer.finish() };
}

/** The full name of the type: what follows the first slash. */
export function typeOf({ type_url: url }) {
  return url.slice(url.indexOf('/') + 1);
}

export function unpack(any) {
  if (any.type_url.startsWith(JSON_TYPES)) {
    const reader = protobuf.Reader.create(any.value);
    return reader.len ? JSON.parse((reader.uint32(), reader.string())) : {};
  }
  const type = typeOf(any);
  if (!definitions[type]) {
    throw new Error(`no message ${type} is known`);
  }
  return definitions[type].deserialize(any.value);
}
