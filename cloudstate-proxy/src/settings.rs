//! Every setting of the proxy: a flag, an environment variable and a default for each.

mod http_tls;
mod operator_port;
mod origins;
mod traces;
mod user_function_tls;
mod web;

use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Command, FromArgMatches, builder::Resettable};
use cloudstate_process::{BadSetting, value};
use cloudstate_transport::{Listening, Plaintext};

use crate::store::StoreLocation;

pub use http_tls::HttpTls;
pub use operator_port::OperatorPort;
pub use origins::Origins;
pub use traces::{Collector, Ratio, Traces};
pub use user_function_tls::UserFunctionTls;
pub use web::{Compression, OpenApiPath, WebSettings};

/// The settings that an embedded proxy and the sidecar share.
#[derive(Args, Clone, Debug)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct Settings {
    /// Address on which clients are served: gRPC and HTTP/JSON on one port.
    #[arg(
        long,
        env = "HTTP_HOST",
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        value_parser = value::address,
        help_heading = "Serving"
    )]
    pub http_host: IpAddr,

    /// Port on which clients are served; 0 picks a free one.
    #[arg(
        long,
        env = "HTTP_PORT",
        value_name = "PORT",
        default_value = "9000",
        value_parser = value::port,
        help_heading = "Serving"
    )]
    pub http_port: u16,

    /// Certificates, by which clients are served over TLS.
    #[command(flatten)]
    pub http_tls: HttpTls,

    /// What happens when a port that other machines may reach has no TLS.
    #[arg(
        long,
        env = "CLOUDSTATE_PLAINTEXT",
        value_enum,
        default_value = "refuse",
        help_heading = "TLS"
    )]
    pub plaintext: Plaintext,

    /// Largest request and response.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_MESSAGE_SIZE",
        value_name = "BYTES",
        default_value = "12582912",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_message_size: NonZeroUsize,

    /// Requests in progress at one time; more are answered RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_REQUESTS",
        value_name = "COUNT",
        default_value = "10000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_requests: NonZeroUsize,

    /// Client connections at one time; more wait to be accepted.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value = "10000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_connections: NonZeroUsize,

    /// Calls in progress on one HTTP/2 connection; further ones wait at the client, as HTTP/2 has it.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_STREAMS_PER_CONNECTION",
        value_name = "COUNT",
        default_value = "1000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_streams_per_connection: NonZeroUsize,

    /// How long a client may take to begin to speak, and over HTTP/1.1 until the head of its next request is complete.
    #[arg(
        long,
        env = "CLOUDSTATE_HEAD_TIMEOUT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = value::duration,
        help_heading = "Limits"
    )]
    pub head_timeout: Duration,

    /// How long a connection may go without a new request before its client is asked to make another; what is in progress
    /// over it goes on.
    #[arg(
        long,
        env = "CLOUDSTATE_IDLE_TIMEOUT",
        value_name = "DURATION",
        default_value = "1h",
        value_parser = value::duration,
        help_heading = "Limits"
    )]
    pub idle_timeout: Duration,

    /// How long the message of a request may take to arrive; streams may take as long as they like.
    #[arg(
        long,
        env = "CLOUDSTATE_REQUEST_TIMEOUT",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = value::duration,
        help_heading = "Limits"
    )]
    pub request_timeout: Duration,

    /// Commands waiting for one entity; more are answered RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_WAITING_COMMANDS",
        value_name = "COUNT",
        default_value = "1000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_waiting_commands: NonZeroUsize,

    /// Entities in memory at one time; commands for more are answered RESOURCE_EXHAUSTED until some are passivated.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_LIVE_ENTITIES",
        value_name = "COUNT",
        default_value = "1000000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_live_entities: NonZeroUsize,

    /// Streams open to one CRDT entity; more are answered RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_STREAMS_PER_ENTITY",
        value_name = "COUNT",
        default_value = "1000",
        value_parser = value::count,
        help_heading = "Limits"
    )]
    pub max_streams_per_entity: NonZeroUsize,

    /// How long an idle entity stays in memory where its type does not say.
    #[arg(
        long,
        env = "CLOUDSTATE_PASSIVATE_AFTER",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = value::duration,
        help_heading = "Entities"
    )]
    pub passivate_after: Duration,

    /// How long a user function may take over one command before the entity is loaded anew.
    #[arg(
        long,
        env = "CLOUDSTATE_COMMAND_TIMEOUT",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = value::duration,
        help_heading = "Entities"
    )]
    pub command_timeout: Duration,

    /// How often a message may make its subscribed method fail before it is kept as a dead letter and the next one has
    /// its turn; 0 is for ever.
    #[arg(
        long,
        env = "CLOUDSTATE_EVENTING_ATTEMPTS",
        value_name = "COUNT",
        default_value = "6",
        value_parser = attempts,
        help_heading = "Subscriptions"
    )]
    pub eventing_attempts: u32,

    /// Dead letters of one consumer group and source that are kept; for more, the oldest are discarded.
    #[arg(
        long,
        env = "CLOUDSTATE_MAX_DEAD_LETTERS",
        value_name = "COUNT",
        default_value = "10000",
        value_parser = value::count,
        help_heading = "Subscriptions"
    )]
    pub max_dead_letters: NonZeroUsize,

    /// Where events and snapshots are kept: `memory`, a directory, or `file:DIRECTORY`; not set, it is
    /// `./data/<service>`.
    #[arg(
        long,
        env = "CLOUDSTATE_STORE",
        value_name = "STORE",
        value_parser = StoreLocation::from_str,
        help_heading = "Store"
    )]
    pub store: Option<StoreLocation>,

    /// Address on which operators are served: metrics, readiness and liveness.
    #[arg(
        long,
        env = "METRICS_HOST",
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        value_parser = value::address,
        help_heading = "Operation"
    )]
    pub metrics_host: IpAddr,

    /// Port on which operators are served; 0 picks a free one, `off` needs none. Not set, it is 9090 where that is free.
    #[arg(
        long,
        env = "METRICS_PORT",
        value_name = "PORT",
        value_parser = OperatorPort::from_str,
        help_heading = "Operation"
    )]
    pub metrics_port: Option<OperatorPort>,

    /// Let whoever reaches the operators' port see dead letters, payloads included, have them tried again and discard them;
    /// not set, only on an address of this machine alone.
    #[arg(long, env = "CLOUDSTATE_DEAD_LETTERS", help_heading = "Operation")]
    pub dead_letters: bool,

    /// How long requests in progress may take to finish after SIGTERM or Ctrl-C.
    #[arg(
        long,
        env = "CLOUDSTATE_DRAIN_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = value::duration,
        help_heading = "Serving"
    )]
    pub drain_timeout: Duration,

    /// Where traces go.
    #[command(flatten)]
    pub traces: Traces,

    /// Pages of other origins, and streamed responses.
    #[command(flatten)]
    pub web: WebSettings,
}

