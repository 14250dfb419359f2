//! The crate under another name, and its types written with it.

#[path = "../shop.rs"]
mod pb;

mod vendored {
    pub use cloudstate as sdk;
}
use vendored::sdk;

#[sdk::event_sourced_entity(service = pb::Cart, crate = crate::vendored::sdk)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[sdk::handlers(partial, crate = crate::vendored::sdk)]
impl Cart {
    #[sdk::command_handler]
    fn add_item(cart: &mut sdk::Context<Self>, item: pb::AddItem, _id: sdk::EntityId) {
        let product = item.product;
        cart.emit(pb::ItemAdded { product });
    }

    #[sdk::event_handler]
    fn item_added(&mut self, event: pb::ItemAdded, _: sdk::EventContext<'_>, _: &sdk::EntityId) {
        self.products.push(event.product);
    }
}

fn main() {
    assert_eq!(<Cart as sdk::Handlers>::HANDLED, ["AddItem"]);
    assert!(sdk::Cloudstate::registered().into_user_function().is_ok());
}
