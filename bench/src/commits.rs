//! What the store does alone: commits in groups, without anything in front of it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{self, Append, EntityRef, Store, StoreError, StoreLocation};
use tokio::task::JoinSet;

use crate::{
    Error,
    closed_loop::{microseconds, runtime},
    figures::percentile,
    journal,
    process::Process,
    workload,
};

/// Appends of one event each, by tasks that wait for the commit before the next.
#[derive(Debug)]
pub struct Commits {
    /// Microseconds of each, sorted.
    latencies: Vec<u32>,
    elapsed: Duration,
    used: Duration,
}

impl Commits {
    /// Has `writers` tasks append to a new store in `directory` until `time` is over, and removes the store.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn run(directory: &Path, writers: u32, time: Duration) -> Result<Self, Error> {
        let store = store::open(&StoreLocation::Directory(directory.to_owned()))
            .map_err(|error| journal::failed(directory, error))?;
        let read = || Error::io("read what the store uses from /proc");
        let before = Process::this().cpu_time().map_err(read())?;
        let started = Instant::now();
        let latencies = runtime(1)?.block_on(append(&store, writers, started + time));
        let elapsed = started.elapsed();
        // It is less than before where a thread has ended whose time is not in the clock's ticks yet.
        let used = Process::this()
            .cpu_time()
            .map_err(read())?
            .saturating_sub(before);
        let mut latencies = latencies.map_err(|error| journal::failed(directory, error))?;
        latencies.sort_unstable();
        drop(store);
        std::fs::remove_dir_all(directory)
            .map_err(Error::io(format!("remove {}", directory.display())))?;
        Ok(Self {
            latencies,
            elapsed,
            used,
        })
    }

    /// Events stored a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds from append to commit that `percent` of the events did not exceed.
    pub fn milliseconds(&self, percent: f64) -> f64 {
        f64::from(percentile(&self.latencies, percent)) / 1000.0
    }

    /// Processor time per event of this whole process, the tasks included, in microseconds.
    pub fn processor_time(&self) -> f64 {
        self.used.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }
}

/// Returns the microseconds of every append, and closes the store.
async fn append(
    store: &Arc<dyn Store>,
    writers: u32,
    until: Instant,
) -> Result<Vec<u32>, StoreError> {
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let store = Arc::clone(store);
        let entity = Arc::new(EntityRef::new(journal::entity_of(writer)));
        tasks.spawn(async move {
            let event = Any::pack(&workload::item_added(0));
            let mut latencies = Vec::new();
            let mut after = 0;
            // At least one, however little time there is.
            while latencies.is_empty() || Instant::now() < until {
                let began = Instant::now();
                let append = Append {
                    entity: Arc::clone(&entity),
                    after,
                    events: vec![event.clone()],
                    snapshot: None,
                };
                after = store.append(append).await?;
                latencies.push(microseconds(began));
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    for task in tasks.join_all().await {
        latencies.append(&mut task?);
    }
    store.close().await?;
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Commits;

    #[test]
    fn every_writer_commits_and_nothing_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let commits = Commits::run(&store, 3, Duration::ZERO).unwrap();
        assert_eq!(commits.latencies.len(), 3);
        assert!(commits.per_second() > 0.0);
        assert!(!store.exists());
    }
}
