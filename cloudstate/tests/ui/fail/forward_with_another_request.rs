use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn get_cart(&self, request: pb::GetCart) -> Forward<pb::rpc::archive::Find> {
        let product = String::new();
        Forward::to(pb::Archive::Find, pb::AddItem { cart: request.cart, product })
    }
}

fn main() {}
