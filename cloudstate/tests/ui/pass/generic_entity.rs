use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Cloudstate, Handlers};

trait Prices: Default + Send + 'static {
    fn of(&self, product: &str) -> u64;
}

#[derive(Default)]
struct Free;

impl Prices for Free {
    fn of(&self, _: &str) -> u64 {
        0
    }
}

#[event_sourced_entity(service = pb::Cart, snapshot_every = 5)]
struct Cart<P, const LIMIT: usize>
where
    P: Prices,
{
    products: Vec<String>,
    prices: P,
}

#[handlers]
impl<P: Prices, const LIMIT: usize> Cart<P, LIMIT> {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        ensure!(cart.products.len() < LIMIT, "at most {LIMIT}");
        ensure!(cart.prices.of(&item.product) == 0, "not free");
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved::default()
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

fn main() {
    assert_eq!(Cart::<Free, 3>::HANDLED, ["AddItem", "GetCart"]);
    let create = |_: &EntityId| Cart::<Free, 3> {
        products: Vec::new(),
        prices: Free,
    };
    let service = Cloudstate::new().register_with(create);
    assert!(service.into_user_function().is_ok());
}
