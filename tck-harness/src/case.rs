//! A case of the TCK, and what it works with.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use cloudstate_protocol::cloudstate::{Entity, entity_passivation_strategy::Strategy};

use crate::{
    connection::Link,
    conversation::Conversation,
    failure::{Failure, Verdict},
    proxy::{Http, Intercepted, Proxy},
    reader::Party,
    service::Service,
};

/// Who is between the harness and the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Nobody: the harness takes the place of a proxy.
    Service,
    /// A proxy, whose client the harness is.
    Proxy,
}

/// One case. It is run only against a service that announces all services it needs.
pub struct Case {
    /// Where it takes place.
    pub half: Half,
    /// Title of the group of cases that it belongs to.
    pub group: &'static str,
    /// Its name within the group.
    pub name: &'static str,
    /// Full names of the services that it needs.
    pub needs: &'static [&'static str],
    /// Whether so much is sent that a [rough link](crate::rough_link) would take longer than anybody waits.
    pub bulky: bool,
    body: Box<dyn Body>,
}

/// An async function of a [`Fixture`], as a value.
trait Body {
    fn run<'a>(&'a self, tck: &'a mut Fixture) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>;
}

impl<F: AsyncFn(&mut Fixture) -> Verdict> Body for F {
    fn run<'a>(&'a self, tck: &'a mut Fixture) -> Pin<Box<dyn Future<Output = Verdict> + 'a>> {
        Box::pin(self(tck))
    }
}

impl Case {
    /// A case with these steps, played directly on the service.
    pub fn new(
        group: &'static str,
        name: &'static str,
        needs: &'static [&'static str],
        body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
    ) -> Self {
        Self {
            half: Half::Service,
            group,
            name,
            needs,
            bulky: false,
            body: Box::new(body),
        }
    }

    /// A case with these steps, played by a client of the proxy.
    pub fn proxied(
        group: &'static str,
        name: &'static str,
        needs: &'static [&'static str],
        body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
    ) -> Self {
        Self {
            half: Half::Proxy,
            ..Self::new(group, name, needs, body)
        }
    }

    /// The same case, marked as [`bulky`](Self::bulky).
    #[must_use]
    pub fn bulky(self) -> Self {
        Self {
            bulky: true,
            ..self
        }
    }

    /// The needed services that `service` does not announce.
    pub fn missing(&self, service: &Service) -> Vec<&'static str> {
        let missing = |name: &&&str| !service.serves(name);
        self.needs.iter().filter(missing).copied().collect()
    }

    /// Runs the steps, and checks that nothing was left open, and that the proxy did not call the service besides.
    ///
    /// # Errors
    /// What the service did wrong.
    pub async fn run(&self, fixture: &mut Fixture) -> Verdict {
        if let Some(proxy) = &fixture.proxy {
            proxy.intercepted.clear().await;
        }
        self.body.run(fixture).await?;
        if self.half == Half::Proxy {
            fixture.intercepted()?.expect_none().await?;
        }
        match fixture.conversation().open_connections() {
            0 => Ok(()),
            open => Err(Failure::new(format!(
                "the case itself is wrong: it left {open} of its connections open"
            ))),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("half", &self.half)
            .field("group", &self.group)
            .field("name", &self.name)
            .field("needs", &self.needs)
            .field("bulky", &self.bulky)
            .finish_non_exhaustive()
    }
}

/// Counts the entities that the cases of a run have used, per kind; ids are never used twice.
#[derive(Clone, Debug, Default)]
pub struct EntityIds {
    event_sourced: u32,
    value_entity: u32,
    crdt: u32,
}

/// What one case works with: the service, new entity ids, and a record of what is said.
#[derive(Debug)]
pub struct Fixture {
    service: Service,
    proxy: Option<Proxy>,
    link: Link,
    ids: EntityIds,
}

impl Fixture {
    /// A fixture whose entities are numbered behind those of `ids`; the service has `patience` for every message.
    pub fn new(service: &Service, patience: Duration, ids: EntityIds) -> Self {
        let link = Link {
            channel: service.channel.clone(),
            peer: Party::Service,
            descriptors: service.descriptors.clone(),
            conversation: Conversation::default(),
            patience,
            deadline: None,
        };
        Self {
            service: service.clone(),
            proxy: None,
            link,
            ids,
        }
    }

    /// With a proxy in front of the service.
    #[must_use]
    pub fn through(self, proxy: Option<&Proxy>) -> Self {
        Self {
            proxy: proxy.cloned(),
            ..self
        }
    }

