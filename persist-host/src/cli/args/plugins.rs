//! The arguments of `persist plugins`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum, ValueHint};
use serde_json::{Map, Value};

/// The longest name of an adapter that `persist plugins new` accepts, in bytes.
const MAX_NAME_BYTES: usize = 40;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List adapters, the plugins that offer them, and every file that was refused and why
    List,
    /// Check a plugin file as if it were about to be used
    ///
    /// The file is loaded and its adapters are opened in a process of their own, so that even a plugin that crashes or
    /// hangs is only reported. With --config, --store or --options its adapters also go through the checks that every
    /// adapter must pass, on the storage that the options name; what the checks write there they remove again.
    Check(CheckPluginArgs),
    /// Write a new plugin's crate, which builds and passes the checks as it is
    New(NewPluginArgs),
    /// Write down what the plugins of a directory are, so that nothing else is loaded from it
    ///
    /// The lock file holds name, version, size and SHA-256 of every plugin. Check where the plugins came from first.
    Lock(PluginsLockArgs),
    /// The other half of `check`, in the process that may crash
    /// A part of `check`: loads a plugin, in the process that may crash
    #[command(hide = true)]
    Probe { file: PathBuf },
    /// A part of `check`: does what standard input asks for, in the process that may crash
    #[command(hide = true)]
    Try { file: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct PluginsLockArgs {
    /// The directory; otherwise every one that is searched and holds plugins
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Write nothing, and check every plugin against the lock file of its directory
    #[arg(long, conflicts_with = "output")]
    pub(crate) verify: bool,
    /// Write the lock file of one directory here, and not into the directory
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckPluginArgs {
    /// The plugin's shared library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Run the checks with these options of the adapter, a JSON object, instead of a store's
    #[arg(long, value_name = "JSON", value_parser = options)]
    pub(crate) options: Option<Map<String, Value>>,
    /// The adapter that the options are for, if the plugin offers several
    #[arg(long, value_name = "NAME", requires = "options")]
    pub(crate) adapter: Option<String>,
    /// A check to leave out, by its name in the report; may be repeated
    #[arg(long, value_name = "CHECK", action = ArgAction::Append)]
    pub(crate) except: Vec<String>,
    /// How long loading, opening and each of the checks may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct NewPluginArgs {
    /// What the plugin offers
    #[arg(value_name = "KIND")]
    pub(crate) kind: PluginKind,
    /// The name of its adapter, as config files will write it: small letters, digits and single hyphens
    #[arg(value_name = "NAME", value_parser = adapter_name)]
    pub(crate) name: String,
    /// The directory to make; persist-KIND-NAME if absent
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// A directory that holds persist-plugin-api and persist-plugin-testkit, such as a checkout of Persist; without it
    /// the crate depends on their releases
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) api_path: Option<PathBuf>,
}

/// What a plugin can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginKind {
    /// A place that keeps objects
    Storage,
    /// A way to compress them
    Compression,
}

fn options(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(options)) => Ok(options),
        Ok(_) => Err("expected a JSON object, such as {\"root\": \"/srv/x\"}".to_owned()),
        Err(error) => Err(format!("expected a JSON object, such as {{\"root\": \"/srv/x\"}}: {error}")),
    }
}

fn adapter_name(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !letters || !begins || text.ends_with('-') || text.contains("--") || text.len() > MAX_NAME_BYTES {
        return Err(format!(
            "expected a name of at most {MAX_NAME_BYTES} small letters, digits and single hyphens between them that \
             begins with a letter"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_crates_and_types() {
        for name in ["a", "zstd", "my-store", "s3-v2"] {
            assert_eq!(adapter_name(name).as_deref(), Ok(name));
        }
        for name in ["", "-", "a-", "-a", "a--b", "A", "1a", "a_b", "a/b", "..", "ä", &"a".repeat(41)] {
            assert!(adapter_name(name).is_err(), "{name}");
        }
    }
}
