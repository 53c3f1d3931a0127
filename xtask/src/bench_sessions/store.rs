//! The store that sessions are replayed into.

use std::{
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
};

use persist_test_support::profile_dir;
use serde::de::DeserializeOwned;

use crate::{
    error::{Error, Result},
    tools::{cargo, line, program, run},
};

/// A codec and its options.
#[derive(Clone, Debug)]
pub(crate) struct Codec {
    pub(crate) name: String,
    pub(crate) options: Vec<(String, i64)>,
}

/// What a store's config says beside where it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    pub(crate) codec: Codec,
    /// The table `layout`.
    pub(crate) layout: Vec<(String, i64)>,
}

impl Default for Codec {
    fn default() -> Self {
        Self { name: "gzip".to_owned(), options: Vec::new() }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.options.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec.fmt(f)?;
        self.layout.iter().try_for_each(|(key, value)| write!(f, ", {key}={value}"))
    }
}

/// Builds the command and what the stores need for release.
pub(crate) fn build<'a>(codecs: impl IntoIterator<Item = &'a Codec>) -> Result<()> {
    let mut command = cargo("build --release --locked -p persist-host -p persist-storage-local");
    for codec in codecs {
        command.arg("-p").arg(format!("persist-compression-{}", codec.name));
    }
    run(&mut command)
}

impl Trial {
    /// Runs `persist bench` over the states in a directory with a store below another, and reads its report.
    pub(crate) fn bench<T: DeserializeOwned>(
        &self,
        directory: &Path,
        states: &Path,
        arguments: &[&str],
    ) -> Result<T> {
        let config = directory.join("config.toml");
        fs::write(&config, self.config(&directory.join("store")))
            .map_err(Error::io(format!("write {}", config.display())))?;
        // The command looks for plugins in its own directory, where they were just built.
        let mut bench: Command = program(profile_dir().with_file_name("release").join("persist"));
        bench.args(["bench", "--json"]).args(arguments).arg("--config").arg(config).arg(states);
        bench.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let output = bench.output().map_err(|source| Error::Start { line: line(&bench), source })?;
        if !output.status.success() {
            return Err(Error::Failed { line: line(&bench), status: output.status });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Error::Figures { line: line(&bench), source })
    }

    fn config(&self, root: &Path) -> String {
        let table = |settings: &[(String, i64)]| -> String {
            settings.iter().map(|(key, value)| format!(", {key} = {value}")).collect()
        };
        let layout = table(&self.layout);
        format!(
            "[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\n\
             compression = {{ adapter = {:?}{} }}\nlayout = {{ {} }}\n",
            self.codec.name,
            table(&self.codec.options),
            layout.trim_start_matches(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_a_config() {
        let mut trial = Trial::default();
        assert_eq!(trial.to_string(), "gzip");
        trial.codec = Codec { name: "zstd".to_owned(), options: vec![("level".to_owned(), 9)] };
        trial.layout = vec![("restore_objects".to_owned(), 8), ("merge_percent".to_owned(), 100)];
        assert_eq!(trial.to_string(), "zstd level=9, restore_objects=8, merge_percent=100");
        let config: toml::Table = trial.config(Path::new("/store")).parse().expect("it is TOML");
        let store = &config["stores"]["main"];
        assert_eq!(store["compression"]["level"].as_integer(), Some(9));
        assert_eq!(store["layout"]["merge_percent"].as_integer(), Some(100));
        assert!(Trial::default().config(Path::new("/store")).parse::<toml::Table>().is_ok());
    }
}