    /// The service under test.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Opens connections to the service under test.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The proxy under test.
    ///
    /// # Errors
    /// There is none.
    pub fn proxy(&self) -> Verdict<&Proxy> {
        self.proxy.as_ref().ok_or_else(|| {
            Failure::new("the case goes through a proxy, and the runner was given none")
        })
    }

    /// Calls the proxy over gRPC.
    ///
    /// # Errors
    /// There is no proxy.
    pub fn client(&self) -> Verdict<Link> {
        Ok(Link {
            channel: self.proxy()?.channel.clone(),
            peer: Party::Proxy,
            ..self.link.clone()
        })
    }

    /// Calls the proxy over HTTP.
    ///
    /// # Errors
    /// There is no proxy.
    pub fn http(&self) -> Verdict<Http> {
        Ok(self.proxy()?.http.patience(self.link.patience))
    }

    /// What the proxy asks of the service.
    ///
    /// # Errors
    /// There is no proxy.
    pub fn intercepted(&self) -> Verdict<&Intercepted> {
        Ok(&self.proxy()?.intercepted)
    }

    /// What was said so far.
    pub fn conversation(&self) -> &Conversation {
        &self.link.conversation
    }

    /// The numbers used so far, for the next case.
    pub fn into_ids(self) -> EntityIds {
        self.ids
    }

    /// An id for the case's event-sourced entity: `entity-1`, `entity-2`, ...
    pub fn next_event_sourced_id(&mut self) -> String {
        self.ids.event_sourced += 1;
        format!("entity-{}", self.ids.event_sourced)
    }

    /// An id for the case's value entity: `entity-1`, `entity-2`, ...
    pub fn next_value_entity_id(&mut self) -> String {
        self.ids.value_entity += 1;
        format!("entity-{}", self.ids.value_entity)
    }

    /// An id for the case's CRDT entity: its kind and a number that all kinds share, `GCounter-1`, `GSet-2`, ...
    pub fn next_crdt_id(&mut self, kind: &str) -> String {
        self.ids.crdt += 1;
        format!("{kind}-{}", self.ids.crdt)
    }

    /// Checks that a service is announced as an entity of this type, and is declared in the descriptor set.
    ///
    /// # Errors
    /// It is not.
    pub fn discovered(&self, service_name: &str, entity_type: &str) -> Verdict<&Entity> {
        let declared = self.service.declared_services();
        if !declared.iter().any(|name| name == service_name) {
            return Err(Failure::new(format!(
                "service {service_name} is not declared in the descriptor set (EntitySpec.proto)"
            ))
            .detail("declared services", declared));
        }
        let entities = &self.service.spec().entities;
        let entity = entities
            .iter()
            .find(|entity| entity.service_name == service_name)
            .ok_or_else(|| {
                Failure::new(format!("no entity has the service_name {service_name}"))
            })?;
        check_equal(
            &format!("entity_type of {service_name}"),
            entity_type,
            &entity.entity_type,
        )?;
        Ok(entity)
    }
}

/// Checks after how many idle milliseconds an entity is to be passivated, as it is announced.
///
/// # Errors
/// It is another number, or none.
pub fn check_passivation_timeout(milliseconds: i64, entity: &Entity) -> Verdict {
    let strategy = entity.passivation_strategy;
    let announced = strategy
        .and_then(|strategy| strategy.strategy)
        .map(|Strategy::Timeout(timeout)| timeout.timeout);
    let service = &entity.service_name;
    let what = format!("passivation timeout of {service}, in milliseconds,");
    check_equal(&what, &Some(milliseconds), &announced)
}

/// Checks under which name an entity is to be stored, as it is announced.
///
/// # Errors
/// It is another one.
pub fn check_persistence_id(expected: &str, entity: &Entity) -> Verdict {
    let what = format!("persistence_id of {}", entity.service_name);
    check_equal(&what, expected, &*entity.persistence_id)
}

/// Compares a value that is no message of its own.
///
/// # Errors
/// They differ.
pub fn check_equal<E, R>(what: &str, expected: &E, received: &R) -> Verdict
where
    E: fmt::Debug + ?Sized,
    R: fmt::Debug + PartialEq<E> + ?Sized,
{
    if received == expected {
        return Ok(());
    }
    Err(Failure::new(format!("{what} is not the expected one"))
        .detail("expected", [format!("{expected:?}")])
        .detail("received", [format!("{received:?}")]))
}
