package tck.support;

import com.google.protobuf.Any;
import io.cloudstate.protocol.EntityOuterClass.ClientAction;
import io.cloudstate.protocol.EntityOuterClass.Command;
import io.cloudstate.protocol.EntityOuterClass.Failure;
import io.cloudstate.protocol.EventSourcedGrpc;
import io.cloudstate.protocol.EventSourcedOuterClass.EventSourcedInit;
import io.cloudstate.protocol.EventSourcedOuterClass.EventSourcedReply;
import io.cloudstate.protocol.EventSourcedOuterClass.EventSourcedStreamIn;
import io.cloudstate.protocol.EventSourcedOuterClass.EventSourcedStreamOut;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** The protocol's service for event-sourced entities. */
final class EventSourcedServer extends EventSourcedGrpc.EventSourcedImplBase {
    private final List<EventSourced> types;

    EventSourcedServer(List<EventSourced> types) {
        this.types = types;
    }

    @Override
    public StreamObserver<EventSourcedStreamIn> handle(StreamObserver<EventSourcedStreamOut> out) {
        return new Live(out);
    }

    /** A live entity. */
    private final class Live extends EntityStream<EventSourcedStreamIn, EventSourcedStreamOut> {
        private EventSourced type;
        private EventSourced.State state;
        private long sequence;

        Live(StreamObserver<EventSourcedStreamOut> out) {
            super(out);
        }

        @Override
        EventSourcedStreamOut receive(EventSourcedStreamIn message) throws Exception {
            switch (message.getMessageCase()) {
                case INIT -> activate(message.getInit());
                case EVENT -> {
                    checkInitialised();
                    state.apply(message.getEvent().getPayload());
                    sequence = message.getEvent().getSequence();
                }
                case COMMAND -> {
                    check(message.getCommand());
                    EventSourcedReply reply = command(message.getCommand());
                    return EventSourcedStreamOut.newBuilder().setReply(reply).build();
                }
                case MESSAGE_NOT_SET -> throw new IllegalArgumentException("a message is empty");
            }
            return null;
        }

        private void activate(EventSourcedInit init) throws Exception {
            EventSourced found = null;
            for (EventSourced one : types) {
                if (one.service().equals(init.getServiceName())) {
                    found = one;
                }
            }
            if (found == null) {
                throw new IllegalArgumentException("no service " + init.getServiceName() + " is here");
            }
            init(init.getEntityId());
            type = found;
            state = type.create().get();
            if (init.hasSnapshot()) {
                state.restore(init.getSnapshot().getSnapshot());
                sequence = init.getSnapshot().getSnapshotSequence();
            }
        }

        private EventSourcedReply command(Command command) throws Exception {
            EventSourced.EventContext context = new EventSourced.EventContext(state);
            ClientAction action =
                    context.run(command, (name, request) -> state.handle(context, name, request));
            EventSourcedReply.Builder reply =
                    EventSourcedReply.newBuilder().setCommandId(command.getId());
            if (action.hasFailure()) {
                // With events that will not be stored, the proxy is to load the entity again.
                ClientAction.Builder failed = action.toBuilder();
                failed.getFailureBuilder().setRestart(!context.events.isEmpty());
                return reply.setClientAction(failed).build();
            }
            reply.setClientAction(action);
            reply.addAllSideEffects(context.sideEffects);
            reply.addAllEvents(context.events);
            long before = sequence;
            sequence += context.events.size();
            long every = type.snapshotEvery();
            if (every > 0 && sequence / every > before / every) {
                reply.setSnapshot(Any.pack(state.snapshot()));
            }
            return reply.build();
        }

        @Override
        long commandId(EventSourcedStreamIn message) {
            return message.getCommand().getId();
        }

        @Override
        EventSourcedStreamOut failure(Failure failure) {
            return EventSourcedStreamOut.newBuilder().setFailure(failure).build();
        }
    }
}
