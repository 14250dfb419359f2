/** Serves the TCK's models on HOST and PORT. */

import { serve } from './support/server.js';
import * as action from './models/action.js';
import * as eventLog from './models/event_log.js';
import * as eventSourced from './models/event_sourced.js';
import * as valueEntity from './models/value_entity.js';

serve({
  name: 'tck-models-node',
  version: '0.1.0',
  eventSourced: [
    eventSourced.model,
    eventSourced.two,
    eventSourced.configured,
    eventLog.one,
    eventLog.two,
  ],
  valueEntities: [valueEntity.model, valueEntity.two, valueEntity.configured],
  actions: [action.model, action.two, eventLog.subscriber],
});
