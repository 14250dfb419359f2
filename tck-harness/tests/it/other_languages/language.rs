//! Languages that `services/` has a service in, and how one is built.

use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::{Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Names languages, with commas between them, whose tests must not be skipped.
const REQUIRE: &str = "CLOUDSTATE_TCK_REQUIRE";

/// What builds leave beside the sources of somebody who has tried a service there.
const BUILT: [&str; 8] = [
    "__pycache__",
    ".venv",
    "generated",
    "node_modules",
    "packages",
    "services.binpb",
    "target",
    "tck-models",
];

/// One service is built at a time, because several tests may want the same.
static BUILDING: Mutex<()> = Mutex::new(());

/// A language, and shell commands that are run in the directory of its service.
pub(super) struct Language {
    /// The directory below `services/`.
    pub(super) name: &'static str,
    /// Succeeds where the language is installed.
    pub(super) probe: &'static str,
    /// Fetches what the service depends on.
    pub(super) fetch: &'static str,
    pub(super) build: &'static str,
    /// Becomes the service.
    pub(super) start: &'static str,
    /// Whether the test is run also where nobody has asked for it.
    pub(super) usual: bool,
}

impl Language {
    /// Builds the service, unless that has been done before, and gives the command that starts it. Without the language
    /// or its registry there is none, and a line on stderr says so.
    ///
    /// # Panics
    /// The service cannot be built, or something is missing that is required.
    pub(super) fn service(&self) -> Option<String> {
        let required = env::var(REQUIRE).unwrap_or_default();
        let required = required.split(',').any(|one| one.trim() == self.name);
        let skip = |why: &str| {
            assert!(!required, "{}: {why}", self.name);
            // Not by `eprintln`, whose output is shown for failed tests only.
            let mut stderr = io::stderr().lock();
            writeln!(stderr, "skipped: the service in {}: {why}", self.name).unwrap();
            None
        };
        if !required && !self.usual {
            return skip(&format!("{REQUIRE} does not name it"));
        }
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("services")
            .join(self.name);
        let home = root.join("tck-harness/services").join(self.name);
        let sources = self.sources();
        let stamp = root.join("built");
        let state = state(&sources);
        if fs::read_to_string(&stamp).ok().as_ref() != Some(&state) {
            if let Err(output) = run(Path::new("."), self.probe) {
                return skip(&format!("it is not installed: {output}"));
            }
            if root.exists() {
                fs::remove_dir_all(&root).unwrap();
            }
            for (path, content) in &sources {
                let to = root.join(path);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::write(to, content).unwrap();
            }
            if let Err(output) = run(&home, self.fetch) {
                return skip(&format!("its packages cannot be fetched:\n{output}"));
            }
            run(&home, self.build).unwrap_or_else(|output| panic!("{}:\n{output}", self.build));
            fs::write(&stamp, state).unwrap();
        }
        Some(format!("cd '{}' && {}", home.display(), self.start))
    }

    /// What the build reads, by its path in the repository, in an order that is always the same.
    fn sources(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let service = Path::new("tck-harness/services").join(self.name);
        let mut sources = Vec::new();
        for directory in [
            Path::new("cloudstate-protocol/proto"),
            Path::new("tck-harness/proto"),
            &service,
        ] {
            read(repository, directory, &mut sources);
        }
        sources.sort();
        sources
    }
}

fn read(repository: &Path, directory: &Path, sources: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(repository.join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = directory.join(entry.file_name());
        if BUILT.iter().any(|built| entry.file_name() == *built) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            read(repository, &path, sources);
        } else {
            sources.push((path, fs::read(entry.path()).unwrap()));
        }
    }
}

/// Differs where the sources do.
fn state(sources: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    hasher.finish().to_string()
}

/// Runs a shell command, whose output is given if it fails.
fn run(directory: &Path, command: &str) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    let texts =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Err(texts.concat())
}
