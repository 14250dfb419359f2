//! The event-sourced cases of the TCK, message for message, and what it leaves open.

use crate::conversation::{
    both_ways, effect, emit, event, fail, failed, forward, forwarded, state,
};

#[tokio::test]
async fn a_new_entity_has_the_empty_state() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.exchange(1, [], state("")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn events_are_applied_when_they_are_emitted() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let emitted = state("ABC").events(&["A", "B", "C"]);
        peer.exchange(1, [emit("A"), emit("B"), emit("C")], emitted)
            .await;
        peer.exchange(2, [], state("ABC")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn snapshots_come_with_every_fifth_event() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        for (id, value, all) in [
            (1, "A", "A"),
            (2, "B", "AB"),
            (3, "C", "ABC"),
            (4, "D", "ABCD"),
        ] {
            peer.exchange(id, [emit(value)], state(all).events(&[value]))
                .await;
        }
        let fifth = state("ABCDE").events(&["E"]).snapshot("ABCDE");
        peer.exchange(5, [emit("E")], fifth).await;
        let eighth = state("ABCDEFGH").events(&["F", "G", "H"]);
        peer.exchange(6, [emit("F"), emit("G"), emit("H")], eighth)
            .await;
        let tenth = state("ABCDEFGHIJ")
            .events(&["I", "J"])
            .snapshot("ABCDEFGHIJ");
        peer.exchange(7, [emit("I"), emit("J")], tenth).await;
        peer.exchange(8, [emit("K")], state("ABCDEFGHIJK").events(&["K"]))
            .await;
        peer.exchange(9, [], state("ABCDEFGHIJK")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn one_snapshot_is_taken_of_the_state_behind_all_events_of_a_command() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(Some((3, "ABC"))).await;
        let values = ["D", "E", "F", "G", "H", "I", "J", "K"];
        let expected = state("ABCDEFGHIJK").events(&values).snapshot("ABCDEFGHIJK");
        peer.exchange(1, values.map(emit), expected).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_and_later_events_are_restored() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let first = state("ABC").events(&["A", "B", "C"]);
        peer.exchange(1, [emit("A"), emit("B"), emit("C")], first)
            .await;
        let fifth = state("ABCDE").events(&["D", "E"]).snapshot("ABCDE");
        peer.exchange(2, [emit("D"), emit("E")], fifth).await;
        peer.exchange(3, [emit("F")], state("ABCDEF").events(&["F"]))
            .await;
        peer.exchange(4, [emit("G")], state("ABCDEFG").events(&["G"]))
            .await;
        peer.passivate().await;

        let mut peer = proxy.start(Some((5, "ABCDE"))).await;
        peer.send(event(6, "F")).await;
        peer.send(event(7, "G")).await;
        peer.exchange(1, [], state("ABCDEFG")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn the_sequence_follows_the_journal_across_gaps() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.send(event(2, "B")).await;
        peer.send(event(8, "H")).await;
        peer.exchange(1, [emit("I")], state("BHI").events(&["I"]))
            .await;
        peer.exchange(
            2,
            [emit("J")],
            state("BHIJ").events(&["J"]).snapshot("BHIJ"),
        )
        .await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_forward_replaces_the_reply_and_keeps_events_snapshot_and_effects() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let first = state("ABC").events(&["A", "B", "C"]);
        peer.exchange(1, [emit("A"), emit("B"), emit("C")], first)
            .await;
        let expected = forwarded("two").events(&["D", "E"]).snapshot("ABCDE");
        peer.exchange(2, [emit("D"), emit("E"), forward("two")], expected)
            .await;
        let expected = forwarded("two").effects(&["three"], false);
        peer.exchange(3, [effect("three", false), forward("two")], expected)
            .await;
        peer.exchange(4, [], state("ABCDE")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn effects_keep_their_order_and_come_with_events_and_snapshot() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let expected = state("").effects(&["s"], true);
        peer.exchange(1, [effect("s", true)], expected).await;
        let actions = [
            emit("A"),
            emit("B"),
            emit("C"),
            emit("D"),
            emit("E"),
            effect("1", false),
            effect("2", false),
            effect("3", false),
        ];
        let expected = state("ABCDE")
            .events(&["A", "B", "C", "D", "E"])
            .snapshot("ABCDE")
            .effects(&["1", "2", "3"], false);
        peer.exchange(2, actions, expected).await;
        peer.exchange(3, [], state("ABCDE")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_without_events_changes_nothing() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.exchange(1, [emit("A")], state("A").events(&["A"]))
            .await;
        peer.exchange(2, [fail("expected")], failed("expected", false))
            .await;
        let effect_first = [effect("two", false), fail("expected")];
        peer.exchange(3, effect_first, failed("expected", false))
            .await;
        peer.exchange(4, [], state("A")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_after_an_event_asks_for_a_restart_and_leaves_no_trace() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let first = state("ABC").events(&["A", "B", "C"]);
        peer.exchange(1, [emit("A"), emit("B"), emit("C")], first)
            .await;
        let actions = [emit("4"), emit("5"), fail("failure 1")];
        peer.exchange(2, actions, failed("failure 1", true)).await;
        peer.passivate().await;

        let mut peer = proxy.start(None).await;
        for (sequence, value) in [(1, "A"), (2, "B"), (3, "C")] {
            peer.send(event(sequence, value)).await;
        }
        peer.exchange(1, [emit("D")], state("ABCD").events(&["D"]))
            .await;
        let actions = [emit("6"), fail("failure 2"), emit("7")];
        peer.exchange(2, actions, failed("failure 2", true)).await;
        peer.passivate().await;

        let mut peer = proxy.start(None).await;
        for (sequence, value) in [(1, "A"), (2, "B"), (3, "C"), (4, "D")] {
            peer.send(event(sequence, value)).await;
        }
        let fifth = state("ABCDE").events(&["E"]).snapshot("ABCDE");
        peer.exchange(1, [emit("E")], fifth).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn commands_are_refused_until_the_restart() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.exchange(1, [emit("A"), fail("no")], failed("no", true))
            .await;
        let text = "The entity must be loaded again before it takes commands: an earlier one failed after it had \
                    emitted";
        peer.exchange(2, [], failed(text, true)).await;
        peer.exchange(3, [emit("B")], failed(text, true)).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_command_id_may_repeat() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.exchange(7, [emit("A")], state("A").events(&["A"]))
            .await;
        peer.exchange(7, [emit("A")], state("AA").events(&["A"]))
            .await;
        peer.passivate().await;
    })
    .await;
}
