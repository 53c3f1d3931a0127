//! One directory with every bad file that we could think of, some of them locked and signed, beside two good plugins.
//!
//! Prints what became of each: what `persist plugins list` says of it, and how the command ends that needs it.

mod files;

use std::fs;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use persist_e2e::{Output, Persist, servers::plugin_dir, system::has_program, system::skip};
use serde_json::Value;

use files::{Need, OTHER_VERSIONS, Row};

const GOOD: [&str; 2] = ["libpersist_storage_local.so", "libpersist_compression_gzip.so"];

/// A home whose only plugins are in a directory with the good ones and all the bad ones.
struct Scene {
    persist: Persist,
    rows: Vec<Row>,
    settings: String,
}

impl Scene {
    fn new() -> Self {
        let persist = Persist::without_config();
        let directory = persist.path("plugins");
        fs::create_dir(&directory).expect("a directory of plugins");
        for library in GOOD {
            fs::copy(plugin_dir().join(library), directory.join(library)).expect("a copy of a plugin");
        }
        let author = KeyPair::generate_unencrypted_keypair().expect("a key pair");
        let mut directories = vec![directory.clone()];
        directories.extend(OTHER_VERSIONS.map(|below| directory.join(below)));
        let settings = format!(
            "[plugins]\npath = {directories:?}\nrequire_lock = true\ntrusted_keys = [{:?}]\n",
            author.pk.to_base64()
        );
        let rows = files::fill(&directory, || {
            for directory in &directories {
                // Keys are for loading; the lock comes first, and its signature speaks for what it lists.
                let _ = persist.ok(["plugins", "lock", directory.to_str().expect("UTF-8")]);
            }
        });
        for directory in &directories {
            files::sign(&directory.join("plugins.lock"), &author);
        }
        files::missign(&directory, &author);
        Self { persist: persist.far_from_plugins(), rows, settings }
    }

    fn configure(&self, store: &str) {
        self.persist.write_config(&format!("[stores.main]\n{store}\n{}", self.settings));
    }

    fn configure_good(&self) {
        let root = self.persist.store_dir();
        self.configure(&format!("storage = {{ adapter = \"local\", root = {root:?} }}"));
    }

    fn path(&self, row: &Row) -> String {
        self.persist.path("plugins").join(&row.file).display().to_string()
    }

    /// Runs the command that needs a file.
    fn need(&self, row: &Row) -> Output {
        match &row.need {
            Need::Check(seconds) => {
                self.configure_good();
                self.persist.run(["plugins", "check", &self.path(row), "--json", "--timeout", seconds])
            }
            Need::Run(arguments, store) => {
                self.configure(store);
                // The directory of the file wins over all others.
                let path = PathBuf::from(self.path(row));
                let directory = path.parent().and_then(Path::to_str).expect("a directory");
                self.persist.run_with_input(arguments.iter().chain(&["--plugin-dir", directory]), "[1]")
            }
        }
    }
}

#[test]
fn heavy_bad_files_are_refused_each_for_its_reason_and_disturb_nobody() {
    if !has_program("cc") {
        return skip("there is no C compiler");
    }
    let scene = Scene::new();
    scene.configure_good();
    let listing = scene.persist.ok(["plugins", "list", "--json"]).json();
    println!("{:<24} {:<22} {:<5} the command that needs it says", "file", "list", "exit");
    for row in &scene.rows {
        let listed = listed(&listing, &scene.path(row));
        let needing = scene.need(row);
        let code = needing.code().map_or_else(|| "signal".to_owned(), |code| code.to_string());
        println!("{:<24} {listed:<22} {code:<5} {}", row.file, said(&needing));
        assert_eq!(listed, row.listed, "{}: {listing:#}", row.file);
        assert_eq!(needing.code(), Some(row.exit), "{}: {needing}", row.file);
        assert!(
            needing.to_string().contains(row.says),
            "{}: {:?} is missing in {needing}",
            row.file,
            row.says
        );

        // Whoever does not need it does not notice it.
        scene.configure_good();
        scene.persist.save("good/session", format!("[{:?}]", row.file));
    }
    assert!(scene.rows.len() >= 25, "only {} bad files", scene.rows.len());
    let restored = scene.persist.ok(["restore", "good/session"]).text();
    assert_eq!(restored, format!("[{:?}]", scene.rows.last().expect("a row").file));
    let _ = scene.persist.ok(["verify", "--read-data"]);
    let _ = scene.persist.ok(["plugins", "list"]);
    let _ = scene.persist.ok(["config", "check"]);
    let verified = scene.persist.run(["plugins", "lock", "--verify", "--json"]).expect_code(6).json();
    for (file, code) in
        [("changed.so", "lock_differs"), ("absent.so", "lock_absent"), ("unlisted.so", "lock_not_listed")]
    {
        let mismatches = verified["mismatches"].as_array().expect("a list");
        let found = mismatches
            .iter()
            .any(|row| row["path"].as_str().is_some_and(|path| path.ends_with(file)) && row["code"] == code);
        assert!(found, "{file}: {verified:#}");
    }
    assert_eq!(
        verified["matching"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|path| GOOD.iter().any(|good| path.as_str().is_some_and(|path| path.ends_with(good))))
            .count(),
        2
    );
}

/// What the listing says of a file: the codes of its refusals, or that it was accepted.
fn listed(listing: &Value, path: &str) -> String {
    let rows = |key: &str| listing[key].as_array().cloned().unwrap_or_default();
    let codes: Vec<String> = rows("rejected")
        .iter()
        .filter(|row| row["path"] == path)
        .map(|row| row["code"].as_str().unwrap_or_default().to_owned())
        .collect();
    if !codes.is_empty() {
        return codes.join(" ");
    }
    let plugins = rows("plugins");
    let accepted = plugins.iter().find(|row| row["path"] == path);
    accepted
        .map_or_else(|| "not listed".to_owned(), |row| row["trust"].as_str().unwrap_or_default().to_owned())
}

/// The reason that a command gave, or else its answer, shortened.
fn said(output: &Output) -> String {
    let line = output.stderr.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let error: Value = serde_json::from_str(line).unwrap_or_default();
    let error = &error["error"];
    let answer = output.text();
    let causes = error["causes"].as_array().and_then(|causes| causes.last()).and_then(Value::as_str);
    let text = causes.or(error["message"].as_str()).unwrap_or(answer.trim());
    text.chars().take(150).collect()
}
