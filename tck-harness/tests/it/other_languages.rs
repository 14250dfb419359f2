//! Services in other languages, written from the protocol, alone and behind this project's sidecar.

mod crash;
mod language;

use std::process::Command;

use end_to_end::DEADLINE;

use crate::proxied::sidecar;
use language::Language;

const NODE: Language = Language {
    name: "node",
    probe: "node --version && npm --version",
    fetch: "npm ci --no-audit --no-fund --fetch-retries=1",
    build: "npm run build",
    start: "exec node index.js",
    usual: true,
};

const PYTHON: Language = Language {
    name: "python",
    probe: "python3 -c 'import sys; assert sys.version_info >= (3, 10), sys.version' && python3 -m pip --version",
    fetch: "python3 -m pip install --quiet --retries 1 --target packages --requirement requirements.txt",
    build: "PYTHONPATH=packages python3 build.py",
    start: "exec env PYTHONPATH=packages python3 main.py",
    usual: true,
};

/// Fetching and compiling what it depends on takes minutes, once.
const GO: Language = Language {
    name: "go",
    probe: "go version",
    fetch: "go mod download",
    build: "go generate . && go build -buildvcs=false -o tck-models .",
    start: "exec ./tck-models",
    usual: false,
};

/// Maven fetches while it builds, and downloads half a hundred packages the first time.
const JAVA: Language = Language {
    name: "java",
    probe: "java -version && mvn --version",
    fetch: "true",
    build: "mvn --batch-mode --quiet package",
    start: "exec java -jar target/tck-models.jar",
    usual: false,
};

/// What a service passes that has all models but those of CRDTs, alone and behind the sidecar: 74 + 24 cases of the TCK,
/// and 45 + 9 that are extended.
const PASSED: u64 = 98 + 54;

fn passes(language: &Language) {
    let Some(command) = language.service() else {
        return;
    };
    // The harness finds it beside itself.
    sidecar();
    let timeout = DEADLINE.as_secs().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_tck-harness"))
        .args(["--service-command", &command, "--sidecar", "--further"])
        .args(["--timeout", &timeout, "--format", "json"])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    println!("{stdout}\n{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["failed"], 0);
    assert!(report["passed"].as_u64().unwrap() >= PASSED);
    assert!(output.status.success());
}

#[test]
fn a_service_in_node_passes() {
    passes(&NODE);
}

#[test]
fn a_service_in_python_passes() {
    passes(&PYTHON);
}

#[test]
fn a_service_in_go_passes() {
    passes(&GO);
}

#[test]
fn a_service_in_java_passes() {
    passes(&JAVA);
}
