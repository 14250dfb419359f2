//! `command`: what a call costs, beside what gRPC alone costs, under the same load in the same round.

use crate::{
    Error, disk,
    echo::Flavour,
    load::{self, Call, Load, Measurement},
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server, Store},
};

/// Calls in flight, and the connections that they share.
const SHAPES: [(u32, u32); 5] = [(1, 1), (64, 1), (64, 4), (256, 1), (256, 4)];

/// What the others are compared with.
const ECHO: &str = "echo";

struct Subject {
    server: Server,
    durable: bool,
}

/// Measures `AddItem` and `GetCart` on the durable cart, the cart in memory, and the echo.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let subjects = start(bench)?;
    let mut cases = cases(bench);
    for round in bench.rounds("command") {
        for (load, table) in &mut cases {
            let mut measured = Vec::new();
            for subject in in_turn(&subjects, round) {
                let waits_for_disk = subject.durable && load.call == Call::AddItem;
                let sync = waits_for_disk
                    .then(|| disk::probe(bench.directory()))
                    .transpose()?;
                let seed = u64::from(round);
                measured.push((subject, load.run(&subject.server, seed)?, sync));
            }
            record(table, &subjects, &measured);
        }
    }
    let mut memory = Table::new("The most memory that a process had in RAM");
    for subject in subjects {
        let peak = subject.server.process().peak_memory();
        let peak = peak.map_err(Error::io("read the memory of a server from /proc"))?;
        memory.record(subject.server.name(), &[("peak MB", peak as f64 / 1e6)]);
        // The echo has nothing to finish.
        if subject.server.name() != ECHO {
            subject.server.stop()?;
        }
    }
    let tables = cases.into_iter().map(|(_, table)| table);
    Ok(tables.chain([memory]).collect())
}

fn start(bench: &Bench) -> Result<Vec<Subject>, Error> {
    let directory = Store::Directory(bench.directory().join("command"));
    let program = bench.cart()?;
    let launches = [
        (
            Launch::echo(ECHO, &bench.benchmark, Flavour::MultiThread),
            false,
        ),
        (Launch::cart("cart, memory", program, &Store::Memory), false),
        (Launch::cart("cart, SQLite", program, &directory), true),
    ];
    let runtime = load::runtime(1)?;
    let mut subjects = Vec::new();
    for (launch, durable) in launches {
        let server = Server::start(&launch, bench.directory())?;
        runtime.block_on(load::fill(&server, bench.plan.carts.get()))?;
        subjects.push(Subject { server, durable });
    }
    Ok(subjects)
}

fn cases(bench: &Bench) -> Vec<(Load, Table)> {
    let adds = SHAPES.map(|(in_flight, connections)| {
        let many = bench.load(Call::AddItem, in_flight, connections);
        [many, Load { carts: 1, ..many }]
    });
    let gets =
        SHAPES.map(|(in_flight, connections)| bench.load(Call::GetCart, in_flight, connections));
    let loads = adds.into_iter().flatten().chain(gets);
    loads
        .map(|load| (load, Table::new(load.to_string())))
        .collect()
}

fn record(
    table: &mut Table,
    subjects: &[Subject],
    measured: &[(&Subject, Measurement, Option<f64>)],
) {
    let of = |name: &str| {
        measured
            .iter()
            .find(|(subject, ..)| subject.server.name() == name)
    };
    let echo = of(ECHO);
    // In the order of the subjects, whatever the order of this round was.
    for subject in subjects {
        let name = subject.server.name();
        let Some((_, measurement, sync)) = of(name) else {
            continue;
        };
        table.record(name, &figures(measurement));
        if let Some((_, echo, _)) = echo.filter(|_| name != ECHO) {
            table.record(
                name,
                &[
                    (
                        "calls of echo",
                        measurement.calls_per_second() / echo.calls_per_second(),
                    ),
                    (
                        "server time of echo",
                        measurement.server_time() / echo.server_time(),
                    ),
                ],
            );
        }
        if let Some(sync) = *sync {
            table.record(
                name,
                &[
                    ("fdatasync ms", sync),
                    ("disk bytes/call", measurement.bytes_written()),
                ],
            );
        }
    }
}

/// The figures that every measurement of a load has.
pub(super) fn figures(measurement: &Measurement) -> [(&'static str, f64); 6] {
    [
        ("calls/s", measurement.calls_per_second()),
        ("p50 ms", measurement.milliseconds(50.0)),
        ("p99 ms", measurement.milliseconds(99.0)),
        ("server us/call", measurement.server_time()),
        ("client us/call", measurement.client_time()),
        ("other cores", measurement.other_cores()),
    ]
}
