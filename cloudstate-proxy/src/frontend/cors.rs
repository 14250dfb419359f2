//! Cross-origin resource sharing: tells browsers which pages of other origins may call, and read what is answered.
//!
//! It keeps nobody out who is no browser, and nothing back from the pages of the front-end's own origin.
//!
//! Browsers ask before most calls, and keep those to themselves that may not be made. Some calls they have always made
//! without asking, as a form does; of pages that may not call, these are refused here.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPIRES, HOST, LAST_MODIFIED, ORIGIN,
        VARY,
    },
};
use tonic::{Code, body::Body};

use super::http_json;
use crate::settings::{Origins, WebSettings};

/// Who may call from elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Cors {
    origins: Option<Origins>,
    credential_origins: Option<Origins>,
    max_age: Duration,
}

/// What a page may do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Permission {
    /// The same for every page, so that an answer may be kept for all of them.
    Anyone,
    Origin {
        origin: HeaderValue,
        credentials: bool,
    },
}

impl Cors {
    /// `None` where no other origin may call.
    pub(super) fn new(settings: &WebSettings) -> Option<Self> {
        let cors = Self {
            origins: settings.cors_origins.clone(),
            credential_origins: settings.cors_credential_origins.clone(),
            max_age: settings.cors_max_age,
        };
        (cors.origins.is_some() || cors.credential_origins.is_some()).then_some(cors)
    }

    /// The answer to a browser that asks before it calls; `None` if the request is a call.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let headers = request.headers();
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = headers.get(ORIGIN)?;
        if request.method() != Method::OPTIONS {
            return None;
        }
        let Some(permission) = self.permission(Some(origin)) else {
            return Some(refuse(Some(origin)));
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        permission.write(answer);
        // Whether there is such a method, and what it makes of its headers, the call will tell.
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().into());
        Some(response)
    }

    /// Lets the page that called read the response, headers included.
    pub(super) fn open(&self, origin: Option<&HeaderValue>, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        match self.permission(origin) {
            Some(permission) => {
                if let Some(names) = readable(headers) {
                    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
                }
                permission.write(headers);
            }
            None => vary(headers),
        }
    }

    /// What pages of an origin may do; `None` for nothing, and where no page calls.
    fn permission(&self, origin: Option<&HeaderValue>) -> Option<Permission> {
        if self.credential_origins.is_none() && self.origins == Some(Origins::Any) {
            return Some(Permission::Anyone);
        }
        let origin = origin?;
        let is_in = |origins: &Option<Origins>| {
            let origins = origins.as_ref();
            origins.is_some_and(|origins| origins.contains(origin))
        };
        let credentials = is_in(&self.credential_origins);
        (credentials || is_in(&self.origins)).then(|| Permission::Origin {
            origin: origin.clone(),
            credentials,
        })
    }
}

/// The answer to a call that a page of another origin makes unasked and may not make; `None` for all other requests.
pub(super) fn intrusion<B>(cors: Option<&Cors>, request: &Request<B>) -> Option<Response<Body>> {
    if request.method() != Method::POST || !is_sent_unasked(request.headers()) {
        return None;
    }
    let origin = request.headers().get(ORIGIN);
    let is_own = match request.headers().get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin" || site == "none",
        // No browser, or an old one.
        None => origin.is_none_or(|origin| is_own(origin, request)),
    };
    let may_call = || cors.is_some_and(|cors| cors.permission(origin).is_some());
    (!is_own && !may_call()).then(|| refuse(origin))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the body is of a type that a form may have, or of none.
fn is_sent_unasked(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let essence = content_type.as_bytes().split(|&byte| byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let types: [&[u8]; 4] = [
        b"",
        b"text/plain",
        b"multipart/form-data",
        b"application/x-www-form-urlencoded",
    ];
    types
        .iter()
        .any(|unasked| essence.eq_ignore_ascii_case(unasked))
}

/// Whether a page's origin is where it calls. Somebody in between may speak TLS for this front-end, so that the schemes
/// may differ.
fn is_own<B>(origin: &HeaderValue, request: &Request<B>) -> bool {
    let page = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    let host = request.headers().get(HOST);
    let called = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => host.and_then(|host| host.to_str().ok()),
    };
    matches!((page, called), (Some((_, page)), Some(called)) if page.eq_ignore_ascii_case(called))
}

fn refuse(origin: Option<&HeaderValue>) -> Response<Body> {
    let origin = origin.and_then(|origin| origin.to_str().ok());
    let text = format!(
        "pages of {} may not call; the variables CLOUDSTATE_CORS_ORIGINS and CLOUDSTATE_CORS_CREDENTIAL_ORIGINS say \
         whose may",
        origin.unwrap_or("this origin")
    );
    http_json::error_body(StatusCode::FORBIDDEN, Code::PermissionDenied, &text)
}

impl Permission {
    fn write(self, headers: &mut HeaderMap) {
        match self {
            Self::Anyone => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::Origin {
                origin,
                credentials,
            } => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                if credentials {
                    let yes = HeaderValue::from_static("true");
                    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
                }
                vary(headers);
            }
        }
    }
}

/// Caches must not give one origin what was answered to another.
fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("origin"));
}

/// The headers that a page could not read unless told so, by name: a `*` would not count where there are credentials.
fn readable(headers: &HeaderMap) -> Option<HeaderValue> {
    let always: [&HeaderName; 7] = [
        &CACHE_CONTROL,
        &CONTENT_LENGTH,
        &CONTENT_TYPE,
        &DATE,
        &EXPIRES,
        &LAST_MODIFIED,
        &VARY,
    ];
    let names: Vec<&str> = headers
        .keys()
        .filter(|name| !always.contains(name))
        .map(HeaderName::as_str)
        .collect();
    (!names.is_empty())
        .then(|| HeaderValue::try_from(names.join(",")).ok())
        .flatten()
}
