//! For any history: passivation, snapshots and failures are invisible in what is answered and kept.

use cloudstate::protocol::cloudstate::{
    client_action::Action as Answer,
    eventsourced::{EventSourcedReply, event_sourced_stream_out::Message as Out},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    conversation::{Peer, Proxy, emit, event, fail, user_function},
    model::Action,
};

/// How an entity is loaded.
#[derive(Clone, Copy)]
enum Loading {
    Replay,
    SnapshotThenEvents,
}

/// One command: values to emit, whether it fails behind them, and whether the entity is passivated afterwards.
#[derive(Clone, Debug)]
struct Turn {
    values: Vec<char>,
    fails: bool,
    passivated: bool,
}

impl Turn {
    fn actions(&self) -> Vec<Action> {
        let emits = self.values.iter().map(|value| emit(&value.to_string()));
        emits.chain(self.fails.then(|| fail("no"))).collect()
    }
}

fn history() -> impl Strategy<Value = Vec<Turn>> {
    let values = vec(prop::char::range('a', 'z'), 0..8);
    let turn = (values, prop::bool::weighted(0.2), any::<bool>());
    let turn = turn.prop_map(|(values, fails, passivated)| Turn {
        values,
        fails,
        passivated,
    });
    vec(turn, 0..20)
}

/// A proxy that keeps what it is told to keep.
struct Journal {
    proxy: Proxy,
    loading: Loading,
    events: Vec<String>,
    snapshot: Option<(usize, String)>,
}

impl Journal {
    fn new(loading: Loading) -> Self {
        Self {
            proxy: Proxy::InProcess(user_function()),
            loading,
            events: Vec::new(),
            snapshot: None,
        }
    }

    async fn load(&self) -> Peer {
        let snapshot = match self.loading {
            Loading::Replay => None,
            Loading::SnapshotThenEvents => self.snapshot.as_ref(),
        };
        let covered = snapshot.map_or(0, |(sequence, _)| *sequence);
        let sent = snapshot.map(|(sequence, value)| (*sequence as i64, value.as_str()));
        let mut peer = self.proxy.start(sent).await;
        for (index, value) in self.events.iter().enumerate().skip(covered) {
            peer.send(event(index as i64 + 1, value)).await;
        }
        peer
    }

    /// Runs one command, and stores what its reply says.
    async fn run(&mut self, peer: &mut Peer, id: i64, turn: &Turn) -> (EventSourcedReply, bool) {
        peer.command(id, turn.actions()).await;
        let Some(Out::Reply(reply)) = peer.next().await else {
            panic!("no reply");
        };
        let restart = match reply.client_action.as_ref().unwrap().action.as_ref() {
            Some(Answer::Failure(failure)) => failure.restart,
            _ => false,
        };
        for stored in &reply.events {
            self.events.push(value_of(stored));
        }
        if let Some(snapshot) = &reply.snapshot {
            self.snapshot = Some((self.events.len(), value_of(snapshot)));
        }
        (reply, restart)
    }

    /// Runs a history, passivating where it says so if `passivating`; gives every reply, a last query's included.
    async fn play(&mut self, history: &[Turn], passivating: bool) -> Vec<EventSourcedReply> {
        let query = Turn {
            values: Vec::new(),
            fails: false,
            passivated: false,
        };
        let mut replies = Vec::new();
        let mut peer = self.load().await;
        for (index, turn) in history.iter().chain([&query]).enumerate() {
            let (reply, restart) = self.run(&mut peer, index as i64, turn).await;
            replies.push(reply);
            if restart || passivating && turn.passivated {
                peer.passivate().await;
                peer = self.load().await;
            }
        }
        replies
    }
}

fn value_of(any: &cloudstate::Any) -> String {
    use cloudstate::Payload;
    crate::model::Persisted::decode(any.value.clone())
        .unwrap()
        .value
}

/// What the history means, without an entity: the values of the commands that succeed.
fn kept(history: &[Turn]) -> Vec<String> {
    let successful = history.iter().filter(|turn| !turn.fails);
    successful
        .flat_map(|turn| turn.values.iter().map(ToString::to_string))
        .collect()
}

proptest! {
    #[test]
    fn a_history_reads_the_same_with_and_without_passivation_and_snapshots(history in history()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut live = Journal::new(Loading::Replay);
            let expected = live.play(&history, false).await;
            prop_assert_eq!(&live.events, &kept(&history));
            for loading in [Loading::Replay, Loading::SnapshotThenEvents] {
                let mut journal = Journal::new(loading);
                prop_assert_eq!(&journal.play(&history, true).await, &expected);
                prop_assert_eq!(&journal.events, &live.events);
                prop_assert_eq!(&journal.snapshot, &live.snapshot);
            }
            if let Some((sequence, value)) = live.snapshot {
                prop_assert_eq!(value, live.events[..sequence].concat());
            }
            Ok(())
        })?;
    }
}
