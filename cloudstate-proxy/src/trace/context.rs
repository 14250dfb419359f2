//! W3C Trace Context: `traceparent` and `tracestate`.

use std::{fmt, hash::BuildHasher};

use http::HeaderMap;

pub(crate) const PARENT: &str = "traceparent";
pub(super) const STATE: &str = "tracestate";

/// A span, by its trace and its own number; neither is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) is_sampled: bool,
    /// What systems on the way have noted, which is passed on as it is.
    pub(super) state: Option<String>,
}

impl Context {
    /// A new trace.
    pub(super) fn new() -> Self {
        Self {
            trace: u128::from(random()) << 64 | u128::from(random()),
            span: random(),
            is_sampled: true,
            state: None,
        }
    }

    /// What the headers say; none where they say nothing, or nothing that can be read.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let parent = headers.get(PARENT)?.to_str().ok()?;
        let mut context = Self::parse(parent)?;
        let states = headers.get_all(STATE).iter();
        let states: Vec<&str> = states.filter_map(|state| state.to_str().ok()).collect();
        context.state = (!states.is_empty()).then(|| states.join(","));
        Some(context)
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; a later version may have more behind it.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.bytes()
                .all(is_hex)
                .then(|| u128::from_str_radix(part, 16).ok())?
        };
        let version = hex(2)?;
        let (trace, span, flags) = (hex(32)?, hex(16)?, hex(2)?);
        let is_whole = version != 0 || parts.next().is_none();
        let context = Self {
            trace,
            span: u64::try_from(span).ok()?,
            is_sampled: flags & 1 == 1,
            state: None,
        };
        (version != 0xff && is_whole && trace != 0 && span != 0).then_some(context)
    }

    /// A new span of the same trace.
    pub(super) fn below(&self) -> Self {
        Self {
            span: random(),
            is_sampled: true,
            ..self.clone()
        }
    }

    /// Whether chance picks the trace, whoever asks: a trace is recorded whole, or not at all.
    pub(super) fn is_below(&self, threshold: u64) -> bool {
        self.trace as u64 <= threshold
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// Not 0. Each hasher of the standard library has keys of its own, from the system's random numbers.
fn random() -> u64 {
    std::hash::RandomState::new().hash_one(()).max(1)
}

#[cfg(test)]
mod tests {
    use super::Context;

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context::parse(text).unwrap();
        assert!(context.is_sampled);
        assert_eq!(context.to_string(), text);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert!(!Context::parse(later).unwrap().is_sampled);
        let new = Context::new();
        assert_eq!(Context::parse(&new.to_string()), Some(new));
    }

    #[test]
    fn what_is_no_context_is_none() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn chance_is_the_traces_and_not_the_spans() {
        let context = Context::new();
        assert!(context.is_below(u64::MAX));
        assert_eq!(context.is_below(1 << 63), context.below().is_below(1 << 63));
    }
}
