package tck.models;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.util.JsonFormat;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.EffectRequest;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.EmitEventRequest;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.EventOne;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.EventTwo;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.JsonEvent;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.ProcessStep;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing.Response;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import tck.support.Action;
import tck.support.EventSourced;
import tck.support.Refusal;

/** The eventing models: two entities that emit, and an action that is subscribed to their events. */
public final class EventLogModel {
    private static final String PACKAGE = "cloudstate.tck.model.eventlogeventing.";
    private static final String MODEL = PACKAGE + "EventLogSubscriberModel";

    /** Emits what it is given. */
    public static final EventSourced ONE =
            new EventSourced(
                    PACKAGE + "EventSourcedEntityOne", "eventlogeventing-one", null, 0, Emitter::new);

    /** Emits JSON. */
    public static final EventSourced TWO =
            new EventSourced(
                    PACKAGE + "EventSourcedEntityTwo", "eventlogeventing-two", null, 0, Emitter::new);

    /** Is called with the entities' events, which the options of its methods ask for. */
    public static final Action SUBSCRIBER =
            new Action(
                    MODEL,
                    Map.of(
                            "ProcessEventOne", () -> EventLogModel::one,
                            "ProcessEventTwo", () -> EventLogModel::two,
                            "ProcessAnyEvent", () -> EventLogModel::json,
                            "Effect", () -> EventLogModel::effect));

    private EventLogModel() {}

    private static final class Emitter implements EventSourced.State {
        @Override
        public void apply(Any event) {}

        @Override
        public Message handle(EventSourced.EventContext context, String command, Any request)
                throws Exception {
            switch (command) {
                case "EmitEvent" -> {
                    EmitEventRequest emit = request.unpack(EmitEventRequest.class);
                    switch (emit.getEventCase()) {
                        case EVENT_ONE -> context.emit(emit.getEventOne());
                        case EVENT_TWO -> context.emit(emit.getEventTwo());
                        case EVENT_NOT_SET -> throw new Refusal("event is missing");
                    }
                }
                case "EmitJsonEvent" ->
                        context.emit(packJson(request.unpack(JsonEvent.class)));
                default ->
                        throw new IllegalArgumentException("no command " + command + " is here");
            }
            return Empty.getDefaultInstance();
        }
    }

    private static void one(
            Map<String, String> metadata, Any event, Consumer<Action.Response> respond)
            throws Exception {
        List<ProcessStep> step = List.of(event.unpack(EventOne.class).getStep());
        steps(metadata, step, respond);
    }

    private static void two(
            Map<String, String> metadata, Any event, Consumer<Action.Response> respond)
            throws Exception {
        steps(metadata, event.unpack(EventTwo.class).getStepList(), respond);
    }

    private static void steps(
            Map<String, String> metadata,
            List<ProcessStep> steps,
            Consumer<Action.Response> respond) {
        String subject = metadata.get("ce-subject");
        for (ProcessStep step : steps) {
            Action.Response response = new Action.Response();
            switch (step.getStepCase()) {
                case REPLY -> response.reply(reply(subject, step.getReply().getMessage()));
                case FORWARD ->
                        response.forward(
                                MODEL,
                                "Effect",
                                EffectRequest.newBuilder()
                                        .setId(subject)
                                        .setMessage(step.getForward().getMessage())
                                        .build());
                case STEP_NOT_SET -> {}
            }
            respond.accept(response);
        }
    }

    /** Events that are no protobuf messages come as they are stored. */
    private static void json(
            Map<String, String> metadata, Any event, Consumer<Action.Response> respond)
            throws Exception {
        Action.Response response = new Action.Response();
        response.reply(reply(metadata.get("ce-subject"), unpackJson(event).getMessage()));
        respond.accept(response);
    }

    private static void effect(
            Map<String, String> metadata, Any request, Consumer<Action.Response> respond)
            throws Exception {
        EffectRequest effect = request.unpack(EffectRequest.class);
        Action.Response response = new Action.Response();
        response.reply(reply(effect.getId(), effect.getMessage()));
        respond.accept(response);
    }

    private static Response reply(String id, String message) {
        return Response.newBuilder().setId(id).setMessage(message).build();
    }

    /** JSON is stored as a message that has it in field 1. The id stays with the entity. */
    private static Any packJson(JsonEvent event) throws Exception {
        JsonEvent stored = event.toBuilder().clearId().build();
        String json = JsonFormat.printer().omittingInsignificantWhitespace().print(stored);
        return Any.newBuilder()
                .setTypeUrl("json.cloudstate.io/JsonEvent")
                .setValue(StringValue.of(json).toByteString())
                .build();
    }

    private static JsonEvent unpackJson(Any event) throws Exception {
        JsonEvent.Builder read = JsonEvent.newBuilder();
        JsonFormat.parser().merge(StringValue.parseFrom(event.getValue()).getValue(), read);
        return read.build();
    }
}
