use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Any, Handlers, ReplayError};

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[snapshot]
    fn save(&self) -> pb::Saved {
        let products = self.products.clone();
        pb::Saved { products }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

fn main() {
    let cart = Cart {
        products: vec!["tea".to_owned()],
    };
    let snapshot = cart.take_snapshot().unwrap();
    assert_eq!(snapshot.type_name(), "shop.Saved");

    let mut restored = Cart::default();
    restored.restore_snapshot(&snapshot).unwrap();
    assert_eq!(restored.products, ["tea"]);

    let other = Any::pack(&pb::ItemAdded::default());
    let error = restored.restore_snapshot(&other).unwrap_err();
    assert!(matches!(
        error,
        ReplayError::NoHandler {
            kind: "snapshot",
            ..
        }
    ));
    let broken = Any {
        value: vec![0xff].into(),
        ..snapshot
    };
    let error = restored.restore_snapshot(&broken).unwrap_err();
    assert!(matches!(
        error,
        ReplayError::Decode {
            kind: "snapshot",
            ..
        }
    ));
    assert_eq!(restored.products, ["tea"]);
}
