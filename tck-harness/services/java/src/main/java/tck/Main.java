package tck;

import java.util.List;

import tck.models.ActionModel;
import tck.models.EventLogModel;
import tck.models.EventSourcedModel;
import tck.models.ValueEntityModel;
import tck.support.Service;

/** Serves the TCK's models on HOST and PORT. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        new Service(
                        "tck-models-java",
                        "0.1.0",
                        List.of(
                                EventSourcedModel.MODEL,
                                EventSourcedModel.TWO,
                                EventSourcedModel.CONFIGURED,
                                EventLogModel.ONE,
                                EventLogModel.TWO),
                        List.of(
                                ValueEntityModel.MODEL,
                                ValueEntityModel.TWO,
                                ValueEntityModel.CONFIGURED),
                        List.of(ActionModel.MODEL, ActionModel.TWO, EventLogModel.SUBSCRIBER))
                .serve();
    }
}