/// What `--help` names as defaults, whatever the environment says.
impl Default for Settings {
    fn default() -> Self {
        let command = Self::augment_args(Command::new("defaults").no_binary_name(true))
            .mut_args(|argument| argument.env(Resettable::Reset));
        let none: [&str; 0] = [];
        let settings = command
            .try_get_matches_from(none)
            .and_then(|matches| Self::from_arg_matches(&matches));
        match settings {
            Ok(settings) => settings,
            Err(error) => unreachable!("every setting has a default: {error}"),
        }
    }
}

impl Settings {
    /// Whether dead letters are on the operators' port.
    pub(crate) fn shows_dead_letters(&self) -> bool {
        self.dead_letters || self.metrics_host.is_loopback()
    }

    /// The store, which is `./data/<service>` where none is set.
    ///
    /// A service names itself, and a remote one may name itself anything: what cannot be the name of a directory is
    /// replaced by `-`.
    pub fn store_location(&self, service: &str) -> StoreLocation {
        let in_data =
            || StoreLocation::Directory(PathBuf::from("data").join(directory_name(service)));
        self.store.clone().unwrap_or_else(in_data)
    }

    /// Says whether clients and operators may be served where these settings have it, as [`plaintext`](Self::plaintext)
    /// wants it. Operators are shown nothing that clients send: no warning is due to them.
    pub(crate) fn check_exposure(&self) -> Result<(), BadSetting> {
        if !self.http_tls.is_set() {
            let clients = Listening {
                what: "clients",
                setting: "HTTP_HOST (--http-host)",
                remedy: Some("HTTP_TLS_CERT and HTTP_TLS_KEY"),
            };
            clients.check([self.http_host], self.plaintext)?;
        }
        if self.plaintext != Plaintext::Refuse || self.metrics_port == Some(OperatorPort::Off) {
            return Ok(());
        }
        let operators = Listening {
            what: "operators",
            setting: "METRICS_HOST (--metrics-host)",
            remedy: None,
        };
        operators.check([self.metrics_host], self.plaintext)
    }
}

fn attempts(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .map_err(|_| "write a whole number, such as 6, or 0 for ever")
}

fn directory_name(service: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = service
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    match name.trim_start_matches('.') {
        "" => "service".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::{Settings, directory_name};

    #[test]
    fn a_service_cannot_choose_a_directory_elsewhere() {
        for (service, directory) in [
            ("shopping-cart", "shopping-cart"),
            ("com.example_2", "com.example_2"),
            ("../../etc", "-..-etc"),
            ("/tmp", "-tmp"),
            ("..", "service"),
            ("", "service"),
        ] {
            assert_eq!(directory_name(service), directory);
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_flags() {
        let settings = Settings::default();
        assert_eq!(settings.http_host.to_string(), "127.0.0.1");
        assert_eq!(settings.http_port, 9000);
        assert!(settings.store.is_none());
    }

    #[test]
    fn every_setting_has_a_variable_a_description_and_a_heading() {
        let command = Settings::augment_args(Command::new("proxy"));
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_env().is_some(), "{name}");
            assert!(argument.get_help().is_some(), "{name}");
            assert!(argument.get_help_heading().is_some(), "{name}");
        }
        command.debug_assert();
    }

    #[test]
    fn the_page_on_the_web_has_every_setting_with_its_default() {
        let page = include_str!("../../docs/web.md");
        let command = Settings::augment_args(Command::new("proxy"));
        let settings = command
            .get_arguments()
            .filter(|argument| argument.get_help_heading() == Some("Web"));
        for argument in settings {
            let variable = argument.get_env().unwrap().to_str().unwrap();
            let default = match argument.get_default_values() {
                [] => "none".to_owned(),
                [default, ..] => format!("`{}`", default.to_str().unwrap()),
            };
            let row = format!("| `{variable}` | {default} |");
            assert!(page.contains(&row), "{row}");
        }
    }
}
