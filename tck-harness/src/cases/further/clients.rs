//! What clients of a proxy may count on besides the TCK's cases.

use std::time::Duration;

use cloudstate::Service as _;
use cloudstate_protocol::cloudstate::{
    StreamCancelled,
    action::{ActionCommand, ActionResponse},
    crdt::{CrdtStreamIn, crdt_stream_in::Message as In},
};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::time::Instant;
use tonic::Code;

use crate::{
    action::{STREAMED_OUT, replied},
    answer::command,
    case::{Case, Fixture, check_equal},
    connection::Connection,
    crdt,
    event_sourced::{emit, reply},
    failure::{Failure, Verdict},
    pb::{
        EventSourcedTckModel, Request, Response,
        action::ActionTckModel,
        crdt::{CrdtTckModel, Response as CrdtResponse, StreamedRequest},
    },
    proxy::{Crdt, EventSourced, Kind as _, Overheard, ProxiedEntity},
    reflection_pb::{
        ErrorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
        ServiceResponse, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    },
};

const GROUP: &str = "extended: clients of a proxy";

/// What a caller allows.
const DEADLINE: Duration = Duration::from_millis(400);

/// The second version of server reflection; its messages are those of the first.
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";

/// Asks for three responses.
const THREE: &str = r#"{"groups": [{"steps": [{"reply": {"message": "A"}}]},
    {"steps": [{"reply": {"message": "B"}}]}, {"steps": [{"reply": {"message": "C"}}]}]}"#;

fn case(
    name: &'static str,
    needs: &'static [&'static str],
    body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
) -> Case {
    Case::proxied(GROUP, name, needs, body)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "a streamed call ends with its deadline, and the service hears of it",
            &[CrdtTckModel::NAME],
            deadline,
        ),
        case(
            "an unknown method and an unknown service are UNIMPLEMENTED",
            &[EventSourcedTckModel::NAME],
            unknown,
        ),
        case(
            "the template of a method takes the place of its default route",
            &[EventSourcedTckModel::NAME],
            routes,
        ),
        case(
            "streamed responses over HTTP are lines of JSON",
            &[ActionTckModel::NAME],
            async |tck| {
                let lines = "{\"message\":\"A\"}\n{\"message\":\"B\"}\n{\"message\":\"C\"}\n";
                streamed_out(tck, "application/json", lines).await
            },
        ),
        case(
            "streamed responses over HTTP are server-sent events if asked for",
            &[ActionTckModel::NAME],
            async |tck| {
                let events = "data: {\"message\":\"A\"}\n\ndata: {\"message\":\"B\"}\n\ndata: {\"message\":\"C\"}\n\n";
                streamed_out(tck, "text/event-stream", events).await
            },
        ),
        case(
            "server reflection is there in version 1",
            &[EventSourcedTckModel::NAME],
            reflection,
        ),
    ]
}

async fn deadline(tck: &mut Fixture) -> Verdict {
    let id = tck.next_crdt_id("GCounter");
    let mut entity = ProxiedEntity::<Crdt>::new::<CrdtTckModel>(tck, &id)?;
    let request = StreamedRequest {
        id: id.clone(),
        ..StreamedRequest::default()
    };
    let started = Instant::now();
    let client = tck.client()?.within(DEADLINE);
    let mut call = client.call(CrdtTckModel::ProcessStreamed);
    call.send(&request).await?;
    call.end_input();
    let at_zero = CrdtResponse {
        state: Some(crdt::state::gcounter(0)),
    };
    call.expect(&at_zero).await?;
    call.fail_with(Code::DeadlineExceeded).await?;
    let elapsed = started.elapsed();
    if elapsed < DEADLINE {
        return Err(Failure::new(format!(
            "the proxy ended a call after {elapsed:?} whose deadline is {DEADLINE:?}"
        )));
    }

    let mut command = command(CrdtTckModel::ProcessStreamed, &id, 1, &request);
    command.streamed = true;
    let stream = entity.connection().await?;
    stream.there.expect(&Crdt::command(command)).await?;
    let first = crdt::reply(crdt::state::gcounter(0)).to_streamed(1);
    stream.back.expect(&first).await?;
    let cancelled = CrdtStreamIn {
        message: Some(In::StreamCancelled(StreamCancelled {
            entity_id: id,
            id: 1,
        })),
    };
    stream.there.expect(&cancelled).await?;
    stream.back.expect(&crdt::nothing().cancellation(1)).await
}

async fn unknown(tck: &mut Fixture) -> Verdict {
    for path in [
        format!("/{}/Nothing", EventSourcedTckModel::NAME),
        "/cloudstate.tck.model.Nothing/Process".to_owned(),
    ] {
        let mut call: Connection<Request, Response> = tck.client()?.open(path);
        call.send(&Request::default()).await?;
        call.end_input();
        call.fail_with(Code::Unimplemented).await?;
    }
    Ok(())
}

