use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10)]
#[derive(Default)]
struct Cart;

struct Saved(u32);

#[handlers(partial)]
impl Cart {
    #[snapshot]
    fn save(&self) -> Saved {
        Saved(7)
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: Saved) {
        let _ = saved.0;
    }
}

fn main() {}
