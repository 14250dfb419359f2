//! Headers as metadata, and metadata as headers.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use cloudstate_protocol::cloudstate::{Metadata, MetadataEntry, metadata_entry::Value};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What the client sent beside its message. `-bin` headers are decoded, as gRPC has it; what belongs to the transport
/// stays with the transport.
pub(super) fn from_headers(headers: &HeaderMap) -> Metadata {
    let entries = headers
        .iter()
        .filter(|(name, _)| !is_transport(name.as_str()) && !is_undone(name.as_str()))
        .filter_map(|(name, value)| {
            let value = if name.as_str().ends_with("-bin") {
                let text = value.as_bytes().trim_ascii_end();
                let unpadded = text.split(|&byte| byte == b'=').next().unwrap_or(text);
                Value::BytesValue(STANDARD_NO_PAD.decode(unpadded).ok()?.into())
            } else {
                Value::StringValue(value.to_str().ok()?.to_owned())
            };
            Some(MetadataEntry {
                key: name.as_str().to_owned(),
                value: Some(value),
            })
        })
        .collect();
    Metadata { entries }
}

/// Adds a reply's metadata to the response's headers. An entry that cannot stand in a header is left out.
pub(super) fn into_headers(metadata: Metadata, headers: &mut HeaderMap) {
    for entry in metadata.entries {
        let Ok(name) = HeaderName::try_from(&entry.key) else {
            tracing::warn!(key = %entry.key, "reply metadata cannot be a header: not a header name");
            continue;
        };
        if is_transport(name.as_str()) {
            continue;
        }
        let value = match entry.value {
            Some(Value::StringValue(text)) if !name.as_str().ends_with("-bin") => {
                HeaderValue::try_from(text)
            }
            Some(Value::BytesValue(bytes)) if name.as_str().ends_with("-bin") => {
                HeaderValue::try_from(STANDARD_NO_PAD.encode(bytes))
            }
            Some(Value::StringValue(_) | Value::BytesValue(_)) | None => {
                tracing::warn!(key = %entry.key, "reply metadata cannot be a header: bytes need a name ending in -bin");
                continue;
            }
        };
        match value {
            Ok(value) => {
                headers.append(name, value);
            }
            Err(_) => {
                tracing::warn!(key = %entry.key, "reply metadata cannot be a header: not a header value");
            }
        }
    }
}

/// Headers of a request about what is no longer so: its body has been decompressed.
fn is_undone(name: &str) -> bool {
    matches!(name, "accept-encoding" | "content-encoding")
}

/// Headers by which HTTP and gRPC work, and which say nothing to an application.
fn is_transport(name: &str) -> bool {
    name.starts_with("grpc-")
        || matches!(
            name,
            "connection"
                | "content-length"
                | "content-type"
                | "host"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
        )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{from_headers, into_headers};

    #[test]
    fn what_comes_in_goes_out_alike() {
        let mut headers = HeaderMap::new();
        headers.append("x-trace", "one".parse().unwrap());
        headers.append("x-trace", "two".parse().unwrap());
        headers.append("token-bin", "AAEC/w".parse().unwrap());
        headers.append("grpc-timeout", "1S".parse().unwrap());
        let metadata = from_headers(&headers);
        assert_eq!(metadata.entries.len(), 3);
        let mut again = HeaderMap::new();
        into_headers(metadata, &mut again);
        headers.remove("grpc-timeout");
        assert_eq!(again, headers);
    }
}
