//! Which files there are, by the settings that name them.
#![cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without TLS nothing is read")
)]

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use cloudstate_process::BadSetting;

/// A setting that names a file.
#[derive(Clone, Debug)]
pub struct FileSetting {
    /// The setting as people know it: `HTTP_TLS_CERT (--http-tls-cert)`.
    pub name: &'static str,
    /// The file, if it is set.
    pub path: Option<PathBuf>,
}

/// What a server needs for TLS. Nothing set means plaintext.
#[derive(Clone, Debug)]
pub struct ServerFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate: FileSetting,
    /// The certificate's private key.
    pub key: FileSetting,
    /// Authorities of clients; if set, clients show a certificate that one of them has issued.
    pub client_ca: FileSetting,
    /// The name of the setting `client_auth`.
    pub client_auth_name: &'static str,
    /// Whether every client has to show a certificate; not set, it has to.
    pub client_auth: Option<ClientAuth>,
}

/// What a client needs for TLS. Nothing set means plaintext.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// Authorities of the server; it is what turns TLS on.
    pub ca: FileSetting,
    /// The client's own certificate, for servers that ask.
    pub certificate: FileSetting,
    /// The certificate's private key.
    pub key: FileSetting,
    /// The name of the setting `server_name`.
    pub server_name_name: &'static str,
    /// The name in the server's certificate, where it is not the host that is dialled.
    pub server_name: Option<String>,
}

/// Which clients are served, where clients have certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// Those with a certificate of the authority.
    Required,
    /// Those too that show none. A certificate of somebody else is refused.
    Optional,
}

/// The files of a server's TLS, all that must be there.
#[derive(Clone, Debug)]
pub(crate) struct ServerSet {
    pub(crate) certificate: NamedFile,
    pub(crate) key: NamedFile,
    pub(crate) client_ca: Option<NamedFile>,
    pub(crate) client_auth: ClientAuth,
}

/// The files of a client's TLS, all that must be there.
#[derive(Clone, Debug)]
pub(crate) struct ClientSet {
    pub(crate) ca: NamedFile,
    pub(crate) identity: Option<(NamedFile, NamedFile)>,
}

/// A file, and the setting that names it.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    pub(crate) setting: &'static str,
    pub(crate) path: PathBuf,
}

impl FileSetting {
    /// A setting by its name, and what it is set to.
    pub fn new(name: &'static str, path: &Option<PathBuf>) -> Self {
        Self {
            name,
            path: path.clone(),
        }
    }

    fn file(&self) -> Option<NamedFile> {
        self.path
            .as_deref()
            .map(|path| NamedFile::new(self.name, path))
    }
}

impl NamedFile {
    fn new(setting: &'static str, path: &Path) -> Self {
        Self {
            setting,
            path: path.to_owned(),
        }
    }
}

impl ServerFiles {
    /// Whether TLS is asked for.
    pub fn any(&self) -> bool {
        let files = [&self.certificate, &self.key, &self.client_ca];
        files.iter().any(|file| file.path.is_some()) || self.client_auth.is_some()
    }

    pub(crate) fn set(&self) -> Result<Option<ServerSet>, BadSetting> {
        let (certificate, key) = (&self.certificate, &self.key);
        let Some((certificate, key)) = pair(certificate, key)? else {
            if self.client_ca.path.is_some() {
                return Err(needs(self.client_ca.name, &[certificate.name, key.name]));
            }
            return match self.client_auth {
                Some(_) => Err(needs(self.client_auth_name, &[self.client_ca.name])),
                None => Ok(None),
            };
        };
        let client_ca = self.client_ca.file();
        if client_ca.is_none() && self.client_auth.is_some() {
            return Err(needs(self.client_auth_name, &[self.client_ca.name]));
        }
        Ok(Some(ServerSet {
            certificate,
            key,
            client_ca,
            client_auth: self.client_auth.unwrap_or(ClientAuth::Required),
        }))
    }
}

