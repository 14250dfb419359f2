//! `overload`: calls that arrive faster than they can be served.

use crate::{
    Error,
    load::{self, Call},
    open_loop::OpenLoop,
    plan::Bench,
    report::Table,
    server::{Launch, Server, Store},
};

/// Requests in progress that the cart is started with; it answers `RESOURCE_EXHAUSTED` to more.
const PLACES: u32 = 256;
/// Connections of the load; none may be limited by its own number of streams.
const CONNECTIONS: u32 = 16;
/// A measurement takes so many times as long as elsewhere: queues need time to fill.
const LONGER: u32 = 4;
/// What arrives, as a part of what the cart can carry.
const RATES: [(&str, f64); 3] = [
    ("half of that arrives", 0.5),
    ("as much arrives", 1.0),
    ("twice that arrives", 2.0),
];

/// Measures the durable cart on one core at its best, and with less and more to do.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let store = Store::Directory(bench.directory().join("overload"));
    let launch = Launch::cart("cart, SQLite", bench.cart()?, &store)
        .with("CLOUDSTATE_MAX_REQUESTS", PLACES.to_string())
        .on_one_core();
    let server = Server::start(&launch, bench.directory())?;
    load::runtime(1)?.block_on(load::fill(&server, bench.plan.carts.get()))?;
    let mut table = Table::new(format!(
        "AddItem on one core, with {PLACES} places for requests"
    ));
    let mut best = bench.load(Call::AddItem, PLACES, CONNECTIONS);
    best.pace.measured *= LONGER;
    for round in bench.rounds("overload") {
        let measured = best.run(&server, round.into())?;
        let peak = measured.calls_per_second();
        table.record(
            &format!("{PLACES} callers that wait"),
            &[
                ("sent/s", peak),
                ("answered/s", peak),
                ("refused/s", 0.0),
                ("answered p50 ms", measured.milliseconds(50.0)),
                ("answered p99 ms", measured.milliseconds(99.0)),
                ("peak MB", server.peak_memory()? as f64 / 1e6),
            ],
        );
        for (name, part) in RATES {
            let load = OpenLoop {
                rate: peak * part,
                connections: CONNECTIONS,
                carts: bench.plan.carts.get(),
                warm_up: best.pace.warm_up,
                measured: best.pace.measured,
            };
            let arrivals = load.run(&server, round.into())?;
            table.record(name, &arrivals.figures());
            table.record(
                name,
                &[
                    ("of peak", arrivals.answered_per_second() / peak),
                    ("peak MB", server.peak_memory()? as f64 / 1e6),
                ],
            );
        }
    }
    server.stop()?;
    Ok(vec![table])
}
