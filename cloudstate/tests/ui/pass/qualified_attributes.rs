#[path = "../shop.rs"]
mod pb;

#[cloudstate::event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[cloudstate::handlers]
impl Cart {
    #[cloudstate::command_handler]
    fn add_item(
        cart: &mut cloudstate::Context<Self>,
        _item: pb::AddItem,
        _id: cloudstate::EntityId,
    ) {
        cart.emit(pb::ItemAdded::default());
    }

    #[::cloudstate::command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }

    #[cloudstate::event_handler]
    fn item_added(&mut self, _: pb::ItemAdded, _: cloudstate::EventContext<'_>) {}

    #[cloudstate::snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved::default()
    }

    #[cloudstate::snapshot_handler]
    fn restore(&mut self, _: pb::Saved) {}
}

fn main() {}
