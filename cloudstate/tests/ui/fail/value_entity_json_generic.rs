use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[value_entity(service = pb::Cart, json)]
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Cart<P: Send + 'static> {
    products: Vec<P>,
}

#[handlers(partial)]
impl<P: Send + 'static> Cart<P> {}

fn main() {}
