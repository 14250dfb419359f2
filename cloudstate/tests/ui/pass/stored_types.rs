use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Any, Handlers, Payload, ReplayError};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Json)]
struct ItemAdded {
    product: String,
    #[serde(default)]
    quantity: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Json)]
#[json(name = "shop.cart", version = 3)]
enum State {
    Empty,
    Filled { products: Vec<String> },
}

#[derive(Serialize, Deserialize, cloudstate::Json)]
#[json(name = "first", version = 1, crate = ::cloudstate)]
struct First;

#[derive(Serialize, Deserialize, cloudstate::Json)]
#[allow(non_camel_case_types)]
struct r#type;

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        if item.product.starts_with('-') {
            cart.emit(item.product);
        } else {
            cart.emit(ItemAdded {
                product: item.product,
                quantity: 1,
            });
        }
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }

    #[event_handler]
    fn item_added(&mut self, event: ItemAdded) {
        self.products.push(event.product);
    }

    #[event_handler]
    fn item_removed(&mut self, product: String) {
        self.products.retain(|present| *present != product[1..]);
    }

    #[snapshot]
    fn save(&self) -> State {
        State::Filled {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: State) {
        self.products = match saved {
            State::Empty => Vec::new(),
            State::Filled { products } => products,
        };
    }
}

fn main() {
    let event = ItemAdded {
        product: "tea".into(),
        quantity: 2,
    };
    let any = event.to_any();
    assert_eq!(any.type_url, "json.cloudstate.io/ItemAdded");
    assert_eq!(&any.value[2..], br#"{"product":"tea","quantity":2}"#);
    assert_eq!(ItemAdded::from_any(&any).unwrap().unwrap(), event);
    assert!(String::from_any(&any).is_none());

    assert_eq!(First::type_url(), "json.cloudstate.io/first");
    assert_eq!(r#type::type_url(), "json.cloudstate.io/type");

    let cart = Cart {
        products: vec!["tea".into()],
    };
    let snapshot = cart.take_snapshot().unwrap();
    assert_eq!(snapshot.type_url, "json.cloudstate.io/shop.cart.v3");
    let mut restored = Cart::default();
    restored.restore_snapshot(&snapshot).unwrap();
    assert_eq!(restored.products, ["tea"]);
    restored
        .restore_snapshot(&State::Empty.to_any())
        .unwrap();
    assert!(restored.products.is_empty());

    let broken = Any {
        value: "\n\u{2}{}".into(),
        ..snapshot
    };
    let error = restored.restore_snapshot(&broken).unwrap_err();
    assert!(matches!(error, ReplayError::Decode { kind: "snapshot", .. }));
    assert!(error.to_string().contains("json.cloudstate.io/shop.cart.v3"));
}
