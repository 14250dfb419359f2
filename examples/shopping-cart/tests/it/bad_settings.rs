//! Settings that cannot be meant. The program ends before it has bound a port or touched the store, and says which
//! setting it was.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};

use tempfile::tempdir;

use end_to_end::Program;

use crate::support::programs;

/// Flag, variable and bad values of every setting that the two programs share.
const SHARED: &[(&str, &str, &[&str])] = &[
    (
        "--http-host",
        "HTTP_HOST",
        &["not an address", "300.0.0.1", ""],
    ),
    ("--http-port", "HTTP_PORT", &["65536", "-1", "http", ""]),
    (
        "--log-format",
        "CLOUDSTATE_LOG_FORMAT",
        &["xml", "JSON", ""],
    ),
    (
        "--otlp-endpoint",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        &["localhost:4317", "https://collector:4317", ""],
    ),
    ("--otel-service-name", "OTEL_SERVICE_NAME", &["", " "]),
    (
        "--trace-ratio",
        "OTEL_TRACES_SAMPLER_ARG",
        &["2", "half", "NaN", ""],
    ),
    ("--metrics-host", "METRICS_HOST", &["localhost", ""]),
    ("--metrics-port", "METRICS_PORT", &["65536", "-1", "on", ""]),
    (
        "--max-message-size",
        "CLOUDSTATE_MAX_MESSAGE_SIZE",
        &["0", "12MB", "-5"],
    ),
    ("--max-requests", "CLOUDSTATE_MAX_REQUESTS", &["0", "many"]),
    (
        "--max-connections",
        "CLOUDSTATE_MAX_CONNECTIONS",
        &["0", "many"],
    ),
    (
        "--max-streams-per-connection",
        "CLOUDSTATE_MAX_STREAMS_PER_CONNECTION",
        &["0", "many"],
    ),
    (
        "--head-timeout",
        "CLOUDSTATE_HEAD_TIMEOUT",
        &["30", "0s", "soon"],
    ),
    (
        "--idle-timeout",
        "CLOUDSTATE_IDLE_TIMEOUT",
        &["3600", "0s", "never"],
    ),
    (
        "--request-timeout",
        "CLOUDSTATE_REQUEST_TIMEOUT",
        &["60", "0s", "soon"],
    ),
    (
        "--max-waiting-commands",
        "CLOUDSTATE_MAX_WAITING_COMMANDS",
        &["0", "many"],
    ),
    (
        "--max-live-entities",
        "CLOUDSTATE_MAX_LIVE_ENTITIES",
        &["0", "many"],
    ),
    (
        "--max-streams-per-entity",
        "CLOUDSTATE_MAX_STREAMS_PER_ENTITY",
        &["0", "many"],
    ),
    (
        "--passivate-after",
        "CLOUDSTATE_PASSIVATE_AFTER",
        &["30", "0s", "1 s", "-1s", "soon"],
    ),
    (
        "--command-timeout",
        "CLOUDSTATE_COMMAND_TIMEOUT",
        &["60", "0ms", "1.5s"],
    ),
    (
        "--drain-timeout",
        "CLOUDSTATE_DRAIN_TIMEOUT",
        &["10", "0s", "99999999999999999h"],
    ),
    (
        "--cors-origins",
        "CLOUDSTATE_CORS_ORIGINS",
        &["shop.example", "https://shop.example/", ""],
    ),
    (
        "--cors-credential-origins",
        "CLOUDSTATE_CORS_CREDENTIAL_ORIGINS",
        &["*", "shop.example"],
    ),
    ("--cors-max-age", "CLOUDSTATE_CORS_MAX_AGE", &["600", "0s"]),
    (
        "--stream-head-wait",
        "CLOUDSTATE_STREAM_HEAD_WAIT",
        &["0ms", "soon"],
    ),
    (
        "--sse-keep-alive",
        "CLOUDSTATE_SSE_KEEP_ALIVE",
        &["0s", "never"],
    ),
    (
        "--compression",
        "CLOUDSTATE_COMPRESSION",
        &["zip", "Gzip", ""],
    ),
    (
        "--openapi",
        "CLOUDSTATE_OPENAPI",
        &["openapi.json", "/openapi.json?a", "on", ""],
    ),
    (
        "--eventing-attempts",
        "CLOUDSTATE_EVENTING_ATTEMPTS",
        &["-1", "forever", ""],
    ),
    ("--dead-letters", "CLOUDSTATE_DEAD_LETTERS", &["perhaps"]),
    (
        "--max-dead-letters",
        "CLOUDSTATE_MAX_DEAD_LETTERS",
        &["0", "many"],
    ),
    (
        "--store",
        "CLOUDSTATE_STORE",
        &["postgres://db/carts", "nats://broker", "file:", ""],
    ),
    ("--http-tls-cert", "HTTP_TLS_CERT", &["nowhere.pem", ""]),
    ("--http-tls-key", "HTTP_TLS_KEY", &["nowhere.pem", ""]),
    (
        "--http-tls-client-ca",
        "HTTP_TLS_CLIENT_CA",
        &["nowhere.pem", ""],
    ),
    (
        "--http-tls-client-auth",
        "HTTP_TLS_CLIENT_AUTH",
        &["optional", "perhaps", ""],
    ),
    ("--plaintext", "CLOUDSTATE_PLAINTEXT", &["maybe", ""]),
];
const SERVICE: &[(&str, &str, &[&str])] = &[
    ("--role", "CLOUDSTATE_ROLE", &["proxy", "Embedded", ""]),
    ("--port", "PORT", &["65536", "grpc"]),
    (
        "--protocol-message-size",
        "CLOUDSTATE_PROTOCOL_MESSAGE_SIZE",
        &["0", "16MB"],
    ),
    // Files are read in the role that they are for: tls.rs has the rest.
    ("--tls-cert", "TLS_CERT", &[""]),
    ("--tls-key", "TLS_KEY", &[""]),
    ("--tls-client-ca", "TLS_CLIENT_CA", &[""]),
    ("--tls-client-auth", "TLS_CLIENT_AUTH", &["perhaps", ""]),
];
const SIDECAR: &[(&str, &str, &[&str])] = &[
    (
        "--user-function-host",
        "USER_FUNCTION_HOST",
        &["http://carts", "carts:8080", "two words", ""],
    ),
    (
        "--user-function-port",
        "USER_FUNCTION_PORT",
        &["65536", "grpc", "0"],
    ),
    (
        "--user-function-tls-ca",
        "USER_FUNCTION_TLS_CA",
        &["nowhere.pem", ""],
    ),
    (
        "--user-function-tls-cert",
        "USER_FUNCTION_TLS_CERT",
        &["nowhere.pem", ""],
    ),
    (
        "--user-function-tls-key",
        "USER_FUNCTION_TLS_KEY",
        &["nowhere.pem", ""],
    ),
    (
        "--user-function-tls-name",
        "USER_FUNCTION_TLS_NAME",
        &["carts", ""],
    ),
];
/// A host name is resolved where it is bound; the others are flags without a value.
const ANY_VALUE: &[&str] = &["--host", "--entity-metadata", "--help", "--version"];

