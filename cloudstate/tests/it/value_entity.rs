//! A value entity that the macros made, in conversation: what the TCK asks of one, and what the reference says on errors.

use cloudstate::{
    Any, Cloudstate, EntityConnection, Payload, Service, UserFunction,
    prelude::*,
    protocol::{
        cloudstate::{
            self as wire, ClientAction, Command,
            client_action::Action,
            valueentity::{
                ValueEntityAction, ValueEntityDelete, ValueEntityInit, ValueEntityInitState,
                ValueEntityReply, ValueEntityStreamIn, ValueEntityStreamOut, ValueEntityUpdate,
                value_entity_action::Action as StateAction, value_entity_client::ValueEntityClient,
                value_entity_stream_in::Message as In, value_entity_stream_out::Message as Out,
            },
        },
        version,
    },
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::time::timeout;

use crate::conversation::{PATIENCE, connect};

mod pb {
    include!("../ui/shop.rs");
}

const ID: &str = "cart-1";

/// Its commands are written as products: `+tea` adds, `clear` deletes, `fail` refuses, and several stand in one line.
#[value_entity(service = pb::Cart, persistence_id = "value-cart", passivate_after = "100ms", register = false)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        for word in item.product.split_whitespace() {
            match word {
                "clear" => cart.delete(),
                "fail" => return Err(Failure::new("expected failure")),
                "effect" => cart.effect(SideEffect::to(
                    pb::Archive::Find,
                    pb::GetCart {
                        cart: cart.entity_id().to_string(),
                    },
                )),
                "look" => ensure!(cart.products.len() < 1000, "too many to look at"),
                "panic" => panic!("expected panic"),
                product => cart.products.push(product.into()),
            }
        }
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self, request: pb::GetCart) -> Reply<pb::Contents> {
        if request.cart != ID {
            return Reply::forward(Forward::to(pb::Archive::Find, request));
        }
        Reply::message(pb::Contents {
            products: self.products.clone(),
        })
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products.extend(saved.products);
    }
}

fn user_function() -> UserFunction {
    Cloudstate::new()
        .register::<Cart>()
        .into_user_function()
        .unwrap()
}

/// The stream of one cart; in process, a reply is there as soon as a message is sent.
struct Peer {
    connection: EntityConnection<ValueEntityStreamIn, ValueEntityStreamOut>,
    id: i64,
}

impl Peer {
    fn opened() -> Self {
        Self {
            connection: user_function().value_entity(),
            id: 0,
        }
    }

    fn start(value: Option<Any>) -> Self {
        let mut peer = Self::opened();
        let state = Some(ValueEntityInitState { value });
        assert_eq!(peer.send(init(<pb::Cart as Service>::NAME, state)), None);
        peer
    }

    fn send(&mut self, message: In) -> Option<Out> {
        self.send_raw(Some(message))
    }

    fn send_raw(&mut self, message: Option<In>) -> Option<Out> {
        let sent = self.connection.send(ValueEntityStreamIn { message });
        sent.now_or_never().unwrap().unwrap();
        self.next()
    }

    fn next(&mut self) -> Option<Out> {
        self.connection.next().now_or_never()??.message
    }

    fn has_ended(&mut self) -> bool {
        self.connection.next().now_or_never() == Some(None)
    }

    fn command(&mut self, rpc: &str, payload: Any) -> Command {
        self.id += 1;
        Command {
            entity_id: ID.into(),
            id: self.id,
            name: rpc.into(),
            payload: Some(payload),
            streamed: false,
            metadata: None,
        }
    }

    fn call(&mut self, rpc: &str, payload: Any) -> ValueEntityReply {
        let command = self.command(rpc, payload);
        match self.send(In::Command(command)) {
            Some(Out::Reply(reply)) => {
                assert_eq!(reply.command_id, self.id);
                reply
            }
            other => panic!("not a reply: {other:?}"),
        }
    }

    fn add(&mut self, product: &str) -> ValueEntityReply {
        self.call("AddItem", Any::pack(&item(product)))
    }

