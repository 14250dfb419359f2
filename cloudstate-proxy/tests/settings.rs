//! Settings of the sidecar that cannot be meant: the program ends before a port is bound, and names the setting.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Output},
};

/// Variable, flag, and values that are not accepted.
const BAD: &[(&str, &str, &[&str])] = &[
    (
        "USER_FUNCTION_HOST",
        "--user-function-host",
        &["http://carts", "carts:8080", "a b", ""],
    ),
    (
        "USER_FUNCTION_PORT",
        "--user-function-port",
        &["0", "65536", "grpc", ""],
    ),
    ("HTTP_HOST", "--http-host", &["localhost", "300.0.0.1", ""]),
    ("HTTP_PORT", "--http-port", &["65536", "-1", "http", ""]),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "--otlp-endpoint",
        &["localhost:4317", "https://collector:4317", ""],
    ),
    ("OTEL_SERVICE_NAME", "--otel-service-name", &["", " "]),
    (
        "OTEL_TRACES_SAMPLER_ARG",
        "--trace-ratio",
        &["2", "half", "NaN", ""],
    ),
    (
        "CLOUDSTATE_LOG_FORMAT",
        "--log-format",
        &["xml", "JSON", ""],
    ),
    ("METRICS_HOST", "--metrics-host", &["localhost", ""]),
    (
        "METRICS_PORT",
        "--metrics-port",
        &["65536", "-1", "on", "http", ""],
    ),
    (
        "CLOUDSTATE_DRAIN_TIMEOUT",
        "--drain-timeout",
        &["10", "0s", "99999999999999999h"],
    ),
    (
        "CLOUDSTATE_MAX_MESSAGE_SIZE",
        "--max-message-size",
        &["0", "12MB", "-5"],
    ),
    ("CLOUDSTATE_MAX_REQUESTS", "--max-requests", &["0", "many"]),
    (
        "CLOUDSTATE_MAX_CONNECTIONS",
        "--max-connections",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_MAX_STREAMS_PER_CONNECTION",
        "--max-streams-per-connection",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_HEAD_TIMEOUT",
        "--head-timeout",
        &["30", "0s", "soon"],
    ),
    (
        "CLOUDSTATE_IDLE_TIMEOUT",
        "--idle-timeout",
        &["3600", "0s", "never"],
    ),
    (
        "CLOUDSTATE_REQUEST_TIMEOUT",
        "--request-timeout",
        &["60", "0s", "soon"],
    ),
    (
        "CLOUDSTATE_MAX_WAITING_COMMANDS",
        "--max-waiting-commands",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_MAX_LIVE_ENTITIES",
        "--max-live-entities",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_MAX_STREAMS_PER_ENTITY",
        "--max-streams-per-entity",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_PASSIVATE_AFTER",
        "--passivate-after",
        &["30", "0s", "1 s", "soon"],
    ),
    (
        "CLOUDSTATE_COMMAND_TIMEOUT",
        "--command-timeout",
        &["60", "0ms", "1.5s"],
    ),
    (
        "CLOUDSTATE_EVENTING_ATTEMPTS",
        "--eventing-attempts",
        &["-1", "forever", ""],
    ),
    (
        "CLOUDSTATE_MAX_DEAD_LETTERS",
        "--max-dead-letters",
        &["0", "many"],
    ),
    (
        "CLOUDSTATE_STORE",
        "--store",
        &["postgres://db/carts", "nats://broker", "file:", ""],
    ),
    (
        "CLOUDSTATE_CORS_ORIGINS",
        "--cors-origins",
        &[
            "shop.example",
            "https://shop.example/cart",
            "https://a.example,*",
            "",
        ],
    ),
    (
        "CLOUDSTATE_CORS_CREDENTIAL_ORIGINS",
        "--cors-credential-origins",
        &["*", "shop.example", ""],
    ),
    ("CLOUDSTATE_CORS_MAX_AGE", "--cors-max-age", &["600", "0s"]),
    (
        "CLOUDSTATE_STREAM_HEAD_WAIT",
        "--stream-head-wait",
        &["0ms", "soon"],
    ),
    (
        "CLOUDSTATE_SSE_KEEP_ALIVE",
        "--sse-keep-alive",
        &["0s", "never"],
    ),
    (
        "CLOUDSTATE_COMPRESSION",
        "--compression",
        &["zip", "Gzip", ""],
    ),
    (
        "CLOUDSTATE_OPENAPI",
        "--openapi",
        &["openapi.json", "/openapi.json?a", "on", ""],
    ),
    ("CLOUDSTATE_DEAD_LETTERS", "--dead-letters", &["perhaps"]),
    (
        "CLOUDSTATE_ENTITY_METADATA",
        "--entity-metadata",
        &["perhaps"],
    ),
    ("HTTP_TLS_CERT", "--http-tls-cert", &["nowhere.pem", ""]),
    ("HTTP_TLS_KEY", "--http-tls-key", &["nowhere.pem", ""]),
    (
        "HTTP_TLS_CLIENT_CA",
        "--http-tls-client-ca",
        &["nowhere.pem", ""],
    ),
    (
        "HTTP_TLS_CLIENT_AUTH",
        "--http-tls-client-auth",
        &["optional", "perhaps", ""],
    ),
    ("CLOUDSTATE_PLAINTEXT", "--plaintext", &["maybe", ""]),
    (
        "USER_FUNCTION_TLS_CA",
        "--user-function-tls-ca",
        &["nowhere.pem", ""],
    ),
    (
        "USER_FUNCTION_TLS_CERT",
        "--user-function-tls-cert",
        &["nowhere.pem", ""],
    ),
    (
        "USER_FUNCTION_TLS_KEY",
        "--user-function-tls-key",
        &["nowhere.pem", ""],
    ),
    (
        "USER_FUNCTION_TLS_NAME",
        "--user-function-tls-name",
        &["carts", ""],
    ),
];

