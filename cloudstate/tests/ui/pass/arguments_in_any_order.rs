use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(
        id: EntityId,
        item: pb::AddItem,
        event: Option<CloudEvent>,
        cart: &mut Context<Self>,
        metadata: Metadata,
    ) -> Result<(), Failure> {
        ensure!(cart.entity_id() == &id, "the id is the entity's");
        ensure!(metadata.is_empty() && event.is_none(), "no metadata");
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
        Ok(())
    }

    #[command_handler]
    fn get_cart(_: Metadata, cart: &Context<Self>, _: pb::GetCart) -> pb::Contents {
        let products = cart.products.clone();
        pb::Contents { products }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }
}

fn main() {}
