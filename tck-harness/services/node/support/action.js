/**
 * Actions: calls without a state. A declaration has `service` and `commands`.
 *
 * A handler gets a context and its request, or an async iterable of requests if those are streamed. It returns an
 * outcome, or is an async generator of them if the responses are streamed.
 */

import { status } from '@grpc/grpc-js';

import { pack, unpack } from './messages.js';

/** One response: a reply, a forward or a failure, or nothing of these; and side effects. */
export class Outcome {
  response = {};
  sideEffects = [];

  reply(type, message) {
    this.response = { reply: { payload: pack(type, message) } };
  }

  forward(service_name, command_name, type, message) {
    this.response = { forward: { service_name, command_name, payload: pack(type, message) } };
  }

  fail(description) {
    this.response = { failure: { description } };
  }

  effect(service_name, command_name, type, message, synchronous = false) {
    const payload = pack(type, message);
    this.sideEffects.push({ service_name, command_name, payload, synchronous });
  }

  toMessage() {
    return { ...this.response, side_effects: this.sideEffects };
  }
}

class NotFound extends Error {}

function find(declarations, { service_name, name }) {
  const declaration = declarations.find(({ service }) => service === service_name);
  if (!declaration || !Object.hasOwn(declaration.commands, name)) {
    throw new NotFound(`no command ${service_name}/${name} is here`);
  }
  return declaration.commands[name];
}

/** String metadata, such as a CloudEvent's attributes. */
function metadataOf({ metadata }) {
  return new Map((metadata?.entries ?? []).map(({ key, string_value }) => [key, string_value]));
}

/** A streamed call: its first message says what is called, the others have the requests. */
async function opened(declarations, call) {
  // The usual iterator would close the whole call behind the last request, and the responses with it.
  const messages = call.iterator({ destroyOnReturn: false });
  const { value: first } = await messages.next();
  async function* requests() {
    for await (const { payload } of messages) {
      yield unpack(payload);
    }
  }
  const handler = find(declarations, first ?? {});
  return handler({ metadata: metadataOf(first) }, requests());
}

function called(declarations, command) {
  const handler = find(declarations, command);
  return handler({ metadata: metadataOf(command) }, unpack(command.payload));
}

async function write(call, outcomes) {
  for await (const outcome of outcomes) {
    if (!call.write(outcome.toMessage())) {
      await new Promise((resolve) => call.once('drain', resolve).once('cancelled', resolve));
    }
  }
  call.end();
}

function grpcError(error) {
  if (error instanceof NotFound) {
    return { code: status.UNIMPLEMENTED, details: error.message };
  }
  console.error(error);
  return { code: status.INTERNAL, details: error.message };
}

/** Answers a call that has one response. */
function one(respond) {
  return (call, callback) =>
    Promise.resolve(call)
      .then(respond)
      .then((outcome) => callback(null, outcome.toMessage()))
      .catch((error) => call.cancelled || callback(grpcError(error)));
}

/** Answers a call that has many. */
function many(respond) {
  return (call) =>
    Promise.resolve(call)
      .then(respond)
      .then((outcomes) => write(call, outcomes))
      .catch((error) => call.cancelled || call.emit('error', grpcError(error)));
}

export const action = (declarations) => ({
  handleUnary: one((call) => called(declarations, call.request)),
  handleStreamedIn: one((call) => opened(declarations, call)),
  handleStreamedOut: many((call) => called(declarations, call.request)),
  handleStreamed: many((call) => opened(declarations, call)),
});
