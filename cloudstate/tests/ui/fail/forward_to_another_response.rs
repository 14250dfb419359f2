use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn get_cart(&self, request: pb::GetCart) -> Result<Forward<pb::rpc::cart::AddItem>, Failure> {
        let product = String::new();
        Ok(Forward::to(
            pb::Cart::AddItem,
            pb::AddItem {
                cart: request.cart,
                product,
            },
        ))
    }
}

fn main() {}
