//! Commands, deltas and what begins with a content.

use cloudstate::{
    Any, Payload,
    protocol::{
        cloudstate::crdt::{
            CrdtDelete, CrdtDelta, CrdtStateAction, CrdtWriteConsistency, OrMapDelta,
            OrMapEntryDelta, PnCounterDelta, crdt_delta::Delta,
            crdt_state_action::Action as StateAction, crdt_stream_in::Message as In,
        },
        version,
    },
};

use super::{
    peer::{Peer, both_ways, failure_of, register, set, update, updated},
    rooms::{shop, user_function},
};

#[test]
fn discovery_announces_crdt_entities() {
    let user_function = user_function();
    let spec = user_function.spec();
    let entity = |service: &str| {
        let mut entities = spec.entities.iter();
        entities
            .find(|entity| entity.service_name == service)
            .unwrap()
    };
    for entity in &spec.entities {
        assert_eq!(entity.entity_type, version::CRDT);
    }
    assert_eq!(entity("room.Presence").persistence_id, "Presence");
    assert!(entity("room.Presence").passivation_strategy.is_some());
    assert!(entity("shop.Cart").passivation_strategy.is_none());
}

#[tokio::test]
async fn what_a_command_changed_goes_out_with_its_reply() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        assert_eq!(room.guests().await, [""; 0]);
        let reply = room.change("+ada +bob").await;
        assert_eq!(reply.state_action, updated(&[], &["ada", "bob"]));
        assert!(!reply.streamed);
        assert_eq!(room.change("+bob").await.state_action, None);
        assert_eq!(room.change("-bob +bob").await.state_action, None);
        let reply = room.change("clear +eve").await;
        let cleared = update(set(true, &[], &["eve"]), CrdtWriteConsistency::Local);
        assert_eq!(reply.state_action, cleared);
        assert_eq!(room.guests().await, ["eve"]);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn what_other_nodes_changed_is_applied_and_never_echoed() {
    both_ways(async |proxy| {
        let mut room = proxy.start(Some(set(false, &[], &["ada"]))).await;
        assert_eq!(room.guests().await, ["ada"]);
        room.delta(set(false, &["ada"], &["bob", "eve"])).await;
        assert_eq!(room.guests().await, ["bob", "eve"]);
        let reply = room.change("-bob").await;
        assert_eq!(reply.state_action, updated(&["bob"], &[]));
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_command_leaves_no_trace() {
    both_ways(async |proxy| {
        let mut room = proxy.start(Some(set(false, &[], &["ada"]))).await;
        for words in [
            "fail",
            "+bob fail",
            "-ada fail",
            "clear +eve effect delete fail",
        ] {
            let reply = room.change(words).await;
            assert_eq!(
                failure_of(reply.client_action),
                (room.id, "expected failure".into())
            );
            assert_eq!((reply.state_action, reply.side_effects.len()), (None, 0));
            assert_eq!(room.guests().await, ["ada"], "{words}");
        }
        assert_eq!(
            room.change("+bob").await.state_action,
            updated(&[], &["bob"])
        );
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_entity_sends_no_update() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.change("+ada").await;
        let reply = room.change("+bob all delete").await;
        let deleted = CrdtStateAction {
            action: Some(StateAction::Delete(CrdtDelete {})),
            write_consistency: CrdtWriteConsistency::All.into(),
        };
        assert_eq!(reply.state_action, Some(deleted));
        assert_eq!(room.guests().await, ["ada", "bob"]);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_deletion_by_another_node_is_met_with_silence() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.send(In::Delete(CrdtDelete {})).await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn write_consistency_is_that_of_the_command() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        for (words, consistency) in [
            ("+a", CrdtWriteConsistency::Local),
            ("+b majority", CrdtWriteConsistency::Majority),
            ("+c majority all", CrdtWriteConsistency::All),
            ("+d", CrdtWriteConsistency::Local),
        ] {
            let action = room.change(words).await.state_action.unwrap();
            assert_eq!(action.write_consistency(), consistency, "{words}");
        }
        assert_eq!(room.change("all").await.state_action, None);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn effects_go_with_the_reply_and_a_reply_may_be_none() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        let reply = room.change("effect +ada effect silent").await;
        assert_eq!(reply.client_action, None);
        assert_eq!(reply.side_effects.len(), 2);
        assert_eq!(reply.state_action, updated(&[], &["ada"]));
        room.passivate().await;
    })
    .await;
}

async fn title(peer: &mut Peer) -> (String, Option<CrdtStateAction>) {
    let reply = peer
        .call("GetCart", Any::pack(&shop::GetCart::default()))
        .await;
    let Some(action) = reply.client_action.and_then(|action| action.action) else {
        panic!("no answer");
    };
    let cloudstate::protocol::cloudstate::client_action::Action::Reply(answer) = action else {
        panic!("not a reply: {action:?}");
    };
    let contents: shop::Contents = answer.payload.unwrap().unpack().unwrap();
    (contents.products.concat(), reply.state_action)
}

async fn set_title(peer: &mut Peer, product: &str) -> Option<CrdtStateAction> {
    let item = shop::AddItem {
        product: product.into(),
        ..shop::AddItem::default()
    };
    peer.call("AddItem", Any::pack(&item)).await.state_action
}

fn local(delta: Delta) -> Option<CrdtStateAction> {
    update(delta, CrdtWriteConsistency::Local)
}

#[tokio::test]
async fn what_an_entity_begins_with_goes_out_with_the_first_success() {
    both_ways(async |proxy| {
        let mut peer = proxy.start_of("shop.Cart", None).await;
        assert_eq!(set_title(&mut peer, "fail").await, None);
        assert_eq!(title(&mut peer).await, (String::new(), local(register(""))));
        assert_eq!(title(&mut peer).await, (String::new(), None));
        assert_eq!(set_title(&mut peer, "tea").await, local(register("tea")));
        assert_eq!(set_title(&mut peer, "fail").await, None);
        assert_eq!(title(&mut peer).await, ("tea".into(), None));

        let mut written = proxy.start_of("shop.Cart", None).await;
        assert_eq!(set_title(&mut written, "tea").await, local(register("tea")));
        assert_eq!(title(&mut written).await, ("tea".into(), None));
    })
    .await;
}

#[tokio::test]
async fn what_an_entity_begins_with_is_void_where_the_proxy_knows_better() {
    both_ways(async |proxy| {
        let mut loaded = proxy.start_of("shop.Cart", Some(register("tea"))).await;
        assert_eq!(title(&mut loaded).await, ("tea".into(), None));

        let mut told = proxy.start_of("shop.Cart", None).await;
        told.delta(register("tea")).await;
        assert_eq!(title(&mut told).await, ("tea".into(), None));
    })
    .await;
}

fn entry(key: &str, count: i64) -> OrMapEntryDelta {
    let count = Delta::Pncounter(PnCounterDelta { change: count });
    OrMapEntryDelta {
        key: Some(key.to_owned().to_any()),
        delta: Some(CrdtDelta { delta: Some(count) }),
    }
}

#[tokio::test]
async fn a_map_that_begins_with_a_content_keeps_it_behind_a_failure() {
    both_ways(async |proxy| {
        let mut stock = proxy.start_of("shop.Archive", None).await;
        let find = |name: &str| Any::pack(&shop::GetCart { cart: name.into() });
        let reply = stock.call("Find", find("fail")).await;
        failure_of(reply.client_action);
        let reply = stock.call("Find", find("milk")).await;
        let added = vec![entry("tea", 3), entry("milk", 1)];
        let delta = OrMapDelta {
            added,
            ..OrMapDelta::default()
        };
        assert_eq!(reply.state_action, local(Delta::Ormap(delta)));

        let delta = OrMapDelta {
            added: vec![entry("milk", 5)],
            ..OrMapDelta::default()
        };
        let mut told = proxy.start_of("shop.Archive", None).await;
        told.delta(Delta::Ormap(delta)).await;
        let reply = told.call("Find", find("milk")).await;
        let delta = OrMapDelta {
            updated: vec![entry("milk", 1)],
            ..OrMapDelta::default()
        };
        assert_eq!(reply.state_action, local(Delta::Ormap(delta)));
    })
    .await;
}
