//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use tck_harness::case::{Case, Half};

/// Tests a Cloudstate user function and a Cloudstate proxy, written in any language, against the Cloudstate TCK.
///
/// Without arguments it tests the model services and the proxy of Cloudstate for Rust. With a service and without a
/// proxy it tests the service alone, or with --sidecar also behind the proxy of Cloudstate for Rust.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Address of a running service to test; it has 60 s to come up.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    pub(crate) service: Option<String>,

    /// Shell command that starts the service to test, on the HOST and PORT in its environment; stopped at the end.
    #[arg(long, value_name = "COMMAND", conflicts_with = "service")]
    pub(crate) service_command: Option<String>,

    /// Address of a running proxy to test, whose user function is at --listen; it has 60 s to come up.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address, requires = "listen")]
    pub(crate) proxy: Option<String>,

    /// Shell command that starts the proxy to test, on HTTP_PORT, for a user function at USER_FUNCTION_HOST and
    /// USER_FUNCTION_PORT in its environment; stopped at the end.
    #[arg(long, value_name = "COMMAND", conflicts_with = "proxy")]
    pub(crate) proxy_command: Option<String>,

    /// Test the named service behind this project's sidecar as well; without a named service that is done anyway.
    #[arg(long, conflicts_with_all = ["proxy", "proxy_command"])]
    pub(crate) sidecar: bool,

    /// Where the harness listens in the service's place, for the proxy; a free port of 127.0.0.1 if not given.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    pub(crate) listen: Option<String>,

    /// Test this project's proxy and model services in one process, instead of a sidecar and a service.
    #[arg(
        long,
        conflicts_with_all = ["service", "service_command", "proxy", "proxy_command", "sidecar", "listen"]
    )]
    pub(crate) embedded: bool,

    /// Run only the cases whose group or name contains this text.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) filter: String,

    /// Run only the cases that the harness plays directly on the service, or only those that go through a proxy.
    #[arg(long, value_name = "HALF")]
    pub(crate) only: Option<Only>,

    /// Run also the cases that the Cloudstate TCK does not have, the extended ones.
    #[arg(long)]
    pub(crate) further: bool,

    /// Split and delay everything on its way between the harness and the service.
    #[arg(long)]
    pub(crate) rough_link: bool,

    /// How to report: for a reader while it runs, or for a program when it has ended.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// How long the service may take for each expected message, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = parse_seconds)]
    pub(crate) timeout: Duration,

    /// List the cases instead of running them.
    #[arg(
        long,
        conflicts_with_all = [
            "service", "service_command", "proxy", "proxy_command", "sidecar", "listen", "embedded", "rough_link",
            "format"
        ]
    )]
    pub(crate) list: bool,
}

/// Which half of the cases is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    Service,
    Proxy,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
    Junit,
}

impl Arguments {
    /// Whether the case is asked for.
    pub(crate) fn select(&self, case: &Case) -> bool {
        let half = match self.only {
            Some(Only::Service) => case.half == Half::Service,
            Some(Only::Proxy) => case.half == Half::Proxy,
            None => case.half == Half::Service || self.list || self.has_proxy(),
        };
        half && (case.group.contains(&self.filter) || case.name.contains(&self.filter))
    }

    /// Whether there is a proxy to test: one that is named, or this project's own.
    fn has_proxy(&self) -> bool {
        let own = self.service.is_none() && self.service_command.is_none();
        own || self.sidecar || self.proxy.is_some() || self.proxy_command.is_some()
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  cases were run, and none failed
  1  a case failed, no case could be run, or the service or the proxy did not start
  2  the arguments make no sense";

/// Takes the address also as the programs print it, `http://HOST:PORT`.
fn parse_address(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("http://").unwrap_or(text);
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(address.into()),
        _ => Err("write HOST:PORT, such as 127.0.0.1:8080".into()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a positive number of seconds, such as 3 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser, error::ErrorKind};

    use super::Arguments;

    fn parse(line: &str) -> Result<Arguments, ErrorKind> {
        let words = line.split_whitespace();
        Arguments::try_parse_from([""].into_iter().chain(words)).map_err(|error| error.kind())
    }

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn addresses_are_checked() {
        for address in ["localhost:8080", "http://localhost:8080"] {
            let arguments = parse(&format!("--service {address}")).unwrap();
            assert_eq!(arguments.service.as_deref(), Some("localhost:8080"));
        }
        for address in [
            "localhost",
            ":8080",
            "localhost:",
            "localhost:http",
            "localhost:70000",
        ] {
            let error = parse(&format!("--service {address}")).unwrap_err();
            assert_eq!(error, ErrorKind::ValueValidation, "{address}");
        }
    }

    #[test]
    fn times_are_checked() {
        assert_eq!(parse("").unwrap().timeout, Duration::from_secs(3));
        assert_eq!(
            parse("--timeout 0.5").unwrap().timeout,
            Duration::from_millis(500)
        );
        for seconds in ["0", "-1", "soon", "1e300", "NaN", "inf"] {
            let error = parse(&format!("--timeout={seconds}")).unwrap_err();
            assert_eq!(error, ErrorKind::ValueValidation, "{seconds}");
        }
    }

    #[test]
    fn one_service_is_tested() {
        let error = parse("--service a:1 --service-command b").unwrap_err();
        assert_eq!(error, ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_list_has_no_format() {
        let error = parse("--list --format json").unwrap_err();
        assert_eq!(error, ErrorKind::ArgumentConflict);
    }

    #[test]
    fn one_proxy_is_tested() {
        let error = parse("--proxy a:1 --listen b:2 --proxy-command c").unwrap_err();
        assert_eq!(error, ErrorKind::ArgumentConflict);
    }

    #[test]
    fn what_is_embedded_is_nobody_elses() {
        let error = parse("--embedded --service a:1").unwrap_err();
        assert_eq!(error, ErrorKind::ArgumentConflict);
        assert!(parse("--embedded").unwrap().has_proxy());
    }

    #[test]
    fn the_sidecar_is_a_proxy() {
        let error = parse("--sidecar --proxy-command a").unwrap_err();
        assert_eq!(error, ErrorKind::ArgumentConflict);
        assert!(!parse("--service a:1").unwrap().has_proxy());
        assert!(parse("--service a:1 --sidecar").unwrap().has_proxy());
    }

    #[test]
    fn a_running_proxy_has_to_know_where_its_service_is() {
        let error = parse("--proxy a:1").unwrap_err();
        assert_eq!(error, ErrorKind::MissingRequiredArgument);
        parse("--proxy a:1 --listen b:2").unwrap();
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for argument in ["--nonsense", "a"] {
            assert_eq!(parse(argument).unwrap_err(), ErrorKind::UnknownArgument);
        }
    }
}
