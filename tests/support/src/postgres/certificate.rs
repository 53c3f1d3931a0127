//! The server's certificate.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::ServerError;

/// Makes a certificate for this machine and returns its file. It is no authority's, which clients would not take for a
/// server's.
pub(super) fn make(directory: &Path) -> Result<PathBuf, ServerError> {
    let certificate = file(directory);
    let output = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=localhost"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
        .arg(key(directory))
        .arg("-out")
        .arg(&certificate)
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io("run openssl, which makes the server's certificate"))?;
    if output.status.success() {
        return Ok(certificate);
    }
    Err(ServerError::Unexpected {
        server: super::NAME,
        attempt: "make a certificate with openssl".to_owned(),
        expected: "success",
        found: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The certificate's file.
pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join("server.crt")
}

/// The file of its private key, which only its owner may read.
pub(super) fn key(directory: &Path) -> PathBuf {
    directory.join("server.key")
}