#[test]
fn a_bad_value_ends_the_shopping_cart_with_78_and_is_named() {
    every_bad_value(programs::shopping_cart, &[SHARED, SERVICE].concat());
}

#[test]
fn a_bad_value_ends_the_sidecar_with_78_and_is_named() {
    every_bad_value(|| programs::proxy(1), &[SHARED, SIDECAR].concat());
}

fn every_bad_value(program: impl Fn() -> Program, settings: &[(&str, &str, &[&str])]) {
    let help = program().arg("--help").run().stdout;
    let known: BTreeSet<&str> = settings.iter().map(|(flag, ..)| *flag).collect();
    for flag in flags(&help) {
        assert!(
            known.contains(flag) || ANY_VALUE.contains(&flag),
            "no bad value for {flag}"
        );
    }
    // A port that is taken: whoever comes so far as to bind it ends with 1.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = || program().env("HTTP_PORT", &port);
    for (flag, variable, values) in settings {
        for value in *values {
            let by_variable = program().env(variable, value).run();
            let by_flag = program().arg(format!("{flag}={value}")).run();
            for ended in [by_variable, by_flag] {
                assert_eq!(ended.code, Some(78), "{flag}={value}: {ended:?}");
                assert!(ended.stderr.contains(flag), "{flag}={value}: {ended:?}");
                assert!(ended.stderr.contains(variable), "{flag}={value}: {ended:?}");
                assert_eq!(ended.stdout, "", "{flag}={value}");
            }
        }
    }
}

/// Every `--flag` that begins a line of the help.
fn flags(help: &str) -> impl Iterator<Item = &str> {
    help.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line
            .strip_prefix("-h, ")
            .or(line.strip_prefix("-V, "))
            .unwrap_or(line);
        line.starts_with("--")
            .then(|| line.split([' ', '=']).next().unwrap_or(line))
    })
}

#[test]
fn an_unknown_flag_ends_with_78_and_is_named() {
    for program in [programs::shopping_cart as fn() -> Program, || {
        programs::proxy(1)
    }] {
        for (arguments, named) in [
            (&["--colour"][..], "--colour"),
            (&["--http-prot", "1"], "--http-prot"),
            (&["serve"], "serve"),
            (&["--http-port"], "--http-port"),
        ] {
            let ended = arguments.iter().fold(program(), Program::arg).run();
            assert_eq!(ended.code, Some(78), "{ended:?}");
            assert!(ended.stderr.contains(named), "{ended:?}");
        }
    }
}

#[test]
fn a_flag_counts_more_than_its_variable() {
    let store = tempdir().unwrap();
    let service = programs::shopping_cart()
        .env("HTTP_PORT", "nonsense")
        .arg("--http-port=0")
        .store(store.path())
        .arg("--store=memory")
        .start();
    assert_ne!(service.address().port(), 0);
    assert_eq!(store.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let store = tempdir().unwrap();
    let ended = programs::shopping_cart()
        .store(store.path())
        .env("HTTP_PORT", &port)
        .run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&address), "{ended:?}");
    assert!(ended.stderr.contains("HTTP_PORT"), "{ended:?}");
    assert_eq!(
        store.path().read_dir().unwrap().count(),
        0,
        "the store was touched"
    );

    let ended = programs::shopping_cart()
        .env("CLOUDSTATE_ROLE", "user-function")
        .env("PORT", &port)
        .run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&address), "{ended:?}");

    let ended = programs::proxy(1).env("HTTP_PORT", &port).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&address), "{ended:?}");
}

#[test]
fn a_host_that_nobody_knows_ends_with_1_and_is_named() {
    let ended = programs::user_function(0)
        .env("HOST", "nowhere.invalid")
        .run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("nowhere.invalid"), "{ended:?}");
    assert!(ended.stderr.contains("HOST"), "{ended:?}");
}

#[test]
fn an_address_of_another_machine_ends_with_1_and_is_named() {
    // An address for documentation, which no machine has.
    let ended = programs::shopping_cart()
        .env("HTTP_HOST", "192.0.2.1")
        .env("CLOUDSTATE_PLAINTEXT", "allow")
        .run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("192.0.2.1"), "{ended:?}");
    assert!(ended.stderr.contains("HTTP_HOST"), "{ended:?}");
}
