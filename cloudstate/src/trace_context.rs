//! W3C Trace Context in a command's metadata: what its code logs says which trace it belongs to.

use cloudstate_protocol::cloudstate::{Metadata, metadata_entry::Value};
use tracing::Span;

/// The span for what handles a command with this metadata; none if no `traceparent` is in it.
pub(crate) fn span(metadata: Option<&Metadata>) -> Span {
    let Some((trace_id, span_id)) = metadata.and_then(ids) else {
        return Span::none();
    };
    tracing::error_span!("command", %trace_id, %span_id)
}

fn ids(metadata: &Metadata) -> Option<(&str, &str)> {
    let entries = &metadata.entries;
    let parent = entries
        .iter()
        .find(|entry| entry.key.eq_ignore_ascii_case("traceparent"))?;
    match &parent.value {
        Some(Value::StringValue(text)) => parse(text),
        Some(Value::BytesValue(_)) | None => None,
    }
}

/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: the ids of the trace and of the span.
fn parse(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-').skip(1);
    let mut id = |digits: usize| {
        let is_id = |id: &&str| id.len() == digits && id.bytes().all(|b| b.is_ascii_hexdigit());
        parts.next().filter(is_id)
    };
    Some((id(32)?, id(16)?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ids_are_read_and_nothing_else_is_taken_for_them() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let ids = Some((trace, span));
        assert_eq!(parse(&format!("00-{trace}-{span}-01")), ids);
        for bad in ["", "00", trace, "00-4bf9-00f0-01", &format!("00-{trace}")] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let forged = "\u{1b}[31m; trace_id=forged-by-caller";
        assert_eq!(parse(&format!("00-{forged}-{span}-01")), None);
    }
}
