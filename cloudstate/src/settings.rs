//! Every setting of a service: a flag, an environment variable and a default for each.

mod protocol_tls;

use std::num::NonZeroUsize;
#[cfg(not(feature = "embedded"))]
use std::time::Duration;

use clap::{Args, ValueEnum};
use cloudstate_process::value;
use cloudstate_transport::Plaintext;

pub use protocol_tls::ProtocolTls;

use crate::server::Limits;

/// The settings of a service. [`Cloudstate::run`](crate::Cloudstate::run) reads them from flags and environment.
///
/// A program with a command line of its own flattens them into it (`#[command(flatten)]`) and hands them to
/// [`Cloudstate::run_until`](crate::Cloudstate::run_until).
#[derive(Args, Clone, Debug)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct Settings {
    /// What this process is.
    #[arg(
        long,
        env = "CLOUDSTATE_ROLE",
        value_enum,
        default_value_t,
        help_heading = "Role"
    )]
    pub role: Role,

    /// Address or host name on which the protocol server listens for a proxy in another process.
    // Not an address by type: some shells export `HOST` as the machine's name, which must not stop an embedded service.
    #[arg(
        long,
        env = "HOST",
        value_name = "HOST",
        default_value = "127.0.0.1",
        help_heading = "Role user-function"
    )]
    pub host: String,

    /// Port of the protocol server; 0 picks a free one.
    #[arg(
        long,
        env = "PORT",
        value_name = "PORT",
        default_value = "8080",
        value_parser = value::port,
        help_heading = "Role user-function"
    )]
    pub port: u16,

    /// Largest message of a proxy in bytes: a command, an event or a snapshot, with what is around it.
    #[arg(
        long,
        env = "CLOUDSTATE_PROTOCOL_MESSAGE_SIZE",
        value_name = "BYTES",
        default_value = "16777216",
        value_parser = value::count,
        help_heading = "Role user-function"
    )]
    pub protocol_message_size: NonZeroUsize,

    /// Certificates, by which a proxy is served over TLS.
    #[command(flatten)]
    pub protocol_tls: ProtocolTls,

    /// What happens when a port that other machines may reach has no TLS.
    #[cfg(not(feature = "embedded"))]
    #[arg(
        long,
        env = "CLOUDSTATE_PLAINTEXT",
        value_enum,
        default_value = "refuse",
        help_heading = "TLS"
    )]
    pub plaintext: Plaintext,

    /// The settings of the embedded proxy.
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub proxy: cloudstate_proxy::Settings,
}

/// What a process with entities is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// A whole service: serves clients, and stores what its entities emit.
    #[cfg(feature = "embedded")]
    #[default]
    Embedded,
    /// Entities only: serves a Cloudstate proxy in another process, which serves the clients and stores.
    #[cfg_attr(not(feature = "embedded"), default)]
    UserFunction,
}

impl Settings {
    pub(crate) fn plaintext(&self) -> Plaintext {
        #[cfg(feature = "embedded")]
        let plaintext = self.proxy.plaintext;
        #[cfg(not(feature = "embedded"))]
        let plaintext = self.plaintext;
        plaintext
    }

    pub(crate) fn limits(&self) -> Limits {
        #[cfg(feature = "embedded")]
        let drain = self.proxy.drain_timeout;
        #[cfg(not(feature = "embedded"))]
        let drain = Duration::from_secs(10);
        Limits {
            max_message_size: self.protocol_message_size.get(),
            drain,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::Settings;

    #[test]
    fn every_setting_has_a_variable_a_description_and_a_heading() {
        let command = Settings::augment_args(Command::new("shop"));
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_env().is_some(), "{name}");
            assert!(argument.get_help().is_some(), "{name}");
            assert!(argument.get_help_heading().is_some(), "{name}");
        }
        command.debug_assert();
    }
}
