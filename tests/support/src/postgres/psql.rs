//! Statements for the server, through its own client.

use std::process::{Command, Stdio};

use super::{NAME, SUPERUSER, programs};
use crate::{artifacts::postgres_bin, error::ServerError};

/// Runs statements as the superuser, and returns what they print, a line for each row.
pub(super) fn run(
    port: u16,
    password: &str,
    database: &str,
    statements: &str,
) -> Result<String, ServerError> {
    let mut command = Command::new(postgres_bin().with_file_name("psql"));
    command
        .args(["--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--username", SUPERUSER])
        .args(["--port", &port.to_string(), "--dbname", database, "--command", statements])
        // The command line is visible to all, so this password is not in it.
        .env("PGPASSWORD", password)
        .env("PGSSLMODE", "disable")
        .envs(programs::library_path(&postgres_bin()))
        .current_dir("/")
        .stdin(Stdio::null());
    let output = command.output().map_err(ServerError::io("run psql"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(ServerError::Unexpected {
        server: NAME,
        attempt: statements.replace(password, "***"),
        expected: "success",
        found: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
    })
}
