//! Measures this project beside its limits. See `bench/README.md`.

use std::{env, path::PathBuf, process::ExitCode, time::Instant};

use bench::{
    Error,
    echo::{self, Echo},
    page,
    plan::{Bench, Plan},
    results::{Outcome, Results},
    scenario::{Measured, Scenario},
};
use clap::{Parser, ValueEnum};

/// Measures the shopping cart beside a bare tonic service, in the same run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What to measure [default: command; everything, where there is a report to write].
    #[arg(value_enum, value_name = "SCENARIO")]
    scenarios: Vec<Scenario>,

    #[command(flatten)]
    plan: Plan,

    /// Write the figures of every round to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write pictures of the main tables into this directory, as SVG.
    #[arg(long, value_name = "DIRECTORY")]
    plots: Option<PathBuf>,

    /// Write `performance.md`, and its pictures and figures in `performance/`, into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,

    /// Measure nothing, but take the figures from a file that `--json` or `--report` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "scenarios")]
    from: Option<PathBuf>,

    /// Serve this bare server instead; the benchmark starts itself with this.
    #[arg(long, value_enum, value_name = "ECHO", hide = true)]
    echo_server: Option<Echo>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.echo_server {
        Some(echo) => echo::serve(echo).map(|()| true),
        None => run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        // Said already, where it happened.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every scenario has its figures.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let results = match &arguments.from {
        Some(file) => Results::read(file)?,
        None => measure(arguments)?,
    };
    save(&results, arguments)?;
    let mut outcomes = results.scenarios.iter();
    Ok(outcomes.all(|outcome| outcome.failure.is_none()))
}

/// Writes what is asked for.
fn save(results: &Results, arguments: &Arguments) -> Result<(), Error> {
    if let Some(file) = &arguments.json {
        results.write(file)?;
    }
    if let Some(directory) = &arguments.plots {
        page::plots(results, directory)?;
    }
    if let Some(directory) = &arguments.report {
        page::write(results, directory)?;
    }
    Ok(())
}

fn measure(arguments: &Arguments) -> Result<Results, Error> {
    let bench = Bench::prepare(arguments.plan.clone())?;
    let everything = arguments.scenarios.is_empty() && arguments.report.is_some();
    if everything {
        bench.build_all()?;
    }
    let started = Instant::now();
    let mut results = Results::begin(env::args().skip(1).collect());
    println!("{}", results.machine);
    if !results.optimised {
        println!("A debug build: the figures say nothing. Use `cargo run --release -p bench`.");
    }
    let scenarios = match &*arguments.scenarios {
        [] if everything => Scenario::value_variants(),
        [] => &[Scenario::Command],
        some => some,
    };
    for scenario in scenarios {
        println!("\n## {}\n", scenario.name());
        // One that fails does not keep the others from being measured.
        let Measured { tables, failure } = scenario.run(&bench);
        if let Some(error) = &failure {
            eprintln!("error: {}: {error}", scenario.name());
        }
        for table in &tables {
            println!("{table}");
        }
        results.scenarios.push(Outcome {
            scenario: scenario.name().to_owned(),
            tables,
            failure: failure.map(|error| error.to_string()),
        });
        results.took = started.elapsed().as_secs_f64();
        // Whoever stops a long run keeps what was found out until then.
        save(&results, arguments)?;
    }
    println!("{}", results.noise());
    Ok(results)
}
