//! A proxy in front of the user function, and clients of it.

use std::{sync::Arc, time::Duration};

use clap::Parser;
use cloudstate_proxy::{
    Proxy, Settings,
    user_function::{UserFunction, remote::RemoteUserFunction},
};
use futures_util::{Stream, StreamExt};
use http::uri::PathAndQuery;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};
use tonic::{
    IntoRequest, IntoStreamingRequest, Request, Response, Status, Streaming,
    client::Grpc,
    codec::CompressionEncoding,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    function::{Actions, Seen, text_of},
    server,
};

/// How long a test waits for something that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Every request and response of the tests.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) struct Bench {
    pub(crate) proxy: Proxy,
    pub(crate) client: Client,
    pub(crate) function: Arc<Actions>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

/// A gRPC client of `test.shapes.Shapes`.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    /// How requests are compressed, and responses may be.
    compression: Option<CompressionEncoding>,
}

impl Bench {
    /// The user function is in the process of the proxy.
    pub(crate) async fn new() -> Self {
        Self::with_flags(&[]).await
    }

    /// The user function is in the process of the proxy, which has these settings.
    pub(crate) async fn with_flags(flags: &[&str]) -> Self {
        let (function, seen) = Actions::new();
        Self::with(Arc::clone(&function) as _, function, seen, flags).await
    }

    /// The proxy dials the user function.
    pub(crate) async fn remote() -> Self {
        let (function, seen) = Actions::new();
        let port = server::serve(Arc::clone(&function)).await;
        let remote = RemoteUserFunction::new("127.0.0.1", port, 1 << 20, false).unwrap();
        // Tests that look at headers must not depend on how busy the machine is.
        let flags = ["--stream-head-wait=1m"];
        Self::with(Arc::new(remote), function, seen, &flags).await
    }

    async fn with(
        user_function: Arc<dyn UserFunction>,
        function: Arc<Actions>,
        seen: mpsc::UnboundedReceiver<Seen>,
        flags: &[&str],
    ) -> Self {
        let always = [
            "test",
            "--http-host=127.0.0.1",
            "--http-port=0",
            "--metrics-port=off",
            "--store=memory",
        ];
        let settings = Arguments::parse_from(always.iter().chain(flags)).settings;
        let proxy = Proxy::start(user_function, &settings).await.unwrap();
        let address = format!("http://{}", proxy.address());
        let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
        Self {
            proxy,
            client: Client {
                channel,
                compression: None,
            },
            function,
            seen,
        }
    }

    /// Everything that an HTTP/1.1 request is answered with.
    pub(crate) async fn http(&self, head: &str, body: &str) -> String {
        let answer = self.http_bytes(head, body.as_bytes()).await;
        String::from_utf8(answer).unwrap()
    }

    pub(crate) async fn http_bytes(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let head = format!(
            "{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        connection.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        answer
    }

    /// A connection on which an HTTP/1.1 request has been sent.
    pub(crate) async fn open(&self, head: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let request = format!("{head}\r\nhost: localhost\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    pub(crate) async fn next(&mut self) -> Seen {
        tokio::time::timeout(SOON, self.seen.recv())
            .await
            .expect("something happens soon")
            .unwrap()
    }

    /// What the user function saw next: `One text`, `In`, `> text` within a stream, `end`, `dropped`, or a report.
    pub(crate) async fn saw(&mut self) -> String {
        match self.next().await {
            Seen::Command(command) => match command.payload {
                None => format!("{}/{}", command.service_name, command.name),
                Some(payload) if command.name.is_empty() => format!("> {}", text_of(&payload)),
                Some(payload) => format!("{} {}", command.name, text_of(&payload)),
            },
            Seen::End => "end".into(),
            Seen::Dropped => "dropped".into(),
            Seen::Report(text) => format!("report {text}"),
        }
    }

    pub(crate) async fn expect(&mut self, expected: &[&str]) {
        for &expected in expected {
            assert_eq!(self.saw().await, expected);
        }
    }
}

impl Client {
    /// A client that compresses what it sends, and takes what is compressed.
    pub(crate) fn compressed(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            compression: Some(CompressionEncoding::Gzip),
        }
    }

    async fn grpc(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.channel.clone());
        if let Some(encoding) = self.compression {
            grpc = grpc.send_compressed(encoding).accept_compressed(encoding);
        }
        grpc.ready().await.unwrap();
        grpc
    }

    pub(crate) async fn one(&self, text: &str) -> Result<String, Status> {
        Ok(self.one_with(say(text)).await?.into_inner().text)
    }

    pub(crate) async fn one_with(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        let mut grpc = self.grpc().await;
        grpc.unary(request, path("One"), ProstCodec::default())
            .await
    }

    /// Calls `In` with these texts.
    pub(crate) async fn texts_in(&self, texts: &[&str]) -> Result<String, Status> {
        let texts: Vec<Text> = texts.iter().map(|text| say(text).into_inner()).collect();
        let mut grpc = self.grpc().await;
        let response: Response<Text> = grpc
            .client_streaming(
                futures_util::stream::iter(texts).into_streaming_request(),
                path("In"),
                ProstCodec::default(),
            )
            .await?;
        Ok(response.into_inner().text)
    }

    pub(crate) async fn out(&self, text: &str) -> Result<Streaming<Text>, Status> {
        self.out_with(say(text)).await
    }

    pub(crate) async fn out_with(&self, request: Request<Text>) -> Result<Streaming<Text>, Status> {
        let mut grpc = self.grpc().await;
        let response = grpc
            .server_streaming(request, path("Out"), ProstCodec::default())
            .await?;
        Ok(response.into_inner())
    }

    /// Calls `Both`, with requests of any type.
    pub(crate) async fn both<M: prost::Message + 'static>(
        &self,
        requests: impl Stream<Item = M> + Send + 'static,
    ) -> Result<Streaming<Text>, Status> {
        let mut grpc = self.grpc().await;
        let response = grpc
            .streaming(
                requests.into_streaming_request(),
                path("Both"),
                ProstCodec::default(),
            )
            .await?;
        Ok(response.into_inner())
    }
}

pub(crate) fn say(text: &str) -> Request<Text> {
    Text { text: text.into() }.into_request()
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.shapes.Shapes/{method}").parse().unwrap()
}

/// The texts of a stream until its end, and the status that it ended with, if it was not in good order.
pub(crate) async fn texts(stream: &mut Streaming<Text>) -> (Vec<String>, Option<Status>) {
    let mut texts = Vec::new();
    while let Some(message) = tokio::time::timeout(SOON, stream.next()).await.unwrap() {
        match message {
            Ok(message) => texts.push(message.text),
            Err(status) => return (texts, Some(status)),
        }
    }
    (texts, None)
}
