//! What is in a PEM file.

use std::fmt::Display;

use cloudstate_process::BadSetting;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::files::NamedFile;

/// What is wrong with a file. Its text names setting and file.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Complaint {
    #[error("{0}")]
    File(String),
    #[error("a file is missing")]
    Missing,
}

impl Complaint {
    pub(super) fn new(file: &NamedFile, reason: &dyn Display) -> Self {
        let (setting, path) = (file.setting, file.path.display());
        Self::File(format!(
            "{setting}: the file {path} cannot be used: {reason}"
        ))
    }

    pub(super) fn of_pair(certificate: &NamedFile, key: &NamedFile, error: &rustls::Error) -> Self {
        let (setting, path) = (key.setting, key.path.display());
        let certificate = certificate.path.display();
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => "it is the key of another certificate".to_owned(),
            error => error.to_string(),
        };
        Self::File(format!(
            "{setting}: the file {path} cannot be used with the certificate {certificate}: {reason}"
        ))
    }
}

impl From<Complaint> for BadSetting {
    fn from(complaint: Complaint) -> Self {
        Self::new(complaint.to_string())
    }
}

/// All certificates of a file, of which there has to be one.
pub(super) fn certificates(
    (file, contents): &(NamedFile, Vec<u8>),
) -> Result<Vec<CertificateDer<'static>>, Complaint> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(contents)
        .collect::<Result<_, _>>()
        .map_err(|error| Complaint::new(file, &error))?;
    if certificates.is_empty() {
        let reason = "it holds no PEM block `-----BEGIN CERTIFICATE-----`";
        return Err(Complaint::new(file, &reason));
    }
    Ok(certificates)
}

/// The private key of a file.
pub(super) fn key(
    (file, contents): &(NamedFile, Vec<u8>),
) -> Result<PrivateKeyDer<'static>, Complaint> {
    PrivateKeyDer::from_pem_slice(contents).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            let reason = "it holds no PEM block `-----BEGIN PRIVATE KEY-----`, nor one of the older kinds for RSA and EC \
                          keys; encrypted keys are not read";
            Complaint::new(file, &reason)
        }
        error => Complaint::new(file, &error),
    })
}
