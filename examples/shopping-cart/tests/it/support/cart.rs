//! A gRPC client of the shopping cart.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{self, Channel, Endpoint},
};

use end_to_end::TlsClient;

pub(crate) mod pb {
    cloudstate::include_proto!("com.example.shoppingcart");
}

const SERVICE: &str = <pb::ShoppingCart as cloudstate::Service>::NAME;

/// A client with a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct CartClient {
    channel: Channel,
    connections: Arc<AtomicUsize>,
}

impl CartClient {
    /// # Panics
    /// Nobody listens.
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        let dial = move || async move {
            let stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Self::over(server, dial).await.expect("a connection")
    }

    /// Connects over TLS.
    pub(crate) async fn connect_by(
        server: SocketAddr,
        client: &TlsClient,
    ) -> Result<Self, transport::Error> {
        let client = client.clone();
        let dial = move || {
            let client = client.clone();
            async move { client.connect(server).await }
        };
        Self::over(server, dial).await
    }

    async fn over<F, S>(
        server: SocketAddr,
        mut dial: impl FnMut() -> F + Send + 'static,
    ) -> Result<Self, transport::Error>
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let connector = tower::service_fn(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            let dialled = dial();
            async move { dialled.await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_shared(format!("http://{server}"))
            .expect("an address is a URI")
            .connect_with_connector(connector)
            .await?;
        Ok(Self {
            channel,
            connections,
        })
    }

    /// How many connections have been made: more than one means that one was lost.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) async fn add_item(
        &self,
        user: &str,
        product: &str,
        quantity: i32,
    ) -> Result<(), Status> {
        let message = pb::AddLineItem {
            user_id: user.into(),
            product_id: product.into(),
            name: format!("Product {product}"),
            quantity,
        };
        self.call("AddItem", &message).await
    }

    pub(crate) async fn remove_item(&self, user: &str, product: &str) -> Result<(), Status> {
        let message = pb::RemoveLineItem {
            user_id: user.into(),
            product_id: product.into(),
        };
        self.call("RemoveItem", &message).await
    }

    pub(crate) async fn get_cart(&self, user: &str) -> Result<pb::Cart, Status> {
        let message = pb::GetShoppingCart {
            user_id: user.into(),
        };
        self.call("GetCart", &message).await
    }

    /// Product and quantity of every line.
    ///
    /// # Panics
    /// The cart cannot be read.
    pub(crate) async fn lines(&self, user: &str) -> Vec<(String, i32)> {
        let cart = self.get_cart(user).await.expect("a cart that can be read");
        let line = |line: pb::LineItem| (line.product_id, line.quantity);
        cart.items.into_iter().map(line).collect()
    }

    async fn call<R: Message + Default>(
        &self,
        method: &str,
        message: &impl Message,
    ) -> Result<R, Status> {
        let path = format!("/{SERVICE}/{method}");
        let reply = self.raw(&path, message.encode_to_vec()).await?;
        Ok(R::decode(reply).expect("a reply of the declared type"))
    }

    /// Calls any path with any bytes as the message.
    pub(crate) async fn raw(&self, path: &str, message: impl Into<Bytes>) -> Result<Bytes, Status> {
        let path = PathAndQuery::try_from(path).expect("a path");
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let request = Request::new(message.into());
        Ok(grpc.unary(request, path, BytesCodec).await?.into_inner())
    }
}

/// The path of one of the cart's methods.
pub(crate) fn path(method: &str) -> String {
    format!("/{SERVICE}/{method}")
}

/// Sends anything, so that a test can send what no client would.
#[derive(Clone, Copy, Debug)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
