use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

/// Where the service's code is in another crate, the compiler cannot see a second entity; the start of the program does.
#[event_sourced_entity(extern_service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {}

#[event_sourced_entity(extern_service = pb::Cart)]
#[derive(Default)]
struct Basket;

#[handlers(partial)]
impl Basket {}

fn main() {
    let error = cloudstate::Cloudstate::registered()
        .into_user_function()
        .unwrap_err();
    assert!(error.to_string().contains("shop.Cart"), "{error}");
}
