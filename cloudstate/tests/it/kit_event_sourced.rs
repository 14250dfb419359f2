//! The test kit of event-sourced entities, and what it finds.

use std::{
    cell::Cell,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cloudstate::{
    prelude::*,
    testing::{Command, EventSourcedTest},
};
use serde::{Deserialize, Serialize};

mod pb {
    include!("../ui/shop.rs");
}

/// What was added before events had a quantity.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "added")]
struct AddedV1 {
    name: String,
}

#[derive(Serialize, Deserialize, Json)]
#[json(name = "added", version = 2)]
struct AddedV2 {
    product: String,
}

#[event_sourced_entity(service = pb::Cart, snapshot_every = 3, register = false)]
#[derive(Debug, Default, PartialEq)]
struct Cart {
    products: Vec<String>,
    limit: usize,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(
        cart: &mut Context<Self>,
        item: pb::AddItem,
        metadata: Metadata,
    ) -> Result<(), Failure> {
        assert_ne!(item.product, "bomb", "no bombs");
        for product in item.product.split(',') {
            let product = product.to_owned();
            cart.emit(pb::ItemAdded { product });
        }
        let limit = if metadata.get("vip").is_some() {
            100
        } else {
            4
        };
        ensure!(cart.products.len() <= limit, "{} is full", cart.entity_id());
        let find = pb::GetCart { cart: item.cart };
        cart.effect(SideEffect::to(pb::Archive::Find, find).synchronous());
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self, request: pb::GetCart) -> Reply<pb::Contents> {
        if self.products.is_empty() {
            return Reply::forward(Forward::to(pb::Archive::Find, request));
        }
        let mut metadata = Metadata::new();
        metadata.append("size", self.products.len().to_string());
        let products = self.products.clone();
        Reply::message(pb::Contents { products }).metadata(metadata)
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
    fn renamed(old: AddedV1) -> AddedV2 {
        AddedV2 { product: old.name }
    }

    #[upcaster]
    fn as_message(old: AddedV2) -> pb::ItemAdded {
        let product = old.product;
        pb::ItemAdded { product }
    }

    #[upcaster]
    fn split(old: String) -> pb::Saved {
        let products = old.split(',').map(str::to_owned).collect();
        pb::Saved { products }
    }
}

fn item(product: &str) -> pb::ItemAdded {
    pb::ItemAdded {
        product: product.into(),
    }
}

fn add(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: "c".into(),
        product: product.into(),
    }
}

fn get() -> pb::GetCart {
    pb::GetCart { cart: "c".into() }
}

/// What the panic of `work` says.
fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(work)) else {
        panic!("it should have panicked");
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap()
}

#[test]
fn a_command_leads_to_a_reply_events_and_effects() {
    let mut cart = EventSourcedTest::<Cart>::new("c").given(item("tea"));
    let outcome = cart.command(pb::Cart::AddItem, add("milk"));
    assert_eq!(outcome.reply(), &());
    assert_eq!(outcome.events(), [item("milk")]);
    assert_eq!(outcome.event::<pb::ItemAdded>().product, "milk");
    assert!(outcome.snapshot().is_none());
    let [effect] = outcome.effects() else {
        panic!("one effect");
    };
    assert_eq!(effect.request(pb::Archive::Find), get());
    assert!(effect.is_synchronous() && !effect.is_to(pb::Cart::GetCart));
    assert_eq!(cart.sequence(), 2);
    assert_eq!(cart.state().products, ["tea", "milk"]);

    let outcome = cart.command(pb::Cart::GetCart, get());
    assert_eq!(outcome.reply().products, ["tea", "milk"]);
    assert_eq!(outcome.metadata().get("size"), Some("2"));
    assert!(outcome.is_reply() && outcome.events().is_empty());
}

