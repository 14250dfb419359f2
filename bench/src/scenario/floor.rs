//! `floor`: the limits alone.

use crate::{
    Error,
    disk::Appends,
    echo::Flavour,
    load::Call,
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server},
};

use super::command::figures;

/// Calls in flight, and the connections that they share.
const SHAPES: [(u32, u32); 4] = [(1, 1), (64, 1), (64, 4), (256, 4)];

/// Measures bare tonic on both runtimes, and appends that wait for the disk.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let launches = [
        ("echo", Flavour::MultiThread),
        ("echo, current_thread", Flavour::CurrentThread),
    ];
    let mut servers = Vec::new();
    for (name, flavour) in launches {
        let launch = Launch::echo(name, &bench.benchmark, flavour);
        servers.push(Server::start(&launch, bench.directory())?);
    }
    let mut calls = SHAPES.map(|(in_flight, connections)| {
        let load = bench.load(Call::AddItem, in_flight, connections);
        (load, Table::new(format!("Bare tonic: {load}")))
    });
    let mut appends = Table::new("256 bytes appended to a file, each waiting for fdatasync");
    for round in bench.rounds("floor") {
        for (load, table) in &mut calls {
            for server in in_turn(&servers, round) {
                let measurement = load.run(server, round.into())?;
                table.record(server.name(), &figures(&measurement));
            }
        }
        let appended = Appends::run(bench.directory(), bench.plan.seconds)?;
        appends.record(
            "one file",
            &[
                ("appends/s", appended.per_second()),
                ("p50 ms", appended.milliseconds(50.0)),
                ("p99 ms", appended.milliseconds(99.0)),
            ],
        );
    }
    Ok(calls
        .into_iter()
        .map(|(_, table)| table)
        .chain([appends])
        .collect())
}
