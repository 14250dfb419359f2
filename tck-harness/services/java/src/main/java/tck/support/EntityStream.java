package tck.support;

import io.cloudstate.protocol.EntityOuterClass.Command;
import io.cloudstate.protocol.EntityOuterClass.Failure;
import io.grpc.stub.StreamObserver;

/** The stream of one live entity: init, then what is stored, then one reply for each command, in order. */
abstract class EntityStream<I, O> implements StreamObserver<I> {
    private final StreamObserver<O> out;
    private boolean initialised;
    private boolean ended;
    private String entityId;

    EntityStream(StreamObserver<O> out) {
        this.out = out;
    }

    /** Gives the reply, if the message is a command. */
    abstract O receive(I message) throws Exception;

    /** Id of the message's command; 0 if it is none. */
    abstract long commandId(I message);

    abstract O failure(Failure failure);

    void init(String id) {
        if (initialised) {
            throw new IllegalStateException("there is a second init");
        }
        initialised = true;
        entityId = id;
    }

    void checkInitialised() {
        if (!initialised) {
            throw new IllegalStateException("the first message is no init");
        }
    }

    void check(Command command) {
        checkInitialised();
        if (!command.getEntityId().equals(entityId)) {
            throw new IllegalArgumentException(
                    "the command is for " + command.getEntityId() + ", the stream for " + entityId);
        }
    }

    @Override
    public void onNext(I message) {
        if (ended) {
            return;
        }
        // Without an init nothing is known of commands.
        long commandId = initialised ? commandId(message) : 0;
        try {
            O reply = receive(message);
            if (reply != null) {
                out.onNext(reply);
            }
        } catch (Exception exception) {
            ended = true;
            System.err.println(exception);
            out.onNext(
                    failure(
                            Failure.newBuilder()
                                    .setCommandId(commandId)
                                    .setDescription(String.valueOf(exception.getMessage()))
                                    .build()));
            out.onCompleted();
        }
    }

    @Override
    public void onError(Throwable cancelled) {
        // The proxy has gone: there is nobody to be told.
    }

    @Override
    public void onCompleted() {
        if (!ended) {
            out.onCompleted();
        }
    }
}
