//! A closed loop of calls: a fixed number in flight, each replaced as soon as it is answered.
//!
//! A slow server slows the load down, so the latencies are those of callers who wait for their answer, not those of
//! requests that arrive at a given rate.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime, task::JoinSet, time};
use tonic::Status;

use crate::{Error, figures::percentile, process, server::Server};

/// How long calls in flight may take after the end of a measurement.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a measurement takes, and who makes the calls.
#[derive(Clone, Copy, Debug)]
pub struct ClosedLoop {
    /// Threads that make the calls. One leaves the other cores to the server; see the README.
    pub threads: u16,
    /// Time before the measurement.
    pub warm_up: Duration,
    /// Time of the measurement.
    pub measured: Duration,
}

/// The callers of a loop. Each makes its calls until its [`Tally`] says that it is over, and returns it.
pub type Callers = JoinSet<Result<Tally, Status>>;

impl ClosedLoop {
    /// Has calls made until the measurement is over. `start` connects to `server` and starts the callers, on the loop's
    /// own runtime, each with a clone of the tally that it gets.
    ///
    /// # Errors
    /// `start` fails, a call fails, or calls stay unanswered.
    pub fn run(
        &self,
        server: &Server,
        start: impl AsyncFnOnce(&Tally) -> Result<Callers, Error>,
    ) -> Result<Measurement, Error> {
        runtime(self.threads)?.block_on(async {
            let tally = Tally::default();
            let callers = start(&tally).await?;
            let window = self.measure(server, &tally.phase).await?;
            let answered = time::timeout(PATIENCE, callers.join_all()).await;
            let answered = answered.map_err(|_| Error::Unanswered {
                server: server.name().to_owned(),
                seconds: PATIENCE.as_secs(),
            })?;
            let mut latencies = Vec::new();
            for caller in answered {
                let mut tally = caller.map_err(|status| Error::call(server, status))?;
                latencies.append(&mut tally.latencies);
            }
            if latencies.is_empty() {
                return Err(Error::NoCalls {
                    server: server.name().to_owned(),
                    seconds: (self.measured + PATIENCE).as_secs_f64(),
                });
            }
            latencies.sort_unstable();
            Ok(Measurement { latencies, window })
        })
    }

    /// Waits for the warm-up, then for the measurement, and says what was used meanwhile.
    async fn measure(&self, server: &Server, phase: &Phase) -> Result<Window, Error> {
        time::sleep(self.warm_up).await;
        phase.set(Phase::MEASURED);
        let before = Used::now(server)?;
        time::sleep(self.measured).await;
        // However slow the machine is, a measurement is not over before it has something to say.
        let patience = time::Instant::now() + PATIENCE;
        while !phase.has_answers() && time::Instant::now() < patience {
            time::sleep(self.measured).await;
        }
        let after = Used::now(server)?;
        phase.set(Phase::OVER);
        Ok(before.until(&after))
    }
}

/// The latencies of one caller, as far as they count.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    phase: Arc<Phase>,
    latencies: Vec<u32>,
}

