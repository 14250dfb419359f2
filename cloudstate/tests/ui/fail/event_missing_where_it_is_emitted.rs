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
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        let product = item.product;
        cart.emit(pb::ItemAdded { product });
    }

    #[event_handler]
    fn item_added(&mut self) {}
}

fn main() {}
