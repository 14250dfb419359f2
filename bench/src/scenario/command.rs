//! `command`: what a call costs, beside what gRPC or HTTP alone costs, under the same load in the same round.

use super::{
    Measured,
    comparison::{ECHO, compare, finish},
};
use crate::{
    Error, disk,
    echo::Echo,
    load::{self, Call, Load},
    plan::Bench,
    program,
    report::{Figure, Table},
    server::{Launch, Server, Store},
};

/// Calls in flight, and the connections that they share.
const SHAPES: [(u32, u32); 5] = [(1, 1), (64, 1), (64, 4), (256, 1), (256, 4)];
/// Calls in flight as JSON, each on a connection of its own.
const JSON_SHAPES: [u32; 3] = [1, 64, 256];

/// What calls over HTTP are compared with.
const HTTP_ECHO: &str = "echo, hyper";
/// The cart of three shapes.
const IN_MEMORY: &str = "cart, memory";
const EMBEDDED: &str = "cart, SQLite";
const SIDECAR: &str = "cart, SQLite, sidecar";

/// Measures `AddItem` and `GetCart` on the echo, the cart in memory, the durable cart, and the one behind a sidecar.
pub fn run(bench: &Bench) -> Measured {
    let mut cases = cases(bench);
    let memory = measure_all(bench, &mut cases);
    Measured::of(cases.into_iter().map(|(_, table)| table), memory)
}

/// Returns the memory of the servers.
fn measure_all(bench: &Bench, cases: &mut [(Load, Table)]) -> Result<Table, Error> {
    let servers = start(bench)?;
    for round in bench.rounds("command") {
        for (load, table) in &mut *cases {
            let compared: &[&str] = match load.call {
                Call::AddItem | Call::GetCart => &[ECHO, IN_MEMORY, EMBEDDED, SIDECAR],
                Call::AddItemJson => &[HTTP_ECHO, IN_MEMORY, EMBEDDED, SIDECAR],
            };
            let compared: Vec<&Server> = servers
                .iter()
                .filter(|server| compared.contains(&server.name()))
                .collect();
            compare(table, &compared, round, |server| {
                measure(bench, load, server, round)
            })?;
        }
    }
    let mut memory = Table::new("The most memory that a process had in RAM");
    finish(servers, &mut memory)?;
    Ok(memory)
}

fn start(bench: &Bench) -> Result<Vec<Server>, Error> {
    let directory = |name| Store::Directory(bench.directory().join(name));
    let cart = bench.cart()?;
    let sidecar = bench.program(program::SIDECAR)?;
    let launches = [
        Launch::echo(ECHO, &bench.benchmark, Echo::Grpc),
        Launch::echo(HTTP_ECHO, &bench.benchmark, Echo::Http),
        Launch::cart(IN_MEMORY, cart, &Store::Memory),
        Launch::cart(EMBEDDED, cart, &directory("embedded")),
        Launch::sidecar(SIDECAR, &sidecar, cart, &directory("sidecar")),
    ];
    let runtime = load::runtime(1)?;
    let mut servers = Vec::new();
    for launch in launches {
        let server = Server::start(&launch, bench.directory())?;
        if server.name() != HTTP_ECHO {
            runtime.block_on(load::fill(&server, bench.plan.carts.get()))?;
        }
        servers.push(server);
    }
    Ok(servers)
}

fn cases(bench: &Bench) -> Vec<(Load, Table)> {
    let hot = |many| [many, Load { carts: 1, ..many }];
    let adds = SHAPES
        .map(|(in_flight, connections)| hot(bench.load(Call::AddItem, in_flight, connections)));
    let gets =
        SHAPES.map(|(in_flight, connections)| bench.load(Call::GetCart, in_flight, connections));
    let as_json =
        JSON_SHAPES.map(|in_flight| hot(bench.load(Call::AddItemJson, in_flight, in_flight)));
    let loads = adds.into_iter().flatten().chain(gets);
    loads
        .chain(as_json.into_iter().flatten())
        .map(|load| (load, Table::new(load.to_string())))
        .filter(|(_, table)| bench.wants(table.title()))
        .collect()
}

fn measure(bench: &Bench, load: &Load, server: &Server, round: u32) -> Result<Vec<Figure>, Error> {
    let waits_for_disk = server.is_durable() && load.call != Call::GetCart;
    let sync = waits_for_disk
        .then(|| disk::probe(bench.directory()))
        .transpose()?;
    let measurement = load.run(server, round.into())?;
    let mut figures = measurement.figures().to_vec();
    if let Some(sync) = sync {
        figures.push(("fdatasync ms", sync));
        figures.push(("disk bytes/call", measurement.bytes_written()));
    }
    if let Some(share) = measurement.user_function_time() {
        figures.push(("of it user function us", share));
    }
    Ok(figures)
}
