//! `live`: what an idle entity costs while it stays in memory, and what it costs to get there and to leave.

use std::time::Duration;

use crate::{
    Error,
    live::{self, Kind},
    load,
    plan::{Bench, in_turn},
    program,
    report::Table,
    server::{Launch, Server, Store},
};

/// Entities that are live before the measurement begins: connections and buffers are there then.
const BEFORE: u32 = 64;
/// Shorter than any run: entities leave as soon as they are idle.
const LEAVE: Duration = Duration::from_millis(1);

/// What is done with the entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stay,
    Leave,
}

struct Subject {
    kind: Kind,
    launch: Launch,
    entities: u32,
    fate: Fate,
    /// Memory does not vary between rounds, and a million entities take most of a minute.
    once: bool,
}

/// Measures entities that stay in memory, and entities that leave it at once.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let programs = [
        (Kind::EventSourced, bench.cart()?.to_owned()),
        (Kind::Value, bench.program(program::VALUE_ENTITY)?),
        (Kind::Crdt, bench.program(program::VOTES)?),
    ];
    let most = bench.plan.entities.get();
    let shapes = [
        (most / 10, Fate::Stay, false),
        (most, Fate::Stay, true),
        (most.saturating_mul(10), Fate::Stay, true),
        (most / 5, Fate::Leave, false),
    ];
    let mut subjects = Vec::new();
    for (kind, program) in &programs {
        let longest = |entities| bench.plan.quick && entities > most;
        for (entities, fate, once) in shapes {
            if longest(entities) {
                continue;
            }
            let entities = entities.max(1);
            let does = match fate {
                Fate::Stay => "stay",
                Fate::Leave => "leave",
            };
            let name = format!("{}, {entities} {does}", kind.name());
            let launch = Launch::cart(name, program, &Store::Memory);
            subjects.push(Subject {
                kind: *kind,
                launch: match fate {
                    Fate::Stay => live::staying(launch, bench),
                    Fate::Leave => launch.passivating_after(LEAVE),
                },
                entities,
                fate,
                once,
            });
        }
    }
    let mut table = Table::new("Entities without state, made live by their first call");
    // The order of the first round is that of the rows.
    for round in bench.rounds("live") {
        for subject in in_turn(&subjects, round).filter(|subject| round == 0 || !subject.once) {
            measure(bench, subject, &mut table)?;
        }
    }
    Ok(vec![table])
}

fn measure(bench: &Bench, subject: &Subject, table: &mut Table) -> Result<(), Error> {
    let server = Server::start(&subject.launch, bench.directory())?;
    let (took, used, grown) = load::runtime(1)?.block_on(async {
        live::activate(&server, subject.kind, 0..BEFORE).await?;
        let (memory, used) = (server.memory()?, server.cpu_time()?);
        let entities = BEFORE..BEFORE.saturating_add(subject.entities);
        let took = live::activate(&server, subject.kind, entities).await?;
        let used = server.cpu_time()?.saturating_sub(used);
        Ok::<_, Error>((took, used, server.memory()?.saturating_sub(memory)))
    })?;
    let count = f64::from(subject.entities);
    table.record(
        server.name(),
        &[
            ("activations/s", count / took.as_secs_f64()),
            ("server us/activation", used.as_secs_f64() * 1e6 / count),
            ("grown by MB", grown as f64 / 1e6),
        ],
    );
    if subject.fate == Fate::Stay {
        table.record(server.name(), &[("bytes/entity", grown as f64 / count)]);
        // It has nothing to write down, and a million entities to say goodbye to.
        server.kill();
        return Ok(());
    }
    server.stop()
}
