//! The code of `docs/testing.md`; the tests of the examples hold the page to it.

use cloudstate::{
    Cloudstate,
    crdt::ORSet,
    prelude::*,
    testing::{ActionTest, Command, CrdtTest, EventSourcedTest, Service, ValueEntityTest},
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

mod pb {
    include!("../ui/shop.rs");
}

/// What version 1 of the program stored.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "added")]
struct AddedV1 {
    name: String,
}

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10, register = false)]
#[derive(Debug, Default, PartialEq)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        let product = item.product;
        ensure!(
            !cart.products.contains(&product),
            "{product} is in the cart"
        );
        cart.emit(pb::ItemAdded { product });
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
        let products = self.products.clone();
        pb::Saved { products }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }

    #[upcaster]
    fn from_v1(old: AddedV1) -> pb::ItemAdded {
        pb::ItemAdded { product: old.name }
    }
}

fn added(product: &str) -> pb::ItemAdded {
    let product = product.to_owned();
    pb::ItemAdded { product }
}

fn add(product: &str) -> pb::AddItem {
    let (cart, product) = ("cart-1".to_owned(), product.to_owned());
    pb::AddItem { cart, product }
}

fn get() -> pb::GetCart {
    let cart = "cart-1".to_owned();
    pb::GetCart { cart }
}

#[test]
fn a_product_is_in_the_cart_once() {
    let mut cart = EventSourcedTest::<Cart>::new("cart-1").given(added("tea"));

    let outcome = cart.command(pb::Cart::AddItem, add("milk"));
    assert_eq!(outcome.events(), [added("milk")]);

    let outcome = cart.command(pb::Cart::AddItem, add("tea"));
    assert_eq!(outcome.failure(), "tea is in the cart");
    assert_eq!(cart.state().products, ["tea", "milk"]);
}

#[test]
fn journals_of_version_1_are_read() {
    let name = "tea".to_owned();
    let cart = EventSourcedTest::<Cart>::new("cart-1").given(AddedV1 { name });
    assert_eq!(cart.state().products, ["tea"]);
}

proptest! {
    #[test]
    fn no_history_loses_state(products in prop::collection::vec("[a-e]", 0..30)) {
        let adds = products.iter().map(|product| Command::to(pb::Cart::AddItem, add(product)));
        EventSourcedTest::<Cart>::new("cart-1").assert_survives(adds);
    }
}

#[value_entity(extern_service = pb::Cart, json, register = false)]
#[derive(Default, Serialize, Deserialize)]
struct Basket {
    products: Vec<String>,
}

#[handlers(partial)]
impl Basket {
    #[command_handler]
    fn add_item(basket: &mut Context<Self>, item: pb::AddItem) {
        match &*item.product {
            "nothing" => basket.delete(),
            _ => basket.products.push(item.product),
        }
    }
}

#[test]
fn a_basket_can_be_emptied() {
    let products = vec!["tea".to_owned()];
    let mut basket = ValueEntityTest::<Basket>::new("cart-1").given(Basket { products });

    let outcome = basket.command(pb::Cart::AddItem, add("milk"));
    assert_eq!(outcome.stored::<Basket>().products, ["tea", "milk"]);

    let outcome = basket.command(pb::Cart::AddItem, add("nothing"));
    assert!(outcome.is_deleted());
    assert!(basket.state().products.is_empty());
}

#[crdt_entity(extern_service = pb::Cart, register = false)]
#[derive(Default)]
struct Shelf {
    #[crdt]
    products: ORSet<String>,
}

#[handlers(partial)]
impl Shelf {
    #[command_handler]
    fn add_item(shelf: &mut Context<Self>, item: pb::AddItem) {
        shelf.products.insert(item.product);
    }
}

#[test]
fn what_two_nodes_put_on_a_shelf_is_there() {
    let mut shelves = CrdtTest::<Shelf>::new("shelf-1", 2);
    shelves[0].command(pb::Cart::AddItem, add("tea")).reply();
    shelves[1].command(pb::Cart::AddItem, add("milk")).reply();
    assert_eq!(shelves[0].state().products.len(), 1);

    shelves.exchange();
    shelves.assert_converged();
    assert_eq!(shelves[0].state().products.len(), 2);
}

#[action(service = pb::Archive, register = false)]
struct Archive;

#[handlers]
impl Archive {
    #[call_handler]
    async fn find(&self, request: pb::GetCart) -> Reply<pb::Contents> {
        Reply::forward(Forward::to(pb::Cart::GetCart, request))
    }
}

#[tokio::test]
async fn the_archive_asks_the_cart() {
    let archive = ActionTest::new(Archive);
    let answer = archive.call(pb::Archive::Find, get()).await;
    assert_eq!(answer.forward(pb::Cart::GetCart), get());
}

#[tokio::test]
async fn a_cart_outlives_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let cloudstate = Cloudstate::new().register::<Cart>();
    let mut service = Service::start_in(cloudstate, directory.path()).await;
    service.call(pb::Cart::AddItem, add("tea")).await.unwrap();

    service.restart().await;
    let contents = service.call(pb::Cart::GetCart, get()).await.unwrap();
    assert_eq!(contents.products, ["tea"]);
}
