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
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
    }

    #[event_handler]
    fn item_removed(&mut self, event: pb::ItemRemoved) {
        self.products.retain(|product| *product != event.product);
    }
}

fn main() {}
