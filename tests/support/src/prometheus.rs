//! Prometheus: a server that scrapes metrics, and its tool that checks files.

use std::{
    ffi::OsString,
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    artifacts::prometheus_bin,
    error::ServerError,
    http,
    process::ServerProcess,
    start::{self, on_free_ports, or_panic},
};

const NAME: &str = "Prometheus";

/// A running Prometheus on 127.0.0.1 that scrapes one address each second. It ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _process: ServerProcess,
    _data: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `http://TARGET/metrics` and evaluates a file of rules.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message says what to do.
    #[must_use]
    pub fn start(target: &str, rules: &Path) -> Self {
        or_panic(Self::try_start(target, rules))
    }

    fn try_start(target: &str, rules: &Path) -> Result<Self, ServerError> {
        on_free_ports(NAME, &prometheus_bin(), |[port], data| Self::start_once(port, data, target, rules))
    }

    fn start_once(port: u16, data: TempDir, target: &str, rules: &Path) -> Result<Self, ServerError> {
        let config = data.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\n\
             scrape_configs: [{{ job_name: persist, static_configs: [{{ targets: [{target:?}] }}] }}]\n",
            rules.display().to_string()
        );
        fs::write(&config, text).map_err(ServerError::io(format!("write {}", config.display())))?;
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.path().join("tsdb").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
        .map(OsString::from);
        let (path, question) = ("/-/ready", ("GET /-/ready", "status 200"));
        let process = start::run(NAME, &prometheus_bin(), &arguments, data.path(), question, || {
            start::get(port, path, 200)
        })?;
        Ok(Self { port, _process: process, _data: data })
    }

    /// The JSON answer to a path of its interface, such as `/api/v1/rules`.
    ///
    /// # Errors
    ///
    /// When no answer came, or one that is no success.
    pub fn get(&self, path: &str) -> io::Result<String> {
        match http::get(self.port, path)? {
            (200, body) => Ok(body),
            (status, body) => Err(io::Error::other(format!("{path}: status {status}: {body}"))),
        }
    }
}

/// `promtool`, ready for its arguments.
///
/// # Panics
///
/// When it is not installed; the message says what to do.
#[must_use]
pub fn promtool() -> Command {
    let path = prometheus_bin().with_file_name("promtool");
    assert!(path.is_file(), "{}", ServerError::NotInstalled { path });
    let mut command = Command::new(path);
    command.stdin(Stdio::piped());
    command
}
