use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Any, Handlers, Payload, Snapshots};
use serde::{Deserialize, Serialize};

/// The first form of an event: JSON.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "added")]
struct AddedV1 {
    name: String,
}

/// The second.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "added", version = 2)]
struct AddedV2 {
    product: String,
    quantity: u32,
}

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }

    #[upcaster]
    fn counted(old: AddedV1) -> AddedV2 {
        AddedV2 {
            product: old.name,
            quantity: 1,
        }
    }

    #[upcaster]
    fn as_message(old: AddedV2) -> pb::ItemAdded {
        pb::ItemAdded {
            product: format!("{} {}", old.quantity, old.product),
        }
    }

    #[cfg(any())]
    #[upcaster]
    fn of_a_feature_that_is_off(old: NoSuchType) -> pb::ItemAdded {
        old.into()
    }

    /// Snapshots were a list in one text.
    #[upcaster]
    fn split(old: String) -> pb::Saved {
        pb::Saved {
            products: old.split(',').map(str::to_owned).collect(),
        }
    }
}

#[value_entity(service = pb::Archive)]
#[derive(Default)]
struct Archive {
    products: Vec<String>,
}

#[handlers(partial)]
impl Archive {
    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }

    #[upcaster]
    fn single(old: pb::ItemAdded) -> pb::Saved {
        pb::Saved {
            products: vec![old.product],
        }
    }
}

/// Stored as a whole: JSON of its fields.
#[value_entity(service = pb::Feed, json)]
#[json(name = "feed", version = 2)]
#[derive(Default, Serialize, Deserialize)]
struct Feed {
    lines: Vec<String>,
}

#[handlers(partial)]
impl Feed {
    #[upcaster]
    fn of_one_line(old: AddedV1) -> Self {
        Self {
            lines: vec![old.name],
        }
    }

    #[upcaster]
    fn of_a_number(old: i64) -> AddedV1 {
        AddedV1 {
            name: old.to_string(),
        }
    }
}

fn main() {
    let mut cart = Cart::default();
    cart.restore_snapshot(&String::from("tea,milk").to_any())
        .unwrap();
    assert_eq!(cart.products, ["tea", "milk"]);
    let today = pb::Saved::default().to_any();
    assert!(Cart::read(&today).unwrap().unwrap().products.is_empty());
    assert!(Cart::read(&true.to_any()).is_none());

    let broken = Any {
        value: "\u{9}".into(),
        ..String::new().to_any()
    };
    assert!(cart.restore_snapshot(&broken).is_err());
    assert_eq!(cart.products, ["tea", "milk"]);

    let mut archive = Archive::default();
    let stored = pb::ItemAdded {
        product: "tea".into(),
    };
    cloudstate::ValueEntity::load(&mut archive, &stored.to_any()).unwrap();
    assert_eq!(archive.products, ["tea"]);

    let mut feed = Feed::default();
    cloudstate::ValueEntity::load(&mut feed, &7_i64.to_any()).unwrap();
    assert_eq!(feed.lines, ["7"]);
    let stored = Feed::to_any(&feed);
    assert_eq!(stored.type_url, "json.cloudstate.io/feed.v2");
    let old = AddedV1 {
        name: "tea".into(),
    };
    cloudstate::ValueEntity::load(&mut feed, &old.to_any()).unwrap();
    assert_eq!(feed.lines, ["tea"]);
    cloudstate::ValueEntity::load(&mut feed, &stored).unwrap();
    assert_eq!(feed.lines, ["7"]);
    assert!(cloudstate::ValueEntity::load(&mut feed, &true.to_any()).is_err());
}