#[test]
fn a_snapshot_is_stored_when_it_is_due_and_loaded_from() {
    let mut cart = EventSourcedTest::<Cart>::new("c").given(item("tea"));
    let outcome = cart.command(pb::Cart::AddItem, add("milk,salt"));
    let saved = pb::Saved {
        products: vec!["tea".into(), "milk".into(), "salt".into()],
    };
    assert_eq!(*outcome.snapshot().unwrap(), saved);
    cart.command(pb::Cart::AddItem, add("rye")).reply();
    assert_eq!(cart.state().products, ["tea", "milk", "salt", "rye"]);

    let cart = EventSourcedTest::<Cart>::new("c")
        .given_snapshot(saved, 300)
        .given(item("rye"));
    assert_eq!(cart.state().products, ["tea", "milk", "salt", "rye"]);
    assert_eq!((cart.sequence(), cart.events().len()), (301, 1));
}

#[test]
fn a_failed_command_leaves_no_trace() {
    let mut cart = EventSourcedTest::<Cart>::new("c").given(item("tea"));
    let outcome = cart.command(pb::Cart::AddItem, add("a,b,c,d"));
    assert_eq!(outcome.failure(), "c is full");
    assert!(outcome.is_failure() && outcome.events().is_empty() && outcome.effects().is_empty());
    assert_eq!(cart.state().products, ["tea"]);

    let mut vip = Metadata::new();
    vip.append("vip", "yes");
    let outcome = cart.command_with(pb::Cart::AddItem, add("a,b,c,d"), vip);
    assert_eq!(outcome.events().len(), 4);
}

#[test]
fn a_panic_is_a_defect_and_the_entity_is_loaded_again() {
    let mut cart = EventSourcedTest::<Cart>::new("c").given(item("tea"));
    let outcome = cart.command(pb::Cart::AddItem, add("bomb"));
    assert!(outcome.defect().contains("no bombs"));
    assert!(!outcome.is_failure() && !outcome.is_reply());
    assert_eq!(cart.state().products, ["tea"]);
    cart.command(pb::Cart::AddItem, add("milk")).reply();
}

#[test]
fn a_forward_is_read_by_its_target() {
    let mut cart = EventSourcedTest::<Cart>::new("c");
    let outcome = cart.command(pb::Cart::GetCart, get());
    assert_eq!(outcome.forward(pb::Archive::Find), get());
}

#[test]
fn entities_may_need_something_from_outside() {
    let limits = Arc::new(7);
    let cart = EventSourcedTest::with("c", move |id| Cart {
        products: vec![id.to_string()],
        limit: *limits,
    });
    assert_eq!(cart.state().limit, 7);
    assert_eq!(cart.state().products, ["c"]);
}

#[test]
fn older_events_and_snapshots_are_read_through_upcasters() {
    let old = |name: &str| AddedV1 { name: name.into() };
    let product = "milk".to_owned();
    let cart = EventSourcedTest::<Cart>::new("c")
        .given_snapshot(String::from("tea,salt"), 2)
        .given(old("rye"))
        .given(AddedV2 { product })
        .given(item("oil"));
    assert_eq!(cart.state().products, ["tea", "salt", "rye", "milk", "oil"]);
}

#[test]
fn what_is_not_as_expected_is_shown() {
    let mut cart = EventSourcedTest::<Cart>::new("c").given(item("tea"));
    let replied = cart.command(pb::Cart::GetCart, get());
    assert_eq!(
        panic_of(|| replied.failure().to_owned()),
        r#"expected a failure, and GetCart replied shop.Contents{1: "tea"}"#
    );
    assert_eq!(
        panic_of(|| replied.event::<pb::ItemAdded>()),
        r#"expected one event, and these were emitted: []; GetCart replied shop.Contents{1: "tea"}"#
    );
    let refused = cart.command(pb::Cart::AddItem, add("a,b,c,d"));
    assert_eq!(
        panic_of(|| *refused.reply()),
        "expected a reply, and AddItem failed: c is full"
    );
    let broken = cart.command(pb::Cart::AddItem, add("bomb"));
    let text = panic_of(|| *broken.reply());
    assert!(text.starts_with("expected a reply, and AddItem broke the entity down: "));
    let effects = cart.command(pb::Cart::AddItem, add("milk"));
    assert_eq!(
        panic_of(|| effects.effects()[0].request(pb::Cart::GetCart)),
        "expected a command to shop.Cart/GetCart, and it goes to shop.Archive/Find"
    );
}

