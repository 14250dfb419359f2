//! The test kit of value entities.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cloudstate::{prelude::*, testing::ValueEntityTest};

mod pb {
    include!("../ui/shop.rs");
}

#[value_entity(service = pb::Cart, register = false)]
#[derive(Debug, Default)]
struct Cart {
    products: Vec<String>,
    limit: usize,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        match &*item.product {
            "nothing" => cart.delete(),
            "bomb" => panic!("no bombs"),
            _ => cart.products.push(item.product),
        }
        let limit = cart.limit.max(2);
        ensure!(cart.products.len() <= limit, "{} is full", cart.entity_id());
        let find = pb::GetCart { cart: item.cart };
        cart.effect(SideEffect::to(pb::Archive::Find, find));
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        let products = self.products.clone();
        pb::Saved { products }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        assert!(!saved.products.contains(&"poison".into()), "poisoned");
        self.products = saved.products;
    }

    #[upcaster]
    fn split(old: String) -> pb::Saved {
        let products = old.split(',').map(str::to_owned).collect();
        pb::Saved { products }
    }
}

fn add(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: "c".into(),
        product: product.into(),
    }
}

fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).err().unwrap();
    panic.downcast_ref::<String>().cloned().unwrap()
}

#[test]
fn a_command_leads_to_a_value_that_is_loaded_again() {
    let mut cart = ValueEntityTest::<Cart>::new("c").given(String::from("tea"));
    assert_eq!(cart.state().products, ["tea"]);
    let outcome = cart.command(pb::Cart::AddItem, add("milk"));
    assert_eq!(outcome.reply(), &());
    assert_eq!(outcome.stored::<pb::Saved>().products, ["tea", "milk"]);
    assert!(outcome.effects()[0].is_to(pb::Archive::Find));
    assert_eq!(cart.state().products, ["tea", "milk"]);

    let outcome = cart.command(pb::Cart::GetCart, pb::GetCart::default());
    assert_eq!(outcome.reply().products, ["tea", "milk"]);
    assert!(outcome.is_unchanged());
}

#[test]
fn a_failed_command_leaves_no_trace() {
    let mut cart = ValueEntityTest::<Cart>::new("c").given(String::from("tea,milk"));
    let stored = cart.value();
    let outcome = cart.command(pb::Cart::AddItem, add("salt"));
    assert_eq!(outcome.failure(), "c is full");
    assert!(outcome.is_unchanged() && outcome.effects().is_empty());
    let outcome = cart.command(pb::Cart::AddItem, add("bomb"));
    assert_eq!(outcome.defect(), "no bombs");
    assert_eq!(cart.state().products, ["tea", "milk"]);
    assert_eq!(cart.value(), stored);
}

#[test]
fn a_deleted_entity_begins_anew() {
    let mut cart = ValueEntityTest::with("c", |_| Cart {
        limit: 9,
        ..Cart::default()
    });
    cart.command(pb::Cart::AddItem, add("tea")).reply();
    let outcome = cart.command(pb::Cart::AddItem, add("nothing"));
    assert!(outcome.is_deleted());
    assert!(cart.value().is_none());
    assert_eq!((cart.state().products.len(), cart.state().limit), (0, 9));
}

#[test]
fn what_cannot_be_loaded_fails_the_test() {
    let text = panic_of(|| ValueEntityTest::<Cart>::new("c").given(7_i64));
    assert!(
        text.contains("Cart `c` cannot be loaded from what it has stored"),
        "{text}"
    );
    let mut cart = ValueEntityTest::<Cart>::new("c");
    let text = panic_of(|| cart.command(pb::Cart::AddItem, add("poison")));
    assert!(text.ends_with("stored: poisoned"), "{text}");
    let text = panic_of(|| {
        let mut cart = ValueEntityTest::<Cart>::new("c");
        let outcome = cart.command(pb::Cart::GetCart, pb::GetCart::default());
        outcome.stored::<pb::Saved>()
    });
    assert_eq!(
        text,
        "expected a value to be stored, and the change is None; GetCart replied shop.Contents{}"
    );
}
