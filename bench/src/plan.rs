//! How much is measured, and with what.

use std::{
    cell::OnceCell,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tempfile::TempDir;

use crate::{
    Error,
    closed_loop::ClosedLoop,
    load::{Call, Load},
    program::{self, Program},
};

/// How much is measured.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Length of one measurement; a third of it, at most a second, goes before as a warm-up.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = parse_seconds)]
    pub seconds: Duration,

    /// Rounds. Each measures everything once, in an order of its own; tables have the median of the rounds.
    #[arg(long, value_name = "COUNT", default_value = "3")]
    pub rounds: NonZeroU32,

    /// Carts that the load is spread over, where it is not about a single one.
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    pub carts: NonZeroU32,

    /// Events of the longest history in `replay`; the journal of `start` has 10 times as many, the longest of `size` 100
    /// times.
    #[arg(long, value_name = "COUNT", default_value = "100000")]
    pub events: NonZeroU32,

    /// Live entities in `footprint` and `live`, which measures a tenth and 10 times as many as well.
    #[arg(long, value_name = "COUNT", default_value = "100000")]
    pub entities: NonZeroU32,

    /// Leave out what takes most of a minute each: the longest journal of `size`, the most entities of `live`.
    #[arg(long)]
    pub quick: bool,

    /// Measure only what has this in its table's title, where a scenario is many tables; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,

    /// Threads of the load; with one, the server has a core to itself on a machine of two.
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub client_threads: u16,

    /// Where journals are written during the run; they are removed behind it.
    ///
    /// [default: beside the benchmark's program, as /tmp is often kept in memory]
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,

    /// A shopping cart that is built already, instead of one that is built now.
    #[arg(long, value_name = "PROGRAM")]
    pub cart: Option<PathBuf>,
}

impl Plan {
    /// Events of the longest journal in `size`.
    pub fn most_events(&self) -> u32 {
        let times = if self.quick { 10 } else { 100 };
        self.events.get().saturating_mul(times)
    }
}

/// Everything that a scenario needs.
#[derive(Debug)]
pub struct Bench {
    /// How much is measured.
    pub plan: Plan,
    /// This program, which is also the echo.
    pub benchmark: PathBuf,
    cart: OnceCell<PathBuf>,
    directory: TempDir,
}

impl Bench {
    /// Makes a directory for the run.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn prepare(plan: Plan) -> Result<Self, Error> {
        let benchmark =
            std::env::current_exe().map_err(Error::io("find the benchmark's own program"))?;
        let beside = benchmark.parent().unwrap_or(Path::new("."));
        let parent = plan.directory.as_deref().unwrap_or(beside);
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(parent)
            .map_err(Error::io(format!(
                "make a directory in {}",
                parent.display()
            )))?;
        Ok(Self {
            plan,
            benchmark,
            cart: OnceCell::new(),
            directory,
        })
    }

    /// The shopping cart, the program under test. The first time it is asked for, it is built.
    ///
    /// # Errors
    /// It does not compile, or is not where `--cart` has it.
    pub fn cart(&self) -> Result<&Path, Error> {
        if let Some(cart) = self.cart.get() {
            return Ok(cart);
        }
        let cart = match &self.plan.cart {
            Some(cart) => cart
                .canonicalize()
                .map_err(Error::io(format!("find {}", cart.display())))?,
            None => self.program(program::SHOPPING_CART)?,
        };
        Ok(self.cart.get_or_init(|| cart))
    }

    /// Another program of this workspace. It is built.
    ///
    /// # Errors
    /// It does not compile.
    pub fn program(&self, program: Program) -> Result<PathBuf, Error> {
        let [program] = program::build([program], &self.benchmark)?;
        Ok(program)
    }

    /// Builds every program, so that no measurement stands between two builds.
    ///
    /// # Errors
    /// One does not compile.
    pub fn build_all(&self) -> Result<(), Error> {
        let [cart, ..] = program::build(program::ALL, &self.benchmark)?;
        if self.plan.cart.is_none() {
            // Nobody has asked for it before.
            let _ = self.cart.set(cart);
        }
        self.cart().map(drop)
    }

    /// Whether a table of this title is asked for.
    pub fn wants(&self, title: &str) -> bool {
        let only = &self.plan.only;
        only.is_empty() || only.iter().any(|part| title.contains(part))
    }

    /// Where journals and logs of this run are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// How long a measurement takes, and on how many threads the load runs.
    pub fn pace(&self) -> ClosedLoop {
        ClosedLoop {
            threads: self.plan.client_threads,
            warm_up: (self.plan.seconds / 3).min(Duration::from_secs(1)),
            measured: self.plan.seconds,
        }
    }

    /// A load over all carts.
    pub fn load(&self, call: Call, in_flight: u32, connections: u32) -> Load {
        Load {
            call,
            in_flight,
            connections,
            carts: self.plan.carts.get(),
            pace: self.pace(),
        }
    }

    /// The numbers of the rounds. Says on stderr which one it is.
    pub fn rounds(&self, scenario: &'static str) -> impl Iterator<Item = u32> + use<> {
        let rounds = self.plan.rounds.get();
        (0..rounds).inspect(move |round| eprintln!("{scenario}: round {} of {rounds}", round + 1))
    }
}

/// Every item once, beginning with another one in each round, so that no one always follows the same other.
pub fn in_turn<T>(items: &[T], round: u32) -> impl Iterator<Item = &T> {
    let first = round as usize % items.len().max(1);
    items.iter().cycle().skip(first).take(items.len())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "write a positive number of seconds, such as 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{in_turn, parse_seconds};

    #[test]
    fn everything_has_its_turn() {
        let order = |round| {
            in_turn(&["a", "b", "c"], round)
                .copied()
                .collect::<String>()
        };
        assert_eq!([order(0), order(1), order(5)], ["abc", "bca", "cab"]);
        assert_eq!(in_turn::<u8>(&[], 3).count(), 0);
    }

    #[test]
    fn seconds_are_positive() {
        assert_eq!(parse_seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["", "0", "-1", "1s", "inf", "NaN", "1e300"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
