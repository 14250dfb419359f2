//! `start`: from the start of the process to its first reply, which for the durable cart is a write on the disk.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    Error,
    closed_loop::ClosedLoop,
    disk,
    echo::Echo,
    journal::{self, History},
    load::{self, Call, Load},
    plan::{Bench, in_turn},
    report::Table,
    server::{Launch, Server, Store},
    workload,
};

/// Starts of each subject in a round.
const STARTS: u32 = 3;
/// How long a cart is under load before it is killed.
const BEFORE_KILL: Duration = Duration::from_millis(300);

/// What is there before the process is started.
enum Subject {
    Echo,
    Memory,
    /// A directory that does not exist yet.
    Empty,
    /// A journal that was closed in order.
    Stopped(PathBuf),
    /// A journal whose process was killed under load.
    Killed(PathBuf),
}

/// Measures the starts.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    // Not within the first measurement.
    bench.cart()?;
    let events = events(bench);
    let subjects = {
        let journals = [
            bench.directory().join("stopped"),
            bench.directory().join("killed"),
        ];
        for journal in &journals {
            load::runtime(1)?.block_on(journal::write(journal, &histories(bench)))?;
        }
        let [stopped, killed] = journals;
        [
            ("echo".to_owned(), Subject::Echo),
            ("cart, memory".to_owned(), Subject::Memory),
            ("cart, new store".to_owned(), Subject::Empty),
            (format!("cart, {events} events"), Subject::Stopped(stopped)),
            (
                format!("cart, {events} events, killed under load"),
                Subject::Killed(killed),
            ),
        ]
    };
    let mut table = Table::new("From process start to first reply");
    // The order of the first round is that of the rows.
    for round in bench.rounds("start") {
        for start in 0..STARTS {
            for (name, subject) in in_turn(&subjects, round * STARTS + start) {
                measure(bench, name, subject, &mut table)?;
            }
        }
    }
    Ok(vec![table])
}

fn measure(bench: &Bench, name: &str, subject: &Subject, table: &mut Table) -> Result<(), Error> {
    let program = bench.cart()?;
    let cart = |store| Launch::cart(name, program, &store);
    let launch = match subject {
        Subject::Echo => Launch::echo(name, &bench.benchmark, Echo::Grpc),
        Subject::Memory => cart(Store::Memory),
        Subject::Empty => cart(Store::Directory(bench.directory().join("empty"))),
        Subject::Stopped(journal) | Subject::Killed(journal) => {
            cart(Store::Directory(journal.clone()))
        }
    };
    if let Subject::Killed(_) = subject {
        let server = Server::start(&launch, bench.directory())?;
        let load = bench.load(Call::AddItem, 64, 4);
        let measured = BEFORE_KILL.min(load.pace.measured);
        let pace = ClosedLoop {
            measured,
            ..load.pace
        };
        Load { pace, ..load }.run(&server, 0)?;
        server.kill();
    }
    let sync = match subject {
        Subject::Echo | Subject::Memory => None,
        _ => Some(disk::probe(bench.directory())?),
    };

    let runtime = load::runtime(1)?;
    let started = Instant::now();
    let server = Server::start(&launch, bench.directory())?;
    let ready = started.elapsed();
    let replied = runtime.block_on(async {
        let mut client = load::connect(&server).await?;
        let added = client.add_item(workload::add_item(0, 0)).await;
        let replied = started.elapsed();
        added.map_err(|status| Error::call(&server, status))?;
        Ok::<_, Error>(replied)
    })?;
    // Closes the connection: a server that is to stop would wait for this client.
    drop(runtime);

    table.record(
        name,
        &[
            ("ready ms", ready.as_secs_f64() * 1e3),
            ("first reply ms", replied.as_secs_f64() * 1e3),
            ("server ms", server.cpu_time()?.as_secs_f64() * 1e3),
            ("peak MB", server.peak_memory()? as f64 / 1e6),
        ],
    );
    if let Some(sync) = sync {
        table.record(name, &[("fdatasync ms", sync)]);
    }
    match subject {
        Subject::Stopped(_) => server.stop()?,
        Subject::Empty => {
            server.stop()?;
            let store = bench.directory().join("empty");
            std::fs::remove_dir_all(&store)
                .map_err(Error::io(format!("remove {}", store.display())))?;
        }
        Subject::Echo | Subject::Memory | Subject::Killed(_) => server.kill(),
    }
    Ok(())
}

/// Events of the long journals.
fn events(bench: &Bench) -> u32 {
    bench.plan.events.get().saturating_mul(10)
}

/// The events, spread evenly over the carts. Each has a snapshot, as it would have if it were written by commands.
fn histories(bench: &Bench) -> Vec<History> {
    let (events, carts) = (events(bench), bench.plan.carts.get());
    (0..carts)
        .map(|cart| History {
            cart,
            events: u64::from(events / carts + u32::from(cart < events % carts)),
            snapshot: true,
        })
        .collect()
}
