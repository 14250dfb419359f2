//! `live`: what an idle entity costs while it stays in memory, and what it costs to get there and to leave.

use std::time::Duration;

use crate::{
    Error, load,
    plan::{Bench, in_turn},
    program,
    report::Table,
    server::{Launch, Server, Store},
};

/// Calls in flight while entities are made live.
const IN_FLIGHT: u32 = 64;
/// Longer than any run: entities stay.
const STAY: Duration = Duration::from_secs(3600);
/// Shorter than any run: entities leave as soon as they are idle.
const LEAVE: Duration = Duration::from_millis(1);

/// Measures entities that stay in memory, and entities that leave it at once.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let entities = bench.plan.entities.get();
    let counts = [entities / 10, entities].map(|count| count.max(1));
    let value_cart = bench.program(program::VALUE_ENTITY)?;
    let kinds = [("event sourced", bench.cart()?), ("value", &value_cart)];
    let subjects: Vec<_> = kinds
        .iter()
        .flat_map(|&(kind, program)| {
            let launch = |name: String, idle| {
                Launch::cart(name, program, &Store::Memory).passivating_after(idle)
            };
            let stay = counts.map(|count| {
                let name = format!("{kind}, {count} stay");
                (launch(name, STAY), count, true)
            });
            let leave = (
                launch(format!("{kind}, {entities} leave"), LEAVE),
                entities,
                false,
            );
            stay.into_iter().chain([leave])
        })
        .collect();
    let mut table = Table::new("Entities without state, made live by their first call");
    for round in bench.rounds("live") {
        for (launch, count, stay) in in_turn(&subjects, round) {
            measure(bench, launch, *count, *stay, &mut table)?;
        }
    }
    Ok(vec![table])
}

fn measure(
    bench: &Bench,
    launch: &Launch,
    count: u32,
    stay: bool,
    table: &mut Table,
) -> Result<(), Error> {
    let server = Server::start(launch, bench.directory())?;
    let took = load::runtime(1)?.block_on(async {
        let clients = load::clients(&server, IN_FLIGHT).await?;
        // Connections and buffers are there; what memory is taken from here on is taken for entities.
        load::activate(&server, &clients, 0..IN_FLIGHT).await?;
        let memory = server.memory()?;
        let used = server.cpu_time()?;
        let took = load::activate(
            &server,
            &clients,
            IN_FLIGHT..IN_FLIGHT.saturating_add(count),
        )
        .await?;
        let used = server.cpu_time()?.saturating_sub(used);
        let grown = server.memory()?.saturating_sub(memory);
        Ok::<_, Error>((took, used, grown))
    });
    let (took, used, grown) = took?;
    let count = f64::from(count);
    table.record(
        server.name(),
        &[
            ("activations/s", count / took.as_secs_f64()),
            ("server us/activation", used.as_secs_f64() * 1e6 / count),
            ("grown by MB", grown as f64 / 1e6),
        ],
    );
    if stay {
        table.record(server.name(), &[("bytes/entity", grown as f64 / count)]);
    }
    server.stop()
}
