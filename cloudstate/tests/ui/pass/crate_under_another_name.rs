mod sdk {
    pub use cloudstate::*;
}

use sdk::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart, crate = crate::sdk)]
#[derive(Default)]
struct Cart;

#[handlers(crate = crate::sdk)]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }

    #[event_handler]
    fn item_added(&mut self, _: pb::ItemAdded) {}
}

fn main() {}
