//! `compile`: what a developer waits for.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{Error, closed_loop::Cores, plan::Bench, report::Table};

/// Where the example is.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shopping-cart");
/// The workspace, whose crates the package depends on by path.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// What is the example's own.
const FILES: [&str; 4] = [
    "build.rs",
    "src/main.rs",
    "proto/shoppingcart.proto",
    "proto/persistence/domain.proto",
];
/// A line of a handler that is changed.
const HANDLER: &str = "ensure!(add.quantity > 0, \"quantity must be positive\");";

/// Builds the cart as a package of its own, from nothing and after a change.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Error> {
    let package = Package::empty(bench.directory())?;
    let mut table = Table::new("cargo build of the cart, profile dev");
    // Minutes of work that does not vary much: once.
    package.build("the dependencies, from nothing", &mut table)?;
    package.fill()?;
    package.build("the cart itself, from nothing", &mut table)?;
    for round in bench.rounds("compile") {
        package.change(round)?;
        package.build("after a change in a handler", &mut table)?;
    }
    package.remove()?;
    Ok(vec![table])
}

/// A copy of the example outside the workspace, as its user has it.
struct Package {
    directory: PathBuf,
}

impl Package {
    /// A package with the dependencies of the example, and with nothing that uses them.
    fn empty(parent: &Path) -> Result<Self, Error> {
        let directory = parent.join("package");
        for part in ["src", "proto/persistence"] {
            let part = directory.join(part);
            fs::create_dir_all(&part).map_err(Error::io(format!("make {}", part.display())))?;
        }
        let package = Self { directory };
        for file in ["build.rs", "src/main.rs"] {
            package.put(file, "fn main() {}\n")?;
        }
        package.put("Cargo.toml", &manifest())?;
        // The same versions, and no need for a network.
        let lock = read(&Path::new(WORKSPACE).join("Cargo.lock"))?;
        package.put("Cargo.lock", &lock)?;
        Ok(package)
    }

    /// Puts the example's files into the package.
    fn fill(&self) -> Result<(), Error> {
        for file in FILES {
            self.put(file, &read(&Path::new(EXAMPLE).join(file))?)?;
        }
        Ok(())
    }

    /// Changes what a handler says, in another way for each `round`.
    fn change(&self, round: u32) -> Result<(), Error> {
        let original = read(&Path::new(EXAMPLE).join("src/main.rs"))?;
        let other = format!("ensure!(add.quantity > 0, \"a quantity above {round} is needed\");");
        let changed = original.replace(HANDLER, &other);
        if changed == original {
            return Err(Error::Build(format!(
                "the cart's handler is not `{HANDLER}` any more"
            )));
        }
        self.put("src/main.rs", &changed)
    }

    fn build(&self, name: &str, table: &mut Table) -> Result<(), Error> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let before = Cores::now()?;
        let started = Instant::now();
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--offline"])
            .current_dir(&self.directory)
            // What the caller has set for the workspace is not for this package.
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .env_remove("CARGO_INCREMENTAL")
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::null())
            .status()
            .map_err(Error::io("run cargo to build the cart"))?;
        if !built.success() {
            return Err(Error::Build(format!("{name}: the cart does not compile")));
        }
        table.record(
            name,
            &[
                ("seconds", started.elapsed().as_secs_f64()),
                ("busy cores", before.busy()?),
            ],
        );
        Ok(())
    }

    fn put(&self, file: &str, text: &str) -> Result<(), Error> {
        let file = self.directory.join(file);
        fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))
    }

    /// Half a gigabyte that the rest of the run needs no more.
    fn remove(self) -> Result<(), Error> {
        let removed = fs::remove_dir_all(&self.directory);
        removed.map_err(Error::io(format!("remove {}", self.directory.display())))
    }
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))
}

fn manifest() -> String {
    format!(
        "[package]\nname = \"shopping-cart\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\ncloudstate = {{ path = \"{WORKSPACE}/cloudstate\" }}\nprost = \"0.14\"\n\
         tokio = {{ version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }}\n\n\
         [build-dependencies]\ncloudstate-build = {{ path = \"{WORKSPACE}/cloudstate-build\" }}\n"
    )
}
