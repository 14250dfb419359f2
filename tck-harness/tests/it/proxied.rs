//! The cases that go through a proxy, with this project's sidecar and with proxies that do wrong.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use end_to_end::cargo_build;
use tck_harness::{
    case::{Case, Half},
    cases,
    process::{ProxyProcess, ServiceProcess, StartError},
    proxy::{Interception, ProxyError},
    report::{Printer, Report},
    runner::Runner,
};

use crate::{
    meddler::{
        Fault::{self, *},
        Meddler,
    },
    tck_service,
};

/// The sidecar, which is a program of another package. The harness finds it beside itself.
pub(crate) fn sidecar() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        cargo_build(here, &["--package", "cloudstate-proxy"], "cloudstate-proxy")
    })
}

/// Starts the proxy with this shell command, in which `{}` is the sidecar.
async fn start(command: &str) -> (ServiceProcess, Runner, Result<ProxyProcess, StartError>) {
    let sidecar = format!("exec '{}' --store memory", sidecar().display());
    let command = command.replace("{}", &sidecar);
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    // A busy machine may be slower than the TCK allows.
    let runner = Runner::new(&service).patience(Duration::from_secs(30));
    let interception = Interception::bind("127.0.0.1:0", &service).await.unwrap();
    match ProxyProcess::start_command(&command, interception).await {
        Ok((proxy_process, proxy)) => (process, runner.through(&proxy), Ok(proxy_process)),
        Err(error) => (process, runner, Err(error)),
    }
}

/// Runs these cases through a proxy that is started by this command, and gives what is printed of them.
async fn test(command: &str, wanted: impl Fn(&Case) -> bool) -> (Report, String) {
    let (process, runner, proxy) = start(command).await;
    let proxy = proxy.unwrap();
    let mut cases = cases::of(Half::Proxy);
    cases.extend(cases::further_of(Half::Proxy));
    cases.retain(wanted);
    let mut text = Vec::new();
    let mut printer = Printer::new(&mut text, false);
    let report = runner
        .run(&cases, |progress| printer.progress(progress).unwrap())
        .await;
    let text = String::from_utf8(text).unwrap();
    println!("{text}\n{}", proxy.output().join("\n"));
    proxy.stop().await;
    process.stop().await;
    (report, text)
}

#[tokio::test]
async fn the_sidecar_passes() {
    let (report, _) = test("{}", |case| !case.group.starts_with("extended")).await;
    assert_eq!(report.to_string(), "30 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn the_sidecar_passes_the_extended_cases() {
    let (report, _) = test("{}", |case| case.group.starts_with("extended")).await;
    assert_eq!(report.to_string(), "11 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn what_a_proxy_adds_to_commands_is_noticed() {
    let case = "verify state changes";
    let (report, text) = test("{} --entity-metadata", |one| one.name == case).await;
    assert_eq!(report.counts().passed, 0);
    assert!(text.contains("the proxy's message is not the expected one"));
    assert!(text.contains("+   metadata:"));
}

/// A fault, a case that must notice it, and what that case tells of it.
const FAULTS: &[(Fault, &str, &str, &str)] = &[
    (
        BareTypeUrl,
        "verifying proxy test: event sourced entity",
        "verify state changes",
        r#"+   payload: "cloudstate.tck.model.Request""#,
    ),
    (
        CallsBesides,
        "verifying proxy test: action",
        "verify unary command processing",
        "/cloudstate.action.ActionProtocol/handleUnary",
    ),
    (
        EchoesDeltas,
        "verifying proxy test: CRDT entity",
        "verify forwards and side effects",
        "+ delta:",
    ),
    (
        InitWithoutState,
        "verifying proxy test: entity",
        "verify state changes",
        "-   state: {}",
    ),
    (
        NeverEnds,
        "verifying proxy test: event sourced entity",
        "verify passivation timeout",
        "the proxy was to complete the stream of the call to the service",
    ),
    (
        SupportsLess,
        "verifying discovery protocol",
        "verify proxy info and entity discovery",
        "are not the four kinds",
    ),
    (
        SwallowsCancellations,
        "verifying proxy test: CRDT entity",
        "verify streamed responses for connection tracking",
        "no message within 1s",
    ),
];

/// Runs these cases of the TCK through the sidecar, with this fault between it and the service.
async fn meddle(fault: Fault, wanted: impl Fn(&Case) -> bool) -> (Report, String) {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let interception = Interception::bind("127.0.0.1:0", &service).await.unwrap();
    let meddler = Meddler::start(interception.address(), fault).await;
    let command = format!(
        "exec '{}' --store memory --user-function-port {}",
        sidecar().display(),
        meddler.port()
    );
    let started = ProxyProcess::start_command(&command, interception).await;
    let (proxy_process, proxy) = started.unwrap();
    let mut runner = Runner::new(&service).through(&proxy);
    if matches!(fault, NeverEnds | SwallowsCancellations) {
        // The harness must give up, as soon as it is sure.
        runner = runner.patience(Duration::from_secs(1));
    }
    let mut cases = cases::of(Half::Proxy);
    cases.retain(wanted);
    let mut text = Vec::new();
    let mut printer = Printer::new(&mut text, false);
    let report = runner
        .run(&cases, |progress| printer.progress(progress).unwrap())
        .await;
    proxy_process.stop().await;
    process.stop().await;
    (report, String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn no_case_passes_what_the_protocol_does_not_define() {
    let talks =
        |case: &Case| !case.group.contains("discovery") && !case.group.contains("reflection");
    let (report, text) = meddle(UnknownField, talks).await;
    assert_eq!(
        report.to_string(),
        "0 passed, 28 failed, 0 skipped",
        "{text}"
    );
    assert!(text.contains("+ (unknown field 99): 0x980601"));
}

#[tokio::test]
async fn every_fault_of_a_proxy_is_told() {
    for &(fault, group, case, told) in FAULTS {
        let (report, text) = meddle(fault, |one| one.group == group && one.name == case).await;
        assert_eq!(
            report.counts().failed,
            1,
            "{fault:?} is not noticed: {text}"
        );
        assert!(
            text.contains(told),
            "{fault:?} is not told as {told:?}: {text}"
        );
    }
}

#[tokio::test]
async fn a_case_without_a_proxy_fails() {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let cases = cases::of(Half::Proxy);
    let report = Runner::new(&service).run(&cases[..1], |_| {}).await;
    assert_eq!(report.counts().failed, 1);
    process.stop().await;
}

#[tokio::test]
async fn a_proxy_that_ends_is_told_with_its_output() {
    let (process, _, proxy) = start("echo no journal; exit 5").await;
    let error = proxy.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the proxy ended with exit status: 5 before it answered"
    );
    assert_eq!(error.output(), ["no journal"]);
    process.stop().await;
}

#[tokio::test]
async fn where_the_harness_cannot_listen_is_named() {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let taken = process.address().to_owned();
    let error = Interception::bind(&taken, &service).await.unwrap_err();
    assert!(matches!(error, ProxyError::Listen { .. }), "{error:?}");
    assert!(error.to_string().contains(&taken));
    process.stop().await;
}