async fn routes(tck: &mut Fixture) -> Verdict {
    let id = tck.next_event_sourced_id();
    let mut entity = ProxiedEntity::<EventSourced>::new::<EventSourcedTckModel>(tck, &id)?;
    let template = format!("tck/model/eventsourced/{id}");
    let default = format!("{}/Process", EventSourcedTckModel::NAME);
    let mut state = String::new();
    for (command_id, value) in (1..).zip(["A", "B"]) {
        let json = format!(r#"{{"actions":[{{"emit":{{"value":"{value}"}}}}]}}"#);
        state += value;
        let expected = format!(r#"{{"message":"{state}"}}"#);
        entity.post(&template, &json, &expected).await?;
        let request = Request {
            id: id.clone(),
            actions: vec![emit(value)],
        };
        let expected = reply(&state).events([value]).to(command_id);
        let process = EventSourcedTckModel::Process;
        entity
            .overhears(process, command_id, &request, &expected)
            .await?;

        let json = format!(r#"{{"id":"{id}","actions":[{{"emit":{{"value":"lost"}}}}]}}"#);
        let answer = tck.http()?.post_accepting(&default, &json, "*/*").await?;
        check_equal("the HTTP status", &404, &answer.status.as_u16())?;
    }
    Ok(())
}

async fn streamed_out(tck: &mut Fixture, media_type: &str, body: &str) -> Verdict {
    let path = format!("{}/ProcessStreamedOut", ActionTckModel::NAME);
    let answer = tck.http()?.post_accepting(&path, THREE, media_type).await?;
    check_equal("the HTTP status", &200, &answer.status.as_u16())?;
    check_equal("the body", body, &*answer.body)?;
    let media_type = Some(media_type);
    check_equal(
        "the content type",
        &media_type,
        &answer.content_type.as_deref(),
    )?;
    let link = tck.link();
    let mut call: Overheard<ActionCommand, ActionResponse> =
        tck.intercepted()?.next(link, STREAMED_OUT).await?;
    for message in ["A", "B", "C"] {
        call.back.expect(&replied(message).into()).await?;
    }
    call.back.expect_end("behind its responses").await
}

async fn reflection(tck: &mut Fixture) -> Verdict {
    let entities = tck.proxy()?.spec().entities.iter();
    let mut names: Vec<_> = entities.map(|entity| entity.service_name.clone()).collect();
    names.push(REFLECTION.to_owned());
    let service = names.into_iter().map(|name| ServiceResponse { name });
    let services = MessageResponse::ListServicesResponse(ListServiceResponse {
        service: service.collect(),
    });
    let mut call: Connection<ServerReflectionRequest, ServerReflectionResponse> = tck
        .client()?
        .open(format!("/{REFLECTION}/ServerReflectionInfo"));
    let request = ask(&mut call, MessageRequest::ListServices(String::new())).await?;
    call.expect_normalised(&response(request, services), sort_services)
        .await?;

    let symbol = |name: &str| MessageRequest::FileContainingSymbol(name.into());
    let request = ask(&mut call, symbol("cloudstate.tck.model.Nothing")).await?;
    let not_found = MessageResponse::ErrorResponse(ErrorResponse {
        error_code: Code::NotFound.into(),
        error_message: String::new(),
    });
    call.expect_normalised(&response(request, not_found), without_text)
        .await?;

    let request = ask(&mut call, symbol(EventSourcedTckModel::NAME)).await?;
    let expected = response(
        request,
        MessageResponse::FileDescriptorResponse(<_>::default()),
    );
    let expected = call.incoming().outline(&expected);
    let received = call.receive(&expected).await?;
    match &received.message.message_response {
        Some(MessageResponse::FileDescriptorResponse(files))
            if files
                .file_descriptor_proto
                .iter()
                .any(|file| declares_model(file)) => {}
        _ => return Err(call.difference(&expected, &received)),
    }
    call.complete().await
}

async fn ask(
    call: &mut Connection<ServerReflectionRequest, ServerReflectionResponse>,
    request: MessageRequest,
) -> Verdict<ServerReflectionRequest> {
    let request = ServerReflectionRequest {
        host: "host".into(),
        message_request: Some(request),
    };
    call.send(&request).await?;
    Ok(request)
}

fn response(
    request: ServerReflectionRequest,
    response: MessageResponse,
) -> ServerReflectionResponse {
    ServerReflectionResponse {
        valid_host: request.host.clone(),
        original_request: Some(request),
        message_response: Some(response),
    }
}

/// The order of services is not given.
fn sort_services(response: &mut ServerReflectionResponse) {
    if let Some(MessageResponse::ListServicesResponse(list)) = &mut response.message_response {
        list.service.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

/// An error's text is the proxy's own.
fn without_text(response: &mut ServerReflectionResponse) {
    if let Some(MessageResponse::ErrorResponse(error)) = &mut response.message_response {
        error.error_message.clear();
    }
}

fn declares_model(file: &[u8]) -> bool {
    let Ok(file) = FileDescriptorProto::decode(file) else {
        return false;
    };
    file.service.iter().any(|service| {
        format!("{}.{}", file.package(), service.name()) == EventSourcedTckModel::NAME
    })
}
