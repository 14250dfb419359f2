//! The sidecar: a proxy for a user function in another process.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use cloudstate_proxy::{
    Proxy, Settings, command_line, logging, shutdown,
    user_function::{UserFunctionError, remote::RemoteUserFunction},
};

/// Serves a Cloudstate user function, in any language, to gRPC and HTTP clients, and keeps what it stores.
#[derive(Debug, Parser)]
#[command(name = "cloudstate-proxy", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,

    /// Where the user function listens.
    #[arg(
        long,
        env = "USER_FUNCTION_HOST",
        value_name = "HOST",
        default_value = "127.0.0.1",
        help_heading = "User function"
    )]
    user_function_host: String,

    /// Port on which the user function listens.
    #[arg(
        long,
        env = "USER_FUNCTION_PORT",
        value_name = "PORT",
        default_value = "8080",
        help_heading = "User function"
    )]
    user_function_port: u16,

    /// Send the caller's headers along with commands for entities; the reference proxy does not.
    #[arg(
        long,
        env = "CLOUDSTATE_ENTITY_METADATA",
        help_heading = "User function"
    )]
    entity_metadata: bool,
}

const AFTER_HELP: &str = "\
Example, with a user function on port 8080 and everything kept in ./journal:
  USER_FUNCTION_PORT=8080 cloudstate-proxy --store ./journal

RUST_LOG sets what is logged, for instance RUST_LOG=info,cloudstate_proxy=debug.
A bad setting ends the program with exit code 78 before a port is bound.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Arguments = match command_line::parse(|command| {
        command.mut_arg("http_host", |host| host.default_value("0.0.0.0"))
    }) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    logging::init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let Arguments {
        settings,
        user_function_host: host,
        user_function_port: port,
        entity_metadata,
    } = arguments;
    let user_function = connect(&host, port, &settings, entity_metadata)?;
    tracing::info!(%host, port, "looking for the user function");
    let started = tokio::select! {
        started = Proxy::start(Arc::new(user_function), &settings) => started,
        () = shutdown::signal() => return Ok(()),
    };
    let proxy = started?;
    proxy.announce();
    shutdown::signal().await;
    Ok(proxy.stop().await?)
}

fn connect(
    host: &str,
    port: u16,
    settings: &Settings,
    metadata: bool,
) -> Result<RemoteUserFunction, UserFunctionError> {
    RemoteUserFunction::new(host, port, settings.max_message_size.get(), metadata)
}
