use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart, passivate_after = "0s")]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {}

fn main() {}
