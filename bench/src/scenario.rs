//! What can be measured.

pub mod command;
mod comparison;
pub mod compile;
pub mod floor;
pub mod footprint;
pub mod language;
pub mod live;
pub mod overload;
pub mod replay;
pub mod size;
pub mod start;
pub mod stream;

use clap::ValueEnum;

use crate::{Error, plan::Bench, report::Table};

/// A scenario, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// The cart's calls, durable and in memory, beside a bare tonic service.
    Command,
    /// The protocol server, driven as a proxy drives it, beside a bare stream of the same messages.
    Language,
    /// Streaming actions and CRDT entities, beside bare streams.
    Stream,
    /// Process start to first reply.
    Start,
    /// The first reply of an entity with a long history, and the memory it takes.
    Replay,
    /// Memory per live entity, and the rate at which entities come and go.
    Live,
    /// Starts and commands while the journal grows to millions of events.
    Size,
    /// Calls that arrive faster than they can be served.
    Overload,
    /// The size of the programs, and their memory when nothing happens.
    Footprint,
    /// Building the cart, from nothing and after a change.
    Compile,
    /// The limits alone: bare tonic, bare hyper, bare streams, appends to a file and to the store.
    Floor,
}

impl Scenario {
    /// Measures it.
    ///
    /// # Errors
    /// A server or a call fails; there are no figures then.
    pub fn run(self, bench: &Bench) -> Result<Vec<Table>, Error> {
        match self {
            Self::Command => command::run(bench),
            Self::Language => language::run(bench),
            Self::Stream => stream::run(bench),
            Self::Start => start::run(bench),
            Self::Replay => replay::run(bench),
            Self::Live => live::run(bench),
            Self::Overload => overload::run(bench),
            Self::Footprint => footprint::run(bench),
            Self::Size => size::run(bench),
            Self::Compile => compile::run(bench),
            Self::Floor => floor::run(bench),
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Language => "language",
            Self::Stream => "stream",
            Self::Start => "start",
            Self::Replay => "replay",
            Self::Live => "live",
            Self::Overload => "overload",
            Self::Footprint => "footprint",
            Self::Size => "size",
            Self::Compile => "compile",
            Self::Floor => "floor",
        }
    }
}
