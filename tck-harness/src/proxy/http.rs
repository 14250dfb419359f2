//! A client of the proxy over HTTP/1.1.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use crate::{
    case::check_equal,
    failure::{Failure, Verdict},
};

/// Largest answer that is read, in bytes.
const ANSWER: usize = 1 << 20;

/// Sends requests to a proxy. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Rc<str>,
    patience: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Such as 200.
    pub status: StatusCode,
    /// The header, if there is one that is text.
    pub content_type: Option<String>,
    /// All of it, as text.
    pub body: String,
}

impl Http {
    pub(super) fn new(address: &str, patience: Duration) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address: address.into(),
            patience,
        }
    }

    /// Gives the proxy this time for an answer.
    pub(crate) fn patience(&self, patience: Duration) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    /// Sends a `GET /`.
    ///
    /// # Errors
    /// There is no answer in time.
    pub async fn get(&self) -> Verdict<Answer> {
        self.send(Method::GET, "", Bytes::new(), "*/*").await
    }

    /// Sends a JSON text to a path, which is without its `/`, and expects this JSON text.
    ///
    /// # Errors
    /// There is another answer, or none in time.
    pub async fn post(&self, path: &str, json: &str, expected: &str) -> Verdict {
        let answer = self.send_json(path, json).await?;
        check_equal("the HTTP status", &StatusCode::OK, &answer.status)?;
        check_equal("the body", expected, &*answer.body)?;
        let expected = Some("application/json");
        check_equal(
            "the content type",
            &expected,
            &answer.content_type.as_deref(),
        )
    }

    /// Sends a JSON text to a path, which is without its `/`, and expects a failure with this description.
    ///
    /// # Errors
    /// There is another answer, or none in time.
    pub async fn post_failing(&self, path: &str, json: &str, description: &str) -> Verdict {
        let answer = self.send_json(path, json).await?;
        let expected = StatusCode::INTERNAL_SERVER_ERROR;
        check_equal("the HTTP status", &expected, &answer.status)?;
        check_equal("the body", description, &*answer.body)
    }

    /// Sends a JSON text to a path, which is without its `/`, for an answer of this media type.
    ///
    /// # Errors
    /// There is no answer in time.
    pub async fn post_accepting(
        &self,
        path: &str,
        json: &str,
        media_type: &str,
    ) -> Verdict<Answer> {
        let body = Bytes::copy_from_slice(json.as_bytes());
        self.send(Method::POST, path, body, media_type).await
    }

    async fn send_json(&self, path: &str, json: &str) -> Verdict<Answer> {
        self.post_accepting(path, json, "*/*").await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes, accept: &str) -> Verdict<Answer> {
        let uri = format!("http://{}/{path}", self.address);
        let failure = |error: &dyn std::fmt::Display| {
            Failure::new(format!("{method} {uri} has no answer: {error}"))
        };
        let request = Request::builder()
            .method(&method)
            .uri(&uri)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept)
            .body(Full::new(body))
            .map_err(|error| failure(&error))?;
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| failure(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER)
                .collect()
                .await
                .map_err(|error| failure(&error))?;
            let content_type = head.headers.get(CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            Ok(Answer {
                status: head.status,
                content_type: content_type.map(str::to_owned),
                body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            })
        };
        match timeout(self.patience, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(failure(&format!("none within {:?}", self.patience))),
        }
    }
}
