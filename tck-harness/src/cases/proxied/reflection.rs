//! gRPC server reflection.

use cloudstate::Service as _;

use crate::{
    case::Case,
    connection::Connection,
    failure::Verdict,
    reflection_pb::{
        FileDescriptorResponse, ListServiceResponse, ServerReflection, ServerReflectionRequest,
        ServerReflectionResponse, ServiceResponse, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    },
};

/// The case of the group "verifying proxy test: gRPC server reflection".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![Case::proxied(
        "verifying proxy test: gRPC server reflection",
        "verify that the proxy supports server reflection",
        &[],
        async |tck| {
            let proxy = tck.proxy()?;
            let (host, _) = proxy.address().rsplit_once(':').unwrap_or_default();
            let entities = &proxy.spec().entities;
            let mut names: Vec<_> = entities
                .iter()
                .map(|entity| entity.service_name.clone())
                .collect();
            names.sort_unstable();
            names.insert(0, ServerReflection::NAME.into());
            let service = names
                .into_iter()
                .map(|name| ServiceResponse { name })
                .collect();
            let services = MessageResponse::ListServicesResponse(ListServiceResponse { service });
            let nothing =
                MessageResponse::FileDescriptorResponse(FileDescriptorResponse::default());

            let mut call = tck.client()?.call(ServerReflection::ServerReflectionInfo);
            let list = |argument: &str| MessageRequest::ListServices(argument.into());
            ask(&mut call, host, list(""), services.clone()).await?;
            ask(&mut call, host, list("nonsense.blabla."), services).await?;
            let symbol = MessageRequest::FileContainingSymbol("nonsense.blabla.Void".into());
            ask(&mut call, host, symbol, nothing).await?;
            call.complete().await
        },
    )]
}

async fn ask(
    call: &mut Connection<ServerReflectionRequest, ServerReflectionResponse>,
    host: &str,
    request: MessageRequest,
    response: MessageResponse,
) -> Verdict {
    let request = ServerReflectionRequest {
        host: host.into(),
        message_request: Some(request),
    };
    call.send(&request).await?;
    let expected = ServerReflectionResponse {
        valid_host: host.into(),
        original_request: Some(request),
        message_response: Some(response),
    };
    call.expect(&expected).await
}
