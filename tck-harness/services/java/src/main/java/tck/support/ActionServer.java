package tck.support;

import io.cloudstate.protocol.Action.ActionCommand;
import io.cloudstate.protocol.Action.ActionResponse;
import io.cloudstate.protocol.ActionProtocolGrpc;
import io.cloudstate.protocol.EntityOuterClass.MetadataEntry;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The protocol's service for actions. */
final class ActionServer extends ActionProtocolGrpc.ActionProtocolImplBase {
    private final List<Action> actions;

    ActionServer(List<Action> actions) {
        this.actions = actions;
    }

    @Override
    public void handleUnary(ActionCommand command, StreamObserver<ActionResponse> out) {
        whole(new Call(out, true), command);
    }

    @Override
    public void handleStreamedOut(ActionCommand command, StreamObserver<ActionResponse> out) {
        whole(new Call(out, false), command);
    }

    @Override
    public StreamObserver<ActionCommand> handleStreamedIn(StreamObserver<ActionResponse> out) {
        return new Call(out, true);
    }

    @Override
    public StreamObserver<ActionCommand> handleStreamed(StreamObserver<ActionResponse> out) {
        return new Call(out, false);
    }

    /** The only message says what is called and has the request. */
    private static void whole(Call call, ActionCommand command) {
        ActionCommand request = ActionCommand.newBuilder().setPayload(command.getPayload()).build();
        call.onNext(command);
        call.onNext(request);
        call.onCompleted();
    }

    /** The first message says what is called, the others have the requests. */
    private final class Call implements StreamObserver<ActionCommand> {
        private final StreamObserver<ActionResponse> out;
        private final Map<String, String> metadata = new HashMap<>();
        private final Consumer<Action.Response> respond;
        private Action.Handler handler;
        /** Of a call that has one response, which may be none. */
        private ActionResponse one;
        private boolean failed;

        Call(StreamObserver<ActionResponse> out, boolean once) {
            this.out = out;
            one = once ? ActionResponse.getDefaultInstance() : null;
            respond =
                    once
                            ? response -> one = response.message.build()
                            : response -> out.onNext(response.message.build());
        }

        @Override
        public void onNext(ActionCommand command) {
            attempt(
                    () -> {
                        if (handler == null) {
                            start(command);
                        } else {
                            handler.request(metadata, command.getPayload(), respond);
                        }
                    });
        }

        @Override
        public void onCompleted() {
            attempt(
                    () -> {
                        if (handler != null) {
                            handler.end(respond);
                        }
                        if (one != null) {
                            out.onNext(one);
                        }
                        out.onCompleted();
                    });
        }

        @Override
        public void onError(Throwable cancelled) {
            // The proxy has gone: there is nobody to be told.
            failed = true;
        }

        private void start(ActionCommand command) {
            for (MetadataEntry entry : command.getMetadata().getEntriesList()) {
                metadata.put(entry.getKey(), entry.getStringValue());
            }
            for (Action action : actions) {
                if (action.service().equals(command.getServiceName())
                        && action.commands().containsKey(command.getName())) {
                    handler = action.commands().get(command.getName()).get();
                    return;
                }
            }
            String name = command.getServiceName() + "/" + command.getName();
            throw Status.UNIMPLEMENTED
                    .withDescription("no command " + name + " is here")
                    .asRuntimeException();
        }

        private void attempt(Step step) {
            if (failed) {
                return;
            }
            try {
                step.run();
            } catch (Exception exception) {
                failed = true;
                System.err.println(exception);
                Status status = Status.fromThrowable(exception);
                boolean known = status.getCode() != Status.Code.UNKNOWN;
                out.onError(
                        (known ? status : Status.INTERNAL.withDescription(exception.getMessage()))
                                .asRuntimeException());
            }
        }
    }

    private interface Step {
        void run() throws Exception;
    }
}
