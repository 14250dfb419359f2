//! A handler's refusal: an answer to the caller, not a defect.

use std::fmt;

/// Why a handler refuses a command.
///
/// It reaches the caller as its text: over gRPC as the status message, over HTTP as the body. Nothing of the command is
/// kept: events, side effects and forwards are dropped with it. A panic in a handler is something else, a defect: the
/// caller learns only that the entity failed, and the entity is loaded again.
///
/// ```
/// use cloudstate::Failure;
///
/// fn check(quantity: i32) -> Result<(), Failure> {
///     if quantity <= 0 {
///         return Err(Failure::new("quantity must be positive"));
///     }
///     Ok(())
/// }
/// assert_eq!(check(0).unwrap_err().description(), "quantity must be positive");
/// ```
///
/// An error type of your own works with `?` and as a handler's `Err` once `From<YourError>` is implemented for
/// `Failure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    description: String,
}

impl Failure {
    /// A refusal with the text that the caller will read.
    pub fn new(description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
        }
    }

    /// The text that the caller will read.
    pub fn description(&self) -> &str {
        &self.description
    }

    pub(crate) fn into_description(self) -> String {
        self.description
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl std::error::Error for Failure {}

impl From<String> for Failure {
    fn from(description: String) -> Self {
        Self { description }
    }
}

impl From<&str> for Failure {
    fn from(description: &str) -> Self {
        Self::new(description)
    }
}

/// Refuses a command unless a condition holds: returns [`Failure`] with a formatted text from the handler.
///
/// ```
/// use cloudstate::{Failure, ensure};
///
/// fn check(quantity: i32) -> Result<(), Failure> {
///     ensure!(quantity > 0, "quantity must be positive, not {quantity}");
///     Ok(())
/// }
/// assert_eq!(check(-1).unwrap_err().description(), "quantity must be positive, not -1");
/// assert_eq!(check(1), Ok(()));
/// ```
///
/// The function may return any error that is `From<Failure>`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::Into::into(
                $crate::Failure::new(::std::format!($($text)+)),
            ));
        }
    };
}
