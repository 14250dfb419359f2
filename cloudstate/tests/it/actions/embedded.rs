//! Actions behind the embedded proxy, called by clients of their gRPC services.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use cloudstate::Settings;
use cloudstate_proxy::Proxy;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Code, IntoStreamingRequest, Request, Streaming, client::Grpc, codegen::http::uri::PathAndQuery,
};
use tonic_prost::ProstCodec;

use super::*;
use crate::conversation::PATIENCE;

struct Running {
    proxy: Proxy,
    client: Grpc<Channel>,
    desk: Desk,
}

impl Running {
    async fn start() -> Self {
        let flags = [
            "test",
            "--http-port=0",
            "--metrics-port=off",
            "--store=memory",
        ];
        let matches = Settings::augment_args(Command::new("test")).get_matches_from(flags);
        let settings = Settings::from_arg_matches(&matches).unwrap();
        let desk = Desk::default();
        let served = Arc::new(user_function(desk.clone()));
        let proxy = Proxy::start(served, &settings.proxy).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", proxy.address())).unwrap();
        let client = Grpc::new(channel.connect().await.unwrap());
        Self {
            proxy,
            client,
            desk,
        }
    }

    /// Calls any rpc by its marker: the responses, or the status that stands in for them.
    async fn call<R: Rpc>(
        &self,
        _rpc: R,
        requests: impl IntoStreamingRequest<Message = R::Request, Stream: Send + 'static>,
    ) -> Result<Streaming<R::Response>, Status>
    where
        R::Request: 'static,
        R::Response: 'static,
    {
        let mut client = self.client.clone();
        client.ready().await.unwrap();
        let path = format!("/{}/{}", R::Service::NAME, R::NAME);
        let path = PathAndQuery::try_from(path).unwrap();
        let codec = ProstCodec::<R::Request, R::Response>::default();
        let responses = client.streaming(requests.into_streaming_request(), path, codec);
        Ok(responses.await?.into_inner())
    }

    async fn all<R: Rpc>(
        &self,
        rpc: R,
        requests: Vec<R::Request>,
    ) -> Result<Vec<R::Response>, Status>
    where
        R::Request: 'static,
        R::Response: 'static,
    {
        let requests = Request::new(stream::iter(requests));
        self.call(rpc, requests).await?.try_collect().await
    }
}

fn written(text: &str) -> pb::Note {
    pb::Note { text: text.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_call_all_shapes() {
    let service = Running::start().await;
    for (asked, answered) in [("say one; effect a; wait b", "one"), ("forward two", "two")] {
        let answers = service.all(pb::Desk::Ask, vec![written(asked)]).await;
        assert_eq!(answers.unwrap(), [written(answered)]);
    }
    let status = service.all(pb::Desk::Ask, vec![written("refuse three")]);
    let status = status.await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unknown, "three"));

    let notes = vec![written("x"); 1000];
    let answers = service.all(pb::Desk::Collect, notes).await.unwrap();
    assert_eq!(answers, [pb::Count { notes: 1000 }]);

    let lines = vec![written(
        "say one\nforward two\nnothing\nsay three; effect a",
    )];
    let answers = service.all(pb::Desk::Recite, lines).await.unwrap();
    assert_eq!(answers, ["one", "two", "three"].map(written));

    let (notes, received) = mpsc::unbounded_channel();
    let received = Request::new(UnboundedReceiverStream::new(received));
    // The proxy's response begins with the first message, and this client waits for it to begin.
    notes.send(written("say one")).unwrap();
    let mut answers = service.call(pb::Desk::Chat, received).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap(), written("one"));
    for text in ["two", "three"] {
        notes.send(written(&format!("say {text}"))).unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap(), written(text));
    }
    drop(notes);
    assert!(answers.message().await.unwrap().is_none());
    service.proxy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_its_own_callers_trouble() {
    let service = Running::start().await;
    let (notes, received) = mpsc::unbounded_channel();
    let received = Request::new(UnboundedReceiverStream::new(received));
    notes.send(written("say one")).unwrap();
    let mut bystander = service.call(pb::Desk::Chat, received).await.unwrap();
    for _ in 0..3 {
        let status = service.all(pb::Desk::Ask, vec![written("panic boom")]);
        assert_eq!(status.await.unwrap_err().code(), Code::Unknown);
        let status = service.all(pb::Desk::Chat, vec![written("say one\npanic boom")]);
        assert_eq!(status.await.unwrap_err().code(), Code::Unknown);
        let answer = bystander.message().await.unwrap().unwrap();
        assert_eq!(answer, written("one"));
        notes.send(written("say one")).unwrap();
    }
    drop((notes, bystander));
    service.proxy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_slows_a_handler_down_and_stops_it_by_going_away() {
    let service = Running::start().await;
    let before = Arc::strong_count(&service.desk.alive);
    let endless = Request::new(stream::iter([written("for ever")]));
    let mut answers = service.call(pb::Desk::Recite, endless).await.unwrap();
    for taken in 1..=200 {
        answers.message().await.unwrap().unwrap();
        let given = service.desk.given.load(Ordering::SeqCst);
        assert!(given <= taken + 128, "{given} given, {taken} taken");
    }
    assert!(Arc::strong_count(&service.desk.alive) > before);
    drop(answers);
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let gone = async {
        while Arc::strong_count(&service.desk.alive) > before {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, gone)
        .await
        .expect("the handler is dropped");
    service.proxy.stop().await.unwrap();
}
