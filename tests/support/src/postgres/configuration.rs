//! The server's settings.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use super::{NAME, SUPERUSER, certificate, programs::Programs};
use crate::error::ServerError;

/// The server's command line.
pub(super) fn arguments(port: u16, directory: &Path) -> Vec<OsString> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", directory.display()),
        "max_connections=200".to_owned(),
        // What a test asks for must be true: a confirmed write is on the disk.
        "fsync=on".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificate::file(directory).display()),
        format!("ssl_key_file={}", certificate::key(directory).display()),
    ];
    let settings = settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]);
    [OsString::from("-D"), directory.join("data").into()].into_iter().chain(settings).collect()
}

/// Makes the directory of the server's data.
pub(super) fn initialize(
    programs: &Programs,
    directory: &Path,
    password_file: &Path,
) -> Result<(), ServerError> {
    let arguments = [
        "--username".into(),
        SUPERUSER.into(),
        "--auth".into(),
        "scram-sha-256".into(),
        "--pwfile".into(),
        password_file.into(),
        // The machine's locales are of no interest.
        "--encoding".into(),
        "UTF8".into(),
        "--locale".into(),
        "C".into(),
        "--no-sync".into(),
        "--no-instructions".into(),
        "--pgdata".into(),
        directory.join("data").into_os_string(),
    ];
    let (program, arguments) = programs.line("initdb", &arguments);
    let output = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let found = [output.stdout, output.stderr].concat();
    Err(ServerError::Unexpected {
        server: NAME,
        attempt: "initdb".to_owned(),
        expected: "success",
        found: String::from_utf8_lossy(&found).into_owned(),
    })
}
