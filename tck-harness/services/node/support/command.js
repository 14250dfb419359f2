/** What the handlers of every kind have in common: a context, and an outcome. */

import { pack } from './messages.js';

/** The handler's way to say no: the caller gets the text. */
class Refusal extends Error {}

/** What a handler works with besides its request. */
export class Context {
  sideEffects = [];
  forwarded = null;

  /** Runs another command, whose result nobody waits for unless it is synchronous. */
  effect(service_name, command_name, type, message, synchronous = false) {
    const payload = pack(type, message);
    this.sideEffects.push({ service_name, command_name, payload, synchronous });
  }

  /** Lets another command answer. */
  forward(service_name, command_name, type, message) {
    this.forwarded = { service_name, command_name, payload: pack(type, message) };
  }

  fail(description) {
    throw new Refusal(description);
  }
}

/** Runs a handler, which returns `[type, message]`, and gives a `ClientAction`. */
export function clientAction(context, commandId, handler) {
  try {
    const [type, message] = handler();
    return context.forwarded
      ? { forward: context.forwarded }
      : { reply: { payload: pack(type, message) } };
  } catch (error) {
    if (error instanceof Refusal) {
      return { failure: { command_id: commandId, description: error.message } };
    }
    throw error;
  }
}
