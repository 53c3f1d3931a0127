//! The programs that come with a server, and one that makes certificates.

use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use crate::{artifacts::redis_bin, error::ServerError};

/// `redis-cli`, ready for a command.
pub(super) fn client(port: u16) -> Command {
    let program = redis_bin().with_file_name("redis-cli");
    let mut client = Command::new("env");
    client.arg(library_path(&program)).arg(program).args(["-p", &port.to_string()]).stdin(Stdio::null());
    client
}

/// Tells programs that were unpacked without being installed where their libraries are. Where there are none, the
/// system's are used, as for every program.
pub(super) fn library_path(program: &Path) -> OsString {
    let libraries = program.parent().and_then(Path::parent).unwrap_or(program).join("lib");
    let libraries = libraries.join(format!("{}-linux-gnu", env::consts::ARCH));
    let mut variable = OsString::from("LD_LIBRARY_PATH=");
    variable.push(libraries);
    variable
}

/// Makes a certificate for 127.0.0.1 that is its own authority.
pub(super) fn make_certificate(directory: &Path) -> Result<(), ServerError> {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=persist-test", "-addext", "subjectAltName=IP:127.0.0.1"])
        // A certificate that may sign others is refused as a server's.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io("run openssl"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ServerError::Unexpected {
        server: "Redis",
        attempt: "make a certificate".to_owned(),
        expected: "success",
        found: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
