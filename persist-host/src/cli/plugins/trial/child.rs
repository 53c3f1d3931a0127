//! The process that loads the plugin and does what it is asked.

use std::fs::File;
use std::future::Future;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use persist_host::{Error, ErrorKind, LoadedPlugin, Outcome as StepOutcome, Plugins, Result};
use persist_plugin_api::{Bytes, DynStorage, ErrorCode};
use persist_plugin_testkit::{
    Outcome, compression_checks, handle_checks, remove_scratch, scratch_prefix, storage_checks,
};
use serde_json::{Value, json};

use super::{CLEAN_UP, CLOSE, Event, Job, OPEN, Request, Work};

/// Reads a request from standard input, does what it says with a plugin (`others` has the adapters that its adapters are made
/// over) and writes the events to standard output.
///
/// # Errors
/// When the request cannot be read, the plugin cannot be loaded, or the events cannot be written.
pub(in super::super) async fn run(file: &Path, others: &Plugins) -> Result<()> {
    let request: Request = serde_json::from_reader(io::stdin().lock())
        .map_err(|error| protocol_error("the request on standard input cannot be read", error))?;
    let mut events =
        Events::take_stdout().map_err(|error| protocol_error("standard output cannot be kept", error))?;
    let plugin = LoadedPlugin::load(file)?;
    for (number, job) in request.jobs.iter().enumerate() {
        let mut trial =
            Trial { plugin: &plugin, others, job, number, except: &request.except, events: &mut events };
        let done = match job.kind.as_str() {
            "storage" => trial.storage().await,
            _ => trial.compression().await,
        };
        done.map_err(|error| protocol_error("the events cannot be written", error))?;
    }
    events.send(&Event::Finished).map_err(|error| protocol_error("the events cannot be written", error))
}

/// One job.
struct Trial<'a> {
    plugin: &'a LoadedPlugin,
    others: &'a Plugins,
    job: &'a Job,
    number: usize,
    except: &'a [String],
    events: &'a mut Events,
}

