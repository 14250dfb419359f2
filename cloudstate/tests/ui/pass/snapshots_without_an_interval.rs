use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers;

/// It reads the snapshots of earlier, and takes none.
#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved::default()
    }

    #[snapshot_handler]
    fn restore(&mut self, _: pb::Saved) {}
}

fn main() {
    assert!(Cart.take_snapshot().is_some());
}
