//! The contract of the streaming actions, which answer with what they got.

use std::pin::Pin;

use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::texts::{Text, Word, texts_server::Texts};

#[derive(Debug, Default)]
pub(super) struct EchoedTexts;

type Words = Pin<Box<dyn Stream<Item = Result<Word, Status>> + Send>>;

#[tonic::async_trait]
impl Texts for EchoedTexts {
    type SplitStream = Words;
    type ProofreadStream = Words;

    async fn shout(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn split(&self, request: Request<Text>) -> Result<Response<Words>, Status> {
        let text = request.into_inner().text;
        let words: Vec<String> = text.split_whitespace().map(String::from).collect();
        let words = words.into_iter().map(|word| Ok(Word { word }));
        Ok(Response::new(Box::pin(tokio_stream::iter(words))))
    }

    async fn join(&self, request: Request<Streaming<Word>>) -> Result<Response<Text>, Status> {
        let mut words = request.into_inner();
        let mut text = String::new();
        while let Some(Word { word }) = words.message().await? {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word);
        }
        Ok(Response::new(Text { text }))
    }

    async fn proofread(
        &self,
        request: Request<Streaming<Word>>,
    ) -> Result<Response<Words>, Status> {
        Ok(Response::new(Box::pin(
            request.into_inner().map(|word| word),
        )))
    }
}
