use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::ValueEntity;

#[value_entity(service = pb::Cart, json)]
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        cart.products.push(item.product);
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }
}

#[value_entity(service = pb::Archive, json)]
#[json(name = "archive", version = 2)]
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Named;

#[handlers(partial)]
impl Named {}

#[value_entity(service = pb::Feed, json)]
#[derive(Default, serde::Serialize, serde::Deserialize, Json)]
#[json(name = "feed")]
struct Derived;

#[handlers(partial)]
impl Derived {}

fn main() {
    let products = vec!["tea".into()];
    let stored = Cart { products }.store();
    assert_eq!(stored.type_url, "json.cloudstate.io/Cart");
    let mut cart = Cart::default();
    cart.load(&stored).unwrap();
    assert_eq!(cart.products, ["tea"]);

    let named = Named.store();
    assert_eq!(named.type_url, "json.cloudstate.io/archive.v2");
    assert_eq!(Derived.store().type_url, "json.cloudstate.io/feed");
    let error = cart.load(&named).unwrap_err().to_string();
    assert!(error.contains("archive.v2"), "{error}");
}
