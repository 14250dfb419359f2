//! `language`: what the language half costs alone, behind a proxy that costs nothing.

use super::{
    Measured,
    comparison::{ECHO, compare, finish},
};
use crate::{
    Error,
    echo::Echo,
    plan::Bench,
    protocol::StreamLoad,
    report::Table,
    server::{Launch, Server},
};

/// Streams, commands in flight on each, connections.
const SHAPES: [(u32, u32, u32); 5] = [(1, 1, 1), (1, 64, 1), (64, 1, 1), (64, 1, 4), (1000, 1, 4)];

/// Measures the cart's protocol server and a bare stream of the same messages.
pub fn run(bench: &Bench) -> Measured {
    let mut cases: Vec<(StreamLoad, Table)> = loads(bench)
        .map(|load| {
            let title = format!("EventSourced.handle, {load}");
            (load, Table::new(title))
        })
        .filter(|(_, table)| bench.wants(table.title()))
        .collect();
    let memory = measure_all(bench, &mut cases);
    Measured::of(cases.into_iter().map(|(_, table)| table), memory)
}

/// Returns the memory of the servers.
fn measure_all(bench: &Bench, cases: &mut [(StreamLoad, Table)]) -> Result<Table, Error> {
    let launches = [
        Launch::echo(ECHO, &bench.benchmark, Echo::Grpc),
        Launch::user_function("cart, user function", bench.cart()?),
    ];
    let mut servers = Vec::new();
    for launch in launches {
        servers.push(Server::start(&launch, bench.directory())?);
    }
    for round in bench.rounds("language") {
        for (load, table) in &mut *cases {
            compare(
                table,
                &servers.iter().collect::<Vec<_>>(),
                round,
                |server| Ok(load.run(server)?.figures().to_vec()),
            )?;
        }
    }
    let mut memory = Table::new("Memory of the language half");
    finish(servers, &mut memory)?;
    Ok(memory)
}

/// The loads of this scenario.
pub(super) fn loads(bench: &Bench) -> impl Iterator<Item = StreamLoad> + use<> {
    let pace = bench.pace();
    SHAPES
        .into_iter()
        .map(move |(streams, in_flight, connections)| StreamLoad {
            streams,
            in_flight,
            connections,
            pace,
        })
}