impl Tally {
    /// Notes the answer to what was asked for at `called`. [`ControlFlow::Break`] when the measurement is over.
    pub fn answered(&mut self, called: Instant) -> ControlFlow<()> {
        match self.phase.get() {
            Phase::WARM_UP => {}
            Phase::MEASURED => {
                self.phase.answers.store(true, Ordering::Relaxed);
                self.latencies.push(microseconds(called));
            }
            _ => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

/// Microseconds since `called`.
pub(crate) fn microseconds(called: Instant) -> u32 {
    u32::try_from(called.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Microseconds from call to answer of every call that was answered in time, sorted.
    latencies: Vec<u32>,
    window: Window,
}

impl Measurement {
    /// Calls answered per second.
    pub fn calls_per_second(&self) -> f64 {
        self.calls() / self.window.time.as_secs_f64()
    }

    /// Milliseconds that `percent` of the calls did not exceed.
    pub fn milliseconds(&self, percent: f64) -> f64 {
        f64::from(percentile(&self.latencies, percent)) / 1000.0
    }

    /// Processor time of the server per call, in microseconds; of a sidecar with its user function, of both.
    pub fn server_time(&self) -> f64 {
        self.window.server.as_secs_f64() * 1e6 / self.calls()
    }

    /// The user function's share in [`server_time`](Self::server_time), where the server is a sidecar before one.
    pub fn user_function_time(&self) -> Option<f64> {
        let time = self.window.user_function?;
        Some(time.as_secs_f64() * 1e6 / self.calls())
    }

    /// Processor time of the load itself per call, in microseconds.
    pub fn client_time(&self) -> f64 {
        self.window.client.as_secs_f64() * 1e6 / self.calls()
    }

    /// Cores that were busy with neither the server nor the load.
    pub fn other_cores(&self) -> f64 {
        self.window.other_cores()
    }

    /// Bytes that the server had written to the disk per call.
    pub fn bytes_written(&self) -> f64 {
        self.window.written as f64 / self.calls()
    }

    /// The figures that every measurement of a load has.
    pub fn figures(&self) -> [(&'static str, f64); 6] {
        [
            ("calls/s", self.calls_per_second()),
            ("p50 ms", self.milliseconds(50.0)),
            ("p99 ms", self.milliseconds(99.0)),
            ("server us/call", self.server_time()),
            ("client us/call", self.client_time()),
            ("other cores", self.other_cores()),
        ]
    }

    fn calls(&self) -> f64 {
        self.latencies.len() as f64
    }
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How long it was.
    pub time: Duration,
    /// Processor time of the server's processes.
    pub server: Duration,
    /// The part of it that was its user function's.
    pub user_function: Option<Duration>,
    /// Processor time of this process.
    pub client: Duration,
    machine: Duration,
    /// Bytes that the server's processes had written to a disk.
    pub written: u64,
}

impl Window {
    /// Cores that were busy with neither the server nor the load.
    pub fn other_cores(&self) -> f64 {
        let ours = self.server + self.client;
        self.machine.saturating_sub(ours).as_secs_f64() / self.time.as_secs_f64()
    }
}

/// What has been used so far.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    at: Instant,
    server: Duration,
    user_function: Option<Duration>,
    client: Duration,
    machine: Duration,
    written: u64,
}

impl Used {
    /// What `server`, this process and the machine have used by now.
    ///
    /// # Errors
    /// The server is gone.
    pub fn now(server: &Server) -> Result<Self, Error> {
        let read = || Error::io(format!("read what {} uses from /proc", server.name()));
        Ok(Self {
            at: Instant::now(),
            server: server.cpu_time()?,
            user_function: server.user_function().map(Server::cpu_time).transpose()?,
            client: process::Process::this().cpu_time().map_err(read())?,
            machine: process::machine_time().map_err(read())?,
            written: server.bytes_written()?,
        })
    }

    /// What was used from this moment to a later one.
    pub fn until(&self, later: &Self) -> Window {
        Window {
            time: later.at - self.at,
            server: later.server.saturating_sub(self.server),
            user_function: later
                .user_function
                .zip(self.user_function)
                .map(|(later, before)| later.saturating_sub(before)),
            client: later.client.saturating_sub(self.client),
            machine: later.machine.saturating_sub(self.machine),
            written: later.written.saturating_sub(self.written),
        }
    }
}

/// How busy the whole machine is.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    at: Instant,
    machine: Duration,
}

impl Cores {
    /// From now on.
    ///
    /// # Errors
    /// This is not Linux.
    pub fn now() -> Result<Self, Error> {
        let machine = process::machine_time();
        Ok(Self {
            at: Instant::now(),
            machine: machine.map_err(Error::io("read what the machine does from /proc"))?,
        })
    }

    /// Cores that were busy since then.
    ///
    /// # Errors
    /// This is not Linux.
    pub fn busy(&self) -> Result<f64, Error> {
        let now = Self::now()?;
        let worked = now.machine.saturating_sub(self.machine);
        Ok(worked.as_secs_f64() / (now.at - self.at).as_secs_f64())
    }
}

/// A runtime for the calling side.
///
/// # Errors
/// The operating system has no threads to give.
pub fn runtime(threads: u16) -> Result<runtime::Runtime, Error> {
    let mut builder = if threads <= 1 {
        runtime::Builder::new_current_thread()
    } else {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(threads.into());
        builder
    };
    builder
        .enable_all()
        .build()
        .map_err(Error::io("start the load's runtime"))
}

/// Whether calls count at the moment.
#[derive(Debug, Default)]
struct Phase {
    number: AtomicU8,
    /// Whether anything has been answered while calls counted.
    answers: AtomicBool,
}

impl Phase {
    const WARM_UP: u8 = 0;
    const MEASURED: u8 = 1;
    const OVER: u8 = 2;

    fn get(&self) -> u8 {
        self.number.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.number.store(phase, Ordering::Relaxed);
    }

    fn has_answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }
}
