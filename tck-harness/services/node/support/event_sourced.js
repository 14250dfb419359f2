/**
 * Event-sourced entities. A declaration has `service`, `persistenceId`, `snapshotEvery`, `passivateAfter` in
 * milliseconds, the `initial` state, `events` that make a state of a state and an event, `takeSnapshot`, `restore`, and
 * `commands`.
 */

import { Context, clientAction } from './command.js';
import { pack, typeOf, unpack } from './messages.js';
import { answer } from './stream.js';

/** States are never changed, only replaced: whatever a failed command has emitted is simply forgotten. */
class EventSourcedContext extends Context {
  events = [];

  constructor(declaration, state) {
    super();
    this.declaration = declaration;
    this.state = state;
  }

  /** Emits an event. The state has it at once; it is stored when the command succeeds. */
  emit(type, message) {
    this.emitAny(pack(type, message));
  }

  /** Emits what is packed already, such as JSON. */
  emitAny(event) {
    this.state = applied(this.declaration, this.state, event);
    this.events.push(event);
  }
}

class EventSourced {
  constructor(declaration, { snapshot }) {
    this.declaration = declaration;
    this.sequence = Number(snapshot?.snapshot_sequence ?? 0);
    this.state = snapshot ? declaration.restore(unpack(snapshot.snapshot)) : declaration.initial;
  }

  event({ sequence, payload }) {
    this.state = applied(this.declaration, this.state, payload);
    this.sequence = Number(sequence);
  }

  command({ id, name, payload }) {
    const context = new EventSourcedContext(this.declaration, this.state);
    const handler = this.declaration.commands[name];
    const client_action = clientAction(context, id, () => handler(context, unpack(payload)));
    if (client_action.failure) {
      return { client_action };
    }
    const { events, sideEffects: side_effects } = context;
    const before = this.sequence;
    this.sequence += events.length;
    this.state = context.state;
    return { client_action, side_effects, events, snapshot: this.snapshot(before) };
  }

  /** A snapshot, if the events since then have made it due. */
  snapshot(before) {
    const { snapshotEvery, takeSnapshot } = this.declaration;
    const count = (sequence) => Math.floor(sequence / snapshotEvery);
    const due = takeSnapshot && count(this.sequence) > count(before);
    return due ? pack(...takeSnapshot(this.state)) : null;
  }
}

function applied({ events }, state, event) {
  return events[typeOf(event)](state, unpack(event));
}

export const eventSourced = (declarations) => ({
  handle: (call) =>
    answer(call, declarations, (declaration, init) => new EventSourced(declaration, init)),
});
