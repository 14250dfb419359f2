//! `size`: what a journal's length does to the service that writes it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Error, disk,
    journal::{self, History},
    load::{self, Call},
    plan::Bench,
    report::Table,
    server::{Launch, Server, Store},
    workload,
};

/// Events of the smallest journal, in as many carts as the load is about.
const FIRST: u32 = 10_000;
/// Events of every other cart.
const EACH: u32 = 100;

/// Measures starts and commands while a journal grows tenfold and tenfold.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    // Not within the first measurement.
    bench.cart()?;
    let growing = Journal::new(bench, "growing")?;
    let small = Journal::new(bench, "small")?;
    let mut table = Table::new("AddItem, 64 in flight over 4 connections, while the journal grows");
    let most = bench.plan.most_events();
    let mut length = FIRST.min(most);
    let mut carts = growing.carts;
    loop {
        let name = format!("{length} events");
        let grown = growing.grow(&mut carts, length)?;
        if let Some(rate) = grown {
            table.record(&name, &[("events loaded/s", rate)]);
        }
        table.record(&name, &[("journal MB", growing.megabytes()?)]);
        for round in bench.rounds("size") {
            let (journal, beside) = if round % 2 == 0 {
                let journal = growing.measure(bench, &name, round)?;
                (journal, small.measure(bench, "small", round)?)
            } else {
                let beside = small.measure(bench, "small", round)?;
                (growing.measure(bench, &name, round)?, beside)
            };
            table.record(&name, &journal);
            let rate = |figures: &[(&'static str, f64)]| {
                let found = figures.iter().find(|(name, _)| *name == "calls/s");
                found.map(|(_, rate)| *rate)
            };
            if let (Some(journal), Some(beside)) = (rate(&journal), rate(&beside)) {
                table.record(&name, &[("calls of a small journal", journal / beside)]);
            }
        }
        if length >= most {
            break;
        }
        length = length.saturating_mul(10).min(most);
    }
    // It is the largest thing on the disk; nothing else needs to wait for the end of the run.
    growing.remove()?;
    small.remove()?;
    Ok(vec![table])
}

/// A store, and how many carts the load is about.
struct Journal {
    directory: std::path::PathBuf,
    carts: u32,
}

impl Journal {
    /// A journal of the smallest size.
    fn new(bench: &Bench, name: &str) -> Result<Self, Error> {
        let carts = bench.plan.carts.get();
        let directory = bench.directory().join(name);
        let events = u64::from(FIRST.min(bench.plan.most_events()) / carts);
        let histories: Vec<History> = (0..carts)
            .map(|cart| History {
                cart,
                events,
                snapshot: false,
            })
            .collect();
        load::runtime(1)?.block_on(journal::write(&directory, &histories))?;
        Ok(Self { directory, carts })
    }

    /// Adds carts behind the first `carts`, until there are at least `events`. Returns how many it stored per second.
    fn grow(&self, carts: &mut u32, events: u32) -> Result<Option<f64>, Error> {
        let more = events.saturating_sub(FIRST) / EACH;
        let upto = self.carts.saturating_add(more);
        let histories: Vec<History> = (*carts..upto)
            .map(|cart| History {
                cart,
                events: EACH.into(),
                snapshot: true,
            })
            .collect();
        if histories.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        load::runtime(1)?.block_on(journal::write(&self.directory, &histories))?;
        *carts = upto;
        let stored = histories.len() as f64 * f64::from(EACH);
        Ok(Some(stored / started.elapsed().as_secs_f64()))
    }

    fn measure(
        &self,
        bench: &Bench,
        name: &str,
        round: u32,
    ) -> Result<Vec<(&'static str, f64)>, Error> {
        let store = Store::Directory(self.directory.clone());
        let launch = Launch::cart(name, bench.cart()?, &store);
        let sync = disk::probe(bench.directory())?;
        let started = Instant::now();
        let server = Server::start(&launch, bench.directory())?;
        let replied = load::runtime(1)?.block_on(async {
            let mut client = load::connect(&server).await?;
            let added = client.add_item(workload::add_item(0, 0)).await;
            let replied = started.elapsed();
            added.map_err(|status| Error::call(&server, status))?;
            Ok::<Duration, Error>(replied)
        })?;
        let measured = bench
            .load(Call::AddItem, 64, 4)
            .run(&server, round.into())?;
        let mut figures = vec![("first reply ms", replied.as_secs_f64() * 1e3)];
        figures.extend(measured.figures());
        figures.push(("peak MB", server.peak_memory()? as f64 / 1e6));
        figures.push(("fdatasync ms", sync));
        server.stop()?;
        Ok(figures)
    }

    fn megabytes(&self) -> Result<f64, Error> {
        let failed = |path: &Path| Error::io(format!("look at {}", path.display()));
        let mut bytes = 0;
        for file in fs::read_dir(&self.directory).map_err(failed(&self.directory))? {
            let file = file.map_err(failed(&self.directory))?;
            bytes += file.metadata().map_err(failed(&file.path()))?.len();
        }
        Ok(bytes as f64 / 1e6)
    }

    fn remove(self) -> Result<(), Error> {
        let removed = fs::remove_dir_all(&self.directory);
        removed.map_err(Error::io(format!("remove {}", self.directory.display())))
    }
}
