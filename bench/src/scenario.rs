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

/// What came of a scenario.
#[derive(Debug)]
pub struct Measured {
    /// What was measured; of what failed, as far as it went.
    pub tables: Vec<Table>,
    /// Why that is not everything.
    pub failure: Option<Error>,
}

impl Measured {
    /// Tables that were filled until something failed, and one that there is only if nothing did.
    fn of(tables: impl Iterator<Item = Table>, last: Result<Table, Error>) -> Self {
        let tables = tables.filter(|table| table.subjects().next().is_some());
        let (last, failure) = match last {
            Ok(table) => (Some(table), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            tables: tables.chain(last).collect(),
            failure,
        }
    }
}

impl From<Result<Vec<Table>, Error>> for Measured {
    fn from(measured: Result<Vec<Table>, Error>) -> Self {
        match measured {
            Ok(tables) => Self {
                tables,
                failure: None,
            },
            Err(error) => Self {
                tables: Vec::new(),
                failure: Some(error),
            },
        }
    }
}

impl Scenario {
    /// Measures it, until a server or a call fails.
    pub fn run(self, bench: &Bench) -> Measured {
        match self {
            Self::Command => command::run(bench),
            Self::Language => language::run(bench),
            Self::Stream => stream::run(bench),
            Self::Start => start::run(bench).into(),
            Self::Replay => replay::run(bench).into(),
            Self::Live => live::run(bench).into(),
            Self::Overload => overload::run(bench).into(),
            Self::Footprint => footprint::run(bench).into(),
            Self::Size => size::run(bench).into(),
            Self::Compile => compile::run(bench).into(),
            Self::Floor => floor::run(bench).into(),
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
