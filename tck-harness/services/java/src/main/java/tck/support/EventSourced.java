package tck.support;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * An entity type whose state is what its events say.
 *
 * @param passivateAfter null leaves it to the proxy
 * @param snapshotEvery a snapshot is taken every so many events; 0 for none
 */
public record EventSourced(
        String service,
        String persistenceId,
        Duration passivateAfter,
        long snapshotEvery,
        Supplier<State> create) {

    /** The state of a live entity. */
    public interface State {
        /** Changes the state, and nothing else does. */
        void apply(Any event) throws Exception;

        /** Answers a command. */
        Message handle(EventContext context, String command, Any request) throws Exception;

        default Message snapshot() {
            throw new UnsupportedOperationException("this entity takes no snapshots");
        }

        default void restore(Any snapshot) throws Exception {
            throw new UnsupportedOperationException("this entity takes no snapshots");
        }
    }

    /** What a handler of an event-sourced entity works with. */
    public static final class EventContext extends Context {
        final List<Any> events = new ArrayList<>();
        private final State state;

        EventContext(State state) {
            this.state = state;
        }

        /** Emits an event. The state has it at once; it is stored when the command succeeds. */
        public void emit(Message event) throws Exception {
            Any packed = event instanceof Any any ? any : Any.pack(event);
            state.apply(packed);
            events.add(packed);
        }
    }
}
