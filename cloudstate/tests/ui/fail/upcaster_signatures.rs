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
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[upcaster]
    fn without_types() {}

    #[upcaster]
    fn without_result(_old: String) {}

    #[upcaster]
    fn with_state(&self, _old: i32) -> pb::ItemAdded {
        pb::ItemAdded::default()
    }

    #[upcaster]
    fn borrows(_old: &i64) -> pb::ItemAdded {
        pb::ItemAdded::default()
    }

    #[upcaster]
    fn takes_more(_old: bool, _id: EntityId) -> pb::ItemAdded {
        pb::ItemAdded::default()
    }

    #[upcaster]
    async fn waits(_old: f32) -> pb::ItemAdded {
        pb::ItemAdded::default()
    }

    #[upcaster(from = 1)]
    fn with_options(_old: f64) -> pb::ItemAdded {
        pb::ItemAdded::default()
    }

    #[upcaster]
    fn goes_nowhere(old: pb::Saved) -> pb::Saved {
        old
    }
}

fn main() {}