impl Trial<'_> {
    async fn storage(&mut self) -> io::Result<()> {
        let (plugin, others, name) = (self.plugin, self.others, &self.job.name);
        let options = &Value::Object(self.job.options.clone());
        let Some(store) = self.open(plugin.open_storage(name, options, others)).await? else {
            return Ok(());
        };
        match &self.job.work {
            Work::Open => {}
            Work::Check => {
                self.events.send(&Event::Scratch { prefix: scratch_prefix().to_owned() })?;
                let (mut first, mut refused) = (true, false);
                for check in storage_checks() {
                    let left_out = self.is_left_out(check.name);
                    self.check(check.name, async {
                        let outcome = check.attempt(&*store).await;
                        refused = first && outcome.is_err() && refuses_writes(&*store).await;
                        outcome
                    })
                    .await?;
                    first &= left_out;
                    if refused {
                        break;
                    }
                }
                if refused {
                    // All further checks would fail for the same reason, and there is nothing to remove.
                    self.events.send(&Event::Clean)?;
                    return self.close(store).await;
                }
                let open = || -> futures_util::future::LocalBoxFuture<'_, _> {
                    Box::pin(plugin.open_storage(name, options, others))
                };
                for check in handle_checks() {
                    self.check(check.name, check.attempt(&open)).await?;
                }
                // Checks have asked before, and reported if there is no answer.
                if let Ok(claims) = store.capabilities().await {
                    self.claim(json!({
                        "atomic_create": claims.atomic_create,
                        "durable": claims.durable,
                        "consistent_list": claims.consistent_list,
                        "ordered_recursive_list": claims.ordered_recursive_list,
                        "keeps_versions": claims.keeps_versions,
                        "max_object_size": claims.max_object_size,
                    }))?;
                }
                self.clean_up(&*store, scratch_prefix()).await?;
            }
            Work::Sweep(prefix) => self.clean_up(&*store, prefix).await?,
        }
        self.close(store).await
    }

    async fn compression(&mut self) -> io::Result<()> {
        let (plugin, name) = (self.plugin, &self.job.name);
        let options = Value::Object(self.job.options.clone());
        let opening = async { plugin.open_compression(name, &options) };
        let Some(codec) = self.open(opening).await? else { return Ok(()) };
        if self.job.work == Work::Check {
            for check in compression_checks() {
                self.check(check.name, async { check.attempt(&*codec) }).await?;
            }
            self.claim(json!({ "prefix": codec.supports_prefix() }))?;
        }
        self.close(codec).await
    }

    /// Opens the adapter. Without options of the user's, an adapter that asks for some is not at fault.
    async fn open<A>(
        &mut self,
        opening: impl Future<Output = persist_plugin_api::Result<A>>,
    ) -> io::Result<Option<A>> {
        self.begin(OPEN)?;
        let (adapter, outcome, detail) = match opening.await {
            Ok(adapter) => (Some(adapter), StepOutcome::Passed, String::new()),
            Err(error) if self.job.work == Work::Open && error.code() == ErrorCode::CONFIG => {
                let detail = format!("needs options, so name a config or give --options: {}", chain(&error));
                (None, StepOutcome::Skipped, detail)
            }
            Err(error) => (None, StepOutcome::Failed, chain(&error)),
        };
        self.events.send(&Event::End { outcome, detail })?;
        Ok(adapter)
    }

    async fn check(&mut self, name: &str, check: impl Future<Output = Outcome>) -> io::Result<()> {
        if !self.is_left_out(name) {
            return self.step(name, check).await;
        }
        self.begin(name)?;
        self.events.send(&Event::End { outcome: StepOutcome::Skipped, detail: "left out".to_owned() })
    }

    fn is_left_out(&self, name: &str) -> bool {
        self.except.iter().any(|except| except == name)
    }

    async fn close<A>(&mut self, adapter: A) -> io::Result<()> {
        self.step(CLOSE, async {
            drop(adapter);
            Ok(())
        })
        .await
    }

    fn claim(&mut self, claims: Value) -> io::Result<()> {
        let Value::Object(claims) = claims else { return Ok(()) };
        self.events.send(&Event::Claims { job: self.number, claims })
    }

    async fn clean_up(&mut self, store: &dyn DynStorage, prefix: &str) -> io::Result<()> {
        let mut clean = false;
        self.step(CLEAN_UP, async {
            remove_scratch(store, prefix).await?;
            clean = true;
            Ok(())
        })
        .await?;
        if clean { self.events.send(&Event::Clean) } else { Ok(()) }
    }

    async fn step(&mut self, name: &str, work: impl Future<Output = Outcome>) -> io::Result<()> {
        self.begin(name)?;
        let (outcome, detail) = match work.await {
            Ok(()) => (StepOutcome::Passed, String::new()),
            Err(failure) => (StepOutcome::Failed, failure.to_string()),
        };
        self.events.send(&Event::End { outcome, detail })
    }

    fn begin(&mut self, step: &str) -> io::Result<()> {
        self.events.send(&Event::Begin { job: self.number, step: step.to_owned() })
    }
}

/// Whether the storage refuses every write: to these credentials, with these options, or for want of a container.
async fn refuses_writes(store: &dyn DynStorage) -> bool {
    let refusals = [ErrorCode::PERMISSION_DENIED, ErrorCode::CONFIG, ErrorCode::CONTAINER_MISSING];
    let written = store.save(&format!("{}refused", scratch_prefix()), Bytes::new()).await;
    written.is_err_and(|error| refusals.contains(&error.code()))
}

/// Where the events go.
struct Events(File);

impl Events {
    /// Keeps standard output for the events alone: what the plugin prints there goes nowhere from now on.
    fn take_stdout() -> io::Result<Self> {
        let events = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let nowhere = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&nowhere)?;
        Ok(Self(events))
    }

    fn send(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

fn chain(error: &persist_plugin_api::Error) -> String {
    let mut text = format!("{} ({})", error.message(), error.code().name());
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}

fn protocol_error(message: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Other, "probe_failed", message).with_source(error)
}