impl ClientFiles {
    pub(crate) fn set(&self) -> Result<Option<ClientSet>, BadSetting> {
        let identity = pair(&self.certificate, &self.key)?;
        let Some(ca) = self.ca.file() else {
            if identity.is_some() {
                return Err(needs(self.certificate.name, &[self.ca.name]));
            }
            return match self.server_name {
                Some(_) => Err(needs(self.server_name_name, &[self.ca.name])),
                None => Ok(None),
            };
        };
        Ok(Some(ClientSet { ca, identity }))
    }
}

/// A certificate and its key: both, or none.
fn pair(
    certificate: &FileSetting,
    key: &FileSetting,
) -> Result<Option<(NamedFile, NamedFile)>, BadSetting> {
    match (certificate.file(), key.file()) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(needs(certificate.name, &[key.name])),
        (None, Some(_)) => Err(needs(key.name, &[certificate.name])),
    }
}

fn needs(name: &str, others: &[&str]) -> BadSetting {
    let others = others.join(" and ");
    BadSetting::new(format!(
        "{name} is set, and nothing without {others}: set that too, or neither"
    ))
}

#[cfg(test)]
mod tests {
    use super::{ClientAuth, ClientFiles, FileSetting, ServerFiles};

    fn file(name: &'static str, set: bool) -> FileSetting {
        FileSetting {
            name,
            path: set.then(|| "file.pem".into()),
        }
    }

    #[test]
    fn a_server_has_certificate_and_key_or_nothing() {
        for (certificate, key, client_ca, client_auth, refused) in [
            (false, false, false, None, None),
            (true, true, false, None, None),
            (true, true, true, None, None),
            (true, true, true, Some(ClientAuth::Optional), None),
            (
                true,
                false,
                false,
                None,
                Some("CERT is set, and nothing without KEY"),
            ),
            (
                false,
                true,
                true,
                None,
                Some("KEY is set, and nothing without CERT"),
            ),
            (
                false,
                false,
                true,
                None,
                Some("CA is set, and nothing without CERT and KEY"),
            ),
            (
                true,
                true,
                false,
                Some(ClientAuth::Required),
                Some("AUTH is set, and nothing without CA"),
            ),
            (
                false,
                false,
                false,
                Some(ClientAuth::Optional),
                Some("AUTH is set, and nothing without CA"),
            ),
        ] {
            let files = ServerFiles {
                certificate: file("CERT", certificate),
                key: file("KEY", key),
                client_ca: file("CA", client_ca),
                client_auth_name: "AUTH",
                client_auth,
            };
            let what = format!("{files:?}");
            match (files.set(), refused) {
                (Ok(set), None) => assert_eq!(set.is_some(), certificate, "{what}"),
                (Err(error), Some(text)) => {
                    assert!(error.to_string().starts_with(text), "{error}: {what}");
                }
                (result, _) => panic!("{result:?}: {what}"),
            }
        }
    }

    #[test]
    fn a_client_knows_its_servers_authority_or_nothing() {
        for (ca, certificate, key, name, refused) in [
            (false, false, false, None, None),
            (true, false, false, None, None),
            (true, true, true, Some("carts"), None),
            (
                true,
                true,
                false,
                None,
                Some("CERT is set, and nothing without KEY"),
            ),
            (
                false,
                true,
                true,
                None,
                Some("CERT is set, and nothing without CA"),
            ),
            (
                false,
                false,
                false,
                Some("carts"),
                Some("NAME is set, and nothing without CA"),
            ),
        ] {
            let files = ClientFiles {
                ca: file("CA", ca),
                certificate: file("CERT", certificate),
                key: file("KEY", key),
                server_name_name: "NAME",
                server_name: name.map(str::to_owned),
            };
            let what = format!("{files:?}");
            match (files.set(), refused) {
                (Ok(set), None) => assert_eq!(set.is_some(), ca, "{what}"),
                (Err(error), Some(text)) => {
                    assert!(error.to_string().starts_with(text), "{error}: {what}");
                }
                (result, _) => panic!("{result:?}: {what}"),
            }
        }
    }
}
