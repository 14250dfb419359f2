//! Puts the parts together, and takes them down in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use cloudstate_process::BadSetting;
use cloudstate_transport::Acceptor;
use tokio::task::{self, JoinError};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    admin::{self, Admin},
    catalog::SpecError,
    discovery::{Discovered, discover},
    eventing::{DeadLetters, Subscriptions},
    frontend::{Entrance, Frontend, Listener, Serving},
    metrics::Metrics,
    readiness::Readiness,
    rediscovery::{Rediscovery, Served},
    router::Router,
    settings::Settings,
    store::{self, OpenError, Store, recovering},
    trace::{Exporter, Tracer},
    user_function::UserFunction,
    welcome,
};

/// A proxy that serves clients.
#[derive(Debug)]
pub struct Proxy {
    serving: Serving,
    entrance: Arc<Entrance>,
    exporter: Option<Exporter>,
    _following: AbortOnDropHandle<()>,
    admin: Admin,
    rediscovery: Rediscovery,
    dead_letters: Arc<DeadLetters>,
    store: Arc<dyn Store>,
    drain_timeout: Duration,
    welcome: String,
}

impl Proxy {
    /// Binds the port, discovers the user function, opens the store, and begins to serve.
    ///
    /// Waits for a user function that is not there yet. Nobody is served before everything is in place: a connection
    /// made earlier waits.
    ///
    /// # Errors
    /// The settings do not go together, the port cannot be bound, the user function cannot be served, or the store cannot be opened.
    pub async fn start(
        user_function: Arc<dyn UserFunction>,
        settings: &Settings,
    ) -> Result<Self, StartError> {
        settings.check_exposure()?;
        let acceptor = Acceptor::open(&settings.http_tls.files())?;
        let listener =
            Listener::bind(settings, acceptor)
                .await
                .map_err(|source| StartError::Bind {
                    address: SocketAddr::new(settings.http_host, settings.http_port),
                    source,
                })?;
        let (metrics, readiness) = (Metrics::default(), Arc::new(Readiness::new()));
        let admin = Admin::start(settings, &metrics, &readiness)
            .await
            .map_err(|(address, source)| StartError::BindMetrics { address, source })?;
        metrics.include_link(&*user_function);
        let Discovered {
            catalog,
            name,
            announced,
        } = discover(&*user_function).await?;
        let location = settings.store_location(&name);
        let store = task::spawn_blocking(move || store::open(&location)).await??;
        metrics.include_store(&*store);
        let (tracer, exporter) = Tracer::new(&settings.traces, &name);
        let router = Router::new(
            catalog,
            Arc::clone(&user_function),
            &store,
            settings,
            metrics,
        );
        let frontend = Frontend::new(router.clone(), settings, readiness, tracer).await;
        store.watch_demand(frontend.demand());
        let entrance = Arc::new(Entrance::new(frontend));
        entrance.serve().await;
        let serving = listener.serve(Arc::clone(&entrance), settings);
        let dead_letters = Arc::new(DeadLetters::new(
            Arc::clone(&store),
            settings.max_dead_letters,
        ));
        if settings.shows_dead_letters() {
            admin::dead_letters::add(&admin, &dead_letters);
        }
        let subscriptions = Subscriptions::start(&router, &store, &dead_letters, settings);
        let welcome = welcome::text(router.catalog(), &name, &serving.url(), &store.describe());
        let served = Served {
            router,
            subscriptions,
        };
        let rediscovery = Rediscovery::start(
            user_function,
            announced,
            served,
            Arc::clone(&entrance),
            Arc::clone(&store),
            Arc::clone(&dead_letters),
            settings.clone(),
        );
        let following = {
            let entrance = Arc::clone(&entrance);
            let tell = move |trouble| {
                let entrance = Arc::clone(&entrance);
                async move { entrance.set_store(trouble).await }
            };
            tokio::spawn(recovering::follow(Arc::clone(&store), tell))
        };
        Ok(Self {
            entrance,
            exporter,
            _following: AbortOnDropHandle::new(following),
            serving,
            admin,
            rediscovery,
            dead_letters,
            store,
            drain_timeout: settings.drain_timeout,
            welcome,
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// What the subscriptions have given up on.
    pub fn dead_letters(&self) -> &Arc<DeadLetters> {
        &self.dead_letters
    }

    /// Where operators are served, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.admin.address()
    }

    /// What is served, where, from which store, and a request to try: some lines for a person.
    pub fn welcome(&self) -> &str {
        &self.welcome
    }

    /// Prints what [`welcome`](Self::welcome) says, and the line that programs wait for, on stdout.
    pub fn announce(&self) {
        let (welcome, url) = (&self.welcome, self.serving.url());
        cloudstate_process::announce(format_args!("{welcome}cloudstate ready on {url}\n"));
    }

    /// Accepts nothing more, finishes what is in progress for as long as the drain timeout allows, and closes the store.
    ///
    /// # Errors
    /// The store could not be closed in good order. Nothing acknowledged is lost by that.
    pub async fn stop(self) -> Result<(), store::StoreError> {
        self.entrance.stop().await;
        let drained = tokio::time::timeout(self.drain_timeout, async {
            let Some(served) = self.rediscovery.stop().await else {
                return self.serving.stop().await;
            };
            // Both at once: neither waits for the other, and both may cause side effects until they have ended.
            tokio::join!(self.serving.stop(), served.subscriptions.stop());
            served.router.stop().await;
        });
        if drained.await.is_err() {
            tracing::warn!(after = ?self.drain_timeout, "stopped with requests still in progress");
        }
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
        self.store.close().await
    }
}

/// Why a proxy does not start. The cause is the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that do not go together, or a file of TLS that cannot be used. Nothing was bound.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The port is taken, or not ours to take.
    #[error("cannot serve on {address} (HTTP_HOST, HTTP_PORT)")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The operators' port is taken, or not ours to take.
    #[error("cannot serve metrics on {address} (METRICS_HOST, METRICS_PORT)")]
    BindMetrics {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The user function's specification is not acceptable; it has been told.
    #[error("the user function cannot be served")]
    Spec(#[from] SpecError),
    /// The store cannot be used.
    #[error("the store (CLOUDSTATE_STORE) cannot be opened")]
    Store(#[from] OpenError),
    /// The task that opened the store panicked.
    #[error("opening the store panicked")]
    Panic(#[from] JoinError),
}
