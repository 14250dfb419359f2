package tck.support;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityAction;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityDelete;
import io.cloudstate.protocol.ValueEntityOuterClass.ValueEntityUpdate;
import java.time.Duration;
import java.util.Optional;

/**
 * An entity type of which the proxy stores one value.
 *
 * @param passivateAfter null leaves it to the proxy
 */
public record ValueEntity(
        String service, String persistenceId, Duration passivateAfter, Handler handler) {

    /** Answers commands. */
    public interface Handler {
        Message handle(ValueContext context, String command, Any request) throws Exception;
    }

    /** What a handler of a value entity works with. */
    public static final class ValueContext extends Context {
        Any value;
        ValueEntityAction action;

        ValueContext(Any value) {
            this.value = value;
        }

        /** What is stored, if anything is. */
        public Optional<Any> value() {
            return Optional.ofNullable(value);
        }

        /** Stores a value, when the command succeeds. */
        public void update(Message message) {
            value = Any.pack(message);
            ValueEntityUpdate update = ValueEntityUpdate.newBuilder().setValue(value).build();
            action = ValueEntityAction.newBuilder().setUpdate(update).build();
        }

        /** Removes the value, when the command succeeds. */
        public void delete() {
            value = null;
            ValueEntityDelete delete = ValueEntityDelete.getDefaultInstance();
            action = ValueEntityAction.newBuilder().setDelete(delete).build();
        }
    }
}
