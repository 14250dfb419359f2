/** The value-entity model: a string, stored as a message. */

const PACKAGE = 'cloudstate.tck.model.valueentity';
const PERSISTED = `${PACKAGE}.Persisted`;
const REQUEST = `${PACKAGE}.Request`;
const RESPONSE = `${PACKAGE}.Response`;
const TWO = `${PACKAGE}.ValueEntityTwo`;

/** A field that is set is written, also where it is empty, and the TCK compares bytes. */
const response = (message) => [RESPONSE, message ? { message } : {}];

export const model = {
  service: `${PACKAGE}.ValueEntityTckModel`,
  persistenceId: 'value-entity-tck-model',
  commands: {
    Process(context, { actions }) {
      for (const { action, update, forward, effect, fail } of actions) {
        switch (action) {
          case 'update':
            context.update(PERSISTED, { value: update.value });
            break;
          case 'delete':
            context.delete();
            break;
          case 'forward':
            context.forward(TWO, 'Call', REQUEST, { id: forward.id });
            break;
          case 'effect':
            context.effect(TWO, 'Call', REQUEST, { id: effect.id }, effect.synchronous);
            break;
          case 'fail':
            context.fail(fail.message);
        }
      }
      return response(context.value?.value);
    },
  },
};

const Call = () => response();

/** Target of forwards and side effects. */
export const two = {
  service: TWO,
  persistenceId: 'value-entity-tck-model-two',
  commands: { Call },
};

/** An entity with options of its own. */
export const configured = {
  service: `${PACKAGE}.ValueEntityConfigured`,
  persistenceId: 'value-entity-configured',
  passivateAfter: 100,
  commands: { Call },
};
