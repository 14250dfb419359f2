//! Where `tracing` goes: stderr, so that stdout holds only what programs wait for.

mod traced;

use std::{
    env::{self, VarError},
    io::{self, IsTerminal},
};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::BadSetting;
use traced::Traced;

const DEFAULT: &str = "info";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// Logs to stderr what `RUST_LOG` selects, `info` and above by default. Does nothing where a subscriber is set already.
///
/// # Errors
/// `RUST_LOG` cannot be read.
pub(crate) fn init(format: LogFormat) -> Result<(), BadSetting> {
    if tracing::dispatcher::has_been_set() {
        return Ok(());
    }
    let filter = match env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => filter(&text)?,
        Ok(_) | Err(VarError::NotPresent) => filter(DEFAULT)?,
        Err(VarError::NotUnicode(text)) => {
            return Err(BadSetting::new(format!(
                "RUST_LOG: {text:?} is not accepted: it is not UTF-8"
            )));
        }
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // Fails only where another thread of the application sets its own at this moment, which then counts.
    let _ = match format {
        LogFormat::Text => {
            let subscriber = builder.with_ansi(io::stderr().is_terminal()).finish();
            tracing::subscriber::set_global_default(subscriber)
        }
        LogFormat::Json => {
            let subscriber = builder.json().flatten_event(true).with_span_list(false);
            let subscriber = subscriber.map_event_format(Traced);
            tracing::subscriber::set_global_default(subscriber.finish())
        }
    };
    Ok(())
}

fn filter(text: &str) -> Result<EnvFilter, BadSetting> {
    EnvFilter::try_new(text).map_err(|error| {
        BadSetting::new(format!(
            "RUST_LOG: {text:?} is not accepted: {error}\n  Write a level, such as info or debug, or levels by \
             module, such as info,cloudstate=debug."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_bad_filter_is_named() {
        assert!(filter("info,cloudstate=debug").is_ok());
        let text = filter("cloudstate=loud").unwrap_err().to_string();
        assert!(text.starts_with("RUST_LOG: \"cloudstate=loud\""), "{text}");
    }
}
