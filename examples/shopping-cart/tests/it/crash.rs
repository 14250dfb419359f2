//! `kill -9` under load: nothing acknowledged is lost, and nothing happens twice.

use std::{
    env,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::tempdir;
use tokio::task::JoinSet;

use end_to_end::{Running, eventually};

use crate::support::{
    cart::CartClient,
    ledger::Ledger,
    programs::{self, ServesCarts as _},
    random::Random,
};

const CLIENTS: u64 = 64;
const CARTS: u64 = 100;

/// `CRASH_ROUNDS=n` for more rounds, `CRASH_SEED=n` for the same moments again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_add_outlives_kill_9_exactly_once() {
    let rounds: u64 = env::var("CRASH_ROUNDS").map_or(20, |text| text.parse().unwrap());
    let seed = Random::seed("CRASH_SEED");
    println!("CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let store = tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    for round in 0..rounds {
        println!("round {round}");
        let service = recover(store.path(), &mut random);
        ledger.check(&service.cart().await).await;
        let load = Load::start(&service, &ledger, round, &mut random).await;
        load.acknowledged(random.below(400)).await;
        tokio::time::sleep(Duration::from_micros(random.below(20_000))).await;
        load.crash(service).await;
    }
    let service = recover(store.path(), &mut random);
    let counts = ledger.check(&service.cart().await).await;
    assert!(counts.acknowledged > 0, "{counts}");
    // Not by println!, which shows nothing of a test that passes.
    let _ = writeln!(io::stderr(), "{rounds} crashes, seed {seed}: {counts}");
}

/// Starts the service on what the last crash left; now and then it crashes in the middle of that, too.
fn recover(store: &Path, random: &mut Random) -> Running {
    while random.below(3) == 0 {
        let starting = programs::shopping_cart().store(store).spawn();
        std::thread::sleep(Duration::from_micros(random.below(60_000)));
        starting.kill();
    }
    programs::shopping_cart().store(store).start()
}

/// Clients that add items as fast as they are answered.
struct Load {
    clients: JoinSet<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicUsize,
    crashed: AtomicBool,
}

impl Load {
    async fn start(
        service: &Running,
        ledger: &Arc<Ledger>,
        round: u64,
        random: &mut Random,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let client = service.cart().await;
            let (ledger, shared) = (Arc::clone(ledger), Arc::clone(&shared));
            let random = Random::new(random.below(u64::MAX));
            let name = format!("round-{round}-client-{number}");
            clients.spawn(async move { shared.add_items(&client, &ledger, &name, random).await });
        }
        Self { clients, shared }
    }

    /// Waits for so many acknowledgements.
    async fn acknowledged(&self, count: u64) {
        eventually("adds are acknowledged", || async {
            match self.shared.acknowledged.load(Ordering::Relaxed) {
                enough if enough as u64 >= count => Ok(()),
                few => Err(format!("{few} of {count}")),
            }
        })
        .await;
    }

    async fn crash(self, service: Running) {
        self.shared.crashed.store(true, Ordering::SeqCst);
        service.kill();
        // A client that panicked met an error before the crash.
        self.clients.join_all().await;
    }
}

impl Shared {
    async fn add_items(
        &self,
        client: &CartClient,
        ledger: &Ledger,
        name: &str,
        mut random: Random,
    ) {
        for number in 0.. {
            // Now and then the one that everybody wants: its adds wait for the disk side by side.
            let cart = match random.below(4) {
                0 => "hot-cart".to_owned(),
                _ => format!("cart-{}", random.below(CARTS)),
            };
            match ledger.add(client, &cart, &format!("{name}-{number}")).await {
                Ok(()) => self.acknowledged.fetch_add(1, Ordering::Relaxed),
                Err(_) if self.crashed.load(Ordering::SeqCst) => return,
                Err(status) => panic!("refused by a healthy service: {status:?}"),
            };
        }
    }
}
