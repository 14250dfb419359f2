//! The program: its arguments, its output and its exit codes.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use end_to_end::lasting_port;

use crate::{
    model_service::{
        ModelService,
        event_sourced::{EventSourced, Fault, OnFailure},
    },
    proxied::sidecar,
    tck_service,
};

const HARNESS: &str = env!("CARGO_BIN_EXE_tck-harness");

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program.as_ref())
        .args(arguments)
        .output()
        .unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    println!("{arguments:?}\n{stdout}{stderr}");
    (status.code().unwrap(), stdout, stderr)
}

async fn start(on_failure: OnFailure, fault: Fault) -> ModelService {
    let fault = Some(fault);
    ModelService::start(EventSourced { on_failure, fault }).await
}

#[test]
fn without_arguments_this_projects_own_pair_is_tested() {
    sidecar();
    // A busy machine may be slower than the TCK allows.
    let (code, stdout, _) = run(HARNESS, &["--timeout", "30"]);
    assert_eq!(code, 0);
    let last = stdout.lines().last();
    assert_eq!(last, Some("186 passed, 0 failed, 0 skipped"));
    assert!(!stdout.contains('\x1b'));
}

#[test]
fn a_service_is_tested_with_its_proxy_inside() {
    let arguments = ["--embedded", "--only", "proxy", "--further"];
    let (code, stdout, _) = run(HARNESS, &[&arguments[..], &["--timeout", "30"]].concat());
    assert_eq!(code, 0);
    let last = stdout.lines().last();
    assert_eq!(last, Some("41 passed, 0 failed, 0 skipped"));
}

#[test]
fn a_rough_link_changes_nothing() {
    sidecar();
    let (code, stdout, _) = run(HARNESS, &["--rough-link", "--timeout", "30"]);
    assert_eq!(code, 0);
    let last = stdout.lines().last();
    assert_eq!(last, Some("186 passed, 0 failed, 0 skipped"));
}

#[test]
fn a_proxy_is_started_by_a_command() {
    let command = format!("exec '{}' --store memory", sidecar().display());
    let arguments = [
        "--proxy-command",
        &command,
        "--filter",
        "verify HTTP API",
        "--timeout",
        "30",
    ];
    let (code, stdout, _) = run(HARNESS, &arguments);
    assert_eq!(code, 0);
    assert_eq!(stdout.lines().last(), Some("3 passed, 0 failed, 0 skipped"));
}

#[test]
fn a_service_is_started_by_a_command() {
    let command = format!("exec '{}'", tck_service().display());
    let arguments = ["--service-command", &command, "--filter", "snapshot"];
    let (code, stdout, _) = run(HARNESS, &arguments);
    assert_eq!(code, 0);
    assert_eq!(stdout.lines().last(), Some("5 passed, 0 failed, 0 skipped"));
}

#[test]
fn a_running_proxy_finds_its_service_where_the_harness_listens() {
    let (listen, port) = (lasting_port().to_string(), lasting_port().to_string());
    let mut proxy = Command::new(sidecar())
        .args(["--store", "memory", "--http-host", "127.0.0.1"])
        .args(["--http-port", &port, "--user-function-port", &listen])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (proxy_at, listen) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{listen}"));
    let arguments = ["--proxy", &proxy_at, "--listen", &listen];
    let (code, stdout, _) = run(
        HARNESS,
        &[
            &arguments[..],
            &["--only", "proxy", "--filter", "reflection"],
        ]
        .concat(),
    );
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    assert_eq!(code, 0);
    assert_eq!(stdout.lines().last(), Some("1 passed, 0 failed, 0 skipped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_an_exit_code() {
    let service = start(OnFailure::Rollback, Fault::ForwardsToItself).await;
    let (code, stdout, _) = run(
        HARNESS,
        &["--service", &service.address(), "--filter", "event sourced"],
    );
    assert_eq!(code, 1);
    assert!(stdout.contains("  verify forward to second service ... FAILED\n"));
    assert_eq!(
        stdout.lines().last(),
        Some("17 passed, 4 failed, 0 skipped")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn to_have_tested_nothing_is_no_success() {
    let service = start(OnFailure::Restart, Fault::WithoutConfigured).await;
    let arguments = [
        "--service",
        &service.address(),
        "--filter",
        "sourced configured",
    ];
    let (code, stdout, stderr) = run(HARNESS, &arguments);
    assert_eq!(code, 1);
    assert_eq!(stdout.lines().last(), Some("0 passed, 0 failed, 1 skipped"));
    assert!(stderr.starts_with("no case was run: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_for_programs_too() {
    let service = start(OnFailure::Rollback, Fault::ForwardsToItself).await;
    let address = service.address();
    let arguments = [
        "--service",
        &address,
        "--filter",
        "verify forward",
        "--format",
    ];

    let (code, stdout, _) = run(HARNESS, &[&arguments[..], &["json"]].concat());
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["failed"], 4);
    let groups = report["groups"].as_array().unwrap();
    let group = "verifying model test: event sourced entity";
    let group = groups.iter().find(|one| one["group"] == group).unwrap();
    assert_eq!(group["failed"], 4);
    let case = &group["cases"][0];
    assert_eq!(case["name"], "verify forward to second service");
    assert_eq!(case["outcome"], "failed");
    assert_eq!(
        case["summary"],
        "the service's message is not the expected one"
    );
    assert!(case["seconds"].as_f64().unwrap() > 0.0);

    let (code, stdout, _) = run(HARNESS, &[&arguments[..], &["junit"]].concat());
    assert_eq!(code, 1);
    assert!(stdout.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
    assert_eq!(stdout.matches("<failure message=").count(), 4);
    assert!(stdout.ends_with("</testsuites>\n"));
}

#[test]
fn a_service_that_does_not_start_is_told_with_its_output() {
    let (code, _, stderr) = run(HARNESS, &["--service-command", "echo no database; exit 4"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("exit status: 4"));
    assert!(stderr.contains("the service's last output:\n  no database\n"));
}

#[test]
fn a_service_that_takes_its_time_is_said_to() {
    let (code, _, stderr) = run(HARNESS, &["--service-command", "sleep 6; exit 4"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("waiting up to 60s for the service on the HOST and PORT"));
    assert!(stderr.contains("exit status: 4"));
}

#[test]
fn cases_are_listed_without_a_service() {
    let (code, stdout, _) = run(HARNESS, &["--list", "--filter", "snapshot"]);
    assert_eq!(code, 0);
    assert_eq!(
        stdout,
        "verifying model test: event sourced entity\n  \
         verify multiple emitted events and snapshots\n  \
         verify initial snapshot\n  \
         verify initial snapshot and events\n  \
         verify forward with emitted events and snapshot\n  \
         verify reply with multiple side effects, events, and snapshot\n"
    );
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (arguments, named) in [
        (["--filter", "nonsense"], "no case is selected"),
        (["--proxy", "127.0.0.1:9000"], "--listen <HOST:PORT>"),
        (["--service", "localhost"], "write HOST:PORT"),
    ] {
        let (code, _, stderr) = run(HARNESS, &arguments);
        assert_eq!(code, 2);
        assert!(stderr.contains(named));
    }
}

#[test]
fn services_that_are_not_built_are_named() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let harness = directory.path().join("tck-harness");
    fs::hard_link(HARNESS, &harness).unwrap();
    let (code, _, stderr) = run(&harness, &[]);
    assert_eq!(code, 1);
    assert!(stderr.contains("cargo build -p tck-harness --bins"));
}
