//! A client that knows nothing beforehand, as `grpcurl` does: it asks server reflection for the services and their
//! descriptors, builds a request from JSON, and calls.

use bytes::{Buf, BufMut};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, prost_types::FileDescriptorProto,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

use crate::client::Bench;

enum Question {
    Symbol(String),
    File(String),
}

/// A client of reflection in one of its versions, whose messages are the same by other names.
macro_rules! reflection {
    ($version:ident) => {
        mod $version {
            use tonic::transport::Channel;
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest,
                server_reflection_response::MessageResponse,
            };

            use super::Question;

            #[tokio::test]
            async fn a_client_calls_what_reflection_shows() {
                super::a_client_calls_what_reflection_shows(services, file).await;
            }

            async fn services(channel: Channel) -> Vec<String> {
                match ask(channel, MessageRequest::ListServices(String::new())).await {
                    MessageResponse::ListServicesResponse(list) => list
                        .service
                        .into_iter()
                        .map(|service| service.name)
                        .collect(),
                    other => panic!("{other:?}"),
                }
            }

            async fn file(channel: Channel, question: Question) -> Vec<u8> {
                let question = match question {
                    Question::Symbol(name) => MessageRequest::FileContainingSymbol(name),
                    Question::File(name) => MessageRequest::FileByFilename(name),
                };
                match ask(channel, question).await {
                    MessageResponse::FileDescriptorResponse(mut files) => {
                        files.file_descriptor_proto.pop().unwrap()
                    }
                    other => panic!("{other:?}"),
                }
            }

            async fn ask(channel: Channel, question: MessageRequest) -> MessageResponse {
                let request = ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(question),
                };
                let answers = ServerReflectionClient::new(channel)
                    .server_reflection_info(tokio_stream::once(request))
                    .await
                    .unwrap();
                let answer = answers.into_inner().message().await.unwrap().unwrap();
                answer.message_response.unwrap()
            }
        }
    };
}

reflection!(v1);
reflection!(v1alpha);

async fn a_client_calls_what_reflection_shows(
    services: impl AsyncFn(Channel) -> Vec<String>,
    file: impl AsyncFn(Channel, Question) -> Vec<u8>,
) {
    let bench = Bench::new().await;
    let address = format!("http://{}", bench.proxy.address());
    let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
    let names = services(channel.clone()).await;
    let name = names.iter().find(|name| name.ends_with(".Shapes")).unwrap();

    // Imports are asked for by name, until there are none left that are not known.
    let mut pool = DescriptorPool::new();
    let mut pending = vec![Question::Symbol(name.clone())];
    while let Some(question) = pending.pop() {
        let bytes = file(channel.clone(), question).await;
        let found = FileDescriptorProto::decode(&*bytes).unwrap();
        let missing: Vec<_> = found
            .dependency
            .iter()
            .filter(|import| pool.get_file_by_name(import).is_none())
            .map(|import| Question::File(import.clone()))
            .collect();
        if missing.is_empty() {
            pool.decode_file_descriptor_proto(&*bytes).unwrap();
        } else {
            pending.push(Question::File(found.name().to_owned()));
            pending.extend(missing);
        }
    }

    let service = pool.get_service_by_name(name).unwrap();
    let method = service
        .methods()
        .find(|method| method.name() == "One")
        .unwrap();
    let mut json = serde_json::Deserializer::from_str(r#"{"text": "hello"}"#);
    let request = DynamicMessage::deserialize(method.input(), &mut json).unwrap();
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = format!("/{name}/{}", method.name()).parse().unwrap();
    let codec = Dynamic(method.output());
    let answer = grpc
        .unary(Request::new(request), path, codec)
        .await
        .unwrap();
    let answer = serde_json::to_value(answer.into_inner()).unwrap();
    assert_eq!(answer, serde_json::json!({ "text": "hello" }));
}

/// Messages by their descriptors; this one is the response's.
#[derive(Clone)]
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(
        &mut self,
        message: DynamicMessage,
        buffer: &mut EncodeBuf<'_>,
    ) -> Result<(), Status> {
        buffer.put_slice(&message.encode_to_vec());
        Ok(())
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(DynamicMessage::decode(self.0.clone(), bytes).unwrap()))
    }
}
