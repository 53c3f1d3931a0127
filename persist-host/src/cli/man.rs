//! `persist man`.

use std::fs;

use clap::CommandFactory as _;
use persist_host::{Error, ErrorKind};

use super::args::{Cli, ManArgs};
use super::exit::Exit;
use super::failure::Outcome;

pub(crate) fn run(args: &ManArgs) -> Outcome {
    let directory = &args.directory;
    let command = Cli::command().disable_help_subcommand(true);
    fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory)).map_err(
        |error| {
            let message = format!("cannot write the manual pages to {}", directory.display());
            Error::new(ErrorKind::Other, "output_failed", message).with_source(error)
        },
    )?;
    Ok(Exit::Done)
}
