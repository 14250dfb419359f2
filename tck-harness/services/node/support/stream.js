/** The stream of one live entity: init, then what is stored, then one reply for each command, in order. */

/** Ends the stream: the proxy has broken the protocol, or a handler is defective. */
class StreamFailure extends Error {}

/**
 * Answers a stream. `activate` makes an entity from its declaration and its init; its methods are called by the names of
 * the stream's other messages, and `command` returns a reply.
 */
export function answer(call, declarations, activate) {
  let id = null;
  let entity = null;
  let ended = false;

  function receive(message) {
    const kind = message.message;
    const body = message[kind];
    if (!kind) {
      throw new StreamFailure('a message is empty');
    }
    if ((kind === 'init') !== (entity === null)) {
      throw new StreamFailure('init is the first message, and no other');
    }
    if (kind === 'init') {
      const declaration = declarations.find(({ service }) => service === body.service_name);
      if (!declaration) {
        throw new StreamFailure(`no service ${body.service_name} is here`);
      }
      id = body.entity_id;
      entity = activate(declaration, body);
      return null;
    }
    if (kind === 'command') {
      if (body.entity_id !== id) {
        throw new StreamFailure(`the command is for ${body.entity_id}, the stream for ${id}`);
      }
      if (!body.payload) {
        throw new StreamFailure('the command has no payload');
      }
      if (!Object.hasOwn(entity.declaration.commands, body.name)) {
        throw new StreamFailure(`no command ${body.name} is here`);
      }
    }
    return entity[kind](body);
  }

  call.on('data', (message) => {
    if (ended) {
      return;
    }
    try {
      const reply = receive(message);
      if (reply) {
        call.write({ reply: { command_id: message.command.id, ...reply } });
      }
    } catch (error) {
      ended = true;
      if (!(error instanceof StreamFailure)) {
        console.error(error);
      }
      // Without an init nothing is known of commands.
      const command_id = (entity && message.command?.id) ?? 0;
      call.write({ failure: { command_id, description: error.message } });
      call.end();
    }
  });
  call.on('end', () => ended || call.end());
  // The proxy has gone: there is nobody to be told.
  call.on('error', () => {});
}
