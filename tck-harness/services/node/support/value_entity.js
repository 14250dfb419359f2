/**
 * Value entities. A declaration has `service`, `persistenceId`, `passivateAfter` in milliseconds, and `commands`, whose
 * context has the value: a message, or null where nothing is stored.
 */

import { Context, clientAction } from './command.js';
import { pack, unpack } from './messages.js';
import { answer } from './stream.js';

class ValueContext extends Context {
  stateAction = null;

  constructor(value) {
    super();
    this.value = value;
  }

  update(type, message) {
    this.value = message;
    this.stateAction = { update: { value: pack(type, message) } };
  }

  delete() {
    this.value = null;
    this.stateAction = { delete: {} };
  }
}

class ValueEntity {
  constructor(declaration, { state }) {
    this.declaration = declaration;
    this.value = state?.value ? unpack(state.value) : null;
  }

  command({ id, name, payload }) {
    const context = new ValueContext(this.value);
    const handler = this.declaration.commands[name];
    const client_action = clientAction(context, id, () => handler(context, unpack(payload)));
    if (client_action.failure) {
      return { client_action };
    }
    this.value = context.value;
    const { sideEffects: side_effects, stateAction: state_action } = context;
    return { client_action, side_effects, state_action };
  }
}

export const valueEntity = (declarations) => ({
  handle: (call) =>
    answer(call, declarations, (declaration, init) => new ValueEntity(declaration, init)),
});
