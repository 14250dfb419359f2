//! A whole service under test.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use cloudstate_proxy::{OperatorPort, Proxy, Settings, store::StoreLocation};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
};
use tonic::{
    IntoRequest, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    Cloudstate, Rpc,
    service::{ServerStreaming, Unary},
};

/// A whole service under test: front-end, entities and store in this process, on a free port of the loopback interface.
///
/// It needs a Tokio runtime and nothing else. Several can run side by side. What it stores is gone with it, unless it has
/// a directory ([`start_in`](Self::start_in)). It stops when it is dropped; [`stop`](Self::stop) waits for that.
///
/// ```standalone_crate
/// # use cloudstate::{Cloudstate, prelude::*};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[event_sourced_entity(service = pb::Cart)]
/// # #[derive(Default)]
/// # struct Cart { products: Vec<String> }
/// # #[handlers]
/// # impl Cart {
/// #     #[command_handler]
/// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
/// #         cart.emit(pb::ItemAdded { product: item.product });
/// #     }
/// #     #[command_handler]
/// #     fn get_cart(&self) -> pb::Contents { pb::Contents { products: self.products.clone() } }
/// #     #[event_handler]
/// #     fn item_added(&mut self, event: pb::ItemAdded) { self.products.push(event.product); }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = cloudstate::testing::Service::start(Cloudstate::registered()).await;
/// let item = pb::AddItem { cart: "cart-1".into(), product: "tea".into() };
/// service.call(pb::Cart::AddItem, item).await?;
///
/// let contents = service.call(pb::Cart::GetCart, pb::GetCart { cart: "cart-1".into() }).await?;
/// assert_eq!(contents.products, ["tea"]);
///
/// let answer = service.http("POST", "/shop.Cart/GetCart", r#"{"cart":"cart-1"}"#).await?;
/// assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"products":["tea"]}"#));
/// # Ok(())
/// # }
/// ```
pub struct Service {
    cloudstate: Cloudstate,
    settings: Settings,
    proxy: Option<Proxy>,
    address: SocketAddr,
}

impl Service {
    /// Starts a service that keeps everything in memory.
    ///
    /// # Panics
    /// What is registered does not fit together, or no port is free.
    pub async fn start(cloudstate: Cloudstate) -> Self {
        Self::start_with(cloudstate, StoreLocation::Memory).await
    }

    /// Starts a service with a store in a directory, which is created where there is none.
    ///
    /// # Panics
    /// As [`start`](Self::start), or the store cannot be opened.
    pub async fn start_in(cloudstate: Cloudstate, directory: impl Into<PathBuf>) -> Self {
        Self::start_with(cloudstate, StoreLocation::Directory(directory.into())).await
    }

    async fn start_with(cloudstate: Cloudstate, store: StoreLocation) -> Self {
        let settings = settings(store);
        let proxy = start(&cloudstate, &settings).await;
        Self {
            cloudstate,
            settings,
            address: proxy.address(),
            proxy: Some(proxy),
        }
    }

    /// Where it serves gRPC and HTTP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A channel for a gRPC client of your own.
    pub fn channel(&self) -> Channel {
        match Endpoint::from_shared(format!("http://{}", self.address)) {
            Ok(endpoint) => endpoint.connect_lazy(),
            Err(error) => unreachable!("an address makes a URL: {error}"),
        }
    }

    /// Calls an rpc over gRPC. The request may be a message, or a [`tonic::Request`] with metadata.
    ///
    /// # Errors
    /// What the caller of the service would get.
    pub async fn call<R: Rpc<Shape = Unary>>(
        &self,
        _rpc: R,
        request: impl IntoRequest<R::Request>,
    ) -> Result<R::Response, Status>
    where
        R::Request: 'static,
        R::Response: 'static,
    {
        let mut client = self.client().await?;
        let codec = ProstCodec::<R::Request, R::Response>::default();
        let response = client
            .unary(request.into_request(), path::<R>(), codec)
            .await?;
        Ok(response.into_inner())
    }

    /// Calls an rpc that answers with a stream.
    ///
    /// # Errors
    /// What the caller of the service would get.
    pub async fn stream<R: Rpc<Shape = ServerStreaming>>(
        &self,
        _rpc: R,
        request: impl IntoRequest<R::Request>,
    ) -> Result<Streaming<R::Response>, Status>
    where
        R::Request: 'static,
        R::Response: 'static,
    {
        let mut client = self.client().await?;
        let codec = ProstCodec::<R::Request, R::Response>::default();
        let response = client
            .server_streaming(request.into_request(), path::<R>(), codec)
            .await?;
        Ok(response.into_inner())
    }

    /// Sends an HTTP request with a JSON body, and reads the answer to its end.
    ///
    /// # Errors
    /// The connection broke, or the answer is not HTTP.
    pub async fn http(&self, method: &str, path: &str, body: &str) -> std::io::Result<HttpAnswer> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        HttpAnswer::parse(&answer)
            .ok_or_else(|| std::io::Error::other(format!("not an HTTP answer: {answer:?}")))
    }

    /// Stops the service in order and starts it again, on another port. With a directory, what was acknowledged is there.
    ///
    /// # Panics
    /// It cannot be stopped or started.
    pub async fn restart(&mut self) {
        self.end().await;
        let proxy = start(&self.cloudstate, &self.settings).await;
        self.address = proxy.address();
        self.proxy = Some(proxy);
    }

    /// Finishes what is in progress, and stops.
    ///
    /// # Panics
    /// The store cannot be closed in good order.
    pub async fn stop(mut self) {
        self.end().await;
    }

    async fn end(&mut self) {
        if let Some(proxy) = self.proxy.take()
            && let Err(error) = proxy.stop().await
        {
            panic!("the service does not stop: {error}");
        }
    }

    async fn client(&self) -> Result<Grpc<Channel>, Status> {
        let mut client = Grpc::new(self.channel());
        client
            .ready()
            .await
            .map_err(|error| Status::from_error(error.into()))?;
        Ok(client)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let (Some(proxy), Ok(runtime)) = (self.proxy.take(), Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(error) = proxy.stop().await {
                    tracing::warn!(%error, "a service under test did not stop in good order");
                }
            });
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("address", &self.address)
            .field("store", &self.settings.store)
            .finish_non_exhaustive()
    }
}

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Such as 200.
    pub status: u16,
    /// As it was sent.
    pub body: String,
}

impl HttpAnswer {
    fn parse(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            body: body.into(),
        })
    }
}

async fn start(cloudstate: &Cloudstate, settings: &Settings) -> Proxy {
    let user_function = match cloudstate.clone().into_user_function() {
        Ok(user_function) => Arc::new(user_function),
        Err(error) => panic!("what is registered cannot be served: {error}"),
    };
    match Proxy::start(user_function, settings).await {
        Ok(proxy) => proxy,
        Err(error) => panic!("the service does not start: {error:?}"),
    }
}

/// The defaults, whatever the environment of the test says, on a free port.
fn settings(store: StoreLocation) -> Settings {
    Settings {
        http_port: 0,
        metrics_port: Some(OperatorPort::Off),
        store: Some(store),
        ..Settings::default()
    }
}

fn path<R: Rpc>() -> PathAndQuery {
    let path = format!("/{}/{}", <R::Service as crate::Service>::NAME, R::NAME);
    match PathAndQuery::try_from(path) {
        Ok(path) => path,
        Err(error) => unreachable!("names of services and rpcs make a path: {error}"),
    }
}
