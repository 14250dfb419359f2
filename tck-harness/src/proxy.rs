//! The proxy under test: between a client, which is the harness, and an interceptor in front of the service.

mod embedded;
mod entity;
mod http;
mod intercepted;
mod interceptor;
mod recording;

pub use entity::{Crdt, EventSourced, Kind, ProxiedEntity, ValueEntity};
pub use http::{Answer, Http};
pub use intercepted::{Intercepted, Overheard};

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::{EntitySpec, ProxyInfo};
use cloudstate_proxy::user_function::UserFunction;
use prost::Message;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tonic::transport::{Channel, Endpoint};

use crate::{
    reader::Event,
    rough_link::RoughLink,
    service::{START_PATIENCE, Service},
};
use interceptor::Interceptor;
use recording::{DISCOVER, RecordedCall, Recorder, Reports};

/// Pause between two attempts to reach a proxy that is starting.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// A listener that passes everything on to a service. A proxy is to take it for the service.
#[derive(Debug)]
pub struct Interception {
    interceptor: Interceptor,
    link: Option<RoughLink>,
    recording: Recording,
}

/// What a proxy says to its service, from the first call on.
#[derive(Debug)]
struct Recording {
    calls: mpsc::Receiver<RecordedCall>,
    reports: Reports,
    /// Where the service seems to be.
    service: String,
}

/// A proxy that runs in this process, together with its user function.
#[derive(Debug)]
pub struct EmbeddedProxy(cloudstate_proxy::Proxy);

/// A proxy that has discovered the service through an interceptor, and answers clients.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(crate) channel: Channel,
    pub(crate) http: Http,
    pub(crate) intercepted: Intercepted,
    address: Rc<str>,
    reports: Reports,
    /// Listens for as long as there is a proxy.
    _listening: Option<Rc<(Interceptor, Option<RoughLink>)>>,
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
        "the proxy was to discover the service at {service}, and {trouble}{}",
        reported(reports)
    )]
    Discovery {
        /// Where the service seems to be.
        service: String,
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
    /// The proxy with the service inside does not start.
    #[error("the embedded proxy does not start")]
    Embedded(#[from] cloudstate_proxy::StartError),
}

impl Interception {
    /// Listens at `HOST:PORT` in place of the service; port 0 picks a free one.
    ///
    /// # Errors
    /// It cannot be listened there.
    pub async fn bind(address: &str, service: &Service) -> Result<Self, ProxyError> {
        let (recorder, calls) = Recorder::new();
        let reports = recorder.reports();
        let interceptor = Interceptor::bind(address, service.channel.clone(), recorder)
            .await
            .map_err(|source| ProxyError::Listen {
                address: address.into(),
                source,
            })?;
        let service = interceptor.address().to_string();
        let recording = Recording {
            calls,
            reports,
            service,
        };
        Ok(Self {
            interceptor,
            link: None,
            recording,
        })
    }

    /// The same, behind a link that splits and delays what the proxy and the service say to each other.
    ///
    /// # Errors
    /// No port is to be had for the link.
    pub async fn behind_rough_link(self, seed: u64) -> io::Result<Self> {
        let link = RoughLink::to(self.interceptor.address(), seed).await?;
        Ok(Self {
            link: Some(link),
            ..self
        })
    }

    /// Where the proxy has to look for the service.
    pub fn address(&self) -> SocketAddr {
        match &self.link {
            Some(link) => link.address(),
            None => self.interceptor.address(),
        }
    }

    /// Waits until the proxy at `HOST:PORT` has discovered the service and answers clients.
    ///
    /// # Errors
    /// It does not within [`START_PATIENCE`], or calls something else first.
    pub async fn proxy_at(self, address: &str) -> Result<Proxy, ProxyError> {
        let proxy = self.recording.proxy_at(address).await?;
        Ok(Proxy {
            _listening: Some(Rc::new((self.interceptor, self.link))),
            ..proxy
        })
    }
}

impl EmbeddedProxy {
    /// Starts this project's proxy in this process, around a user function in this process too, on a free port and
    /// with the memory store.
    ///
    /// What the two say to each other is no different from what passes over a network.
    ///
    /// # Errors
    /// The proxy does not start, or does not answer.
    pub async fn start(user_function: Arc<dyn UserFunction>) -> Result<(Self, Proxy), ProxyError> {
        let (recorder, calls) = Recorder::new();
        let recording = Recording {
            calls,
            reports: recorder.reports(),
            service: "its own process".into(),
        };
        let running = embedded::start(user_function, recorder).await?;
        let proxy = recording.proxy_at(&running.address().to_string()).await?;
        Ok((Self(running), proxy))
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// The store could not be closed.
    pub async fn stop(self) -> Result<(), cloudstate_proxy::store::StoreError> {
        self.0.stop().await
    }
}

impl Recording {
    async fn proxy_at(mut self, address: &str) -> Result<Proxy, ProxyError> {
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
                    service: self.service,
                    trouble,
                    reports: self.reports.take(),
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
            reports: self.reports,
            _listening: None,
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
        self.reports.take()
    }
}

fn reported(reports: &[String]) -> String {
    reports
        .iter()
        .map(|report| format!("; it reports {report:?}"))
        .collect()
}
