package tck.support;

import com.google.protobuf.Any;
import io.cloudstate.protocol.EntityOuterClass.ClientAction;
import io.cloudstate.protocol.EntityOuterClass.Command;
import io.cloudstate.protocol.EntityOuterClass.Failure;
import io.cloudstate.protocol.ValueEntityGrpc;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityInit;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityReply;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityStreamIn;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityStreamOut;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** The protocol's service for value entities. */
final class ValueEntityServer extends ValueEntityGrpc.ValueEntityImplBase {
    private final List<ValueEntity> types;

    ValueEntityServer(List<ValueEntity> types) {
        this.types = types;
    }

    @Override
    public StreamObserver<ValueEntityStreamIn> handle(StreamObserver<ValueEntityStreamOut> out) {
        return new Live(out);
    }

    /** A live entity. */
    private final class Live extends EntityStream<ValueEntityStreamIn, ValueEntityStreamOut> {
        private ValueEntity type;
        private Any value;

        Live(StreamObserver<ValueEntityStreamOut> out) {
            super(out);
        }

        @Override
        ValueEntityStreamOut receive(ValueEntityStreamIn message) throws Exception {
            switch (message.getMessageCase()) {
                case INIT -> activate(message.getInit());
                case COMMAND -> {
                    check(message.getCommand());
                    ValueEntityReply reply = command(message.getCommand());
                    return ValueEntityStreamOut.newBuilder().setReply(reply).build();
                }
                case MESSAGE_NOT_SET -> throw new IllegalArgumentException("a message is empty");
            }
            return null;
        }

        private void activate(ValueEntityInit init) {
            ValueEntity found = null;
            for (ValueEntity one : types) {
                if (one.service().equals(init.getServiceName())) {
                    found = one;
                }
            }
            if (found == null) {
                throw new IllegalArgumentException("no service " + init.getServiceName() + " is here");
            }
            init(init.getEntityId());
            type = found;
            value = init.getState().hasValue() ? init.getState().getValue() : null;
        }

        private ValueEntityReply command(Command command) throws Exception {
            ValueEntity.ValueContext context = new ValueEntity.ValueContext(value);
            ClientAction action =
                    context.run(
                            command,
                            (name, request) -> type.handler().handle(context, name, request));
            ValueEntityReply.Builder reply =
                    ValueEntityReply.newBuilder()
                            .setCommandId(command.getId())
                            .setClientAction(action);
            if (action.hasFailure()) {
                return reply.build();
            }
            value = context.value;
            if (context.action != null) {
                reply.setStateAction(context.action);
            }
            return reply.addAllSideEffects(context.sideEffects).build();
        }

        @Override
        long commandId(ValueEntityStreamIn message) {
            return message.getCommand().getId();
        }

        @Override
        ValueEntityStreamOut failure(Failure failure) {
            return ValueEntityStreamOut.newBuilder().setFailure(failure).build();
        }
    }
}