#[test]
fn what_cannot_be_loaded_fails_where_it_is_given() {
    let text = panic_of(|| EventSourcedTest::<Cart>::new("c").given(7_i64));
    assert!(text.contains("Cart `c` cannot be loaded from what it has stored: No event handler"));
    let text = panic_of(|| EventSourcedTest::<Cart>::new("c").given_snapshot(7_i64, 1));
    assert!(text.contains("No snapshot handler found for snapshot p.cloudstate.io/int64"));
}

#[test]
fn a_history_survives() {
    let products = ["a", "b,c", "d,e,f,g", "h"];
    let commands = products.map(|product| Command::to(pb::Cart::AddItem, add(product)));
    let query = Command::to(pb::Cart::GetCart, get());
    EventSourcedTest::<Cart>::new("c")
        .given(item("tea"))
        .assert_survives(commands.into_iter().chain([query]));
}

/// An event that does not carry all of itself.
#[derive(Serialize, Deserialize, Json)]
struct Weighed {
    product: String,
    #[serde(skip)]
    grams: u32,
}

/// An event that serde writes in another form than it reads.
#[derive(Serialize, Deserialize, Json)]
struct Measured {
    litres: f64,
}

thread_local! {
    static CLOCK: Cell<u32> = const { Cell::new(0) };
}

/// Everything that an event-sourced entity should not do.
#[event_sourced_entity(service = pb::Archive, snapshot_every = 1, register = false)]
#[derive(Debug, Default, PartialEq)]
struct Careless {
    grams: u32,
    read_at: u32,
    forgotten: BTreeSet<String>,
}

#[handlers]
impl Careless {
    #[command_handler]
    fn find(entity: &mut Context<Self>, request: pb::GetCart) -> pb::Contents {
        match &*request.cart {
            "weigh" => entity.emit(Weighed {
                product: "tea".into(),
                grams: 5,
            }),
            "measure" => entity.emit(Measured { litres: f64::NAN }),
            "look at the clock" => entity.emit(true),
            _ => entity.emit(request.cart),
        }
        pb::Contents::default()
    }

    #[event_handler]
    fn weighed(&mut self, event: Weighed) {
        self.grams += event.grams;
    }

    #[event_handler]
    fn measured(&mut self, _: Measured) {}

    #[event_handler]
    fn noticed(&mut self, _: bool) {
        self.read_at = CLOCK.replace(CLOCK.get() + 1);
    }

    #[event_handler]
    fn forgotten(&mut self, word: String) {
        self.forgotten.insert(word);
    }

    #[snapshot]
    fn save(&self) -> i64 {
        i64::from(self.grams)
    }

    #[snapshot_handler]
    fn restore(&mut self, grams: i64) {
        self.grams = grams as u32;
    }
}

fn careless(what: &str) -> String {
    let find = pb::GetCart { cart: what.into() };
    let command = Command::to(pb::Archive::Find, find);
    panic_of(|| EventSourcedTest::<Careless>::new("c").assert_survives([command]))
}

#[test]
fn a_history_that_does_not_survive_is_found() {
    let text = careless("weigh");
    assert!(text.starts_with("behind command 1, Find: the state from its events is not the state"));
    assert!(
        text.contains("in memory: Careless { grams: 5,")
            && text.contains("loaded: Careless { grams: 0,")
    );
    assert!(careless("measure").contains("an event cannot be read back: The stored event"));
    assert!(careless("look at the clock").contains("the state from its events is not"));
    assert!(
        careless("forget").contains("the state from a snapshot and the events after it is not")
    );
}

#[test]
fn an_event_that_cannot_be_read_back_fails_the_test_at_once() {
    let mut entity = EventSourcedTest::<Careless>::new("c");
    let cart = "measure".into();
    let text = panic_of(|| entity.command(pb::Archive::Find, pb::GetCart { cart }));
    assert!(
        text.contains("Careless `c` cannot be loaded from what it has stored"),
        "{text}"
    );
}