    fn get(&mut self) -> ValueEntityReply {
        let cart = ID.into();
        self.call("GetCart", Any::pack(&pb::GetCart { cart }))
    }

    fn products(&mut self) -> Vec<String> {
        let reply = self.get();
        assert_eq!((&reply.state_action, reply.side_effects.len()), (&None, 0));
        match action(reply) {
            Action::Reply(wire::Reply { payload, .. }) => {
                payload.unwrap().unpack::<pb::Contents>().unwrap().products
            }
            other => panic!("not a reply: {other:?}"),
        }
    }
}

fn init(service: &str, state: Option<ValueEntityInitState>) -> In {
    In::Init(ValueEntityInit {
        service_name: service.into(),
        entity_id: ID.into(),
        state,
    })
}

fn item(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: ID.into(),
        product: product.into(),
    }
}

fn saved<const N: usize>(products: [&str; N]) -> Any {
    let products = products.map(Into::into).into();
    Any::pack(&pb::Saved { products })
}

fn action(reply: ValueEntityReply) -> Action {
    match reply.client_action {
        Some(ClientAction { action }) => action.unwrap(),
        None => panic!("no action: {reply:?}"),
    }
}

fn update<const N: usize>(products: [&str; N]) -> Option<ValueEntityAction> {
    let value = Some(saved(products));
    Some(ValueEntityAction {
        action: Some(StateAction::Update(ValueEntityUpdate { value })),
    })
}

fn delete() -> Option<ValueEntityAction> {
    Some(ValueEntityAction {
        action: Some(StateAction::Delete(ValueEntityDelete {})),
    })
}

#[track_caller]
fn assert_breaks_down(peer: &mut Peer, reply: Option<Out>, command_id: i64, description: &str) {
    match reply {
        Some(Out::Failure(failure)) => assert_eq!(
            (
                failure.command_id,
                failure.description.as_str(),
                failure.restart
            ),
            (command_id, description, false)
        ),
        other => panic!("not a failure: {other:?}"),
    }
    assert!(peer.has_ended());
}

#[test]
fn discovery_announces_a_value_entity() {
    let user_function = user_function();
    let [entity] = &*user_function.spec().entities else {
        panic!("not one entity: {:?}", user_function.spec());
    };
    assert_eq!(entity.entity_type, version::VALUE_ENTITY);
    assert_eq!(entity.service_name, "shop.Cart");
    assert_eq!(entity.persistence_id, "value-cart");
    assert!(entity.passivation_strategy.is_some());
}

#[test]
fn a_changed_state_is_sent_and_an_unchanged_one_is_not() {
    let mut cart = Peer::start(None);
    assert_eq!(cart.products(), [""; 0]);
    assert_eq!(cart.add("tea").state_action, update(["tea"]));
    assert_eq!(cart.products(), ["tea"]);
    assert_eq!(cart.add("").state_action, None);
    assert_eq!(cart.add("look").state_action, None);
    assert_eq!(cart.add("milk").state_action, update(["tea", "milk"]));
}

#[test]
fn a_stored_value_is_loaded() {
    let mut cart = Peer::start(Some(saved(["tea", "milk"])));
    assert_eq!(cart.products(), ["tea", "milk"]);

    let mut absent = Peer::opened();
    assert_eq!(absent.send(init("shop.Cart", None)), None);
    assert_eq!(absent.products(), [""; 0]);
}

#[test]
fn the_last_action_on_the_state_is_the_one_that_counts() {
    let mut cart = Peer::start(None);
    assert_eq!(cart.add("tea milk").state_action, update(["tea", "milk"]));
    assert_eq!(cart.add("honey clear").state_action, delete());
    assert_eq!(cart.products(), [""; 0]);
    assert_eq!(cart.add("tea clear milk").state_action, update(["milk"]));
    assert_eq!(cart.products(), ["milk"]);
    assert_eq!(cart.add("clear look").state_action, delete());
}

