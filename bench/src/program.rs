//! The programs under test.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Error;

/// A program of this workspace that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    package: &'static str,
    name: &'static str,
}

/// The shopping cart, event-sourced.
pub const SHOPPING_CART: Program = Program {
    package: "shopping-cart",
    name: "shopping-cart",
};

/// The same service as a value entity.
pub const VALUE_ENTITY: Program = Program {
    package: "topics",
    name: "value-entity",
};

/// Polls: replicated maps of counters.
pub const VOTES: Program = Program {
    package: "topics",
    name: "votes",
};

/// Replicated sets; it is here, because its only purpose is to be measured.
pub const TAGS: Program = Program {
    package: "bench",
    name: "tags",
};

/// Calls without a state, in four shapes.
pub const ACTION: Program = Program {
    package: "topics",
    name: "action-shapes",
};

/// The proxy as a process of its own.
pub const SIDECAR: Program = Program {
    package: "cloudstate-proxy",
    name: "cloudstate-proxy",
};

/// Every program that is measured.
pub const ALL: [Program; 6] = [SHOPPING_CART, SIDECAR, VALUE_ENTITY, VOTES, ACTION, TAGS];

/// Builds programs in the profile that `benchmark`, a program in cargo's target directory, was built in.
///
/// Returns where cargo put them, in the same order. It takes minutes the first time, and next to nothing when they are
/// current.
///
/// # Errors
/// One does not compile; cargo has said why on stderr.
pub fn build<const N: usize>(
    programs: [Program; N],
    benchmark: &Path,
) -> Result<[PathBuf; N], Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // Always every package, whichever programs are built: cargo unifies the features of what is named together, and
    // builds the dependencies anew for each other selection of packages.
    let packages = ALL
        .iter()
        .flat_map(|program| ["--package", program.package]);
    let names = programs.iter().flat_map(|program| ["--bin", program.name]);
    let built = Command::new(cargo)
        .args(["build", "--profile", profile(benchmark)])
        .args(packages)
        .args(names)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("run cargo to build what is measured"))?;
    if !built.status.success() {
        return Err(Error::Build("what is measured does not compile".to_owned()));
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut paths = [const { PathBuf::new() }; N];
    for (path, Program { name, .. }) in paths.iter_mut().zip(programs) {
        *path = messages
            .lines()
            .find_map(|message| executable(message, name))
            .ok_or_else(|| Error::Build(format!("cargo built no program called {name}")))?;
    }
    Ok(paths)
}

/// The name for `--profile`; `dev` is the one whose directory has another name.
fn profile(benchmark: &Path) -> &str {
    let directory = benchmark.parent().and_then(Path::file_name);
    match directory.and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    }
}

/// The program in one of cargo's messages, if that is what the message is about.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
    Some(message["executable"].as_str().filter(|_| ours)?.into())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{executable, profile};

    #[test]
    fn the_profile_is_the_benchmarks_own() {
        assert_eq!(profile(Path::new("/t/debug/bench")), "dev");
        assert_eq!(profile(Path::new("/t/release/bench")), "release");
        assert_eq!(
            profile(Path::new("/t/x86_64-unknown-linux-musl/fast/bench")),
            "fast"
        );
    }

    #[test]
    fn cargo_says_where_the_program_is() {
        let artifact = r#"{"reason":"compiler-artifact","target":{"name":"shopping-cart"},"executable":"/t/shopping-cart"}"#;
        assert_eq!(
            executable(artifact, "shopping-cart"),
            Some(PathBuf::from("/t/shopping-cart"))
        );
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"shopping-cart"},"executable":null}"#;
        assert_eq!(executable(library, "shopping-cart"), None);
        let other = r#"{"reason":"compiler-artifact","target":{"name":"build-script"},"executable":"/t/b"}"#;
        assert_eq!(executable(other, "shopping-cart"), None);
        assert_eq!(executable("not json", "shopping-cart"), None);
    }
}
