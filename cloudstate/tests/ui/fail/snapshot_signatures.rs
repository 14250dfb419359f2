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
    #[snapshot]
    fn save(&mut self, _id: EntityId) {}

    #[snapshot_handler]
    fn restore(&self, _saved: &pb::Saved, _id: EntityId) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
