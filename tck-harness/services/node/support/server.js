/** Discovery, and the server of everything. */

import grpc from '@grpc/grpc-js';

import { action } from './action.js';
import { eventSourced } from './event_sourced.js';
import { definitions, descriptorSet } from './messages.js';
import { valueEntity } from './value_entity.js';

const DISCOVERY = 'cloudstate.EntityDiscovery';
const EVENT_SOURCED = 'cloudstate.eventsourced.EventSourced';
const VALUE_ENTITY = 'cloudstate.valueentity.ValueEntity';
const ACTION = 'cloudstate.action.ActionProtocol';

function entity(entity_type, { service, persistenceId, passivateAfter }) {
  const strategy = passivateAfter && { timeout: { timeout: passivateAfter } };
  return {
    entity_type,
    service_name: service,
    // Nothing of an action is stored under it.
    persistence_id: persistenceId ?? service,
    passivation_strategy: strategy,
  };
}

function specOf({ name, version, eventSourced, valueEntities, actions }) {
  return {
    proto: descriptorSet,
    entities: [
      ...eventSourced.map((one) => entity(EVENT_SOURCED, one)),
      ...valueEntities.map((one) => entity(VALUE_ENTITY, one)),
      ...actions.map((one) => entity(ACTION, one)),
    ],
    service_info: {
      service_name: name,
      service_version: version,
      service_runtime: `node ${process.version}`,
      protocol_major_version: 0,
      protocol_minor_version: 2,
    },
  };
}

const discovery = (spec) => ({
  discover(call, callback) {
    const { proxy_name: proxy, proxy_version: version } = call.request;
    console.log(`discovered by ${proxy} ${version}`);
    callback(null, spec);
  },
  reportError(call, callback) {
    console.error(`the proxy reports: ${call.request.message}`);
    callback(null, {});
  },
});

/** Serves these declarations, without TLS. */
export function serve(service) {
  const server = new grpc.Server();
  server.addService(definitions[DISCOVERY], discovery(specOf(service)));
  server.addService(definitions[EVENT_SOURCED], eventSourced(service.eventSourced));
  server.addService(definitions[VALUE_ENTITY], valueEntity(service.valueEntities));
  server.addService(definitions[ACTION], action(service.actions));

  const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
  const address = `${HOST}:${PORT}`;
  server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error) {
      console.error(`cannot listen on ${address}: ${error.message}`);
      process.exit(1);
    }
    console.log(`serving on ${address}`);
  });
}
