//! Asks the user function again what it serves when the connection to it has been lost, and takes over what has changed.
//!
//! A user function that comes back with the specification it had is gone on with. Another specification is taken over if
//! it fits to what is stored: calls that come then find the new services, those in progress finish with the old ones. If
//! it does not fit, the user function is told why, and every call is answered `UNAVAILABLE` until one comes back that does.

use std::{collections::HashMap, sync::Arc};

use cloudstate_protocol::cloudstate::EntitySpec;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Code;

use crate::{
    call::CallError,
    catalog::{Catalog, EntityKind, SpecError},
    discovery::{Announced, ask},
    eventing::{DeadLetters, Subscriptions},
    frontend::Entrance,
    router::{Leaving, Router},
    settings::Settings,
    store::Store,
    user_function::{Link, UserFunction},
};

/// What is served at present.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) router: Router,
    pub(crate) subscriptions: Subscriptions,
}

/// The watch over a user function. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Rediscovery {
    task: JoinHandle<Served>,
    stop: DropGuard,
}

impl Rediscovery {
    /// Watches over a user function that has announced this.
    pub(crate) fn start(
        user_function: Arc<dyn UserFunction>,
        announced: Announced,
        served: Served,
        entrance: Arc<Entrance>,
        store: Arc<dyn Store>,
        dead_letters: Arc<DeadLetters>,
        settings: Settings,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut watch = Watch {
            user_function,
            spec: announced.spec,
            kinds: HashMap::new(),
            is_refused: false,
            served,
            entrance,
            store,
            dead_letters,
            settings,
            stop: stop.clone(),
        };
        watch.remember_kinds();
        Self {
            task: tokio::spawn(watch.run(announced.link)),
            stop: stop.drop_guard(),
        }
    }

    /// Ends the watch, and gives what is served at last; `None` if it has panicked.
    pub(crate) async fn stop(self) -> Option<Served> {
        drop(self.stop);
        self.task.await.ok()
    }
}

struct Watch {
    user_function: Arc<dyn UserFunction>,
    /// The last one that fitted.
    spec: EntitySpec,
    /// What has been kept under each persistence id since the process was started.
    kinds: HashMap<Arc<str>, EntityKind>,
    /// What the user function serves now does not fit.
    is_refused: bool,
    served: Served,
    entrance: Arc<Entrance>,
    store: Arc<dyn Store>,
    dead_letters: Arc<DeadLetters>,
    settings: Settings,
    stop: CancellationToken,
}

impl Watch {
    async fn run(mut self, asked_over: Option<Link>) -> Served {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.watch(asked_over)).await;
        self.served
    }

    /// Goes on for ever. Dropped while it waits, it leaves what is served in one piece.
    async fn watch(&mut self, asked_over: Option<Link>) {
        let (Some(mut link), Some(mut asked_over)) = (self.user_function.link(), asked_over) else {
            return std::future::pending().await;
        };
        while is_lost(&mut link, asked_over).await {
            let user_function = Arc::clone(&self.user_function);
            let (failures, mut failed) = watch::channel(None);
            let mut asking = std::pin::pin!(ask(&*user_function, |error| {
                failures.send_replace(Some(error.to_string()));
            }));
            let announced = loop {
                tokio::select! {
                    announced = &mut asking => break announced,
                    _ = failed.changed() => {
                        let error = failed.borrow_and_update().clone().unwrap_or_default();
                        let objection = format!("the user function cannot be reached: {error}");
                        self.entrance.set_ready(Err(objection)).await;
                    }
                }
            };
            asked_over = announced.link.unwrap_or_default();
            self.heed(announced.spec).await;
        }
    }

    async fn heed(&mut self, spec: EntitySpec) {
        let is_same = (&spec.entities, &spec.proto) == (&self.spec.entities, &self.spec.proto);
        if is_same && !self.is_refused {
            tracing::info!("the user function is back, and serves what it has served");
            return self.entrance.set_ready(Ok(())).await;
        }
        match Catalog::new(&spec).and_then(|catalog| self.check_kinds(catalog)) {
            Ok(catalog) => self.take_over(spec, catalog).await,
            Err(error) => self.refuse(&error).await,
        }
    }

    /// What is stored for one kind of entity is nothing to another.
    fn check_kinds(&self, catalog: Catalog) -> Result<Catalog, SpecError> {
        for service in catalog.keyed_services() {
            let (id, kind) = (&service.persistence_id, service.kind);
            if let Some(&before) = self.kinds.get(id).filter(|before| **before != kind) {
                return Err(SpecError::from(format!(
                    "service `{}` keeps {kind} under persistence id `{id}`, which belonged to {before} before the user \
                     function was restarted: give them a persistence id of their own",
                    service.name
                )));
            }
        }
        Ok(catalog)
    }

    fn remember_kinds(&mut self) {
        for service in self.served.router.catalog().keyed_services() {
            let id = Arc::clone(&service.persistence_id);
            self.kinds.insert(id, service.kind);
        }
    }

    async fn take_over(&mut self, spec: EntitySpec, catalog: Catalog) {
        let (router, leaving) = self
            .served
            .router
            .succeed(catalog, &self.store, &self.settings);
        self.serve(router, leaving).await;
        self.served.subscriptions = Subscriptions::start(
            &self.served.router,
            &self.store,
            &self.dead_letters,
            &self.settings,
        );
        self.remember_kinds();
        self.spec = spec;
        self.is_refused = false;
        let services = self.served.router.catalog().services.iter();
        let services: Vec<_> = services.map(|service| &*service.name).collect();
        tracing::info!(
            ?services,
            "the user function is back with another specification, which is served from now on"
        );
        self.entrance.set_ready(Ok(())).await;
    }

    async fn refuse(&mut self, error: &SpecError) {
        tracing::error!(
            %error,
            "the user function is back with a specification that cannot be served; until it is restarted with one that \
             can, every call is answered UNAVAILABLE"
        );
        let objection =
            format!("the user function was restarted, and cannot be served any more: {error}");
        self.entrance.set_ready(Err(objection.clone())).await;
        let answer = CallError::new(Code::Unavailable, objection);
        let (router, leaving) = self.served.router.refuse(&answer);
        self.serve(router, leaving).await;
        self.is_refused = true;
        self.user_function.report_error(error.to_string()).await;
    }

    /// Leads new calls to this router, once nothing is live any more that is not its own.
    async fn serve(&mut self, router: Router, leaving: Leaving) {
        let subscriptions =
            std::mem::replace(&mut self.served.subscriptions, Subscriptions::none());
        let wound_down = async { tokio::join!(subscriptions.stop(), leaving.retire()) };
        // Should one of them hang in there, the store refuses what it writes if another has taken its place.
        if timeout(self.settings.drain_timeout, wound_down)
            .await
            .is_err()
        {
            tracing::warn!("commands of services that are no longer served are still in progress");
        }
        self.entrance.lead_to(router.clone()).await;
        self.served.router = router;
    }
}

/// Waits until the connection is gone over which the user function was asked; says no if nobody watches any more.
async fn is_lost(link: &mut watch::Receiver<Link>, asked_over: Link) -> bool {
    let lost = link.wait_for(|link| link.made != asked_over.made || !link.up);
    lost.await.is_ok()
}
