//! Runs a service, in the shape that its settings ask for.

use std::{
    env,
    fmt::Display,
    future::Future,
    io::{self, Write},
    net::SocketAddr,
};

use tokio::net::TcpListener;

use crate::{
    Cloudstate, Result, Role, Settings, UserFunction,
    command_line::{self, NoSettings, Program},
    error::Kind,
    logging, server,
    shutdown::Signals,
};

/// Runs every annotated entity of this program as a service: `Cloudstate::registered().run()`.
///
/// ```no_run
/// #[tokio::main]
/// async fn main() -> cloudstate::Result<()> {
///     cloudstate::run().await
/// }
/// ```
///
/// # Errors
/// As [`Cloudstate::run`].
pub async fn run() -> Result<()> {
    Cloudstate::registered().run().await
}

impl Cloudstate {
    /// Runs the service as its flags and environment say, until SIGTERM or Ctrl-C; a second signal stops it at once.
    ///
    /// Logs to stderr what `RUST_LOG` selects (`info`), unless the program has set a `tracing` subscriber. Prints on
    /// stdout what is served and, once requests are answered, `cloudstate ready on http://HOST:PORT`.
    ///
    /// This is made to be the whole of `main`. It **ends the process itself** in two cases, both before anything is
    /// opened: with exit code 0 behind the answer to `--help` or `--version`, and with 78 after it has named a setting
    /// that is not acceptable. Use [`run_until`](Self::run_until) where that does not fit.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until); returned from `main` they give exit code 1.
    pub async fn run(self) -> Result<()> {
        let settings = match self.settings() {
            Ok(settings) => settings,
            Err(NoSettings::Asked(answer)) => end_with_answer(&answer.ansi()),
            Err(NoSettings::Bad(kind)) => end_with_bad_setting(&kind),
        };
        if let Err(kind) = logging::init() {
            end_with_bad_setting(&kind);
        }
        let (mut signals, mut more_signals) = (Signals::listen(), Signals::listen());
        let first_signal = async {
            signals.next().await;
            tracing::info!("stopping, once what is in progress is done");
        };
        let second_signal = async {
            more_signals.next().await;
            more_signals.next().await;
        };
        tokio::select! {
            result = self.run_until(settings, first_signal) => result,
            () = second_signal => {
                tracing::warn!("stopped at once, with requests still in progress");
                Ok(())
            }
        }
    }

    /// Runs the service until `shutdown` resolves, then stops it in order.
    ///
    /// Prints what [`run`](Self::run) prints, and leaves arguments, logging and exit codes to the caller.
    ///
    /// # Errors
    /// What is registered does not fit together, a port cannot be bound, the store cannot be opened, or the service
    /// cannot be stopped in good order.
    pub async fn run_until(
        self,
        settings: Settings,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let user_function = self.into_user_function()?;
        match settings.role {
            #[cfg(feature = "embedded")]
            Role::Embedded => run_embedded(user_function, &settings, shutdown).await,
            Role::UserFunction => run_user_function(user_function, &settings, shutdown).await,
        }
    }

    fn settings(&self) -> Result<Settings, NoSettings> {
        let program = Program {
            name: self.name(),
            version: self.version().into(),
            services: self.services(),
        };
        command_line::read(&program, env::args_os())
    }
}

#[cfg(feature = "embedded")]
async fn run_embedded(
    user_function: UserFunction,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    use cloudstate_proxy::Proxy;

    tokio::pin!(shutdown);
    let proxy = tokio::select! {
        started = Proxy::start(std::sync::Arc::new(user_function), &settings.proxy) => {
            started.map_err(Kind::Start)?
        }
        () = &mut shutdown => return Ok(()),
    };
    proxy.announce();
    shutdown.await;
    Ok(proxy.stop().await.map_err(Kind::Stop)?)
}

async fn run_user_function(
    user_function: UserFunction,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let Settings { host, port, .. } = settings;
    let bound = async {
        let listener = TcpListener::bind((host.as_str(), *port)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = bound.await.map_err(|source| Kind::Bind {
        host: host.clone(),
        port: *port,
        source,
    })?;
    announce(&user_function, address);
    server::serve(user_function, listener, settings.limits(), shutdown).await
}

/// The socket is bound: a proxy that connects from now on is served.
fn announce(user_function: &UserFunction, address: SocketAddr) {
    let mut text = String::from("Serving a Cloudstate proxy with\n");
    for entity in &user_function.spec().entities {
        text += &format!(
            "  {} (persistence id {})\n",
            entity.service_name, entity.persistence_id
        );
    }
    print(&format!(
        "{text}cloudstate user function ready on http://{address}\n"
    ));
}

/// Writes to stdout. Nobody may be reading, which is no reason to stop.
fn print(text: &dyn Display) {
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nothing is open yet, and `main` can return no other exit code than 1"
)]
fn end_with_answer(answer: &dyn Display) -> ! {
    print(answer);
    std::process::exit(0)
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nothing is open yet, and `main` can return no other exit code than 1"
)]
fn end_with_bad_setting(kind: &Kind) -> ! {
    eprintln!("error: {kind}");
    std::process::exit(78)
}
