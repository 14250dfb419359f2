//! The TCK as a program: finds or starts a service and a proxy, runs the cases against them, and tells of it.

mod arguments;
// A module of both programs and not of the library: whoever depends on that would have the models registered.
#[path = "../tck-service/models.rs"]
mod models;

use std::{
    env,
    io::{self, IsTerminal, Stderr, Stdout, Write},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use tck_harness::{
    case::{Case, Half},
    cases,
    process::{ProxyProcess, ServiceProcess, StartError},
    proxy::{EmbeddedProxy, Interception, Proxy, ProxyError},
    report::{Printer, ProgressLine, Report},
    rough_link::RoughLink,
    runner::{Progress, Runner},
    service::{DiscoveryError, START_PATIENCE, Service},
};
use tokio::time::sleep;

use arguments::{Arguments, Format};

/// What the pieces and pauses of a rough link follow from: the same in each run.
const SEED: u64 = 1;

/// How long a service may take to start before a line tells what is waited for.
const QUIET_START: Duration = Duration::from_secs(5);

/// Why nothing was tested.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "no case is selected by these arguments; --list without --filter and --only shows all of them"
    )]
    NoCase,
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(
        "{} is not there; build it with `cargo build -p tck-harness --bins`, or name a service with --service or \
         --service-command", .0.display()
    )]
    NoService(PathBuf),
    #[error(
        "{} is not there; build it with `cargo build -p cloudstate-proxy`, name a proxy with --proxy-command or \
         --proxy, or test the service alone with --only service", .0.display()
    )]
    NoProxy(PathBuf),
    #[error("the model services do not fit together")]
    Models(#[from] cloudstate::Error),
    #[error("the embedded proxy cannot be stopped in good order: {0}")]
    Stop(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = async {
        tokio::select! {
            result = run(&arguments) => result,
            // What was started is killed as it is dropped.
            () = cloudstate::shutdown_signal() => Err(Trouble::Interrupted),
        }
    };
    match run.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            if let Trouble::Start(error) = &trouble {
                print_output(error.what(), error.output());
            }
            match trouble {
                Trouble::NoCase => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Whether cases were run, and none failed.
async fn run(arguments: &Arguments) -> Result<bool, Trouble> {
    let mut cases = cases::all();
    if arguments.further {
        cases.extend(cases::further());
    }
    cases.retain(|case| arguments.select(case) && !(arguments.rough_link && case.bulky));
    if cases.is_empty() {
        return Err(Trouble::NoCase);
    }
    if arguments.list {
        list(&cases)?;
        return Ok(true);
    }
    let (process, service) = match (&arguments.service, &arguments.service_command) {
        (Some(address), _) => (None, find(address).await?),
        (None, Some(command)) => started(start_service(command).await?),
        (None, None) => started(ServiceProcess::start_program(&own_service()?).await?),
    };
    // Closed at the end.
    let mut link = None;
    let service = match arguments.rough_link {
        true => {
            let rough = RoughLink::to(service.address(), SEED).await?;
            let address = link.insert(rough).address().to_string();
            Service::wait_for(&address).await?
        }
        false => service,
    };
    let (running, proxy) = match cases.iter().any(|case| case.half == Half::Proxy) {
        true => start_proxy(arguments, &service).await?,
        false => (Running::Elsewhere, None),
    };
    let report = test(&service, proxy.as_ref(), &cases, arguments).await?;
    let ran = report.passed().next().is_some();
    let failed = report.failed().next().is_some();
    running.stop(failed).await?;
    if let Some(process) = process {
        if failed {
            print_output("service", &process.output());
        }
        process.stop().await;
    }
    if !ran && !failed {
        eprintln!("no case was run: the service announces none of the entities that they need");
    }
    tell(&report, arguments.format)?;
    Ok(ran && !failed)
}

fn started((process, service): (ServiceProcess, Service)) -> (Option<ServiceProcess>, Service) {
    (Some(process), service)
}

/// Says so if it takes a while, as it does where the service listens somewhere else.
async fn start_service(command: &str) -> Result<(ServiceProcess, Service), StartError> {
    let mut starting = pin!(ServiceProcess::start_command(command));
    tokio::select! {
        biased;
        result = &mut starting => return result,
        () = sleep(QUIET_START) => {}
    }
    eprintln!(
        "waiting up to {START_PATIENCE:?} for the service on the HOST and PORT in its environment"
    );
    starting.await
}

fn list(cases: &[Case]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut group = "";
    for case in cases {
        if group != case.group {
            group = case.group;
            writeln!(out, "{group}")?;
        }
        writeln!(out, "  {}", case.name)?;
    }
    out.flush()
}

async fn find(address: &str) -> Result<Service, DiscoveryError> {
    match Service::discover(address).await {
        Ok(service) => Ok(service),
        Err(error) => {
            eprintln!("{error}; waiting for it");
            Service::wait_for(address).await
        }
    }
}

/// Starts the proxy that is asked for, or finds it, with an ear between it and the service.
async fn start_proxy(
    arguments: &Arguments,
    service: &Service,
) -> Result<(Running, Option<Proxy>), Trouble> {
    if arguments.embedded {
        let user_function = models::cloudstate().into_user_function()?;
        let (running, proxy) = EmbeddedProxy::start(Arc::new(user_function)).await?;
        return Ok((Running::Here(running), Some(proxy)));
    }
    let listen = arguments.listen.as_deref().unwrap_or("127.0.0.1:0");
    let interception = Interception::bind(listen, service).await?;
    if let Some(address) = &arguments.proxy {
        let proxy = interception.proxy_at(address).await?;
        return Ok((Running::Elsewhere, Some(proxy)));
    }
    let interception = match arguments.rough_link {
        true => interception.behind_rough_link(SEED).await?,
        false => interception,
    };
    let (process, proxy) = match &arguments.proxy_command {
        Some(command) => ProxyProcess::start_command(command, interception).await?,
        None => ProxyProcess::start_program(&own_proxy()?, interception).await?,
    };
    Ok((Running::Process(process), Some(proxy)))
}

/// A proxy that has to be stopped, or is somebody else's.
enum Running {
    Process(ProxyProcess),
    Here(EmbeddedProxy),
    Elsewhere,
}

impl Running {
    async fn stop(self, failed: bool) -> Result<(), Trouble> {
        match self {
            Self::Process(process) => {
                if failed {
                    print_output("proxy", &process.output());
                }
                process.stop().await;
                Ok(())
            }
            Self::Here(proxy) => proxy
                .stop()
                .await
                .map_err(|error| Trouble::Stop(error.to_string())),
            Self::Elsewhere => Ok(()),
        }
    }
}

/// The model services of this project.
fn own_service() -> Result<PathBuf, Trouble> {
    own_program("tck-service", Trouble::NoService)
}

/// The sidecar of this project.
fn own_proxy() -> Result<PathBuf, Trouble> {
    own_program("cloudstate-proxy", Trouble::NoProxy)
}

/// A program that Cargo puts beside this one.
fn own_program(name: &str, missing: fn(PathBuf) -> Trouble) -> Result<PathBuf, Trouble> {
    let mut path = env::current_exe()?;
    path.set_file_name(format!("{name}{}", env::consts::EXE_SUFFIX));
    if Path::new(&path).is_file() {
        Ok(path)
    } else {
        Err(missing(path))
    }
}

async fn test(
    service: &Service,
    proxy: Option<&Proxy>,
    cases: &[Case],
    arguments: &Arguments,
) -> io::Result<Report> {
    let mut watch = Watch::new(arguments.format, cases.len());
    let mut watched = Ok(());
    let mut runner = Runner::new(service).patience(arguments.timeout);
    if let Some(proxy) = proxy {
        runner = runner.through(proxy);
    }
    let report = runner
        .run(cases, |progress| {
            if watched.is_ok() {
                watched = watch.progress(progress);
            }
        })
        .await;
    watched.map(|()| report)
}

/// What is shown while the cases run.
enum Watch {
    Cases(Printer<Stdout>),
    Line(ProgressLine<Stderr>),
    Nothing,
}

impl Watch {
    fn new(format: Format, cases: usize) -> Self {
        match format {
            Format::Text => Self::Cases(Printer::new(io::stdout(), in_colours())),
            Format::Json | Format::Junit if io::stderr().is_terminal() => {
                Self::Line(ProgressLine::new(io::stderr(), cases))
            }
            Format::Json | Format::Junit => Self::Nothing,
        }
    }

    fn progress(&mut self, progress: Progress<'_>) -> io::Result<()> {
        match self {
            Self::Cases(printer) => printer.progress(progress),
            Self::Line(line) => line.progress(progress),
            Self::Nothing => Ok(()),
        }
    }
}

/// Writes what belongs behind the last case.
fn tell(report: &Report, format: Format) -> io::Result<()> {
    match format {
        Format::Text => Printer::new(io::stdout(), in_colours()).sum(report),
        Format::Json => report.write_json(io::stdout().lock()),
        Format::Junit => report.write_junit(io::stdout().lock()),
    }
}

fn in_colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none()
}

fn print_output(whose: &str, lines: &[String]) {
    if !lines.is_empty() {
        eprintln!("the {whose}'s last output:");
    }
    for line in lines {
        eprintln!("  {line}");
    }
}
