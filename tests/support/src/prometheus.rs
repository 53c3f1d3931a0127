//! Prometheus: a server that scrapes metrics, and its tool that checks files.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    artifacts::prometheus_bin,
    error::{ServerError, with_causes},
    http, ports,
    process::ServerProcess,
};

const NAME: &str = "Prometheus";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

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
        Self::try_start(target, rules).unwrap_or_else(|error| panic!("{}", with_causes(&error)))
    }

    fn try_start(target: &str, rules: &Path) -> Result<Self, ServerError> {
        let program = prometheus_bin();
        if !program.is_file() {
            return Err(ServerError::NotInstalled { path: program });
        }
        let data = tempfile::Builder::new()
            .prefix("persist-prometheus-")
            .tempdir()
            .map_err(ServerError::io("make a temporary directory for Prometheus"))?;
        let config = data.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\n\
             scrape_configs: [{{ job_name: persist, static_configs: [{{ targets: [{target:?}] }}] }}]\n",
            rules.display().to_string()
        );
        fs::write(&config, text).map_err(ServerError::io(format!("write {}", config.display())))?;
        let [port] = ports::free_pairs().ok_or(ServerError::NoPorts { server: NAME, attempts: 1 })?;
        let log =
            File::create(data.path().join("log")).map_err(ServerError::io("make a log for Prometheus"))?;
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.path().join("tsdb").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
        .map(OsString::from);
        let process = ServerProcess::start(&program, &arguments, &log)
            .map_err(ServerError::io(format!("run {}", program.display())))?;
        let start = Instant::now();
        while !http::status("GET", port, "/-/ready").is_ok_and(|status| status == 200) {
            if process.has_exited() || start.elapsed() > START_TIMEOUT {
                return Err(ServerError::Unexpected {
                    server: NAME,
                    attempt: "start".to_owned(),
                    expected: "readiness",
                    found: fs::read_to_string(data.path().join("log")).unwrap_or_default(),
                });
            }
            thread::sleep(POLL);
        }
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
