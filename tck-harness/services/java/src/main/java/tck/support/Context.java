package tck.support;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.cloudstate.protocol.EntityOuterClass.ClientAction;
import io.cloudstate.protocol.EntityOuterClass.Command;
import io.cloudstate.protocol.EntityOuterClass.Failure;
import io.cloudstate.protocol.EntityOuterClass.Forward;
import io.cloudstate.protocol.EntityOuterClass.Reply;
import io.cloudstate.protocol.EntityOuterClass.SideEffect;
import java.util.ArrayList;
import java.util.List;

/** What a handler works with besides its request. */
public class Context {
    final List<SideEffect> sideEffects = new ArrayList<>();
    private Forward forward;

    /** Lets another command answer. */
    public void forward(String service, String command, Message request) {
        forward =
                Forward.newBuilder()
                        .setServiceName(service)
                        .setCommandName(command)
                        .setPayload(Any.pack(request))
                        .build();
    }

    /** Runs another command, whose result nobody waits for unless it is synchronous. */
    public void effect(String service, String command, Message request, boolean synchronous) {
        sideEffects.add(
                SideEffect.newBuilder()
                        .setServiceName(service)
                        .setCommandName(command)
                        .setPayload(Any.pack(request))
                        .setSynchronous(synchronous)
                        .build());
    }

    /** Answers a command. */
    interface Handler {
        Message handle(String command, Any request) throws Exception;
    }

    ClientAction run(Command command, Handler handler) throws Exception {
        if (!command.hasPayload()) {
            throw new IllegalArgumentException("the command has no payload");
        }
        Message reply;
        try {
            reply = handler.handle(command.getName(), command.getPayload());
        } catch (Refusal refusal) {
            Failure failure =
                    Failure.newBuilder()
                            .setCommandId(command.getId())
                            .setDescription(refusal.getMessage())
                            .build();
            return ClientAction.newBuilder().setFailure(failure).build();
        }
        if (forward != null) {
            return ClientAction.newBuilder().setForward(forward).build();
        }
        Reply packed = Reply.newBuilder().setPayload(Any.pack(reply)).build();
        return ClientAction.newBuilder().setReply(packed).build();
    }
}
