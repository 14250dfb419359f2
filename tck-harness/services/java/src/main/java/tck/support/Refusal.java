package tck.support;

/** A handler's way to say no: the caller gets the text. Every other exception is a defect and ends the stream. */
public final class Refusal extends RuntimeException {
    public Refusal(String description) {
        super(description);
    }
}
