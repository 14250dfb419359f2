//! Runs a service, in the shape that its settings ask for.

use std::{future::Future, net::SocketAddr};

use cloudstate_process::{BAD_SETTING, Program, announce, until_stopped};
use cloudstate_transport::{Acceptor, Listening};
use tokio::net::{self, TcpListener};

use crate::{Cloudstate, Error, Result, Role, Settings, UserFunction, error::Kind, server};

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
    /// stdout what is served and, once requests are answered, `cloudstate ready on http://HOST:PORT`, or `https://` where it has certificates.
    ///
    /// This is made to be the whole of `main`. It **ends the process itself** in two cases, both before anything is
    /// opened: with exit code 0 behind the answer to `--help` or `--version`, and with 78 after it has named a setting
    /// that is not acceptable. Use [`run_until`](Self::run_until) where that does not fit.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until); returned from `main` they give exit code 1.
    pub async fn run(self) -> Result<()> {
        let settings = match self.program().begin() {
            Ok(settings) => settings,
            Err(code) => end(code),
        };
        let result = until_stopped(|signal| self.run_until(settings, signal))
            .await
            .unwrap_or(Ok(()));
        if let Some(setting) = result.as_ref().err().and_then(Error::bad_setting) {
            eprintln!("error: {setting}");
            end(BAD_SETTING);
        }
        result
    }

    /// Runs the service until `shutdown` resolves, then stops it in order.
    ///
    /// Prints what [`run`](Self::run) prints, and leaves arguments, logging and exit codes to the caller.
    ///
    /// # Errors
    /// What is registered does not fit together, or the settings do not, a port cannot be bound, the store cannot be opened, or the service
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

    fn program(&self) -> Program {
        let name = self.name();
        let version = format!(
            "{} (cloudstate {})",
            self.version(),
            env!("CARGO_PKG_VERSION")
        );
        let about = match &*self.services() {
            [] => "Serves nothing: no entity is registered.".into(),
            services => format!("Serves {}.", services.join(", ")),
        };
        Program {
            version: version.trim_start().into(),
            about,
            examples: examples(&name),
            name,
        }
    }
}

fn examples(name: &str) -> Vec<(String, String)> {
    let mut examples = Vec::new();
    if cfg!(feature = "embedded") {
        examples.push((
            name.into(),
            format!("serve clients on port 9000, store in ./data/{name}"),
        ));
        examples.push((
            format!("{name} --store memory --http-port 0"),
            "store nothing, and pick a free port".into(),
        ));
    }
    examples.push((
        format!("CLOUDSTATE_ROLE=user-function {name}"),
        "serve a Cloudstate proxy on port 8080".into(),
    ));
    examples
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
    let not_bound = |source| Kind::Bind {
        host: host.clone(),
        port: *port,
        source,
    };
    let acceptor = Acceptor::open(&settings.protocol_tls.files()).map_err(Kind::Setting)?;
    let addresses = net::lookup_host((host.as_str(), *port)).await;
    let addresses: Vec<_> = addresses.map_err(not_bound)?.collect();
    if !acceptor.is_encrypted() {
        let proxies = Listening {
            what: "proxies",
            setting: "HOST (--host)",
            remedy: Some("TLS_CERT and TLS_KEY"),
        };
        let addresses = addresses.iter().map(SocketAddr::ip);
        proxies
            .check(addresses, settings.plaintext())
            .map_err(Kind::Setting)?;
    }
    let bound = async {
        let listener = TcpListener::bind(&*addresses).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = bound.await.map_err(not_bound)?;
    announce_user_function(&user_function, acceptor.scheme(), address);
    server::serve(
        user_function,
        listener,
        acceptor,
        settings.limits(),
        shutdown,
    )
    .await
}

/// The socket is bound: a proxy that connects from now on is served.
fn announce_user_function(user_function: &UserFunction, scheme: &str, address: SocketAddr) {
    let mut text = String::from("Serving a Cloudstate proxy with\n");
    for entity in &user_function.spec().entities {
        text += &format!(
            "  {} (persistence id {})\n",
            entity.service_name, entity.persistence_id
        );
    }
    announce(format_args!(
        "{text}cloudstate user function ready on {scheme}://{address}\n"
    ));
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nothing is open yet, and `main` can return no other exit code than 1"
)]
fn end(code: u8) -> ! {
    std::process::exit(code.into())
}
