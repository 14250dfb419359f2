//! What entities do with a `Reply`: its effects are the command's, a failure is a refusal, and metadata goes with it.

use cloudstate::{
    Cloudstate,
    crdt::GCounter,
    prelude::*,
    testing::{Answer, CrdtTest, EventSourcedTest, Service, ValueEntityTest},
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

fn get() -> pb::GetCart {
    pb::GetCart { cart: "1".into() }
}

/// Metadata whose `note` says `text`.
fn saying(text: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("note", text);
    metadata
}

/// Hands on what it is told by metadata: with an effect and its reply, or with a forward.
macro_rules! messenger {
    ($name:ident, [$($attribute:meta),+], { $($fields:tt)* }) => {
        $(#[$attribute])+
        #[derive(Default)]
        struct $name { $($fields)* }

        #[handlers]
        impl $name {
            #[command_handler]
            fn add_item(context: &mut Context<Self>, metadata: Metadata) -> Reply<()> {
                let told = metadata.get("note").unwrap_or("nothing");
                let effect = SideEffect::to(pb::Archive::Find, get());
                context.effect(effect.metadata(saying(&format!("effect of {told}"))));
                Reply::from(()).metadata(saying(&format!("reply to {told}")))
            }

            #[command_handler]
            fn get_cart(&self, request: pb::GetCart, metadata: Metadata) -> Reply<pb::Contents> {
                let told = metadata.get("note").unwrap_or("nothing");
                let forward = Forward::to(pb::Archive::Find, request);
                Reply::forward(forward.metadata(saying(&format!("forward of {told}"))))
            }
        }
    };
}

messenger!(
    EventSourcedMessenger,
    [event_sourced_entity(
        extern_service = pb::Cart,
        register = false
    )],
    {}
);
messenger!(
    ValueMessenger,
    [
        value_entity(extern_service = pb::Cart, json, register = false),
        derive(serde::Serialize, serde::Deserialize)
    ],
    {}
);
messenger!(
    CrdtMessenger,
    [crdt_entity(extern_service = pb::Cart, register = false)],
    { count: GCounter }
);

/// Answers with what metadata says.
#[event_sourced_entity(service = pb::Archive, register = false)]
#[derive(Default)]
struct Archive;

#[handlers]
impl Archive {
    #[command_handler]
    fn find(&self, metadata: Metadata) -> pb::Contents {
        let products = metadata.all("note").map(str::to_owned).collect();
        pb::Contents { products }
    }
}

#[test]
fn metadata_comes_with_a_command_and_goes_with_its_reply_and_effects() {
    let check = |answer: &Answer<pb::rpc::cart::AddItem>| {
        answer.reply();
        assert_eq!(answer.metadata().get("note"), Some("reply to x"));
        let effects = answer.effects().iter();
        let notes: Vec<_> = effects
            .map(|effect| effect.metadata().get("note"))
            .collect();
        assert_eq!(notes, [Some("effect of x")]);
    };
    let (rpc, metadata) = (pb::Cart::AddItem, saying("x"));
    let mut entity = EventSourcedTest::<EventSourcedMessenger>::new("c");
    check(&entity.command_with(rpc, item("tea"), metadata.clone()));
    let mut entity = ValueEntityTest::<ValueMessenger>::new("c");
    check(&entity.command_with(rpc, item("tea"), metadata.clone()));
    let mut nodes = CrdtTest::<CrdtMessenger>::new("c", 1);
    check(&nodes[0].command_with(rpc, item("tea"), metadata));
}

#[tokio::test]
async fn metadata_goes_with_a_forward_to_its_target() {
    for messenger in [
        Cloudstate::new().register::<EventSourcedMessenger>(),
        Cloudstate::new().register::<ValueMessenger>(),
        Cloudstate::new().register::<CrdtMessenger>(),
    ] {
        let service = Service::start(messenger.register::<Archive>()).await;
        let mut request = tonic::Request::new(get());
        let headers = request.metadata_mut();
        headers.insert("note", "x".parse().unwrap());
        let contents = service.call(pb::Cart::GetCart, request).await.unwrap();
        assert_eq!(contents.products, ["forward of x"]);
        service.stop().await;
    }
}
