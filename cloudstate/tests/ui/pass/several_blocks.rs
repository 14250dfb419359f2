use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Handlers, testing::EventSourcedTest};

#[event_sourced_entity(service = pb::Cart, snapshot_every = 2)]
#[derive(Default)]
pub struct Cart {
    products: Vec<String>,
}

#[handlers(parts = 3)]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
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
}

mod queries {
    use super::*;

    #[handlers(part = 2)]
    impl Cart {
        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            pb::Contents {
                products: self.products.clone(),
            }
        }
    }
}

#[handlers(part = 3)]
impl Cart {
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[event_handler]
    fn item_removed(&mut self, event: pb::ItemRemoved) {
        self.products.retain(|product| *product != event.product);
    }
}

trait Price: Default + Send + 'static {}

#[derive(Default)]
struct Free;

impl Price for Free {}

#[value_entity(service = pb::Archive, persistence_id = "archive")]
#[derive(Default)]
struct Archive<P: Price> {
    products: Vec<String>,
    _price: P,
}

#[handlers(parts = 2, partial)]
impl<P: Price> Archive<P> {
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
}

#[handlers(part = 2)]
impl<P: Price> Archive<P> {
    #[command_handler]
    fn find(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }
}

fn main() {
    assert_eq!(Cart::handled("AddItem"), Some("AddItem"));
    assert_eq!(Cart::handled("GetCart"), Some("GetCart"));
    assert_eq!(Cart::handled("Find"), None);
    assert_eq!(Archive::<Free>::handled("Find"), Some("Find"));

    let mut cart = EventSourcedTest::<Cart>::new("cart-1");
    for product in ["tea", "milk"] {
        let added = cart.command(
            pb::Cart::AddItem,
            pb::AddItem {
                cart: "cart-1".into(),
                product: product.into(),
            },
        );
        assert!(added.is_reply());
    }
    let mut cart = cart.given(pb::ItemRemoved {
        product: "tea".into(),
    });
    let request = pb::GetCart {
        cart: "cart-1".into(),
    };
    let contents = cart.command(pb::Cart::GetCart, request);
    assert_eq!(contents.reply().products, ["milk"]);

    let cloudstate = cloudstate::Cloudstate::new();
    let cloudstate = cloudstate.register::<Cart>().register::<Archive<Free>>();
    assert!(cloudstate.into_user_function().is_ok());
}
