//! `replay`: the first reply of an entity with a long history, and the memory that it takes to make it live.

use std::time::Instant;

use crate::{
    Error,
    journal::{self, History},
    load,
    pb::{Cart, LineItem},
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server, Store},
    workload,
};

/// Events of the entity that the long ones are compared with.
const SHORT: u64 = 10;

/// Measures the first reply of short and long entities, each in a process of its own.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let long = u64::from(bench.plan.events.get());
    let histories = [
        (SHORT, false),
        (long / 10, false),
        (long, false),
        (long, true),
    ];
    let histories = [0, 1, 2, 3].map(|cart| {
        let (events, snapshot) = histories[cart as usize];
        History {
            cart,
            events,
            snapshot,
        }
    });
    let store = bench.directory().join("replay");
    load::runtime(1)?.block_on(journal::write(&store, &histories))?;

    let launch = Launch::cart("cart", bench.cart()?, &Store::Directory(store));
    let mut table = Table::new("First reply of an entity that is not live");
    for round in bench.rounds("replay") {
        for history in in_turn(&histories, round) {
            measure(bench, &launch, history, &mut table)?;
        }
    }
    Ok(vec![table])
}

fn measure(
    bench: &Bench,
    launch: &Launch,
    history: &History,
    table: &mut Table,
) -> Result<(), Error> {
    let server = Server::start(launch, bench.directory())?;
    let before = server.cpu_time()?;
    let took = load::runtime(1)?.block_on(async {
        let mut client = load::connect(&server).await?;
        // The connection and the program are warm, the entity is not.
        load::check(&mut client, &server, u32::MAX, &Cart::default()).await?;
        let called = Instant::now();
        load::check(&mut client, &server, history.cart, &expected(history)).await?;
        Ok::<_, Error>(called.elapsed())
    })?;
    let used = server.cpu_time()? - before;
    let peak = server.peak_memory()?;
    let kept = if history.snapshot {
        " and a snapshot"
    } else {
        ""
    };
    table.record(
        &format!("{} events{kept}", history.events),
        &[
            ("first reply ms", took.as_secs_f64() * 1e3),
            ("us/event", took.as_secs_f64() * 1e6 / history.events as f64),
            ("server ms", used.as_secs_f64() * 1e3),
            ("peak MB", peak as f64 / 1e6),
        ],
    );
    server.stop()
}

/// The cart that the history leads to; it is also what the snapshot says.
fn expected(history: &History) -> Cart {
    let lines = workload::snapshot(history.events).items;
    let items = lines.into_iter().map(|line| LineItem {
        product_id: line.product_id,
        name: line.name,
        quantity: line.quantity,
    });
    Cart {
        items: items.collect(),
    }
}
