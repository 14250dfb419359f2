//! Whether the state survives: for any history of commands, what is stored says what was in memory.

use std::{any::type_name, fmt::Debug};

use super::{Command, EventSourcedTest, fixture::asks_for_restart};
use crate::{Any, EventSourcedEntity, Handlers};

impl<E: Handlers + EventSourcedEntity + PartialEq + Debug> EventSourcedTest<E> {
    /// Sends commands to an entity that stays in memory, and checks behind each that the state from its events is the
    /// state in memory, and the state from a snapshot the state that the snapshot was taken of. In the end it loads the
    /// entity from every snapshot on the way, and the events after it.
    ///
    /// A command that is refused is a command like others. Event handlers that look at a clock, fields that an event does
    /// not carry, and snapshots that forget something are what this finds. It goes well with generated histories:
    ///
    /// ```
    /// # use cloudstate::{prelude::*, testing::{Command, EventSourcedTest}};
    /// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
    /// # #[event_sourced_entity(service = pb::Cart)]
    /// # #[derive(Debug, Default, PartialEq)]
    /// # struct Cart { products: Vec<String> }
    /// # #[handlers(partial)]
    /// # impl Cart {
    /// #     #[command_handler]
    /// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
    /// #         ensure!(!cart.products.contains(&item.product), "{} is in the cart", item.product);
    /// #         cart.emit(pb::ItemAdded { product: item.product });
    /// #         Ok(())
    /// #     }
    /// #     #[event_handler]
    /// #     fn item_added(&mut self, event: pb::ItemAdded) { self.products.push(event.product); }
    /// # }
    /// use proptest::prelude::*;
    ///
    /// proptest! {
    ///     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    ///     # /*
    ///     #[test]
    ///     # */
    ///     fn a_cart_survives(products in prop::collection::vec("[a-c]", 0..20)) {
    ///         let add = |product| pb::AddItem { cart: "c".into(), product };
    ///         let commands = products.into_iter().map(|product| Command::to(pb::Cart::AddItem, add(product)));
    ///         EventSourcedTest::<Cart>::new("c").assert_survives(commands);
    ///     }
    /// }
    /// # a_cart_survives();
    /// ```
    ///
    /// # Panics
    /// A state differs, a handler panics, or what is stored cannot be read back.
    #[track_caller]
    pub fn assert_survives(mut self, commands: impl IntoIterator<Item = Command>) {
        let mut from_events = self.fresh();
        from_events.reload();
        let mut snapshots: Vec<(u64, Any)> = Vec::new();
        for (index, command) in (1..).zip(commands) {
            let place = format!("behind command {index}, {}", command.name());
            let reply = match self.run(command) {
                Ok(reply) => reply,
                Err(defect) => panic!("{place}: {} broke down: {defect}", type_name::<E>()),
            };
            if asks_for_restart(reply.client_action.as_ref()) {
                self.reload();
                continue;
            }
            self.keep(&reply);
            for event in &reply.events {
                if let Err(text) = from_events.append(event.clone()) {
                    panic!("{place}: an event cannot be read back: {text}");
                }
            }
            self.assert_same(from_events.state(), "its events", &place);
            if let Some(snapshot) = self.state().take_snapshot() {
                let snapshot = (self.sequence(), snapshot);
                self.assert_restores(&snapshot, &place);
                if !reply.events.is_empty() {
                    snapshots.push(snapshot);
                }
            }
        }
        for snapshot in snapshots {
            let place = format!("loaded from the snapshot behind event {}", snapshot.0);
            self.assert_restores(&snapshot, &place);
        }
    }

    /// Whether the state in memory is that of a snapshot and the events after it.
    #[track_caller]
    fn assert_restores(&self, snapshot: &(u64, Any), place: &str) {
        let mut restored = self.fresh();
        if let Err(text) = restored.try_load(Some(snapshot.clone())) {
            panic!("{place}: a snapshot cannot be read back: {text}");
        }
        self.assert_same(
            restored.state(),
            "a snapshot and the events after it",
            place,
        );
    }

    #[track_caller]
    fn assert_same(&self, loaded: &E, source: &str, place: &str) {
        let live = self.state();
        assert!(
            live == loaded,
            "{place}: the state from {source} is not the state in memory\n  in memory: {live:?}\n     loaded: {loaded:?}"
        );
    }
}
