//! Holds the README to its word: every command of its tour is executed, and every line that it shows is compared.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use tempfile::tempdir;

use end_to_end::{Output, Program, cargo_build};

use crate::support::programs;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md"));
/// The command that the tour begins with. Here it is the program that it would build.
const RUN: &str = "cargo run -p shopping-cart";
const ADDRESS: &str = "127.0.0.1:9000";

/// A command of the tour, and what the README shows below it.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The text of one section.
fn section(title: &str) -> &'static str {
    let (_, section) = README.split_once(&format!("\n## {title}\n")).unwrap();
    section.split("\n## ").next().unwrap()
}

/// The code blocks of one language in a section.
fn blocks(title: &str, language: &str) -> impl Iterator<Item = &'static str> {
    let blocks = section(title)
        .split(&format!("```{language}\n"))
        .skip(1)
        .collect::<Vec<_>>();
    blocks
        .into_iter()
        .map(|block| block.split("```").next().unwrap())
}

/// The commands in the `console` blocks of one section.
fn steps(title: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks(title, "console").flat_map(str::lines) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                shown: Vec::new(),
            }),
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.push('\n');
                step.command += line;
            }
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => panic!("before the first command: {line}"),
        }
    }
    steps
}

/// A shell that is typed into.
struct Shell {
    process: Child,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
    /// How much of the output earlier commands have made.
    seen: usize,
}

impl Shell {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new("/bin/sh")
            .current_dir(directory)
            .env("HTTP_PORT", "0")
            .env_remove("CLOUDSTATE_STORE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: Output::collect(process.stdout.take().unwrap()),
            stderr: Output::collect(process.stderr.take().unwrap()),
            process,
            seen: 0,
        }
    }

    fn type_line(&mut self, line: &str) {
        let stdin = self.process.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// What has been printed since the last call, once it ends with this line.
    fn printed_until(&mut self, last: impl Fn(&str) -> bool) -> String {
        let seen = self.seen;
        let end = self.stdout.wait_for(|text| {
            let mut end = seen;
            for line in text[seen..].split_inclusive('\n') {
                end += line.len();
                if last(line.trim_end()) {
                    return Some(end);
                }
            }
            None
        });
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        let Some(end) = end else {
            panic!("the shell is stuck after\n{stdout}\n{stderr}");
        };
        self.seen = end;
        stdout[seen..end].to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Ends the service, if it runs, by the job that the shell has it as.
        self.type_line("kill -9 $(jobs -p); exit");
        let _ = self.process.wait();
    }
}

#[test]
fn the_tour_is_as_the_readme_shows_it() {
    let steps = steps("A tour in five minutes");
    assert!(steps.len() >= 8, "{steps:?}");
    let directory = tempdir().unwrap();
    let mut shell = Shell::start(directory.path());
    let mut address = ADDRESS.to_owned();
    for Step { command, shown } in steps {
        let command = command
            .replace(RUN, env!("CARGO_BIN_EXE_shopping-cart"))
            .replace(ADDRESS, &address);
        shell.type_line(&command);
        let printed = if command.ends_with('&') {
            let printed = shell.printed_until(|line| line.starts_with("cloudstate ready on "));
            let ready = printed.lines().last().unwrap();
            address = ready.rsplit('/').next().unwrap().to_owned();
            printed.replace(&address, ADDRESS)
        } else {
            shell.type_line("echo; echo '--- done'");
            let printed = shell.printed_until(|line| line == "--- done");
            printed
                .trim_end()
                .strip_suffix("--- done")
                .unwrap()
                .to_owned()
        };
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let wanted: Vec<&str> = shown.iter().map(String::as_str).collect();
        if command.ends_with('&') {
            // The README leaves out what differs from machine to machine.
            for line in wanted {
                assert!(
                    printed.contains(&line),
                    "{command}: `{line}` is not in {printed:#?}"
                );
            }
        } else {
            let printed: Vec<&str> = printed
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect();
            assert_eq!(printed, wanted, "{command}");
        }
    }
}

#[test]
fn every_setting_has_the_default_that_the_readme_says() {
    let help = [programs::proxy(1), programs::shopping_cart()]
        .map(|program| program.arg("--help").run().stdout)
        .concat();
    // A setting reaches from its flag to the next one.
    let settings: Vec<&str> = help.split("\n      --").collect();
    let rows: Vec<&str> = section("Settings")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        let (variable, default) = (cells[1], cells[2]);
        let variable = format!("[env: {variable}]");
        let shown = settings.iter().any(|setting| {
            let mut words = setting.split([' ', '`', ']', '\n']);
            setting.contains(&variable) && words.any(|word| word == default)
        });
        assert!(shown, "{row}\n{help}");
    }
}

#[test]
fn every_file_that_the_readme_points_at_is_there() {
    let links: Vec<&str> = README
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let file = workspace().join(link.split('#').next().unwrap());
        assert!(link.starts_with("https://") || file.is_file(), "{link}");
    }
}

/// The service that the README writes, file by file, outside of this workspace.
#[tokio::test]
async fn the_readmes_own_service_compiles_and_keeps_its_promises() {
    let title = "Your own service";
    let package = tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = package.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let [manifest]: [&str; 1] = all(blocks(title, "toml"));
    let [build, main]: [&str; 2] = all(blocks(title, "rust"));
    let [proto]: [&str; 1] = all(blocks(title, "protobuf"));
    write("Cargo.toml", &in_this_checkout(manifest));
    write("build.rs", build);
    write("src/main.rs", main);
    write("proto/account.proto", proto);
    fs::copy(
        workspace().join("Cargo.lock"),
        package.path().join("Cargo.lock"),
    )
    .unwrap();
    let program = cargo_build(package.path(), &["--offline"], "account");

    let store = package.path().join("store");
    let service = Program::new(&program).store(&store).start();
    let http = service.http();
    let deposited = http.post("/accounts/7/deposit", r#"{"cents": 150}"#).await;
    assert_eq!((deposited.status, deposited.body.as_str()), (200, "{}"));
    let refused = http.post("/accounts/7/withdraw", r#"{"cents": 151}"#).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (500, "there are only 150 cents")
    );
    assert_eq!(
        http.post("/accounts/7/withdraw", r#"{"cents": 50}"#)
            .await
            .status,
        200
    );
    service.kill();
    let service = Program::new(&program).store(&store).start();
    assert_eq!(
        service.http().get("/accounts/7").await.body,
        r#"{"cents":100}"#
    );
}

fn all<const N: usize>(blocks: impl Iterator<Item = &'static str>) -> [&'static str; N] {
    let blocks: Vec<&str> = blocks.collect();
    blocks.try_into().unwrap()
}

/// The manifest with the crates of this checkout instead of published ones, and with the profile that their
/// dependencies are built with already.
fn in_this_checkout(manifest: &str) -> String {
    let mut changed = manifest.to_owned();
    for name in ["cloudstate", "cloudstate-build"] {
        let published = format!("{name} = \"0.1\"");
        assert!(changed.contains(&published), "{manifest}");
        let path = workspace().join(name);
        changed = changed.replace(&published, &format!("{name} = {{ path = {path:?} }}"));
    }
    let workspace = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let (_, profiles) = workspace.split_once("\n[profile.dev]").unwrap();
    changed + "\n[workspace]\n\n[profile.dev]" + profiles
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
