//! The sidecar: a proxy for a user function in another process.

use std::{error::Error, future::Future, net::Ipv6Addr, process::ExitCode, sync::Arc};

use clap::Args;
use cloudstate_process::{BAD_SETTING, BadSetting, Program, until_stopped, value};
use cloudstate_proxy::{
    Proxy, Settings, StartError, UserFunctionTls, user_function::remote::RemoteUserFunction,
};

#[derive(Args, Debug)]
// The sidecar stands beside a service that others call; an embedded proxy may be on somebody's desk.
#[command(
    mut_arg("http_host", |host| host.default_value("0.0.0.0")),
    mut_arg("metrics_host", |host| host.default_value("0.0.0.0")),
    mut_arg("plaintext", |plaintext| plaintext.default_value("warn")),
)]
struct Arguments {
    /// Host name or address of the user function.
    #[arg(
        long,
        env = "USER_FUNCTION_HOST",
        value_name = "HOST",
        default_value = "127.0.0.1",
        value_parser = parse_host,
        help_heading = "User function"
    )]
    user_function_host: String,

    /// Port on which the user function listens.
    #[arg(
        long,
        env = "USER_FUNCTION_PORT",
        value_name = "PORT",
        default_value = "8080",
        value_parser = parse_dialled_port,
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

    #[command(flatten)]
    user_function_tls: UserFunctionTls,

    #[command(flatten)]
    settings: Settings,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match program().begin() {
        Ok(arguments) => arguments,
        Err(code) => return code.into(),
    };
    match until_stopped(|signal| run(arguments, signal)).await {
        Some(Ok(())) | None => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("error: {}", with_causes(&*error));
            exit_code(&*error)
        }
    }
}

fn program() -> Program {
    let example = |line: &str, effect: &str| (line.to_owned(), effect.to_owned());
    Program {
        name: env!("CARGO_BIN_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        about: "Serves a Cloudstate user function, in any language, to gRPC and HTTP clients, and keeps what it stores."
            .into(),
        examples: vec![
            example(
                "cloudstate-proxy",
                "serve the user function on port 8080 to clients on port 9000, store in ./data/<service>",
            ),
            example(
                "USER_FUNCTION_HOST=carts USER_FUNCTION_PORT=8090 cloudstate-proxy --store /var/lib/carts",
                "serve a user function on another machine, and store in a directory of your own",
            ),
            example(
                "cloudstate-proxy --store memory --http-port 0",
                "store nothing, and pick a free port",
            ),
            example(
                "cloudstate-proxy --http-tls-cert tls.crt --http-tls-key tls.key",
                "serve clients over TLS; the files are read again when they change, and at SIGHUP",
            ),
        ],
    }
}

async fn run(
    arguments: Arguments,
    mut shutdown: impl Future<Output = ()> + Unpin,
) -> Result<(), Box<dyn Error>> {
    let Arguments {
        user_function_host: host,
        user_function_port: port,
        entity_metadata,
        user_function_tls,
        settings,
    } = arguments;
    let connector = user_function_tls.connector(&host)?;
    let max_message_size = settings.max_message_size.get();
    let user_function = RemoteUserFunction::with_connector(
        &host,
        port,
        connector,
        max_message_size,
        entity_metadata,
    )?;
    tracing::info!(%host, port, "looking for the user function");
    let proxy = tokio::select! {
        started = Proxy::start(Arc::new(user_function), &settings) => started?,
        () = &mut shutdown => return Ok(()),
    };
    proxy.announce();
    shutdown.await;
    Ok(proxy.stop().await?)
}

fn exit_code(error: &(dyn Error + 'static)) -> ExitCode {
    let start_error = error.downcast_ref();
    if error.is::<BadSetting>() || matches!(start_error, Some(StartError::Setting(_))) {
        BAD_SETTING.into()
    } else {
        ExitCode::FAILURE
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Reads what can be dialled: a host name or an address. Whether it is there shows when it is dialled.
fn parse_host(text: &str) -> Result<String, &'static str> {
    let is_name = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name || text.parse::<Ipv6Addr>().is_ok() {
        Ok(text.into())
    } else {
        Err("write a host name or an IP address, without a scheme and without a port")
    }
}

/// Nobody listens on port 0.
fn parse_dialled_port(text: &str) -> Result<u16, &'static str> {
    match value::port(text) {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err("write a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::{Arguments, parse_host};

    #[test]
    fn flags_are_consistent() {
        Arguments::augment_args(Command::new("proxy")).debug_assert();
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for good in ["localhost", "user_function.local", "10.0.0.1", "::1"] {
            assert_eq!(parse_host(good).as_deref(), Ok(good));
        }
        for bad in ["", "http://carts", "carts:8080", "a b", "me@carts", "[::1]"] {
            assert!(parse_host(bad).is_err(), "{bad}");
        }
    }
}