#[test]
fn a_bad_value_is_named_and_ends_with_78() {
    let sidecar = Sidecar::new();
    for (variable, flag, values) in BAD {
        for value in *values {
            sidecar.refuses(&[], &[(variable, value)], &[variable, flag]);
            sidecar.refuses(&[&format!("{flag}={value}")], &[], &[flag]);
        }
    }
}

#[test]
fn every_setting_of_the_help_has_a_bad_value_here() {
    let help = Sidecar::new().run(&["--help"], &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let told: BTreeSet<&str> = help
        .split("[env: ")
        .skip(1)
        .map(|rest| rest.split(']').next().unwrap())
        .collect();
    let tried: BTreeSet<&str> = BAD.iter().map(|(variable, ..)| *variable).collect();
    assert_eq!(told, tried);
}

#[test]
fn a_bad_log_filter_ends_with_78() {
    let sidecar = Sidecar::new();
    sidecar.refuses(
        &[],
        &[("RUST_LOG", "cloudstate_proxy=loud")],
        &["RUST_LOG", "cloudstate_proxy=loud"],
    );
}

#[test]
fn an_unknown_argument_ends_with_78() {
    let sidecar = Sidecar::new();
    sidecar.refuses(&["--http-prot=1"], &[], &["--http-prot", "--http-port"]);
    sidecar.refuses(&["serve"], &[], &["serve"]);
    sidecar.refuses(&["--http-port"], &[], &["HTTP_PORT", "--http-port"]);
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_ends_with_78() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let sidecar = Sidecar::new();
    let value = OsStr::from_bytes(b"\xff");
    for variable in ["HTTP_PORT", "RUST_LOG"] {
        let output = sidecar.command().env(variable, value).output().unwrap();
        refused(&output, &[variable, "UTF-8"]);
    }
}

/// A sidecar whose port is taken, so that one that binds it ends with 1.
struct Sidecar {
    taken: TcpListener,
}

impl Sidecar {
    fn new() -> Self {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self { taken }
    }

    fn command(&self) -> Command {
        let address = self.taken.local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloudstate-proxy"));
        command
            .env_clear()
            .env("HTTP_HOST", address.ip().to_string())
            .env("HTTP_PORT", address.port().to_string());
        command
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command()
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    fn refuses(&self, arguments: &[&str], variables: &[(&str, &str)], named: &[&str]) {
        refused(&self.run(arguments, variables), named);
    }
}

fn refused(output: &Output, named: &[&str]) {
    assert_eq!(output.status.code(), Some(78), "{named:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{named:?}: {output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    for name in named {
        assert!(text.contains(name), "{named:?}: {text}");
    }
}

#[test]
fn a_port_that_is_taken_ends_with_1() {
    let output = Sidecar::new().run(&[], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("HTTP_PORT"), "{text}");
}
