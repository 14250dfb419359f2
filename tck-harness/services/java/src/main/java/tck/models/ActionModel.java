package tck.models;

import com.google.protobuf.Any;
import io.cloudstate.tck.model.action.Action.OtherRequest;
import io.cloudstate.tck.model.action.Action.ProcessGroup;
import io.cloudstate.tck.model.action.Action.ProcessStep;
import io.cloudstate.tck.model.action.Action.Request;
import io.cloudstate.tck.model.action.Action.Response;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import tck.support.Action;

/** The action model: a group of steps makes a response. */
public final class ActionModel {
    private static final String SECOND = "cloudstate.tck.model.action.ActionTwo";

    public static final Action MODEL =
            new Action(
                    "cloudstate.tck.model.action.ActionTckModel",
                    Map.of(
                            "ProcessUnary", Together::new,
                            "ProcessStreamedIn", Together::new,
                            "ProcessStreamedOut", () -> ActionModel::each,
                            "ProcessStreamed", () -> ActionModel::each));

    /** Target of forwards and side effects. */
    public static final Action TWO =
            new Action(SECOND, Map.of("Call", () -> ActionModel::call));

    private ActionModel() {}

    /** Answers all groups of all requests with one response. */
    private static final class Together implements Action.Handler {
        private final List<ProcessGroup> groups = new ArrayList<>();

        @Override
        public void request(
                Map<String, String> metadata, Any request, Consumer<Action.Response> respond)
                throws Exception {
            groups.addAll(request.unpack(Request.class).getGroupsList());
        }

        @Override
        public void end(Consumer<Action.Response> respond) {
            respond.accept(response(groups));
        }
    }

    /** Answers each group as soon as its request is there. */
    private static void each(
            Map<String, String> metadata, Any request, Consumer<Action.Response> respond)
            throws Exception {
        for (ProcessGroup group : request.unpack(Request.class).getGroupsList()) {
            respond.accept(response(List.of(group)));
        }
    }

    private static void call(
            Map<String, String> metadata, Any request, Consumer<Action.Response> respond) {
        Action.Response response = new Action.Response();
        response.reply(Response.getDefaultInstance());
        respond.accept(response);
    }

    /** The last answer that the groups ask for, if any, with all their side effects. */
    private static Action.Response response(List<ProcessGroup> groups) {
        Action.Response response = new Action.Response();
        for (ProcessGroup group : groups) {
            for (ProcessStep step : group.getStepsList()) {
                switch (step.getStepCase()) {
                    case REPLY ->
                            response.reply(
                                    Response.newBuilder()
                                            .setMessage(step.getReply().getMessage())
                                            .build());
                    case FORWARD ->
                            response.forward(SECOND, "Call", other(step.getForward().getId()));
                    case FAIL -> response.fail(step.getFail().getMessage());
                    case EFFECT ->
                            response.effect(
                                    SECOND,
                                    "Call",
                                    other(step.getEffect().getId()),
                                    step.getEffect().getSynchronous());
                    case STEP_NOT_SET -> {}
                }
            }
        }
        return response;
    }

    private static OtherRequest other(String id) {
        return OtherRequest.newBuilder().setId(id).build();
    }
}
