//! `overload`: calls that arrive faster than they can be served.

use crate::{
    Error, load,
    open_loop::{Arrival, OpenLoop},
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
    let pace = bench.pace();
    let waiting = OpenLoop {
        arrival: Arrival::Waiting(PLACES),
        connections: CONNECTIONS,
        carts: bench.plan.carts.get(),
        warm_up: pace.warm_up,
        measured: pace.measured * LONGER,
    };
    for round in bench.rounds("overload") {
        let mut measure = |name: &str, load: &OpenLoop, peak: Option<f64>| {
            let arrivals = load.run(&server, round.into())?;
            if arrivals.is_the_clients_limit() {
                eprintln!("overload: {name}: the load was the limit, not the server");
            }
            let answered = arrivals.answered_per_second();
            table.record(name, &arrivals.figures());
            if let Some(peak) = peak {
                table.record(name, &[("of peak", answered / peak)]);
            }
            table.record(name, &[("peak MB", server.peak_memory()? as f64 / 1e6)]);
            Ok::<_, Error>(answered)
        };
        let peak = measure(&format!("{PLACES} callers that wait"), &waiting, None)?;
        for (name, part) in RATES {
            let load = OpenLoop {
                arrival: Arrival::Rate(peak * part),
                ..waiting
            };
            measure(name, &load, Some(peak))?;
        }
    }
    server.stop()?;
    Ok(vec![table])
}
