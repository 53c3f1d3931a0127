//! A row of stores, the command that migrates from each to the next, and its death.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use persist_e2e::{Output, Persist, json_lines, servers::plugin_dir};
use persist_test_support::Place;
use serde_json::{Map, Value, json};

const SIGKILL: i32 = 9;

/// To verify a long session on a backend restores each of its snapshots.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The stores `leg-0`, `leg-1`, … : local storage, some places, local storage.
pub(crate) struct Journey {
    persist: Persist,
    names: Vec<String>,
    first: PathBuf,
    last: PathBuf,
    /// Hold their servers.
    _places: Vec<Place>,
}

impl Journey {
    pub(crate) fn over(places: Vec<Place>) -> Self {
        let mut persist = Persist::without_config();
        let (first, last) = (persist.path("first"), persist.path("last"));
        let mut storages = vec![json!({ "adapter": "local", "root": first })];
        for place in &places {
            let mut storage = place.options.clone();
            storage["adapter"] = place.adapter.into();
            storages.push(storage);
            for (name, value) in &place.environment {
                persist = persist.env(name, value);
            }
        }
        storages.push(json!({ "adapter": "local", "root": last }));
        let names: Vec<String> = (0..storages.len()).map(|number| format!("leg-{number}")).collect();
        // Each is written in its own way.
        let stores: Map<String, Value> = names
            .iter()
            .zip(storages)
            .zip(["gzip", "zstd", "none"].into_iter().cycle())
            .map(|((name, storage), codec)| {
                (name.clone(), json!({ "storage": storage, "compression": { "adapter": codec } }))
            })
            .collect();
        let config = json!({ "default": names[0], "stores": stores, "plugins": { "path": [plugin_dir()] } });
        let file = persist.write("config.json", config.to_string());
        let persist = persist.env("PERSIST_CONFIG", file);
        Self { persist, names, first, last, _places: places }
    }

    /// Where the first store lies.
    pub(crate) fn first(&self) -> &Path {
        &self.first
    }

    /// Where the last store lies.
    pub(crate) fn last(&self) -> &Path {
        &self.last
    }

    /// The stores, each with the next.
    pub(crate) fn legs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str()))
    }

    /// Migrates, and kills the command some time after it has printed its first row.
    pub(crate) fn kill(&self, from: &str, to: &str, wait: Duration) {
        let mut command = self.persist.command(["migrate", "--from", from, "--to", to, "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let row = lines.next().expect("a row").expect("text");
        assert!(row.contains("\"error\":null"), "{from} to {to}: {row}");
        thread::sleep(wait);
        child.kill().expect("a signal");
        let status = child.wait().expect("its end");
        assert_eq!(status.signal(), Some(SIGKILL), "{from} to {to}: it had ended already");
    }

    /// How many snapshots of a session are yet to be copied, as a dry run tells.
    pub(crate) fn missing(&self, from: &str, to: &str, session: &str) -> u64 {
        let rows = self.run(from, to, "--dry-run");
        let row = rows.iter().find(|row| {
            let id = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", id("agent_id"), id("session_id")) == session
        });
        let row = row.unwrap_or_else(|| panic!("{session} is not among {rows:?}"));
        row["result"]["missing"].as_u64().expect("a number")
    }

    /// Migrates to the end with every check; the rows of the sessions.
    pub(crate) fn finish(&self, from: &str, to: &str) -> Vec<Value> {
        self.run(from, to, "--verify")
    }

    fn run(&self, from: &str, to: &str, flag: &str) -> Vec<Value> {
        let command = self.persist.command(["migrate", "--from", from, "--to", to, flag, "--json"]);
        let output = Output::within(TIME_LIMIT, command, b"").expect_code(0);
        let mut rows = json_lines(&output.stdout);
        let last = rows.pop().expect("a summary");
        assert_eq!(last["summary"]["failed_sessions"], 0, "{last}");
        rows
    }

    /// What a store lists, without what depends on how it is stored.
    pub(crate) fn list(&self, store: &str) -> Vec<Value> {
        let mut rows = json_lines(&self.persist.ok(["list", "--store", store, "--json"]).stdout);
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            for key in ["stored_bytes", "codec", "storage"] {
                row.remove(key);
            }
        }
        rows
    }
}
