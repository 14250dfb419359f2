//! An action: calls without a state. The four shapes of a gRPC call follow from the handlers' signatures.

use cloudstate::prelude::*;
use futures_util::{Stream, StreamExt, stream};

mod pb {
    cloudstate::include_proto!("com.example.texts");
}

/// One value serves every call, side by side, so handlers take `&self`.
#[action(service = pb::Texts)]
#[derive(Default)]
struct Texts;

#[handlers]
impl Texts {
    /// One request, one response. A handler that waits for something is an `async fn`.
    #[call_handler]
    async fn shout(&self, request: pb::Text) -> Result<pb::Text, Failure> {
        ensure!(!request.text.is_empty(), "there is nothing to shout");
        let text = request.text.to_uppercase();
        Ok(pb::Text { text })
    }

    /// One request, a stream of responses: polled only as fast as the client reads.
    #[call_handler]
    fn split(&self, request: pb::Text) -> impl Stream<Item = pb::Word> + use<> {
        let words: Vec<String> = request.text.split_whitespace().map(String::from).collect();
        stream::iter(words).map(|word| pb::Word { word })
    }

    /// A stream of requests, one response: the client is read only as fast as the handler asks.
    #[call_handler]
    async fn join(&self, mut words: Incoming<pb::Word>) -> pb::Text {
        let mut text = String::new();
        while let Some(pb::Word { word }) = words.next().await {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word);
        }
        pb::Text { text }
    }

    /// Streams both ways. A failure is one of the answers; the stream goes on behind it.
    #[call_handler]
    fn proofread(
        &self,
        words: Incoming<pb::Word>,
    ) -> impl Stream<Item = Result<pb::Word, Failure>> + use<> {
        words.map(|mut word| {
            ensure!(!word.word.contains(' '), "two words: {}", word.word);
            word.word = word.word.replace("teh", "the");
            Ok(word)
        })
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
