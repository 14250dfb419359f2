//! What the harness says of proxies that do their clients wrong.

use std::{collections::BTreeSet, time::Duration};

use end_to_end::Program;
use tck_harness::{
    case::{Case, Half},
    cases,
    process::ServiceProcess,
    proxy::Interception,
    report::Printer,
    runner::Runner,
};

use crate::{
    proxied::sidecar,
    tck_service,
    wrong_front_end::{
        Fault::{self, *},
        WrongFrontEnd,
    },
};

const CLIENTS: &str = "extended: clients of a proxy";
const LOAD: &str = "extended: load";

/// A fault, the group and part of the name of cases that must notice it, and what they tell of it.
const FAULTS: &[(Fault, &str, &str, &str)] = &[
    (
        CallsTwice,
        LOAD,
        "a hundred commands at once",
        // What it sent twice, or the reply to a caller that does not follow from it: whichever comes first.
        "    the proxy",
    ),
    (
        EventsAreLines,
        CLIENTS,
        "server-sent events",
        r#"data: {\"message\":\"A\"}"#,
    ),
    (
        FailsNowAndThen,
        LOAD,
        "commands come while",
        "the stream failed with Unavailable",
    ),
    (
        ForgetsDeadlines,
        CLIENTS,
        "ends with its deadline",
        "DeadlineExceeded",
    ),
    (JoinsLines, CLIENTS, "lines of JSON", "the body"),
    (
        KeepsDefaultRoutes,
        CLIENTS,
        "takes the place of its default route",
        "the HTTP status is not the expected one",
    ),
    (
        NoReflection,
        "verifying proxy test: gRPC server reflection",
        "",
        "Unimplemented",
    ),
    (
        OldReflectionOnly,
        CLIENTS,
        "server reflection",
        "Unimplemented",
    ),
    (
        RefusesLarge,
        LOAD,
        "a megabyte goes through",
        "ResourceExhausted",
    ),
    (UnknownIsInternal, CLIENTS, "UNIMPLEMENTED", "Internal"),
];

/// The extended cases, and those of the TCK in which only the client is told anything.
fn through_a_proxy() -> Vec<Case> {
    let mut cases = cases::of(Half::Proxy);
    cases.retain(|case| case.group.contains("reflection"));
    cases.extend(cases::further_of(Half::Proxy));
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told() {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let mut unnoticed: BTreeSet<_> = through_a_proxy().iter().map(|case| case.name).collect();
    for &(fault, group, name, told) in FAULTS {
        let interception = Interception::bind("127.0.0.1:0", &service).await.unwrap();
        let port = interception.address().port().to_string();
        let proxy = tokio::task::spawn_blocking(move || {
            Program::new(sidecar())
                .env("HTTP_HOST", "127.0.0.1")
                .env("HTTP_PORT", "0")
                .env("USER_FUNCTION_PORT", port)
                .env("CLOUDSTATE_STORE", "memory")
                .start()
        });
        let proxy = proxy.await.unwrap();
        let front = WrongFrontEnd::start(proxy.address(), fault).await;
        let tested = interception.proxy_at(&front.address()).await.unwrap();
        let mut cases = through_a_proxy();
        cases.retain(|case| case.group == group && case.name.contains(name));
        assert!(!cases.is_empty(), "{name:?} is no case");
        let mut text = Vec::new();
        let mut printer = Printer::new(&mut text, false);
        let report = Runner::new(&service)
            .through(&tested)
            .patience(match fault {
                // The harness must give up.
                ForgetsDeadlines => Duration::from_secs(1),
                _ => Duration::from_secs(30),
            })
            .run(&cases, |progress| printer.progress(progress).unwrap())
            .await;
        let text = String::from_utf8(text).unwrap();
        println!("{text}");
        let failed = report.failed().count();
        assert_eq!(failed, cases.len(), "{fault:?} is not noticed: {text}");
        assert!(
            text.contains(told),
            "{fault:?} is not told as {told:?}: {text}"
        );
        unnoticed.retain(|name| report.failed().all(|result| result.name != *name));
    }
    assert!(unnoticed.is_empty(), "no fault fails {unnoticed:?}");
    process.stop().await;
}
