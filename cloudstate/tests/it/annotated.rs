//! An entity that the macros made, in conversation: what they generate does what is written out in `model`.

use cloudstate::{
    Any, Cloudstate, EntityConnection, Service, UserFunction,
    prelude::*,
    protocol::cloudstate::{
        self as wire, ClientAction, Command,
        client_action::Action,
        eventsourced::{
            EventSourcedEvent, EventSourcedInit, EventSourcedReply, EventSourcedSnapshot,
            EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_stream_in::Message as In,
            event_sourced_stream_out::Message as Out,
        },
    },
};
use futures_util::{FutureExt, SinkExt, StreamExt};

mod pb {
    include!("../ui/shop.rs");
}

const ID: &str = "cart-1";

#[event_sourced_entity(service = pb::Cart, snapshot_every = 2)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
    last: u64,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(
        metadata: Metadata,
        cart: &mut Context<Self>,
        id: EntityId,
        item: pb::AddItem,
    ) -> Result<(), Failure> {
        ensure!(*id == item.cart, "cart {id}, not {}", item.cart);
        let product = item.product;
        cart.emit(pb::ItemAdded { product });
        ensure!(cart.last == cart.sequence(), "the event is applied at once");
        if let Some(product) = metadata.get("replaces") {
            let product = product.to_owned();
            cart.emit(pb::ItemRemoved { product });
        }
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self, request: pb::GetCart) -> Reply<pb::Contents> {
        if request.cart == "archive" {
            return Reply::forward(Forward::to(pb::Archive::Find, request));
        }
        let products = self.products.clone();
        Reply::message(pb::Contents { products })
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded, context: EventContext<'_>) {
        self.products.push(event.product);
        self.last = context.sequence();
    }

    #[event_handler]
    fn item_removed(&mut self, event: pb::ItemRemoved, id: &EntityId) {
        assert_eq!(id.as_str(), ID);
        self.products.retain(|product| *product != event.product);
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

fn user_function() -> UserFunction {
    Cloudstate::new()
        .register::<Cart>()
        .into_user_function()
        .unwrap()
}

/// The stream of one cart; in process, a reply is there as soon as a message is sent.
struct Peer(EntityConnection<EventSourcedStreamIn, EventSourcedStreamOut>);

impl Peer {
    fn start(snapshot: Option<(i64, Any)>) -> Self {
        let mut peer = Self(user_function().event_sourced());
        let sent = peer.send(In::Init(EventSourcedInit {
            service_name: <pb::Cart as Service>::NAME.into(),
            entity_id: ID.into(),
            snapshot: snapshot.map(|(snapshot_sequence, snapshot)| EventSourcedSnapshot {
                snapshot_sequence,
                snapshot: Some(snapshot),
            }),
        }));
        assert_eq!(sent, None);
        peer
    }

    fn send(&mut self, message: In) -> Option<Out> {
        let message = Some(message);
        let sent = self.0.send(EventSourcedStreamIn { message });
        sent.now_or_never().unwrap().unwrap();
        self.0.next().now_or_never()?.unwrap().message
    }

    fn event(&mut self, sequence: i64, payload: Any) -> Option<Out> {
        let payload = Some(payload);
        self.send(In::Event(EventSourcedEvent { sequence, payload }))
    }

    fn call(
        &mut self,
        rpc: &str,
        id: i64,
        payload: Any,
        metadata: Option<wire::Metadata>,
    ) -> Reaction {
        let reply = self.send(In::Command(Command {
            entity_id: ID.into(),
            id,
            name: rpc.into(),
            payload: Some(payload),
            streamed: false,
            metadata,
        }));
        match reply {
            Some(Out::Reply(EventSourcedReply {
                client_action: Some(ClientAction { action }),
                events,
                snapshot,
                ..
            })) => Reaction {
                action: action.unwrap(),
                events,
                snapshot,
            },
            other => panic!("not a reply: {other:?}"),
        }
    }

    fn add(&mut self, id: i64, product: &str) -> Reaction {
        self.call("AddItem", id, Any::pack(&item(product)), None)
    }

    fn products(&mut self, id: i64) -> Vec<String> {
        let request = pb::GetCart { cart: ID.into() };
        let reaction = self.call("GetCart", id, Any::pack(&request), None);
        assert_eq!((reaction.events, reaction.snapshot), (Vec::new(), None));
        match reaction.action {
            Action::Reply(wire::Reply { payload, .. }) => {
                payload.unwrap().unpack::<pb::Contents>().unwrap().products
            }
            other => panic!("not a reply: {other:?}"),
        }
    }
}

/// What came of a command.
struct Reaction {
    action: Action,
    events: Vec<Any>,
    snapshot: Option<Any>,
}

fn item(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: ID.into(),
        product: product.into(),
    }
}

