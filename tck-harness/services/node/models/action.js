/** The action model: a group of steps makes a response. */

import { Outcome } from '../support/action.js';

const PACKAGE = 'cloudstate.tck.model.action';
const OTHER = `${PACKAGE}.OtherRequest`;
const RESPONSE = `${PACKAGE}.Response`;
const TWO = `${PACKAGE}.ActionTwo`;

/** The last answer that the groups ask for, if any, with all their side effects. */
function respond(groups) {
  const outcome = new Outcome();
  for (const { step, reply, forward, fail, effect } of groups.flatMap(({ steps }) => steps)) {
    switch (step) {
      case 'reply':
        // A field that is set is written, also where it is empty, and the TCK compares bytes.
        outcome.reply(RESPONSE, reply.message ? reply : {});
        break;
      case 'forward':
        outcome.forward(TWO, 'Call', OTHER, { id: forward.id });
        break;
      case 'fail':
        outcome.fail(fail.message);
        break;
      case 'effect':
        outcome.effect(TWO, 'Call', OTHER, { id: effect.id }, effect.synchronous);
    }
  }
  return outcome;
}

export const model = {
  service: `${PACKAGE}.ActionTckModel`,
  commands: {
    ProcessUnary: (context, { groups }) => respond(groups),

    async ProcessStreamedIn(context, requests) {
      const all = [];
      for await (const { groups } of requests) {
        all.push(...groups);
      }
      return respond(all);
    },

    async *ProcessStreamedOut(context, { groups }) {
      yield* groups.map((group) => respond([group]));
    },

    async *ProcessStreamed(context, requests) {
      for await (const { groups } of requests) {
        yield* groups.map((group) => respond([group]));
      }
    },
  },
};

/** Target of forwards and side effects. */
export const two = {
  service: TWO,
  commands: {
    Call() {
      const outcome = new Outcome();
      outcome.reply(RESPONSE, {});
      return outcome;
    },
  },
};
