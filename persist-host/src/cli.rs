//! The command line: arguments in, library calls, results and errors out. What a verb does is the library's affair.

mod args;
mod attachment;
mod audit;
mod bench;
mod collect;
mod completions;
mod config;
mod context;
mod copy;
mod delete;
mod demo;
mod demo_states;
mod diff;
mod doctor;
mod exit;
mod export;
mod failure;
mod fork;
mod help;
mod import;
mod input;
mod interrupt;
mod label;
mod list;
mod log;
mod logging;
mod man;
mod migrate;
mod named;
mod output;
mod output_file;
mod plugins;
mod progress;
mod prune;
mod repair;
mod restore;
mod save;
mod show;
mod stats;
mod transfer;
mod usage;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use persist_host::{Error, ErrorKind, Request, env, metrics};
use tokio::runtime::Runtime;
use uuid::Uuid;

use args::{Cli, Command};
use collect::Work;
use context::Context;
use exit::Exit;
use failure::{Failure, Outcome};
use interrupt::Interrupt;
use output::Output;

/// How long work that cannot be cancelled, such as a file being written, may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the command that the process's arguments ask for.
pub(crate) fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => usage::report(&error),
    };
    ExitCode::from(exit as u8)
}

fn run(cli: Cli) -> Exit {
    let output = Output::new(&cli.global);
    let metrics_file = cli.global.metrics_file.clone();
    let context = Context::new(cli.global);
    // Without a config that can be read, the command itself says so, if it needs one.
    let telemetry = logging::start(context.args(), context.config().ok());
    let result = telemetry.map_err(Failure::from).and_then(|telemetry| {
        let runtime = Runtime::new().map_err(|error| {
            Error::new(ErrorKind::Other, "runtime", "cannot start the program's threads").with_source(error)
        })?;
        let result = runtime.block_on(async {
            let mut interrupt = Interrupt::listen()?;
            tokio::select! {
                outcome = request().scope(dispatch(cli.command, &context)) => outcome,
                signal = interrupt.signalled() => Err(Failure::Interrupted { signal, note: context.take_interrupt_note() }),
            }
        });
        runtime.shutdown_timeout(GRACE);
        // What the command did is not undone by this, so its exit code stays.
        if let Some(Err(error)) = metrics_file.map(|file| metrics::write_file(&file)) {
            let cause = std::error::Error::source(&error).map(tracing::field::display);
            tracing::error!(%error, cause, "there are no metrics of this command");
        }
        drop(telemetry);
        result
    });
    match result {
        Ok(exit) => exit,
        Err(failure) => failure.report(&output),
    }
}

/// The request that the caller's environment names, of which all that the command does is a part.
fn request() -> Request {
    let text = |name| env::value(name).map(|value| value.to_string_lossy().into_owned());
    let id = text(env::REQUEST_ID).unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let request = Request::with_id(id);
    match text(env::TRACEPARENT) {
        Some(traceparent) => request.with_traceparent(traceparent),
        None => request,
    }
}

async fn dispatch(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Save(args) => save::run(args, context).await,
        Command::Restore(args) => restore::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Diff(args) => diff::run(args, context).await,
        Command::Attachment(command) => attachment::run(command, context).await,
        Command::Audit(command) => audit::run(command, context),
        Command::Log(args) => log::run(args, context).await,
        Command::Label(args) => label::run(args, context).await,
        Command::Stats(args) => stats::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Repair(args) => repair::run(args, context).await,
        Command::Delete(args) => delete::run(args, context).await,
        Command::Prune(args) => prune::run(args, context).await,
        Command::Gc(args) => collect::run(args, Work::Collect, context).await,
        Command::Compact(args) => collect::run(args, Work::Compact, context).await,
        Command::Fork(args) => fork::run(args, context).await,
        Command::Copy(args) => copy::run(args, context).await,
        Command::Migrate(args) => migrate::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Import(args) => import::run(args, context).await,
        Command::Bench(args) => bench::run(args, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Plugins(command) => plugins::run(command, context).await,
        Command::Config(command) => config::run(command, context).await,
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args),
        Command::Demo => demo::run(context).await,
    }
}
