//! An entity may be generic over what it works with; what it stores is of one type.

use cloudstate::{Handlers, Handles, prelude::*};

#[path = "../shop.rs"]
mod pb;

trait Prices: Default + Send + 'static {}

#[derive(Default)]
struct Cheap;
impl Prices for Cheap {}

#[derive(Default)]
struct Dear;
impl Prices for Dear {}

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart<P: Prices> {
    products: Vec<String>,
    _prices: P,
}

#[handlers(partial)]
impl<P: Prices> Cart<P> {
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }
}

fn main() {
    let cheap = <Cart<Cheap> as Handles<pb::ItemAdded>>::type_url();
    let dear = <Cart<Dear> as Handles<pb::ItemAdded>>::type_url();
    assert_eq!(cheap, dear);
    assert!(Cart::<Cheap>::HANDLED.is_empty());
    let service = cloudstate::Cloudstate::new().register::<Cart<Dear>>();
    assert!(service.into_user_function().is_ok());
}
