//! An HTTP/1.1 client.

use std::net::SocketAddr;

use ::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// A client of one server. It keeps its connection.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Every header.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: String,
}

impl Http {
    /// A client; it connects with its first request.
    pub fn new(server: SocketAddr) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            server,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, "").await
    }

    /// POST with this JSON as the body.
    pub async fn post(&self, path: &str, json: &str) -> Answer {
        let json = json.to_owned();
        self.send(Method::POST, path, Some("application/json"), json)
            .await
    }

    /// # Panics
    /// There is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.server));
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => panic!("{path} is not answered: {error:?}"),
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.into()).expect("a body in UTF-8"),
        }
    }
}

impl Answer {
    /// A header's value.
    ///
    /// # Panics
    /// It is not text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a readable header"))
    }

    /// The body.
    ///
    /// # Panics
    /// It is not JSON.
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.body) {
            Ok(json) => json,
            Err(error) => panic!("{error} in {self:?}"),
        }
    }

    /// The text of an error that is not the entity's own.
    pub fn message(&self) -> String {
        assert_eq!(self.header(header::CONTENT_TYPE), Some("application/json"));
        self.json()["message"]
            .as_str()
            .expect("an error has a message")
            .to_owned()
    }
}
