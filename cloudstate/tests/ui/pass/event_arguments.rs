use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handles;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    last: u64,
    owner: String,
}

#[handlers(partial)]
impl Cart {
    #[event_handler]
    fn item_added(&mut self, context: EventContext<'_>, event: pb::ItemAdded, id: EntityId) {
        self.last = context.sequence();
        self.owner = format!("{id} {}", event.product);
    }

    #[event_handler]
    fn item_removed(&mut self, id: &EntityId, _: pb::ItemRemoved, context: &EventContext<'_>) {
        self.last = context.sequence();
        self.owner = id.to_string();
    }
}

fn main() {
    let removed = <Cart as Handles<pb::ItemRemoved>>::type_url();
    assert_eq!(&**removed, "type.googleapis.com/shop.ItemRemoved");
    let added = <Cart as Handles<pb::ItemAdded>>::type_url();
    assert_eq!(&**added, "type.googleapis.com/shop.ItemAdded");
}
