package tck.models;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.cloudstate.tck.model.Eventsourced.Persisted;
import io.cloudstate.tck.model.Eventsourced.Request;
import io.cloudstate.tck.model.Eventsourced.RequestAction;
import io.cloudstate.tck.model.Eventsourced.Response;
import java.time.Duration;
import tck.support.EventSourced;
import tck.support.Refusal;

/** The event-sourced model: a string to which its events append. */
public final class EventSourcedModel implements EventSourced.State {
    public static final EventSourced MODEL =
            new EventSourced(
                    "cloudstate.tck.model.EventSourcedTckModel",
                    "event-sourced-tck-model",
                    null,
                    5,
                    EventSourcedModel::new);

    /** Target of forwards and side effects. */
    public static final EventSourced TWO =
            new EventSourced(
                    "cloudstate.tck.model.EventSourcedTwo", "event-sourced-two", null, 0, Other::new);

    /** An entity with options of its own. */
    public static final EventSourced CONFIGURED =
            new EventSourced(
                    "cloudstate.tck.model.EventSourcedConfigured",
                    "event-sourced-configured",
                    Duration.ofMillis(100),
                    0,
                    Other::new);

    private String state = "";

    @Override
    public void apply(Any event) throws Exception {
        state += event.unpack(Persisted.class).getValue();
    }

    @Override
    public Message snapshot() {
        return Persisted.newBuilder().setValue(state).build();
    }

    @Override
    public void restore(Any snapshot) throws Exception {
        state = snapshot.unpack(Persisted.class).getValue();
    }

    @Override
    public Message handle(EventSourced.EventContext context, String command, Any request)
            throws Exception {
        if (!command.equals("Process")) {
            throw new IllegalArgumentException("no command " + command + " is here");
        }
        for (RequestAction action : request.unpack(Request.class).getActionsList()) {
            switch (action.getActionCase()) {
                case EMIT ->
                        context.emit(
                                Persisted.newBuilder().setValue(action.getEmit().getValue()).build());
                case FORWARD ->
                        context.forward(TWO.service(), "Call", other(action.getForward().getId()));
                case EFFECT ->
                        context.effect(
                                TWO.service(),
                                "Call",
                                other(action.getEffect().getId()),
                                action.getEffect().getSynchronous());
                case FAIL -> throw new Refusal(action.getFail().getMessage());
                case ACTION_NOT_SET -> {}
            }
        }
        return Response.newBuilder().setMessage(state).build();
    }

    private static Request other(String id) {
        return Request.newBuilder().setId(id).build();
    }

    private static final class Other implements EventSourced.State {
        @Override
        public void apply(Any event) {}

        @Override
        public Message handle(EventSourced.EventContext context, String command, Any request) {
            if (!command.equals("Call")) {
                throw new IllegalArgumentException("no command " + command + " is here");
            }
            return Response.getDefaultInstance();
        }
    }
}
