use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart, snapshot_every = -1)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {}

fn main() {}