fn added(product: &str) -> Any {
    let product = product.into();
    Any::pack(&pb::ItemAdded { product })
}

fn saved<const N: usize>(products: [&str; N]) -> Any {
    let products = products.map(Into::into).into();
    Any::pack(&pb::Saved { products })
}

fn failure(reply: Option<Out>) -> String {
    match reply {
        Some(Out::Failure(failure)) => failure.description,
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn handlers_are_found_by_name_and_their_events_applied() {
    let mut cart = Peer::start(None);
    let reaction = cart.add(1, "tea");
    assert_eq!(
        reaction.action,
        Action::Reply(wire::Reply {
            payload: Some(Any {
                type_url: "type.googleapis.com/google.protobuf.Empty".into(),
                value: Vec::new().into(),
            }),
            metadata: None,
        })
    );
    assert_eq!(reaction.events, [added("tea")]);
    assert_eq!(reaction.snapshot, None);
    assert_eq!(cart.products(2), ["tea"]);
}

#[test]
fn snapshots_are_taken_and_restored() {
    let mut cart = Peer::start(None);
    cart.add(1, "tea");
    let second = cart.add(2, "milk");
    assert_eq!(second.snapshot, Some(saved(["tea", "milk"])));

    let mut cart = Peer::start(Some((2, saved(["tea", "milk"]))));
    assert_eq!(cart.event(3, added("honey")), None);
    assert_eq!(cart.products(1), ["tea", "milk", "honey"]);
}

#[test]
fn arguments_are_taken_from_the_command() {
    let mut cart = Peer::start(None);
    cart.add(1, "tea");
    let metadata = wire::Metadata {
        entries: vec![wire::MetadataEntry {
            key: "replaces".into(),
            value: Some(wire::metadata_entry::Value::StringValue("tea".into())),
        }],
    };
    let payload = Any::pack(&item("coffee"));
    let reaction = cart.call("AddItem", 2, payload, Some(metadata));
    let product = "tea".into();
    let removed = Any::pack(&pb::ItemRemoved { product });
    assert_eq!(reaction.events, [added("coffee"), removed]);
    assert_eq!(cart.products(3), ["coffee"]);
}

#[test]
fn refusals_and_forwards_are_answers() {
    let mut cart = Peer::start(None);
    let foreign = pb::AddItem {
        cart: "cart-2".into(),
        product: "tea".into(),
    };
    let refused = cart.call("AddItem", 1, Any::pack(&foreign), None);
    match refused.action {
        Action::Failure(failure) => assert_eq!(failure.description, "cart cart-1, not cart-2"),
        other => panic!("not a failure: {other:?}"),
    }

    let request = pb::GetCart {
        cart: "archive".into(),
    };
    let forwarded = cart.call("GetCart", 2, Any::pack(&request), None);
    match forwarded.action {
        Action::Forward(forward) => {
            assert_eq!(forward.service_name, "shop.Archive");
            assert_eq!(forward.command_name, "Find");
            assert_eq!(forward.payload, Some(Any::pack(&request)));
        }
        other => panic!("not a forward: {other:?}"),
    }
}

#[test]
fn what_no_handler_takes_is_named() {
    let foreign = Any::pack(&pb::Contents::default());
    let described = failure(Peer::start(None).event(1, foreign.clone()));
    for part in [
        "event",
        "type.googleapis.com/shop.Contents",
        "annotated::Cart",
    ] {
        assert!(described.contains(part), "{described}");
    }

    let broken = Any {
        value: vec![0xff].into(),
        ..added("tea")
    };
    let described = failure(Peer::start(None).event(1, broken));
    assert!(
        described.contains("type.googleapis.com/shop.ItemAdded"),
        "{described}"
    );
}

#[test]
fn events_are_told_by_their_name_whatever_the_host() {
    let mut cart = Peer::start(None);
    let moved = Any {
        type_url: "types.example.com/shop.ItemAdded".into(),
        ..added("tea")
    };
    assert_eq!(cart.event(1, moved), None);
    assert_eq!(cart.products(1), ["tea"]);
}
