//! The proxy under test: between a client, which is the harness, and an interceptor in front of the service.

mod entity;
mod http;
mod intercepted;
mod interceptor;

pub use entity::{Crdt, EventSourced, Kind, ProxiedEntity, ValueEntity};
pub use http::{Answer, Http};
pub use intercepted::{Intercepted, Overheard};

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use cloudstate_protocol::cloudstate::{EntitySpec, ProxyInfo};
use prost::Message;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tonic::transport::{Channel, Endpoint};

use crate::{
    reader::Event,
    service::{START_PATIENCE, Service},
};
use interceptor::{Interceptor, RecordedCall};

/// The call by which a proxy discovers the service.
const DISCOVER: &str = "/cloudstate.EntityDiscovery/discover";

/// Pause between two attempts to reach a proxy that is starting.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// A listener that passes everything on to a service. A proxy is to take it for the service.
#[derive(Debug)]
pub struct Interception {
    interceptor: Interceptor,
    calls: mpsc::Receiver<RecordedCall>,
}

/// A proxy that has discovered the service through an interceptor, and answers clients.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(crate) channel: Channel,
    pub(crate) http: Http,
    pub(crate) intercepted: Intercepted,
    address: Rc<str>,
    interceptor: Rc<Interceptor>,
    info: Rc<ProxyInfo>,
    spec: Rc<EntitySpec>,
}

/// Why a proxy cannot be tested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address is no `HOST:PORT`.
    #[error("{address:?} is not the address of a proxy; write HOST:PORT, such as 127.0.0.1:9000")]
    Address {
        /// What was given.
        address: String,
    },
    /// The interceptor cannot listen.
    #[error("cannot listen at {address} in the service's place: {source}")]
    Listen {
        /// What was given.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The proxy did not discover the service as it should.
    #[error(
        "the proxy was to discover the service at {address}, and {trouble}{}",
        reported(reports)
    )]
    Discovery {
        /// Where the service seems to be.
        address: SocketAddr,
        /// What it did instead.
        trouble: String,
        /// What it says about that.
        reports: Vec<String>,
    },
    /// The proxy does not answer clients.
    #[error("the proxy at {address} is not ready: {trouble}")]
    Silent {
        /// What was given.
        address: String,
        /// What became of the last attempt.
        trouble: String,
    },
}

impl Interception {
    /// Listens at `HOST:PORT` in place of the service; port 0 picks a free one.
    ///
    /// # Errors
    /// It cannot be listened there.
    pub async fn bind(address: &str, service: &Service) -> Result<Self, ProxyError> {
        let (interceptor, calls) = Interceptor::bind(address, service.channel.clone())
            .await
            .map_err(|source| ProxyError::Listen {
                address: address.into(),
                source,
            })?;
        Ok(Self { interceptor, calls })
    }

    /// Where the proxy has to look for the service.
    pub fn address(&self) -> SocketAddr {
        self.interceptor.address()
    }

    /// Waits until the proxy at `HOST:PORT` has discovered the service and answers clients.
    ///
    /// # Errors
    /// It does not within [`START_PATIENCE`], or calls something else first.
    pub async fn proxy_at(mut self, address: &str) -> Result<Proxy, ProxyError> {
        let deadline = Instant::now() + START_PATIENCE;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some())
            .ok_or_else(|| ProxyError::Address {
                address: address.into(),
            })?;
        let (info, spec) = match self.discovery(deadline).await {
            Ok(discovery) => discovery,
            Err(trouble) => {
                return Err(ProxyError::Discovery {
                    address: self.address(),
                    trouble,
                    reports: self.interceptor.take_reports(),
                });
            }
        };
        let http = Http::new(address, ATTEMPT);
        while let Err(failure) = http.get().await {
            if Instant::now() >= deadline {
                return Err(ProxyError::Silent {
                    address: address.into(),
                    trouble: failure.summary().into(),
                });
            }
            sleep(RETRY_EVERY).await;
        }
        Ok(Proxy {
            channel: endpoint.connect_timeout(ATTEMPT).connect_lazy(),
            http,
            intercepted: Intercepted::new(self.calls),
            address: address.into(),
            interceptor: Rc::new(self.interceptor),
            info: Rc::new(info),
            spec: Rc::new(spec),
        })
    }

    async fn discovery(&mut self, deadline: Instant) -> Result<(ProxyInfo, EntitySpec), String> {
        let call = match timeout_at(deadline, self.calls.recv()).await {
            Ok(Some(call)) if call.path == DISCOVER => call,
            Ok(Some(call)) => return Err(format!("called {} first", call.path)),
            Ok(None) => return Err("the interceptor has stopped".into()),
            Err(_) => return Err(format!("did not within {START_PATIENCE:?}")),
        };
        let info = one_message(call.there, deadline).await;
        let spec = one_message(call.back, deadline).await;
        Ok((
            info.map_err(|trouble| format!("its request {trouble}"))?,
            spec.map_err(|trouble| format!("the service's answer {trouble}"))?,
        ))
    }
}

/// The message of one direction of a unary call.
async fn one_message<T: Message + Default>(
    mut events: mpsc::Receiver<Event>,
    deadline: Instant,
) -> Result<T, String> {
    match timeout_at(deadline, events.recv()).await {
        Ok(Some(Event::Message(bytes))) => {
            T::decode(bytes).map_err(|error| format!("cannot be read: {error}"))
        }
        Ok(Some(Event::Failed(status))) => Err(format!("was {status}")),
        Ok(Some(Event::Completed) | None) => Err("was empty".into()),
        Err(_) => Err("did not come".into()),
    }
}

impl Proxy {
    /// Where it answers, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it told the service of itself.
    pub fn info(&self) -> &ProxyInfo {
        &self.info
    }

    /// What the service told it.
    pub fn spec(&self) -> &EntitySpec {
        &self.spec
    }

    /// What it has reported to the service as an error, since the last time.
    pub fn take_reports(&self) -> Vec<String> {
        self.interceptor.take_reports()
    }
}

fn reported(reports: &[String]) -> String {
    reports
        .iter()
        .map(|report| format!("; it reports {report:?}"))
        .collect()
}
