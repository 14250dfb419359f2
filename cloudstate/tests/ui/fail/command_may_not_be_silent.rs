use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn get_cart(&self) -> MaybeReply<pb::Contents> {
        MaybeReply::none()
    }
}

fn main() {}
