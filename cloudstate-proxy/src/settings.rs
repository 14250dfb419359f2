//! Every setting of the proxy: a flag, an environment variable and a default for each.

use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;

use crate::store::StoreLocation;

/// The settings that an embedded proxy and the sidecar share.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address on which clients are served: gRPC and HTTP/JSON on one port.
    #[arg(
        long,
        env = "HTTP_HOST",
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        help_heading = "Serving"
    )]
    pub http_host: IpAddr,

    /// Port on which clients are served; 0 picks a free one.
    #[arg(
        long,
        env = "HTTP_PORT",
        value_name = "PORT",
        default_value = "9000",
        help_heading = "Serving"
    )]
    pub http_port: u16,

    /// Largest request and response.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_MESSAGE_SIZE",
        value_name = "BYTES",
        default_value = "12582912",
        help_heading = "Limits"
    )]
    pub max_message_size: NonZeroUsize,

    /// Requests in progress at one time; more are answered RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_REQUESTS",
        value_name = "COUNT",
        default_value = "10000",
        help_heading = "Limits"
    )]
    pub max_requests: NonZeroUsize,

    /// Client connections at one time; more wait to be accepted.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value = "10000",
        help_heading = "Limits"
    )]
    pub max_connections: NonZeroUsize,

    /// Commands waiting for one entity; more are answered RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_WAITING_COMMANDS",
        value_name = "COUNT",
        default_value = "1000",
        help_heading = "Limits"
    )]
    pub max_waiting_commands: NonZeroUsize,

    /// Entities in memory at one time; commands for more are answered RESOURCE_EXHAUSTED until some are passivated.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_LIVE_ENTITIES",
        value_name = "COUNT",
        default_value = "1000000",
        help_heading = "Limits"
    )]
    pub max_live_entities: NonZeroUsize,

    /// How long an idle entity stays in memory where its type does not say.
    #[arg(
        long,
        env = "CLOUDSTATE_PASSIVATE_AFTER",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = parse_duration,
        help_heading = "Entities"
    )]
    pub passivate_after: Duration,

    /// How long a user function may take over one command before the entity is loaded anew.
    #[arg(
        long,
        env = "CLOUDSTATE_COMMAND_TIMEOUT",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = parse_duration,
        help_heading = "Entities"
    )]
    pub command_timeout: Duration,

    /// Where events and snapshots are kept: `memory`, a directory, or `file:DIRECTORY`.
    ///
    /// [default: ./data/<service>]
    #[arg(
        long,
        env = "CLOUDSTATE_STORE",
        value_name = "STORE",
        value_parser = StoreLocation::from_str,
        help_heading = "Store"
    )]
    pub store: Option<StoreLocation>,

    /// How long requests in progress may take to finish after SIGTERM or Ctrl-C.
    #[arg(
        long,
        env = "CLOUDSTATE_DRAIN_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_duration,
        help_heading = "Serving"
    )]
    pub drain_timeout: Duration,
}

impl Settings {
    /// The store, which is `./data/<service>` where none is set.
    pub fn store_location(&self, service: &str) -> StoreLocation {
        self.store
            .clone()
            .unwrap_or_else(|| StoreLocation::Directory(PathBuf::from("data").join(service)))
    }
}

/// Reads `250ms`, `30s`, `5m` or `1h`.
///
/// # Errors
/// The text is something else, or no time at all.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write a whole number and a unit, such as 250ms, 30s, 5m or 1h".into()),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds_per_unit))
    {
        Some(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        Some(_) | None => {
            Err("the duration must be positive, and short enough to count in milliseconds".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_duration;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        for bad in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "5 s",
            "99999999999999999h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
