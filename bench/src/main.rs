//! Measures this project beside its limits. See `bench/README.md`.

use std::{env, fs, path::PathBuf, process::ExitCode};

use bench::{
    Error,
    echo::{self, Echo},
    plan::{Bench, Plan},
    process, report,
    scenario::Scenario,
};
use clap::Parser;

/// Measures the shopping cart beside a bare tonic service, in the same run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, value_name = "SCENARIO", default_value = "command")]
    scenarios: Vec<Scenario>,

    #[command(flatten)]
    plan: Plan,

    /// Write the figures of every round to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Serve this bare server instead; the benchmark starts itself with this.
    #[arg(long, value_enum, value_name = "ECHO", hide = true)]
    echo_server: Option<Echo>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.echo_server {
        Some(echo) => echo::serve(echo),
        None => measure(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: Arguments) -> Result<(), Error> {
    let bench = Bench::prepare(arguments.plan)?;
    let machine = process::machine();
    println!("{machine}");
    if cfg!(debug_assertions) {
        println!("A debug build: the figures say nothing. Use `cargo run --release -p bench`.");
    }
    let mut results = Vec::new();
    for scenario in arguments.scenarios {
        println!("\n## {}\n", scenario.name());
        let tables = scenario.run(&bench)?;
        for table in &tables {
            println!("{table}");
        }
        results.push((scenario.name().to_owned(), tables));
    }
    if let Some(file) = arguments.json {
        let command: Vec<String> = env::args().skip(1).collect();
        let json = report::to_json(&machine, &command, &results);
        fs::write(&file, format!("{json:#}\n"))
            .map_err(Error::io(format!("write {}", file.display())))?;
    }
    Ok(())
}
