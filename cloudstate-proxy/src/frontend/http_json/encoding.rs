//! Bodies that are compressed: gzip in, and out where the setting says so and the client accepts it.
//!
//! Responses that are streams go out as they are: each message should leave at once, and few of them are large.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{Compression as Level, read::MultiGzDecoder, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, Response,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY},
};
use tokio::task::spawn_blocking;
use tonic::body::Body;

use super::{error::HttpError, full};
use crate::{call::CallError, settings::Compression};

/// A body smaller than this fits into a packet anyway.
const WORTH_IT: usize = 1024;
/// A larger body takes so long that other requests should not wait for it.
const LONG: usize = 1 << 16;

/// The body of a request as it was before the client compressed it.
pub(super) async fn decode(
    headers: &HeaderMap,
    body: Bytes,
    limit: usize,
) -> Result<Bytes, HttpError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(body);
    };
    match encoding.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" | b"" => return Ok(body),
        b"gzip" | b"x-gzip" => {}
        _ => {
            let name = encoding.to_str().unwrap_or("unreadable");
            return Err(HttpError::UnsupportedEncoding(format!(
                "content encoding `{name}` is not supported; send gzip, or the body as it is"
            )));
        }
    }
    // A small body may become a large one.
    let decoded = spawn_blocking(move || gunzip(&body, limit)).await;
    match decoded.map_err(io::Error::other).flatten() {
        Ok(body) if body.len() > limit => Err(HttpError::TooLarge {
            limit,
            all_read: true,
        }),
        Ok(body) => Ok(body.into()),
        Err(error) => Err(CallError::invalid(format!("the body is not gzip: {error}")).into()),
    }
}

/// Puts a body into a response, compressed where that is asked for and worth it.
pub(super) async fn encode(
    request: &HeaderMap,
    compression: Compression,
    response: &mut Response<Body>,
    body: Bytes,
) {
    let headers = response.headers_mut();
    let is_fit = compression == Compression::Gzip
        && !headers.contains_key(CONTENT_ENCODING)
        && headers.get(CONTENT_TYPE).is_some_and(is_text);
    if is_fit {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        if body.len() >= WORTH_IT && accepts_gzip(request) {
            let plain = body.clone();
            let compressed = match body.len() {
                ..=LONG => gzip(&plain),
                _ => spawn_blocking(move || gzip(&plain))
                    .await
                    .map_err(io::Error::other)
                    .flatten(),
            };
            if let Ok(compressed) = compressed {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *response.body_mut() = full(compressed.into());
                return;
            }
        }
    }
    *response.body_mut() = full(body);
}

/// Reads one byte more than may be there, at most.
fn gunzip(body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    MultiGzDecoder::new(body)
        .take(limit.saturating_add(1))
        .read_to_end(&mut decoded)?;
    Ok(decoded)
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether a client takes gzip: by name or by `*`, and not with a quality of 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let ranges = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut by_star = false;
    for range in ranges {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters
            .trim()
            .trim_start_matches(['q', 'Q'])
            .trim_start();
        let quality = quality.strip_prefix('=').map(str::trim);
        let accepted = quality.is_none_or(|quality| quality.parse().is_ok_and(|q: f32| q > 0.0));
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return accepted,
            "*" => by_star = accepted,
            _ => {}
        }
    }
    by_star
}

/// Whether a content type is of the kind that becomes smaller; pictures and archives are compressed already.
fn is_text(content_type: &HeaderValue) -> bool {
    let text = content_type
        .to_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or(&text).trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json" | "application/xml" | "application/javascript"
        )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

    use super::{accepts_gzip, gunzip, gzip, is_text};

    #[test]
    fn clients_say_whether_they_take_gzip() {
        let accepts = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
        };
        for yes in [
            "gzip",
            "br, GZIP;q=0.5",
            "*",
            "deflate, *;q=0.1",
            "gzip ; q = 1",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in [
            "",
            "br",
            "gzip;q=0",
            "*, gzip;q=0.0",
            "*;q=0",
            "gzip;q=much",
        ] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_bomb_is_read_no_further_than_the_limit() {
        let bomb = gzip(&vec![0; 10 << 20]).unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&bomb, 1000).unwrap().len(), 1001);
        assert_eq!(gunzip(&bomb, 10 << 20).unwrap().len(), 10 << 20);
        assert!(gunzip(b"no gzip", 1000).is_err());
        assert!(gunzip(&bomb[..bomb.len() - 1], 20 << 20).is_err());
    }

    #[test]
    fn what_is_compressed_already_is_left_alone() {
        for (content_type, expected) in [
            ("application/json", true),
            ("text/html; charset=utf-8", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(
                is_text(&HeaderValue::from_static(content_type)),
                expected,
                "{content_type}"
            );
        }
    }
}
