/** The eventing models: two entities that emit, and an action that is subscribed to their events. */

import { Outcome } from '../support/action.js';
import { packJson } from '../support/messages.js';

const PACKAGE = 'cloudstate.tck.model.eventlogeventing';
const RESPONSE = `${PACKAGE}.Response`;
const SUBSCRIBER = `${PACKAGE}.EventLogSubscriberModel`;
const EMPTY = ['google.protobuf.Empty', {}];

/** Emits what it is given. */
export const one = {
  service: `${PACKAGE}.EventSourcedEntityOne`,
  persistenceId: 'eventlogeventing-one',
  initial: null,
  events: {
    [`${PACKAGE}.EventOne`]: (state) => state,
    [`${PACKAGE}.EventTwo`]: (state) => state,
  },
  commands: {
    EmitEvent(context, { event, event_one, event_two }) {
      switch (event) {
        case 'event_one':
          context.emit(`${PACKAGE}.EventOne`, event_one);
          break;
        case 'event_two':
          context.emit(`${PACKAGE}.EventTwo`, event_two);
          break;
        default:
          context.fail('event is missing');
      }
      return EMPTY;
    },
  },
};

/** Emits JSON. */
export const two = {
  service: `${PACKAGE}.EventSourcedEntityTwo`,
  persistenceId: 'eventlogeventing-two',
  initial: null,
  events: { JsonEvent: (state) => state },
  commands: {
    EmitJsonEvent(context, { message }) {
      context.emitAny(packJson('JsonEvent', { message }));
      return EMPTY;
    },
  },
};

function respond({ metadata }, { step, reply, forward }) {
  const id = metadata.get('ce-subject');
  const outcome = new Outcome();
  switch (step) {
    case 'reply':
      outcome.reply(RESPONSE, { id, message: reply.message });
      break;
    case 'forward':
      outcome.forward(SUBSCRIBER, 'Effect', `${PACKAGE}.EffectRequest`, {
        id,
        message: forward.message,
      });
  }
  return outcome;
}

export const subscriber = {
  service: SUBSCRIBER,
  commands: {
    ProcessEventOne: (context, { step }) => respond(context, step),

    async *ProcessEventTwo(context, { step }) {
      yield* step.map((one) => respond(context, one));
    },

    /** Events that are no protobuf messages come as they are stored. */
    ProcessAnyEvent({ metadata }, { message }) {
      const outcome = new Outcome();
      outcome.reply(RESPONSE, { id: metadata.get('ce-subject'), message });
      return outcome;
    },

    Effect(context, { id, message }) {
      const outcome = new Outcome();
      outcome.reply(RESPONSE, { id, message });
      return outcome;
    },
  },
};