#[test]
fn a_failed_command_leaves_no_trace() {
    let mut cart = Peer::start(Some(saved(["tea"])));
    cart.add("milk");
    for commands in [
        "fail",
        "honey fail",
        "clear fail",
        "clear honey effect fail",
    ] {
        let reply = cart.add(commands);
        assert_eq!((&reply.state_action, reply.side_effects.len()), (&None, 0));
        let Action::Failure(failure) = action(reply) else {
            panic!("not a failure");
        };
        assert_eq!(failure.command_id, cart.id);
        assert_eq!(failure.description, "expected failure");
        assert!(!failure.restart);
        assert_eq!(cart.products(), ["tea", "milk"], "{commands}");
    }

    let mut unstored = Peer::start(None);
    unstored.add("tea fail");
    assert_eq!(unstored.products(), [""; 0]);
    unstored.add("tea");
    unstored.add("clear");
    unstored.add("milk fail");
    assert_eq!(unstored.products(), [""; 0]);
}

#[test]
fn effects_and_forwards_go_with_the_state() {
    let mut cart = Peer::start(None);
    let reply = cart.add("tea effect effect");
    assert_eq!(reply.state_action, update(["tea"]));
    assert_eq!(reply.side_effects.len(), 2);
    assert_eq!(reply.side_effects[0].service_name, "shop.Archive");
    assert_eq!(reply.side_effects[0].command_name, "Find");

    let request = pb::GetCart {
        cart: "archive".into(),
    };
    let reply = cart.call("GetCart", Any::pack(&request));
    assert_eq!(reply.state_action, None);
    match action(reply) {
        Action::Forward(forward) => assert_eq!(forward.payload, Some(Any::pack(&request))),
        other => panic!("not a forward: {other:?}"),
    }
}

#[test]
fn a_garbled_command_is_refused_and_the_entity_goes_on() {
    let mut cart = Peer::start(None);
    cart.add("tea");
    let garbled = Any {
        type_url: "type.googleapis.com/shop.AddItem".into(),
        value: vec![0xff].into(),
    };
    let reply = cart.call("AddItem", garbled);
    assert!(
        matches!(action(reply), Action::Failure(failure) if failure.description.contains("AddItem"))
    );
    assert_eq!(cart.products(), ["tea"]);
}

#[test]
fn init_comes_first_once_and_for_a_value_entity() {
    let mut peer = Peer::opened();
    let command = peer.command("AddItem", Any::pack(&item("tea")));
    let reply = peer.send(In::Command(command));
    let expected = "Protocol error: Expected init message for Value entity";
    assert_breaks_down(&mut peer, reply, 0, expected);

    let mut peer = Peer::opened();
    peer.connection.close().now_or_never().unwrap().unwrap();
    let reply = peer.next();
    assert_breaks_down(&mut peer, reply, 0, expected);

    let mut peer = Peer::opened();
    let reply = peer.send(init("shop.Archive", None));
    assert_breaks_down(
        &mut peer,
        reply,
        0,
        "Protocol error: Service not found: shop.Archive",
    );

    let mut peer = Peer::start(None);
    let reply = peer.send(init("shop.Cart", None));
    assert_breaks_down(
        &mut peer,
        reply,
        0,
        "Protocol error: Value entity already inited",
    );

    let mut peer = Peer::start(None);
    let reply = peer.send_raw(None);
    let unknown = "Protocol error: Value entity received empty/unknown message";
    assert_breaks_down(&mut peer, reply, 0, unknown);
}

#[test]
fn a_command_has_the_right_entity_a_payload_and_a_handler() {
    let mut peer = Peer::start(None);
    let foreign = Command {
        entity_id: "cart-2".into(),
        ..peer.command("AddItem", Any::pack(&item("tea")))
    };
    let reply = peer.send(In::Command(foreign));
    let text = "Protocol error: Receiving Value entity is not the intended recipient of command";
    assert_breaks_down(&mut peer, reply, 1, text);

    let mut peer = Peer::start(None);
    let empty = Command {
        payload: None,
        ..peer.command("AddItem", Any::default())
    };
    let reply = peer.send(In::Command(empty));
    let text = "Protocol error: No command payload for Value entity";
    assert_breaks_down(&mut peer, reply, 1, text);

    let mut peer = Peer::start(None);
    let unknown = peer.command("Pay", Any::default());
    match peer.send(In::Command(unknown)) {
        Some(Out::Failure(failure)) => assert!(
            failure
                .description
                .starts_with("No command handler found for command [Pay] on "),
            "{}",
            failure.description
        ),
        other => panic!("not a failure: {other:?}"),
    }
    assert!(peer.has_ended());
}

