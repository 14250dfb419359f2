use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers;

macro_rules! cart {
    ($name:ident, $service:path, $request:ty, $event:ty, $context:ty) => {
        #[event_sourced_entity(service = $service)]
        #[derive(Default)]
        struct $name {
            count: usize,
        }

        #[handlers(partial)]
        impl $name {
            #[command_handler]
            fn add_item(cart: $context, _item: $request, id: EntityId) -> Result<(), Failure> {
                ensure!(!id.is_empty(), "no id");
                cart.emit(<$event>::default());
                Ok(())
            }

            #[command_handler]
            fn get_cart(&self) -> pb::Contents {
                pb::Contents::default()
            }

            #[event_handler]
            fn item_added(&mut self, _event: $event, _context: &EventContext<'_>) {
                self.count += 1;
            }
        }
    };
}

cart!(
    Cart,
    pb::Cart,
    pb::AddItem,
    pb::ItemAdded,
    &mut Context<Self>
);

fn main() {
    assert_eq!(Cart::HANDLED, ["AddItem", "GetCart"]);
}
