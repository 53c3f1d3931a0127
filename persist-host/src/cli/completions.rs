//! `persist completions`.

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs};
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;

pub(crate) fn run(args: &CompletionsArgs, context: &Context) -> Outcome {
    // Generated in memory first: the generator cannot report a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "persist", &mut script);
    context.output().raw(&script)?;
    Ok(Exit::Done)
}
