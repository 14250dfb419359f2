//! What entities do with a `Reply`: its effects are the command's, and a failure is a refusal.

use cloudstate::{
    prelude::*,
    testing::{EventSourcedTest, ValueEntityTest},
};

mod pb {
    include!("../ui/shop.rs");
}

fn tell(cart: &str) -> SideEffect {
    SideEffect::to(pb::Archive::Find, pb::GetCart { cart: cart.into() })
}

fn answer(product: &str) -> Reply<()> {
    match product {
        "refused" => Reply::failure("no such product").effect(tell("late")),
        _ => Reply::from(())
            .effect(tell("second"))
            .effect(tell("third").synchronous()),
    }
}

#[event_sourced_entity(service = pb::Cart, register = false)]
#[derive(Default)]
struct Emitting {
    products: Vec<String>,
}

#[handlers(partial)]
impl Emitting {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Reply<()> {
        cart.effect(tell("first"));
        let product = item.product.clone();
        cart.emit(pb::ItemAdded { product });
        answer(&item.product)
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }
}

#[value_entity(extern_service = pb::Cart, persistence_id = "changing", register = false)]
#[derive(Default)]
struct Changing {
    products: Vec<String>,
}

#[handlers(partial)]
impl Changing {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Reply<()> {
        cart.effect(tell("first"));
        cart.products.push(item.product.clone());
        answer(&item.product)
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
}

fn item(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: "1".into(),
        product: product.into(),
    }
}

#[test]
fn effects_of_a_reply_stand_behind_those_of_the_context() {
    let mut emitting = EventSourcedTest::<Emitting>::new("1");
    let mut changing = ValueEntityTest::<Changing>::new("1");
    let emitted = emitting.command(pb::Cart::AddItem, item("tea"));
    let changed = changing.command(pb::Cart::AddItem, item("tea"));
    for effects in [emitted.effects(), changed.effects()] {
        let started: Vec<_> = effects
            .iter()
            .map(|effect| {
                let request = effect.request(pb::Archive::Find);
                (request.cart, effect.is_synchronous())
            })
            .collect();
        let expected = [("first", false), ("second", false), ("third", true)];
        assert_eq!(
            started,
            expected.map(|(cart, waits)| (cart.to_owned(), waits))
        );
    }
    emitted.reply();
    changed.reply();
}

#[test]
fn a_reply_that_is_a_failure_leaves_no_trace() {
    let mut emitting = EventSourcedTest::<Emitting>::new("1");
    let refused = emitting.command(pb::Cart::AddItem, item("refused"));
    assert_eq!(refused.failure(), "no such product");
    assert!(refused.effects().is_empty() && refused.events().is_empty());
    assert!(emitting.state().products.is_empty());

    let mut changing = ValueEntityTest::<Changing>::new("1");
    let refused = changing.command(pb::Cart::AddItem, item("refused"));
    assert_eq!(refused.failure(), "no such product");
    assert!(refused.effects().is_empty() && refused.is_unchanged());
    assert!(changing.state().products.is_empty());
}
