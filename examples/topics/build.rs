//! Compiles the contract of every example.

fn main() -> Result<(), cloudstate_build::Error> {
    cloudstate_build::configure()
        .include("proto")
        // The value entity serves the shopping cart's contract.
        .include("../shopping-cart/proto")
        .conversion("AddLineItem", "persistence.LineItem")
        .conversion("persistence.LineItem", "LineItem")
        .compile(&[
            "../shopping-cart/proto/shoppingcart.proto",
            "proto/bills.proto",
            "proto/checkout.proto",
            "proto/freezers.proto",
            "proto/parcels.proto",
            "proto/presence.proto",
            "proto/texts.proto",
            "proto/votes.proto",
        ])
}
