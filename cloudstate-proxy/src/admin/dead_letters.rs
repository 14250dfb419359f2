//! `/dead-letters`: what subscriptions have given up on, to be looked at, tried again and discarded.

use std::{fmt::Display, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use cloudstate_protocol::{
    Any,
    any::Kind,
    cloudstate::{Metadata, metadata_entry},
};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, prost_types::Timestamp};
use serde_json::{Map, Value, json};

use super::{Admin, Handler};
use crate::eventing::{DeadLetter, DeadLetterError, DeadLetters, LetterSource, Replayed};

/// What the paths begin with.
const ROOT: &str = "dead-letters";
/// Their first segments.
const SEGMENTS: [&str; 2] = [ROOT, "dead-letters:replay"];

/// Letters in one answer where the request does not say, and at most.
const LIMIT: (usize, usize) = (100, 1000);
/// Letters read at a time where all are tried again.
const PAGE: usize = 100;

/// Serves the dead letters on the operators' port.
pub(crate) fn add(admin: &Admin, letters: &Arc<DeadLetters>) {
    for segment in SEGMENTS {
        admin.add(segment, handler_of(Arc::clone(letters)));
    }
}

fn handler_of(letters: Arc<DeadLetters>) -> Handler {
    Arc::new(move |request| {
        let letters = Arc::clone(&letters);
        async move {
            answer(&letters, &request)
                .await
                .unwrap_or_else(|refused| refused)
        }
        .boxed()
    })
}

/// What a path is about.
enum Resource {
    All,
    ReplayAll,
    One(String),
    Replay(String),
}

impl Resource {
    fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix('/')?.strip_prefix(ROOT)?;
        let is_replay = rest.ends_with(":replay");
        let rest = rest.strip_suffix(":replay").unwrap_or(rest);
        let id = match rest.strip_prefix('/') {
            Some(id) => percent_decode_str(id).decode_utf8().ok()?.into_owned(),
            None if rest.is_empty() => String::new(),
            None => return None,
        };
        Some(match (id.is_empty(), is_replay) {
            (true, false) => Self::All,
            (true, true) => Self::ReplayAll,
            (false, false) => Self::One(id),
            (false, true) => Self::Replay(id),
        })
    }
}

async fn answer(
    letters: &DeadLetters,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, Response<Bytes>> {
    // A page that somebody has open in a browser on this machine must not act in their name.
    if request.headers().contains_key(header::ORIGIN) {
        let text = "dead letters are not for pages in a browser: leave the header Origin out";
        return Err(error(StatusCode::FORBIDDEN, text));
    }
    let path = request.uri().path();
    let Some(resource) = Resource::of(path) else {
        let text = format!(
            "nothing is at {path}; there is /{ROOT}, /{ROOT}/ID, and either with :replay behind it"
        );
        return Err(error(StatusCode::NOT_FOUND, text));
    };
    let query = Query::read(request.uri().query().unwrap_or_default())
        .map_err(|text| error(StatusCode::BAD_REQUEST, text))?;
    match (request.method(), resource) {
        (&Method::GET, Resource::All) => list(letters, &query).await,
        (&Method::GET, Resource::One(id)) => {
            let letter = letters.get(&id).await.map_err(refused)?;
            let mut shown = summary(&letter);
            let descriptors = letters.descriptors();
            shown.insert("attributes".into(), attributes(&letter.metadata));
            shown.insert(
                "payload".into(),
                payload(&letter.payload, descriptors.as_ref()),
            );
            Ok(respond(StatusCode::OK, &Value::Object(shown)))
        }
        (&Method::DELETE, Resource::One(id)) => {
            letters.discard(&id).await.map_err(refused)?;
            Ok(respond(StatusCode::OK, &json!({ "discarded": true })))
        }
        (&Method::POST, Resource::Replay(id)) => {
            Ok(match letters.replay(&id).await.map_err(refused)? {
                Replayed::Handled => respond(StatusCode::OK, &json!({ "handled": true })),
                Replayed::Failed(reason) => respond(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    &json!({ "handled": false, "reason": reason }),
                ),
            })
        }
        (&Method::POST, Resource::ReplayAll) => replay_all(letters, &query).await,
        (_, resource) => {
            let allowed = match resource {
                Resource::All => "GET",
                Resource::One(_) => "GET, DELETE",
                Resource::ReplayAll | Resource::Replay(_) => "POST",
            };
            let text = format!("{path} takes {allowed}, not {}", request.method());
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED, text);
            let allowed = HeaderValue::from_static(allowed);
            response.headers_mut().insert(header::ALLOW, allowed);
            Err(response)
        }
    }
}

async fn list(letters: &DeadLetters, query: &Query) -> Result<Response<Bytes>, Response<Bytes>> {
    let found = letters
        .list(query.group.as_deref(), &query.after, query.limit)
        .await
        .map_err(refused)?;
    let shown: Vec<_> = found.iter().map(summary).collect();
    let mut page = json!({ "deadLetters": shown });
    if let Some(last) = found.last().filter(|_| found.len() == query.limit) {
        page["next"] = last.id.clone().into();
    }
    Ok(respond(StatusCode::OK, &page))
}

