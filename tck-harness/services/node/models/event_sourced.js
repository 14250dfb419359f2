/** The event-sourced model: a string to which its events append. */

const PACKAGE = 'cloudstate.tck.model';
const PERSISTED = `${PACKAGE}.Persisted`;
const REQUEST = `${PACKAGE}.Request`;
const RESPONSE = `${PACKAGE}.Response`;
const TWO = `${PACKAGE}.EventSourcedTwo`;

/** A field that is set is written, also where it is empty, and the TCK compares bytes. */
const response = (message) => [RESPONSE, message ? { message } : {}];

export const model = {
  service: `${PACKAGE}.EventSourcedTckModel`,
  persistenceId: 'event-sourced-tck-model',
  initial: '',
  events: { [PERSISTED]: (state, { value }) => state + value },
  snapshotEvery: 5,
  takeSnapshot: (state) => [PERSISTED, { value: state }],
  restore: ({ value }) => value,
  commands: {
    Process(context, { actions }) {
      for (const { action, emit, forward, effect, fail } of actions) {
        switch (action) {
          case 'emit':
            context.emit(PERSISTED, { value: emit.value });
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
      return response(context.state);
    },
  },
};

const Call = () => response();

/** Target of forwards and side effects. */
export const two = {
  service: TWO,
  persistenceId: 'event-sourced-two',
  initial: '',
  events: {},
  commands: { Call },
};

/** An entity with options of its own. */
export const configured = {
  service: `${PACKAGE}.EventSourcedConfigured`,
  persistenceId: 'event-sourced-configured',
  passivateAfter: 100,
  initial: '',
  events: {},
  commands: { Call },
};
