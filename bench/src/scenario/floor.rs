//! `floor`: the limits alone.

use std::path::Path;

use super::{comparison::ECHO, language};
use crate::{
    Error,
    commits::Commits,
    disk::Appends,
    echo::Echo,
    load::{Call, Load},
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server},
};

/// Calls in flight, and the connections that they share.
const SHAPES: [(u32, u32); 4] = [(1, 1), (64, 1), (64, 4), (256, 4)];
/// Calls in flight over HTTP/1.1, each on a connection of its own.
const HTTP_SHAPES: [u32; 3] = [1, 64, 256];
/// Tasks that append to the store, each when its last append is durable.
const WRITERS: [u32; 3] = [1, 64, 512];

/// Measures bare tonic on both runtimes, bare hyper, bare streams, and appends that wait for the disk.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let start = |name: &str, echo| {
        let launch = Launch::echo(name, &bench.benchmark, echo);
        Server::start(&launch, bench.directory())
    };
    let grpc = [
        start(ECHO, Echo::Grpc)?,
        start("echo, current_thread", Echo::GrpcOnOneThread)?,
    ];
    let http = start("echo, hyper", Echo::Http)?;
    let load = |call, in_flight, connections| {
        let load = bench.load(call, in_flight, connections);
        (load, Table::new(format!("Bare {}: {load}", library(&load))))
    };
    let mut calls: Vec<(Load, Table)> = SHAPES
        .map(|(in_flight, connections)| load(Call::AddItem, in_flight, connections))
        .into_iter()
        .chain(HTTP_SHAPES.map(|in_flight| load(Call::AddItemJson, in_flight, in_flight)))
        .collect();
    let mut streams: Vec<_> = language::loads(bench)
        .map(|load| (load, Table::new(format!("Bare tonic: {load}"))))
        .collect();
    let mut appends = Table::new("256 bytes appended to a file, each waiting for fdatasync");
    let mut commits = Table::new("One event appended to the journal, each waiting for its commit");
    for round in bench.rounds("floor") {
        for (load, table) in &mut calls {
            let servers = match load.call {
                Call::AddItem | Call::GetCart => &grpc[..],
                Call::AddItemJson => std::slice::from_ref(&http),
            };
            for server in in_turn(servers, round) {
                let measurement = load.run(server, round.into())?;
                table.record(server.name(), &measurement.figures());
            }
        }
        for (load, table) in &mut streams {
            for server in in_turn(&grpc, round) {
                table.record(server.name(), &load.run(server)?.figures());
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
        for writers in WRITERS {
            commit(
                bench,
                &bench.directory().join("commits"),
                writers,
                &mut commits,
            )?;
        }
    }
    let calls = calls.into_iter().map(|(_, table)| table);
    let streams = streams.into_iter().map(|(_, table)| table);
    Ok(calls.chain(streams).chain([appends, commits]).collect())
}

fn library(load: &Load) -> &'static str {
    match load.call {
        Call::AddItem | Call::GetCart => "tonic",
        Call::AddItemJson => "hyper",
    }
}

fn commit(bench: &Bench, store: &Path, writers: u32, table: &mut Table) -> Result<(), Error> {
    let committed = Commits::run(store, writers, bench.plan.seconds)?;
    let waiting = match writers {
        1 => "1 writer".to_owned(),
        writers => format!("{writers} writers"),
    };
    table.record(
        &waiting,
        &[
            ("events/s", committed.per_second()),
            ("p50 ms", committed.milliseconds(50.0)),
            ("p99 ms", committed.milliseconds(99.0)),
            ("us/event", committed.processor_time()),
        ],
    );
    Ok(())
}
