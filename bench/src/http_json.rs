//! The cart's calls as a client without gRPC makes them: JSON over HTTP/1.1, on a connection that is kept.

use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::Status;

use crate::{Error, server::Server, workload};

/// A connection to a cart, with one call on it at a time.
#[derive(Debug)]
pub struct JsonClient {
    connection: SendRequest<Full<Bytes>>,
    host: String,
}

impl JsonClient {
    /// Connects to `server`.
    ///
    /// # Errors
    /// It does not accept connections.
    pub async fn connect(server: &Server) -> Result<Self, Error> {
        let failed = || Error::io(format!("connect to {} over HTTP", server.name()));
        let host = server.authority().to_owned();
        let stream = TcpStream::connect(&host).await.map_err(failed())?;
        stream.set_nodelay(true).map_err(failed())?;
        let (connection, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed()(std::io::Error::other(error)))?;
        // Its end shows in the next request.
        tokio::spawn(driver);
        Ok(Self { connection, host })
    }

    /// Puts one of a product into a cart.
    ///
    /// # Errors
    /// The connection breaks, or the answer is not 200.
    pub async fn add_item(&mut self, cart: u32, product: u32) -> Result<(), Status> {
        let broken = |error: hyper::Error| Status::unavailable(error.to_string());
        let request = Request::post(format!("/cart/{}/items/add", workload::cart_id(cart)))
            .header(HOST, &*self.host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(workload::add_item_json(product).into()))
            .map_err(|error| Status::internal(error.to_string()))?;
        self.connection.ready().await.map_err(broken)?;
        let response = self
            .connection
            .send_request(request)
            .await
            .map_err(broken)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?;
        if status.is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Err(Status::unknown(format!("{status}: {text}")))
    }
}