#[test]
fn a_panic_breaks_its_stream_down_and_is_named() {
    let mut peer = Peer::start(None);
    let command = peer.command("AddItem", Any::pack(&item("tea panic")));
    let reply = peer.send(In::Command(command));
    let text = "Value entity unexpected failure: expected panic";
    assert_breaks_down(&mut peer, reply, 1, text);
}

#[test]
fn a_value_of_another_type_or_form_is_named() {
    let mut peer = Peer::opened();
    let value = Some(Any::pack(&pb::Contents::default()));
    let reply = peer.send(init("shop.Cart", Some(ValueEntityInitState { value })));
    let Some(Out::Failure(failure)) = reply else {
        panic!("not a failure: {reply:?}");
    };
    let url = <pb::Contents as Payload>::type_url();
    assert!(
        failure.description.contains(&*url),
        "{}",
        failure.description
    );

    let mut peer = Peer::opened();
    let value = Some(Any {
        value: vec![0xff].into(),
        ..saved([])
    });
    let reply = peer.send(init("shop.Cart", Some(ValueEntityInitState { value })));
    let Some(Out::Failure(failure)) = reply else {
        panic!("not a failure: {reply:?}");
    };
    assert!(
        failure.description.contains("shop.Saved"),
        "{}",
        failure.description
    );
}

#[tokio::test]
async fn the_protocol_server_serves_the_same_machine() {
    let channel = connect(user_function()).await;
    let mut peer = Peer::opened();
    let messages = [
        init("shop.Cart", Some(ValueEntityInitState::default())),
        In::Command(peer.command("AddItem", Any::pack(&item("tea")))),
        In::Command(peer.command("AddItem", Any::pack(&item("milk fail")))),
        In::Command(peer.command("AddItem", Any::pack(&item("honey")))),
        In::Command(peer.command("AddItem", Any::pack(&item("clear")))),
        init("shop.Cart", None),
    ];
    let expected: Vec<_> = messages
        .clone()
        .into_iter()
        .filter_map(|message| peer.send(message))
        .collect();
    assert_eq!(expected.len(), 5);

    let input = messages.map(|message| ValueEntityStreamIn {
        message: Some(message),
    });
    let response = ValueEntityClient::new(channel)
        .handle(futures_util::stream::iter(input))
        .await
        .unwrap();
    let ahead = response.metadata().get("cloudstate-commands-ahead");
    assert_eq!(ahead.unwrap(), "64");
    let replies = response
        .into_inner()
        .map(|reply| reply.unwrap().message.unwrap());
    let replies = timeout(PATIENCE, replies.collect::<Vec<_>>())
        .await
        .unwrap();
    assert_eq!(replies, expected);
}

proptest! {
    /// Whatever the commands, a new instance that is given the last stored value has the state of the live one.
    #[test]
    fn the_live_state_is_what_the_last_stored_value_says(
        commands in prop::collection::vec(
            prop::collection::vec(
                prop::sample::select(vec!["a", "b", "clear", "fail", "look", "effect"]),
                0..5,
            ),
            0..20,
        )
    ) {
        let mut live = Peer::start(None);
        let mut stored = None;
        for command in commands {
            match live.add(&command.join(" ")).state_action {
                None => {}
                Some(ValueEntityAction { action: Some(StateAction::Update(update)) }) => {
                    stored = update.value;
                }
                Some(_) => stored = None,
            }
            let mut rebuilt = Peer::start(stored.clone());
            prop_assert_eq!(live.products(), rebuilt.products());
        }
    }
}
