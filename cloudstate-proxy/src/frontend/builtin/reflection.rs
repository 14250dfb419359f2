//! Server reflection: which services there are, and the descriptors they are made of.
//!
//! The versions `v1` and `v1alpha` have the same messages. `v1alpha` answers as the reference proxy does, which the TCK
//! checks: a symbol that is not known is an empty list of files.

use std::sync::Arc;

use futures_util::{StreamExt, stream::BoxStream};
use http::{Request, Uri};
use prost_reflect::{DescriptorPool, FileDescriptor};
use tonic::{Code, Response, Status, Streaming};
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
    server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
    server_reflection_server::{ServerReflection, ServerReflectionServer},
};

use crate::catalog::Catalog;

const V1: &str = "grpc.reflection.v1.ServerReflection";
const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Answers for one version.
#[derive(Clone, Debug)]
pub(super) struct Reflection {
    version: Version,
    index: Arc<Index>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V1Alpha,
}

/// What can be asked for.
#[derive(Debug)]
struct Index {
    /// Names of the catalog's services, sorted.
    services: Vec<String>,
    /// The catalog's descriptors, then those of the services that are here anyway.
    pools: Vec<DescriptorPool>,
}

/// Reflection in both its versions, `v1` first.
pub(super) fn servers(
    catalog: &Catalog,
) -> (
    ServerReflectionServer<Reflection>,
    ServerReflectionServer<Reflection>,
) {
    let index = Arc::new(Index::new(catalog));
    let server = |version| {
        ServerReflectionServer::new(Reflection {
            version,
            index: Arc::clone(&index),
        })
    };
    (server(Version::V1), server(Version::V1Alpha))
}

/// Turns a request of `v1alpha` into the one of `v1` that it is apart from its path; says whether it was one.
pub(super) fn from_v1alpha<B>(request: &mut Request<B>) -> bool {
    let method = request
        .uri()
        .path()
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(V1ALPHA));
    let Some(Ok(uri)) = method.map(|method| Uri::try_from(format!("/{V1}{method}"))) else {
        return false;
    };
    *request.uri_mut() = uri;
    true
}

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = BoxStream<'static, Result<ServerReflectionResponse, Status>>;

    async fn server_reflection_info(
        &self,
        request: tonic::Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let reflection = self.clone();
        let answers = request
            .into_inner()
            .map(move |request| request.map(|request| reflection.answer(request)));
        Ok(Response::new(answers.boxed()))
    }
}

impl Reflection {
    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let answer = match &request.message_request {
            Some(question) => self.answer_question(question),
            None => error(Code::InvalidArgument, "the request asks for nothing"),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(answer),
        }
    }

    fn answer_question(&self, question: &MessageRequest) -> MessageResponse {
        let index = &self.index;
        match question {
            MessageRequest::ListServices(_) => self.services(),
            MessageRequest::FileByFilename(name) => {
                let found = index.find(|pool| pool.get_file_by_name(name));
                self.file(found.as_ref(), name)
            }
            MessageRequest::FileContainingSymbol(name) => {
                let found = index.find(|pool| file_of_symbol(pool, name));
                self.file(found.as_ref(), name)
            }
            MessageRequest::FileContainingExtension(extension) => {
                let (name, number) = (&extension.containing_type, extension.extension_number);
                let found = index.find(|pool| {
                    let number = u32::try_from(number).ok()?;
                    let message = pool.get_message_by_name(name)?;
                    Some(message.get_extension(number)?.parent_file())
                });
                self.file(found.as_ref(), &format!("extension {number} of {name}"))
            }
            MessageRequest::AllExtensionNumbersOfType(name) => {
                let Some(message) = index.find(|pool| pool.get_message_by_name(name)) else {
                    return error(Code::NotFound, &format!("{name} is not known here"));
                };
                // Numbers are at most 2^29.
                let numbers = message
                    .extensions()
                    .filter_map(|extension| i32::try_from(extension.number()).ok());
                MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: numbers.collect(),
                })
            }
        }
    }

    fn services(&self) -> MessageResponse {
        let own = match self.version {
            Version::V1 => V1,
            Version::V1Alpha => V1ALPHA,
        };
        let names = std::iter::once(own).chain(self.index.services.iter().map(String::as_str));
        MessageResponse::ListServicesResponse(ListServiceResponse {
            service: names
                .map(|name| ServiceResponse { name: name.into() })
                .collect(),
        })
    }

    fn file(&self, file: Option<&FileDescriptor>, asked: &str) -> MessageResponse {
        if file.is_none() && self.version == Version::V1 {
            return error(Code::NotFound, &format!("{asked} is not known here"));
        }
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: file
                .map(FileDescriptor::encode_to_vec)
                .into_iter()
                .collect(),
        })
    }
}

impl Index {
    fn new(catalog: &Catalog) -> Self {
        let mut services: Vec<String> = catalog
            .services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        services.sort_unstable();
        let mut pools = vec![catalog.descriptors.clone()];
        for builtin in [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            match DescriptorPool::decode(builtin) {
                Ok(pool) => pools.push(pool),
                Err(error) => tracing::warn!(%error, "a service of the proxy has no descriptors"),
            }
        }
        Self { services, pools }
    }

    fn find<T>(&self, find: impl Fn(&DescriptorPool) -> Option<T>) -> Option<T> {
        self.pools.iter().find_map(find)
    }
}

/// A symbol is a message, an enum, a service, an extension, or a part of one of them.
fn file_of_symbol(pool: &DescriptorPool, name: &str) -> Option<FileDescriptor> {
    if let Some(message) = pool.get_message_by_name(name) {
        return Some(message.parent_file());
    }
    if let Some(service) = pool.get_service_by_name(name) {
        return Some(service.parent_file());
    }
    if let Some(enumeration) = pool.get_enum_by_name(name) {
        return Some(enumeration.parent_file());
    }
    if let Some(extension) = pool.get_extension_by_name(name) {
        return Some(extension.parent_file());
    }
    let (parent, part) = name.rsplit_once('.')?;
    if let Some(service) = pool.get_service_by_name(parent) {
        let is_method = service.methods().any(|method| method.name() == part);
        return is_method.then(|| service.parent_file());
    }
    if let Some(message) = pool.get_message_by_name(parent) {
        let is_part = message.get_field_by_name(part).is_some()
            || message.oneofs().any(|oneof| oneof.name() == part);
        return is_part.then(|| message.parent_file());
    }
    let enumeration = pool.get_enum_by_name(parent)?;
    enumeration
        .get_value_by_name(part)
        .map(|_| enumeration.parent_file())
}

fn error(code: Code, message: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: code as i32,
        error_message: message.into(),
    })
}
