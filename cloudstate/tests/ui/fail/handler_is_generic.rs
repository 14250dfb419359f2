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
    fn add_item<T>(&self, _item: T)
    where
        T: Default,
    {
    }

    #[command_handler]
    fn get_cart(&self, _request: impl Into<String>) -> impl Into<pb::Contents> {
        pb::Contents::default()
    }
}

fn main() {}
