//! Percent-decoding of paths and queries.

use std::borrow::Cow;
use std::str::Utf8Error;

use percent_encoding::percent_decode_str;

/// Decodes one segment of a path. `+` stays what it is.
pub(super) fn decode_path(segment: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    percent_decode_str(segment).decode_utf8()
}

/// Decodes several segments. `%2F` stays encoded, so that the slashes between the segments remain distinguishable
/// from those inside them (google.api.http, on variables of several segments).
pub(super) fn decode_multi_segment(path: &str) -> Result<Cow<'_, str>, Utf8Error> {
    let mut decoded = Cow::Borrowed("");
    let mut rest = path;
    while let Some(position) = rest
        .as_bytes()
        .windows(3)
        .position(|window| window.eq_ignore_ascii_case(b"%2f"))
    {
        let (before, after) = rest.split_at(position);
        decoded += decode_path(before)?;
        decoded += &after[..3];
        rest = &after[3..];
    }
    decoded += decode_path(rest)?;
    Ok(decoded)
}

/// Decodes a name or a value of a query, where `+` is a space.
pub(super) fn decode_query(text: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if !text.contains('+') {
        return decode_path(text);
    }
    let spaced = text.replace('+', " ");
    let decoded = decode_path(&spaced)?.into_owned();
    Ok(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_own_rules() {
        assert_eq!(decode_path("a%2Fb+c%3A%20d").unwrap(), "a/b+c: d");
        assert_eq!(
            decode_multi_segment("a%2fb/c%20%2F").unwrap(),
            "a%2fb/c %2F"
        );
        assert_eq!(decode_query("a+b%2Bc").unwrap(), "a b+c");
        assert!(decode_path("%ff").is_err());
        assert!(decode_query("+%ff").is_err());
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(decode_path("alice"), Ok(Cow::Borrowed("alice"))));
        assert!(matches!(
            decode_multi_segment("a/b"),
            Ok(Cow::Borrowed("a/b"))
        ));
        assert!(matches!(decode_query("alice"), Ok(Cow::Borrowed("alice"))));
    }

    #[test]
    fn incomplete_escapes_stay_as_they_are() {
        assert_eq!(decode_path("100%").unwrap(), "100%");
        assert_eq!(decode_multi_segment("%2/%").unwrap(), "%2/%");
        assert_eq!(decode_query("%zz").unwrap(), "%zz");
    }
}
