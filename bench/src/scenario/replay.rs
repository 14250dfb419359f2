//! `replay`: the first reply of an entity with a long history, and the memory that it takes to make it live.

use std::{path::Path, time::Instant};

use crate::{
    Error, disk,
    journal::{self, History},
    load,
    pb::{Cart, LineItem},
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server, Store},
    workload,
};

/// Whether the journal is in the page cache when the entity is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    Warm,
    Cold,
}

/// Measures the first reply of short and long entities, each in a process of its own.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let long = u64::from(bench.plan.events.get());
    let histories: Vec<History> = [10, long / 100, long]
        .into_iter()
        .flat_map(|events| [(events, false), (events, true)])
        .zip(0..)
        .map(|((events, snapshot), cart)| History {
            cart,
            events,
            snapshot,
        })
        .collect();
    let subjects: Vec<(&History, Pages)> = histories
        .iter()
        .flat_map(|history| [(history, Pages::Warm), (history, Pages::Cold)])
        .collect();
    let store = bench.directory().join("replay");
    load::runtime(1)?.block_on(journal::write(&store, &histories))?;
    let launch = Launch::cart("cart", bench.cart()?, &Store::Directory(store.clone()));
    let mut table = Table::new("First reply of an entity that is not live");
    for round in bench.rounds("replay") {
        for (history, pages) in in_turn(&subjects, round) {
            let server = Server::start(&launch, bench.directory())?;
            measure(server, history, *pages, &store, &mut table)?;
        }
    }
    Ok(vec![table])
}

fn measure(
    server: Server,
    history: &History,
    pages: Pages,
    store: &Path,
    table: &mut Table,
) -> Result<(), Error> {
    let runtime = load::runtime(1)?;
    let mut client = runtime.block_on(async {
        let mut client = load::connect(&server).await?;
        // The connection and the program are warm, the entity is not.
        load::check(&mut client, &server, u32::MAX, &Cart::default()).await?;
        Ok::<_, Error>(client)
    })?;
    if pages == Pages::Cold {
        disk::drop_pages(store)?;
    }
    let (used, read) = (server.cpu_time()?, server.bytes_read()?);
    let called = Instant::now();
    runtime.block_on(load::check(
        &mut client,
        &server,
        history.cart,
        &expected(history),
    ))?;
    let took = called.elapsed();
    let used = server.cpu_time()?.saturating_sub(used);
    let read = server.bytes_read()? - read;
    let kept = if history.snapshot {
        " and a snapshot"
    } else {
        ""
    };
    let name = match pages {
        Pages::Warm => format!("{} events{kept}", history.events),
        Pages::Cold => format!("{} events{kept}, cold", history.events),
    };
    table.record(
        &name,
        &[
            ("first reply ms", took.as_secs_f64() * 1e3),
            ("us/event", took.as_secs_f64() * 1e6 / history.events as f64),
            ("server ms", used.as_secs_f64() * 1e3),
            ("read from disk KB", read as f64 / 1e3),
            ("peak MB", server.peak_memory()? as f64 / 1e6),
        ],
    );
    drop((client, runtime));
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
