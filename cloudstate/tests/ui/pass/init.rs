use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Cloudstate, Create};

/// Has no `Default`: a cart belongs to someone.
#[event_sourced_entity(service = pb::Cart, init = Cart::of)]
struct Cart {
    owner: EntityId,
    products: Vec<String>,
}

impl Cart {
    fn of(owner: &EntityId) -> Self {
        Self {
            owner: owner.clone(),
            products: Vec::new(),
        }
    }
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }
}

/// Its `Default` is not where it starts.
#[value_entity(service = pb::Archive, init = Self::full, json)]
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Archive {
    carts: u32,
}

impl Archive {
    fn full(_: &EntityId) -> Self {
        Self { carts: 7 }
    }
}

#[handlers(partial)]
impl Archive {}

#[value_entity(service = pb::Feed, init = make, json)]
#[derive(serde::Serialize, serde::Deserialize)]
struct Feed(u32);

fn make(id: &EntityId) -> Feed {
    Feed(u32::try_from(id.len()).unwrap())
}

#[handlers(partial)]
impl Feed {}

fn main() {
    let id = EntityId::new("ann");
    assert_eq!(Cart::create(&id).owner.as_str(), "ann");
    assert_eq!(Archive::create(&id).carts, 7);
    assert_eq!(Feed::create(&id).0, 3);
    let user_function = Cloudstate::new().register::<Cart>().into_user_function();
    assert!(user_function.is_ok());
    let registered = Cloudstate::registered().into_user_function().unwrap();
    assert_eq!(registered.spec().entities.len(), 3);
}