/// Tries each once, in order; what fails stays.
async fn replay_all(
    letters: &DeadLetters,
    query: &Query,
) -> Result<Response<Bytes>, Response<Bytes>> {
    let (mut after, mut handled, mut failed) = (query.after.clone(), 0, 0);
    loop {
        let page = letters
            .list(query.group.as_deref(), &after, PAGE)
            .await
            .map_err(refused)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for letter in &page {
            match letters.replay(&letter.id).await {
                Ok(Replayed::Handled) => handled += 1,
                Ok(Replayed::Failed(_)) | Err(DeadLetterError::NoSubscriber { .. }) => failed += 1,
                // Somebody else was faster.
                Err(DeadLetterError::NotFound(_)) => {}
                Err(error) => return Err(refused(error)),
            }
        }
    }
    let outcome = json!({ "handled": handled, "failed": failed });
    Ok(respond(StatusCode::OK, &outcome))
}

/// What a request asks for beside its path.
struct Query {
    group: Option<String>,
    after: String,
    limit: usize,
}

impl Query {
    fn read(query: &str) -> Result<Self, String> {
        let mut read = Self {
            group: None,
            after: String::new(),
            limit: LIMIT.0,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value)
                .decode_utf8()
                .map_err(|_| format!("parameter `{key}` is not UTF-8"))?;
            match key {
                "group" => read.group = Some(value.into_owned()),
                "after" => read.after = value.into_owned(),
                "limit" => {
                    read.limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=LIMIT.1).contains(limit))
                        .ok_or_else(|| {
                            format!("parameter `limit`: write a number from 1 to {}", LIMIT.1)
                        })?;
                }
                _ => {
                    return Err(format!(
                        "parameter `{key}` is not known; there are `group`, `after` and `limit`"
                    ));
                }
            }
        }
        Ok(read)
    }
}

/// A letter but for what was to be handled.
fn summary(letter: &DeadLetter) -> Map<String, Value> {
    let (source, name) = match &letter.source {
        LetterSource::EventLog(name) => ("eventLog", name),
        LetterSource::Topic(name) => ("topic", name),
    };
    let entries = [
        ("id", letter.id.as_str().into()),
        ("group", letter.group.as_str().into()),
        ("service", letter.service.as_str().into()),
        ("method", letter.method.as_str().into()),
        (source, name.as_str().into()),
        ("place", letter.place.into()),
        ("type", letter.payload.type_url.to_string().into()),
        ("reason", letter.reason.as_str().into()),
        ("attempts", letter.attempts.into()),
        ("time", Timestamp::from(letter.time).to_string().into()),
    ];
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    entries.into_iter().collect()
}

fn attributes(metadata: &Metadata) -> Value {
    let text = metadata.entries.iter().filter_map(|entry| {
        let Some(metadata_entry::Value::StringValue(text)) = &entry.value else {
            return None;
        };
        Some((entry.key.clone(), text.as_str().into()))
    });
    Value::Object(text.collect())
}

/// The payload as people read it where it can be, and its bytes otherwise.
fn payload(payload: &Any, descriptors: Option<&DescriptorPool>) -> Value {
    let readable = match payload.kind() {
        Kind::Json => payload.from_json::<Value>().ok(),
        Kind::Protobuf => descriptors.and_then(|descriptors| message(payload, descriptors)),
        Kind::Primitive | Kind::Other => None,
    };
    match readable {
        Some(value) => json!({ "json": value }),
        None => json!({ "base64": BASE64_STANDARD.encode(&payload.value) }),
    }
}

fn message(payload: &Any, descriptors: &DescriptorPool) -> Option<Value> {
    let descriptor = descriptors.get_message_by_name(payload.type_name())?;
    let message = DynamicMessage::decode(descriptor, payload.value.clone()).ok()?;
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

fn refused(problem: DeadLetterError) -> Response<Bytes> {
    let status = match &problem {
        DeadLetterError::NotFound(_) => StatusCode::NOT_FOUND,
        DeadLetterError::NoSubscriber { .. } => StatusCode::CONFLICT,
        DeadLetterError::Trouble(_) | DeadLetterError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        DeadLetterError::Unreadable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    error(status, problem)
}

fn error(status: StatusCode, message: impl Display) -> Response<Bytes> {
    respond(status, &json!({ "message": message.to_string() }))
}

fn respond(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::{Query, Resource};

    #[test]
    fn ids_may_hold_anything() {
        for (path, expected) in [
            ("/dead-letters", Some("all")),
            ("/dead-letters/", Some("all")),
            ("/dead-letters:replay", Some("replay all")),
            ("/dead-letters/g/topic/t/7", Some("one g/topic/t/7")),
            (
                "/dead-letters/g%20h/topic/t%3Areplay/7",
                Some("one g h/topic/t:replay/7"),
            ),
            (
                "/dead-letters/g/topic/t/7:replay",
                Some("replay g/topic/t/7"),
            ),
            ("/dead-letters/%ff", None),
            ("/dead-letterss", None),
        ] {
            let found = Resource::of(path).map(|resource| match resource {
                Resource::All => "all".to_owned(),
                Resource::ReplayAll => "replay all".to_owned(),
                Resource::One(id) => format!("one {id}"),
                Resource::Replay(id) => format!("replay {id}"),
            });
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        let read = Query::read("group=a%20b&after=x/y&limit=7").unwrap();
        assert_eq!(
            (read.group.as_deref(), &*read.after, read.limit),
            (Some("a b"), "x/y", 7)
        );
        let read = Query::read("").unwrap();
        assert_eq!((read.group, &*read.after, read.limit), (None, "", 100));
        for (query, problem) in [
            ("limit=0", "`limit`: write a number from 1 to 1000"),
            ("limit=1001", "`limit`"),
            ("limit=many", "`limit`"),
            ("groups=a", "`groups` is not known"),
            ("group=%ff", "`group` is not UTF-8"),
        ] {
            let said = Query::read(query).err().unwrap();
            assert!(said.contains(problem), "{query}: {said}");
        }
    }
}
