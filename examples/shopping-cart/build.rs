//! Compiles the cart's contract.

fn main() -> Result<(), cloudstate_build::Error> {
    cloudstate_build::configure()
        // The command's fields go into the event, and the state's into the reply.
        .conversion("AddLineItem", "persistence.LineItem")
        .conversion("persistence.LineItem", "LineItem")
        .compile(&["proto/shoppingcart.proto"])
}
