use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Feed)]
#[derive(Default)]
struct Feed;

#[handlers]
impl Feed {}

fn main() {}
