//! Settings of TLS that cannot be meant. The program ends before it has bound a port, and names setting and file.

use end_to_end::{Ended, Program};

use super::Files;
use crate::support::programs;

/// Names of the settings of one server: certificate, key, authority of clients.
const CLIENTS: [&str; 3] = ["HTTP_TLS_CERT", "HTTP_TLS_KEY", "HTTP_TLS_CLIENT_CA"];
const PROXIES: [&str; 3] = ["TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA"];
/// Of one client: certificate, key, authority of the server.
const FUNCTION: [&str; 3] = [
    "USER_FUNCTION_TLS_CERT",
    "USER_FUNCTION_TLS_KEY",
    "USER_FUNCTION_TLS_CA",
];

fn user_function() -> Program {
    programs::user_function(0)
}

fn sidecar() -> Program {
    programs::proxy(1)
}

fn refused(ended: &Ended, named: &[&str]) {
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    for name in named {
        assert!(ended.stderr.contains(name), "{name}: {ended:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let files = Files::new();
    let other = files.servers.issue("other");
    other.write(files.directory.path(), "other");
    let garbled = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    files.write("garbled.crt", garbled);
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    files.write("no_certificate.crt", no_certificate);
    files.write("empty.crt", "");
    files.write("large.crt", &garbled.repeat(20_000));
    let secret =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    files.write("encrypted.key", secret);

    for (program, [certificate, key, ca]) in [
        (programs::shopping_cart as fn() -> Program, CLIENTS),
        (sidecar, CLIENTS),
        (user_function, PROXIES),
        (sidecar, FUNCTION),
    ] {
        let cases = [
            (certificate, "nowhere.crt", "No such file"),
            (certificate, "", "directory"),
            (certificate, "garbled.crt", "cannot be used"),
            (certificate, "empty.crt", "BEGIN CERTIFICATE"),
            (certificate, "large.crt", "1 MiB"),
            (certificate, "server.key", "BEGIN CERTIFICATE"),
            (key, "nowhere.key", "No such file"),
            (key, "empty.crt", "BEGIN PRIVATE KEY"),
            (key, "server.crt", "BEGIN PRIVATE KEY"),
            (key, "encrypted.key", "encrypted"),
            (key, "other.key", "the key of another certificate"),
            (ca, "nowhere.crt", "No such file"),
            (ca, "empty.crt", "BEGIN CERTIFICATE"),
            (ca, "no_certificate.crt", "cannot be used"),
        ];
        for (setting, file, reason) in cases {
            let program = program()
                .env(certificate, files.path("server.crt"))
                .env(key, files.path("server.key"))
                .env(ca, files.path("servers.crt"))
                .env(setting, files.path(file));
            let path = files.path(file);
            let flag = format!("--{}", setting.to_lowercase().replace('_', "-"));
            refused(
                &program.run(),
                &[setting, &flag, path.to_str().unwrap(), reason],
            );
        }
    }
}

#[test]
fn half_of_a_pair_is_refused_and_the_other_half_named() {
    let files = Files::new();
    for (program, [certificate, key, _]) in [
        (programs::shopping_cart as fn() -> Program, CLIENTS),
        (user_function, PROXIES),
        (sidecar, FUNCTION),
    ] {
        let half = program().env(certificate, files.path("server.crt"));
        refused(&half.run(), &[certificate, key]);
        let half = program().env(key, files.path("server.key"));
        refused(&half.run(), &[certificate, key]);
    }
    let ca = files.path("clients.crt");
    let alone = programs::shopping_cart().env("HTTP_TLS_CLIENT_CA", &ca);
    refused(&alone.run(), &["HTTP_TLS_CLIENT_CA", "HTTP_TLS_CERT"]);
    let alone = user_function().env("TLS_CLIENT_AUTH", "required");
    refused(&alone.run(), &["TLS_CLIENT_AUTH", "TLS_CLIENT_CA"]);
    let alone = sidecar().env("USER_FUNCTION_TLS_NAME", "carts");
    refused(
        &alone.run(),
        &["USER_FUNCTION_TLS_NAME", "USER_FUNCTION_TLS_CA"],
    );
    let name = sidecar()
        .env("USER_FUNCTION_TLS_CA", files.path("servers.crt"))
        .env("USER_FUNCTION_TLS_NAME", "not a name");
    refused(&name.run(), &["USER_FUNCTION_TLS_NAME", "not a name"]);
}

#[test]
fn settings_of_another_role_do_not_matter() {
    // Others may use such general names for themselves.
    let service = programs::shopping_cart()
        .env("TLS_CERT", "nowhere.crt")
        .start();
    assert_eq!(service.terminate().code, Some(0));
}

#[test]
fn plaintext_that_other_machines_reach_has_to_be_meant() {
    // Addresses for documentation, which no machine has: whoever comes so far as to bind them ends with 1.
    for exposed in ["192.0.2.1", "2001:db8::1"] {
        let cases: [(Program, &str, &str); 2] = [
            (programs::shopping_cart(), "HTTP_HOST", "HTTP_TLS_CERT"),
            (user_function(), "HOST", "TLS_CERT"),
        ];
        for (program, setting, remedy) in cases {
            let ended = program.env(setting, exposed).run();
            refused(
                &ended,
                &[setting, exposed, remedy, "CLOUDSTATE_PLAINTEXT=allow"],
            );
        }
        for program in [
            programs::shopping_cart().env("HTTP_HOST", exposed),
            user_function().env("HOST", exposed),
        ] {
            let ended = program.env("CLOUDSTATE_PLAINTEXT", "allow").run();
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(!ended.stderr.contains("WARN"), "{ended:?}");
        }
    }
    let metrics = programs::shopping_cart().env("METRICS_HOST", "192.0.2.1");
    let named = ["METRICS_HOST", "192.0.2.1", "CLOUDSTATE_PLAINTEXT=allow"];
    refused(&metrics.env("METRICS_PORT", "0").run(), &named);
    let files = Files::new();
    let encrypted = files.shopping_cart().env("HTTP_HOST", "192.0.2.1").run();
    assert_eq!(encrypted.code, Some(1), "{encrypted:?}");
}

#[test]
fn a_sidecar_warns_of_plaintext_unless_told_otherwise() {
    let exposed = || sidecar().env("HTTP_HOST", "192.0.2.1");
    let ended = exposed().run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let warning = "clients are served without TLS on 192.0.2.1";
    assert_eq!(ended.stderr.matches(warning).count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("HTTP_TLS_CERT"), "{ended:?}");

    let ended = exposed().env("CLOUDSTATE_PLAINTEXT", "refuse").run();
    refused(&ended, &["HTTP_HOST", "192.0.2.1"]);
    let ended = exposed().env("CLOUDSTATE_PLAINTEXT", "allow").run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stderr.contains("without TLS"), "{ended:?}");
}
