//! `persist plugins new`: a crate that is a plugin as it is, to be changed into another one.

mod template;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use persist_host::{Error, ErrorKind, Result};
use serde_json::json;

use super::super::args::NewPluginArgs;
use super::super::context::Context;
use super::super::exit::Exit;
use super::super::failure::Outcome;
use super::super::output::plain;
use template::{Names, Source};

/// The crates that a plugin depends on.
const CRATES: [&str; 2] = ["persist-plugin-api", "persist-plugin-testkit"];

pub(super) fn run(args: &NewPluginArgs, context: &Context) -> Outcome {
    let source = match &args.api_path {
        Some(directory) => Source::Directory(checked_api_path(directory)?),
        None => Source::Releases,
    };
    let names = Names::new(args.kind, &args.name);
    let directory = args.directory.clone().unwrap_or_else(|| PathBuf::from(&names.package));
    fs::create_dir(&directory).map_err(|error| cannot_make(&directory, error))?;
    let files = template::files(args.kind, &names, &source);
    for (name, text) in &files {
        write(&directory.join(name), text)?;
    }
    let output = context.output();
    let shown = directory.display().to_string();
    if output.is_json() {
        let files: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let object = json!({ "path": shown, "package": names.package, "adapter": args.name, "files": files });
        output.object(&object)?;
    } else {
        output.line(&plain(&format!("wrote the crate {} into {shown}", names.package)))?;
        output.note("next: cargo build and cargo test there, then persist plugins check on the library");
    }
    Ok(Exit::Done)
}

/// The directory as a path that holds wherever the crate lies.
fn checked_api_path(directory: &Path) -> Result<PathBuf> {
    let missing = |name: &str| !directory.join(name).join("Cargo.toml").is_file();
    if let Some(name) = CRATES.into_iter().find(|name| missing(name)) {
        let message = format!("the directory {} does not hold the crate {name}", directory.display());
        let hint = "name the directory of Persist's source with --api-path";
        return Err(Error::new(ErrorKind::Usage, "api_path", message).with_hint(hint));
    }
    directory.canonicalize().map_err(|error| {
        let message = format!("cannot look at the directory {}", directory.display());
        Error::new(ErrorKind::Other, "api_path", message).with_source(error)
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent.and_then(|()| fs::write(path, text)).map_err(|error| {
        let message = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Other, "output_failed", message).with_source(error)
    })
}

fn cannot_make(directory: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("{} exists already and was left as it is", directory.display());
        return Error::new(ErrorKind::Conflict, "output_exists", message).with_hint("name another directory");
    }
    let message = format!("cannot make the directory {}", directory.display());
    Error::new(ErrorKind::Other, "output_failed", message).with_source(error)
}
