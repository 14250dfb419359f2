use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers as _;

#[event_sourced_entity(service = pb::Cart, snapshot_every = 1)]
#[derive(Default)]
struct Cart {
    applied: usize,
}

#[handlers]
impl Cart {
    const HANDLED: usize = 7;

    #[command_handler(name = "AddItem")]
    fn handle(cart: &mut Context<Self>) {
        cart.emit(pb::ItemAdded::default());
        cart.emit(pb::ItemRemoved::default());
    }

    #[command_handler(name = "GetCart")]
    fn create(&self) -> pb::Contents {
        pb::Contents::default()
    }

    #[event_handler]
    fn apply(&mut self, _: pb::ItemAdded) {
        self.type_url();
    }

    #[event_handler]
    fn replay(&mut self, _: pb::ItemRemoved) {
        self.type_url();
    }

    #[snapshot]
    fn restore_snapshot(&self) -> pb::Saved {
        let products = vec![String::new(); self.applied];
        pb::Saved { products }
    }

    #[snapshot_handler]
    fn take_snapshot(&mut self, saved: pb::Saved) {
        self.applied = saved.products.len();
    }

    fn type_url(&mut self) {
        self.applied += Self::HANDLED;
    }
}

impl Cart {
    fn save() {}
    fn restore() {}
}

fn main() {
    Cart::save();
    Cart::restore();
    let mut cart = Cart { applied: 3 };
    let snapshot = <Cart as cloudstate::Handlers>::take_snapshot(&cart).unwrap();
    cart.applied = 0;
    <Cart as cloudstate::Handlers>::restore_snapshot(&mut cart, &snapshot).unwrap();
    assert_eq!(cart.applied, 3);
}
