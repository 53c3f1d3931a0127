//! How connections are protected.

mod verify;

use std::path::Path;
use std::sync::Arc;

use persist_plugin_api::{Error, ErrorCode, Result};
use persist_plugin_network::wrong;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio_postgres_rustls::MakeRustlsConnect;

use verify::{AnyCertificate, AnyName};

/// How a connection is protected, in libpq's words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    /// Plain text.
    Disable,
    /// TLS where the server offers it, else plain text; the server's certificate is not looked at.
    Prefer,
    /// TLS; the server's certificate is looked at only where `sslrootcert` names who may sign it.
    Require,
    /// TLS with a certificate that is trusted, for whatever name.
    VerifyCa,
    /// TLS with a certificate that is trusted, for this host.
    VerifyFull,
}

impl SslMode {
    /// Reads the word that a URL or the environment holds.
    pub(crate) fn parse(source: &str, word: &str) -> Result<Self> {
        match word {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(wrong(format!(
                "{source} has an sslmode that is none of disable, prefer, require, verify-ca and verify-full"
            ))),
        }
    }

    /// The part of it that is the client library's.
    pub(crate) fn negotiation(self) -> tokio_postgres::config::SslMode {
        match self {
            Self::Disable => tokio_postgres::config::SslMode::Disable,
            Self::Prefer => tokio_postgres::config::SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => tokio_postgres::config::SslMode::Require,
        }
    }
}

/// Makes what encrypts connections. `roots` is a PEM file; without one, the system's certificates count.
pub(crate) fn connector(mode: SslMode, roots: Option<&Path>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorCode::OTHER, "cannot set up TLS").with_source(error))?;
    let config = match (mode, roots) {
        (SslMode::VerifyFull, _) => builder.with_root_certificates(trusted(roots)?),
        (SslMode::VerifyCa, _) | (SslMode::Require, Some(_)) => {
            builder.dangerous().with_custom_certificate_verifier(any_name(trusted(roots)?, &provider)?)
        }
        (SslMode::Disable | SslMode::Prefer | SslMode::Require, _) => {
            // A file that cannot be used is an error even where it makes no difference.
            roots.map(|path| trusted(Some(path))).transpose()?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider)))
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn any_name(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<AnyName>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = verifier
        .build()
        .map_err(|error| Error::new(ErrorCode::CONFIG, "cannot set up TLS").with_source(error))?;
    Ok(Arc::new(AnyName::new(verifier)))
}

fn trusted(file: Option<&Path>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let message = "the system has no certificates to check the server's with; install ca-certificates, or \
                           name the file that holds the signer's in sslrootcert";
            let mut error = wrong(message);
            if let Some(source) = found.errors.into_iter().next() {
                error = error.with_source(source);
            }
            return Err(error);
        }
        return Ok(store);
    };
    let shown = path.display();
    let unreadable = || format!("sslrootcert names {shown}, which cannot be read as certificates in PEM");
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(unreadable()).with_source(error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(unreadable()).with_source(error))?;
        store.add(certificate).map_err(|error| wrong(unreadable()).with_source(error))?;
    }
    if store.is_empty() {
        return Err(wrong(format!("sslrootcert names {shown}, which holds no certificate")));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for mode in [SslMode::Prefer, SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
            let error = connector(mode, Some(file.path())).err().unwrap();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().ends_with("which holds no certificate"), "{error}");
        }
    }

    #[test]
    fn words_are_those_of_libpq() {
        assert_eq!(SslMode::parse("url", "verify-ca").unwrap(), SslMode::VerifyCa);
        let error = SslMode::parse("PGSSLMODE", "allow").unwrap_err();
        assert!(error.message().starts_with("PGSSLMODE has an sslmode that is none of"), "{error}");
    }
}
