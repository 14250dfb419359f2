package tck.models;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.cloudstate.tck.model.valueentity.Valueentity.Persisted;
import io.cloudstate.tck.model.valueentity.Valueentity.Request;
import io.cloudstate.tck.model.valueentity.Valueentity.RequestAction;
import io.cloudstate.tck.model.valueentity.Valueentity.Response;
import java.time.Duration;
import tck.support.Refusal;
import tck.support.ValueEntity;

/** The value-entity model: a string, stored as a message. */
public final class ValueEntityModel {
    private static final String SECOND = "cloudstate.tck.model.valueentity.ValueEntityTwo";

    public static final ValueEntity MODEL =
            new ValueEntity(
                    "cloudstate.tck.model.valueentity.ValueEntityTckModel",
                    "value-entity-tck-model",
                    null,
                    ValueEntityModel::process);

    /** Target of forwards and side effects. */
    public static final ValueEntity TWO =
            new ValueEntity(SECOND, "value-entity-tck-model-two", null, ValueEntityModel::call);

    /** An entity with options of its own. */
    public static final ValueEntity CONFIGURED =
            new ValueEntity(
                    "cloudstate.tck.model.valueentity.ValueEntityConfigured",
                    "value-entity-configured",
                    Duration.ofMillis(100),
                    ValueEntityModel::call);

    private ValueEntityModel() {}

    private static Message process(ValueEntity.ValueContext context, String command, Any request)
            throws Exception {
        if (!command.equals("Process")) {
            throw new IllegalArgumentException("no command " + command + " is here");
        }
        for (RequestAction action : request.unpack(Request.class).getActionsList()) {
            switch (action.getActionCase()) {
                case UPDATE ->
                        context.update(
                                Persisted.newBuilder()
                                        .setValue(action.getUpdate().getValue())
                                        .build());
                case DELETE -> context.delete();
                case FORWARD -> context.forward(SECOND, "Call", other(action.getForward().getId()));
                case EFFECT ->
                        context.effect(
                                SECOND,
                                "Call",
                                other(action.getEffect().getId()),
                                action.getEffect().getSynchronous());
                case FAIL -> throw new Refusal(action.getFail().getMessage());
                case ACTION_NOT_SET -> {}
            }
        }
        String state = "";
        if (context.value().isPresent()) {
            state = context.value().get().unpack(Persisted.class).getValue();
        }
        return Response.newBuilder().setMessage(state).build();
    }

    private static Message call(ValueEntity.ValueContext context, String command, Any request) {
        if (!command.equals("Call")) {
            throw new IllegalArgumentException("no command " + command + " is here");
        }
        return Response.getDefaultInstance();
    }

    private static Request other(String id) {
        return Request.newBuilder().setId(id).build();
    }
}
