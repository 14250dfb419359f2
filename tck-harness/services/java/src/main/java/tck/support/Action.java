package tck.support;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.cloudstate.protocol.Action.ActionResponse;
import io.cloudstate.protocol.EntityOuterClass.Failure;
import io.cloudstate.protocol.EntityOuterClass.Forward;
import io.cloudstate.protocol.EntityOuterClass.Reply;
import io.cloudstate.protocol.EntityOuterClass.SideEffect;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Calls without a state. Each call of a command has a handler of its own. */
public record Action(String service, Map<String, Supplier<Handler>> commands) {

    /** A call in any of the four shapes: it has one request or many, and wants one response or many. */
    public interface Handler {
        /** Takes a request, with string metadata of the call, such as a CloudEvent's attributes. */
        void request(Map<String, String> metadata, Any request, Consumer<Response> respond)
                throws Exception;

        /** There are no more requests. */
        default void end(Consumer<Response> respond) throws Exception {}
    }

    /** A reply, a forward or a failure, or nothing of these; and side effects. */
    public static final class Response {
        final ActionResponse.Builder message = ActionResponse.newBuilder();

        public void reply(Message reply) {
            message.setReply(Reply.newBuilder().setPayload(Any.pack(reply)));
        }

        /** Lets another command answer. */
        public void forward(String service, String command, Message request) {
            message.setForward(
                    Forward.newBuilder()
                            .setServiceName(service)
                            .setCommandName(command)
                            .setPayload(Any.pack(request)));
        }

        public void fail(String description) {
            message.setFailure(Failure.newBuilder().setDescription(description));
        }

        /** Runs another command, whose result nobody waits for unless it is synchronous. */
        public void effect(String service, String command, Message request, boolean synchronous) {
            message.addSideEffects(
                    SideEffect.newBuilder()
                            .setServiceName(service)
                            .setCommandName(command)
                            .setPayload(Any.pack(request))
                            .setSynchronous(synchronous));
        }
    }
}
