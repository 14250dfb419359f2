use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[derive(Json)]
struct Added(String);

#[handlers(partial)]
impl Cart {
    #[event_handler]
    fn item_added(&mut self, event: Added) {
        self.products.push(event.0);
    }
}

fn main() {}
