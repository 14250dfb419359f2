//! What goes to stdout.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes to stdout, at once, what a person or a program waits for.
///
/// Nobody may be reading any more, which is no reason to stop: an error is dropped.
pub fn announce(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}
