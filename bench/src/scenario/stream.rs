//! `stream`: actions that stream, and replicated data that is updated and followed.

use super::{
    Measured,
    comparison::{ECHO, compare, finish},
};
use crate::{
    Error, disk,
    echo::Echo,
    load,
    plan::Bench,
    program,
    replicated::{self, Update, Updates},
    report::{Figure, Table},
    server::{Launch, Server, Store},
    streams::{Direction, Streams},
};

/// Direction, and calls at one time.
const STREAMS: [(Direction, u32); 7] = [
    (Direction::Out, 1),
    (Direction::Out, 16),
    (Direction::In, 1),
    (Direction::In, 16),
    (Direction::Both { in_flight: 1 }, 1),
    (Direction::Both { in_flight: 64 }, 1),
    (Direction::Both { in_flight: 1 }, 64),
];
/// Updates in flight, where it is not about those who follow.
const IN_FLIGHT: u32 = 64;
/// Elements of a small set.
const FEW: u32 = 10;
/// Elements of a large set, for each cart that there is.
const MANY: u32 = 10;
/// Streams that follow one counter.
const FOLLOWERS: u32 = 100;

const ACTION: &str = "action";
const VOTES: [&str; 2] = ["counters, memory", "counters, SQLite"];
const TAGS: [&str; 2] = ["sets, memory", "sets, SQLite"];

#[derive(Debug)]
enum Case {
    Streams(Streams),
    Updates(Updates),
}

impl Case {
    fn title(&self) -> String {
        match self {
            Self::Streams(streams) => streams.to_string(),
            Self::Updates(updates) => updates.to_string(),
        }
    }

    /// Whether a server of this name is measured in this case.
    fn is_for(&self, server: &str) -> bool {
        let programs: &[&str] = match self {
            Self::Streams(_) => &[ACTION],
            Self::Updates(updates) => match updates.update {
                Update::Counters(_) | Update::Followed(_) => &VOTES,
                Update::Set(_) => &TAGS,
            },
        };
        server == ECHO || programs.contains(&server)
    }

    fn measure(&self, bench: &Bench, server: &Server, round: u32) -> Result<Vec<Figure>, Error> {
        let sync = server
            .is_durable()
            .then(|| disk::probe(bench.directory()))
            .transpose()?;
        let measured = match self {
            Self::Streams(streams) => streams.run(server)?,
            Self::Updates(updates) => updates.run(server, round.into())?,
        };
        let mut figures = measured.figures().to_vec();
        if let Some(sync) = sync {
            figures.push(("fdatasync ms", sync));
            figures.push(("disk bytes/call", measured.bytes_written()));
        }
        Ok(figures)
    }
}

/// Measures streams of actions, and updates of CRDT entities in memory and on the disk, beside bare tonic.
pub fn run(bench: &Bench) -> Measured {
    let mut cases: Vec<(Case, Table)> = cases(bench)
        .into_iter()
        .map(|case| {
            let table = Table::new(case.title());
            (case, table)
        })
        .filter(|(_, table)| bench.wants(table.title()))
        .collect();
    let memory = measure_all(bench, &mut cases);
    Measured::of(cases.into_iter().map(|(_, table)| table), memory)
}

/// Returns the memory of the servers.
fn measure_all(bench: &Bench, cases: &mut [(Case, Table)]) -> Result<Table, Error> {
    let servers = start(bench)?;
    for round in bench.rounds("stream") {
        for (case, table) in &mut *cases {
            let compared: Vec<&Server> = servers
                .iter()
                .filter(|server| case.is_for(server.name()))
                .collect();
            compare(table, &compared, round, |server| {
                case.measure(bench, server, round)
            })?;
        }
    }
    let mut memory = Table::new("The most memory that each had in RAM");
    finish(servers, &mut memory)?;
    Ok(memory)
}

fn cases(bench: &Bench) -> Vec<Case> {
    let pace = bench.pace();
    let carts = bench.plan.carts.get();
    let streams = STREAMS.map(|(direction, calls)| {
        Case::Streams(Streams {
            direction,
            calls,
            pace,
        })
    });
    let updates = [
        (Update::Counters(1), IN_FLIGHT),
        (Update::Counters(carts), IN_FLIGHT),
        (Update::Followed(FOLLOWERS), 1),
        (Update::Set(FEW), IN_FLIGHT),
        (Update::Set(carts.saturating_mul(MANY)), IN_FLIGHT),
    ]
    .map(|(update, in_flight)| {
        Case::Updates(Updates {
            update,
            in_flight,
            pace,
        })
    });
    streams.into_iter().chain(updates).collect()
}

fn start(bench: &Bench) -> Result<Vec<Server>, Error> {
    let action = bench.program(program::ACTION)?;
    let votes = bench.program(program::VOTES)?;
    let tags = bench.program(program::TAGS)?;
    let store = |name: &str| match name.ends_with("memory") {
        true => Store::Memory,
        false => Store::Directory(bench.directory().join(name.replace([',', ' '], "-"))),
    };
    let mut launches = vec![
        Launch::echo(ECHO, &bench.benchmark, Echo::Grpc),
        Launch::cart(ACTION, &action, &Store::Memory),
    ];
    launches.extend(VOTES.map(|name| Launch::cart(name, &votes, &store(name))));
    launches.extend(TAGS.map(|name| Launch::cart(name, &tags, &store(name))));
    let runtime = load::runtime(1)?;
    let mut servers = Vec::new();
    for launch in launches {
        let server = Server::start(&launch, bench.directory())?;
        if TAGS.contains(&server.name()) {
            let many = bench.plan.carts.get().saturating_mul(MANY);
            for elements in [FEW, many] {
                runtime.block_on(replicated::fill(&server, elements))?;
            }
        }
        servers.push(server);
    }
    Ok(servers)
}
