//! The CRDT model.

mod data;
mod entity;

use cloudstate::Service as _;
use cloudstate_protocol::version;
use tck_harness::pb::crdt::{CrdtConfigured, CrdtTckModel, CrdtTwo};

use super::server::{UserFunction, WireFault};
use entity::Entity;

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Lists an entry that was added among the updated ones as well.
    AddedIsUpdated,
    /// An entry that was added and is empty comes without a delta.
    AddedWithoutDelta,
    AnswersDelete,
    BareElements,
    CancelWithoutUpdate,
    /// A removed element that is added again is sent as both.
    CancelsNothingOut,
    ClearListsElements,
    ClearedIsIgnored,
    /// Another clock for the same value is no change.
    ClockAloneIsNoChange,
    /// Refuses an id that it has seen.
    CommandIdsAreUnique,
    /// An update behind the deletion is sent, and not the deletion.
    DeleteSendsUpdate,
    EchoesReplicated,
    EffectsOnFirstReply,
    EmptyAnswer,
    EmptyStateAction,
    /// Sends elements that were there before.
    EverythingAdded,
    FailsTheStream,
    FailureKeepsChange,
    FlagIsCleared,
    FlagIsEnabledAgain,
    ForwardDropsUpdate,
    ForwardsToItself,
    IgnoresConsistency,
    IgnoresInit,
    KeepsCreationDelta,
    KeepsPendingOfEntries,
    /// Encodes an empty string, where nothing is the same.
    LongWindedEncoding,
    NeverEndsStream,
    NewVoteHasNoVoters,
    NoCreationDelta,
    NotStreamed,
    OwnVoteIsNotCounted,
    RemovedIsCleared,
    SendsTotals,
    StreamedBeforeReply,
    StreamsAfterCancel,
    StreamsToNobody,
    UnsortedState,
    WithoutConfigured,
    WithoutTimeout,
    WrongClock,
    WrongType,
    /// No fault: the protocol does not say in which order a delta lists elements.
    ReversesDeltas,
    Wire(WireFault),
}

/// The user function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crdt {
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for Crdt {
    const ENTITY_TYPE: &'static str = version::CRDT;
    type Call = Entity;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        let mut services = vec![
            (CrdtTckModel::NAME, "CrdtTckModel", None),
            (CrdtTwo::NAME, "CrdtTwo", None),
        ];
        if self.fault != Some(Fault::WithoutConfigured) {
            let timeout = (self.fault != Some(Fault::WithoutTimeout)).then_some(100);
            services.push((CrdtConfigured::NAME, "CrdtConfigured", timeout));
        }
        services
    }

    fn announced_as(&self) -> &'static str {
        match self.fault {
            Some(Fault::WrongType) => version::VALUE_ENTITY,
            _ => version::CRDT,
        }
    }

    fn accept(&self, _rpc: &str) -> Entity {
        Entity::new(self.fault)
    }

    fn keeps_silent(&self) -> bool {
        self.fault == Some(Fault::StreamsToNobody)
    }

    fn wire_fault(&self) -> Option<WireFault> {
        match self.fault {
            Some(Fault::Wire(fault)) => Some(fault),
            _ => None,
        }
    }
}
