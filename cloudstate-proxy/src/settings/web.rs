//! What concerns clients of the web: browsers, and whatever else speaks HTTP.

use std::time::Duration;

use clap::{Args, ValueEnum};
use cloudstate_process::value;
use http::uri::PathAndQuery;

use super::origins::{Origins, credential_origins};

/// How pages of other origins may call, and how streamed responses keep in touch.
#[derive(Args, Clone, Debug)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct WebSettings {
    /// Origins whose pages may call without credentials: `*` for all, or a list such as
    /// `https://shop.example,http://localhost:3000`; not set, browsers let a page call its own origin only.
    #[arg(
        long,
        env = "CLOUDSTATE_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_parser = Origins::parse,
        help_heading = "Web"
    )]
    pub cors_origins: Option<Origins>,

    /// Origins whose pages may call with credentials: cookies, client certificates, `Authorization`. A list; `*` is not
    /// accepted.
    #[arg(
        long,
        env = "CLOUDSTATE_CORS_CREDENTIAL_ORIGINS",
        value_name = "ORIGINS",
        value_parser = credential_origins,
        help_heading = "Web"
    )]
    pub cors_credential_origins: Option<Origins>,

    /// How long a browser may go on without asking again whether a page may call.
    #[arg(
        long,
        env = "CLOUDSTATE_CORS_MAX_AGE",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = value::duration,
        help_heading = "Web"
    )]
    pub cors_max_age: Duration,

    /// How long the head of a streamed response waits for the first message, whose metadata it carries.
    #[arg(
        long,
        env = "CLOUDSTATE_STREAM_HEAD_WAIT",
        value_name = "DURATION",
        default_value = "200ms",
        value_parser = value::duration,
        help_heading = "Web"
    )]
    pub stream_head_wait: Duration,

    /// How long server-sent events may be silent before a comment keeps their connection open.
    #[arg(
        long,
        env = "CLOUDSTATE_SSE_KEEP_ALIVE",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = value::duration,
        help_heading = "Web"
    )]
    pub sse_keep_alive: Duration,

    /// Path of an OpenAPI document of what is served over HTTP/JSON, where no service has this path; `off` serves none.
    #[arg(
        long,
        env = "CLOUDSTATE_OPENAPI",
        value_name = "PATH",
        default_value = "/openapi.json",
        value_parser = OpenApiPath::parse,
        help_heading = "Web"
    )]
    pub openapi: OpenApiPath,

    /// How responses are compressed for clients that accept it: every gRPC message, and larger bodies of HTTP/JSON.
    /// Requests may be compressed by gzip in any case.
    #[arg(
        long,
        env = "CLOUDSTATE_COMPRESSION",
        value_enum,
        default_value_t,
        help_heading = "Web"
    )]
    pub compression: Compression,
}

/// How responses are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all: they leave as they are, without a copy.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

/// Where the OpenAPI document is, if anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenApiPath(Option<String>);

impl OpenApiPath {
    /// Reads a path, or `off`.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "off" {
            return Ok(Self(None));
        }
        match text.parse::<PathAndQuery>() {
            Ok(path) if text.starts_with('/') && path.path() == text => {
                Ok(Self(Some(text.to_owned())))
            }
            Ok(_) | Err(_) => Err("write a path that begins with `/`, or `off`"),
        }
    }

    /// Whether the document is at this path.
    pub fn is(&self, path: &str) -> bool {
        self.0.as_deref() == Some(path)
    }
}
