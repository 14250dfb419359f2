//! Whether a port may be reached from other machines without TLS.

use std::net::IpAddr;

use clap::ValueEnum;
use cloudstate_process::BadSetting;

/// What happens when a port that other machines may reach has no TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plaintext {
    /// The program does not start.
    Refuse,
    /// The log has a warning.
    Warn,
    /// It is meant: the network is trusted, or something in front encrypts.
    Allow,
}

/// A port that is about to be bound in plaintext.
#[derive(Clone, Copy, Debug)]
pub struct Listening<'a> {
    /// What is served there: `clients`.
    pub what: &'a str,
    /// The setting that holds the address: `HTTP_HOST (--http-host)`.
    pub setting: &'a str,
    /// The settings that would turn TLS on there; none where there is no TLS to be had.
    pub remedy: Option<&'a str>,
}

impl Listening<'_> {
    /// Says whether these addresses may be listened on. Loopback addresses always may.
    ///
    /// # Errors
    /// One of them is reached from other machines, and that is refused.
    pub fn check(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
        plaintext: Plaintext,
    ) -> Result<(), BadSetting> {
        let is_exposed = |address: &IpAddr| !address.to_canonical().is_loopback();
        let Some(address) = addresses.into_iter().find(is_exposed) else {
            return Ok(());
        };
        let Self {
            what,
            setting,
            remedy,
        } = self;
        let remedy = remedy.map_or_else(String::new, |remedy| format!("set {remedy}, or "));
        match plaintext {
            Plaintext::Allow => Ok(()),
            Plaintext::Warn => {
                tracing::warn!(
                    "{what} are served without TLS on {address}, which other machines may reach; {remedy}\
                     CLOUDSTATE_PLAINTEXT=allow where something in front encrypts or the network is trusted"
                );
                Ok(())
            }
            Plaintext::Refuse => Err(BadSetting::new(format!(
                "{setting}: {address} is reached from other machines, where everybody on the way can read and change \
                 what is sent without TLS; {remedy}CLOUDSTATE_PLAINTEXT=allow (--plaintext) if that is meant"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Listening, Plaintext};

    const CLIENTS: Listening<'static> = Listening {
        what: "clients",
        setting: "HTTP_HOST (--http-host)",
        remedy: Some("HTTP_TLS_CERT and HTTP_TLS_KEY"),
    };

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn loopback_needs_no_tls() {
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            CLIENTS
                .check(addresses(&[address]), Plaintext::Refuse)
                .unwrap();
        }
    }

    #[test]
    fn what_other_machines_reach_is_refused_unless_it_is_meant() {
        for exposed in [
            &["0.0.0.0"][..],
            &["::"],
            &["10.0.0.1"],
            &["::ffff:10.0.0.1"],
            &["127.0.0.1", "192.0.2.1"],
        ] {
            let error = CLIENTS.check(addresses(exposed), Plaintext::Refuse);
            let text = error.unwrap_err().to_string();
            for part in [
                "HTTP_HOST (--http-host): ",
                "set HTTP_TLS_CERT and HTTP_TLS_KEY, or CLOUDSTATE_PLAINTEXT=allow",
            ] {
                assert!(text.contains(part), "{text}");
            }
            for meant in [Plaintext::Warn, Plaintext::Allow] {
                CLIENTS.check(addresses(exposed), meant).unwrap();
            }
        }
    }
}
