//! Sixteen processes save a hundred snapshots each into one session, from which others delete, collect, compact and
//! restore all the while. The names begin with `heavy_`, since each of these tests keeps the whole machine busy.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use persist_e2e::{Output, concurrency::state, s3::Bucket};
use persist_host::ContentHash;
use serde_json::{Value, json};

const SESSION: &str = "shared/session";
const WRITERS: usize = 16;
const STEPS: usize = 100;
/// After this a process counts as hanging.
const LIMIT: Duration = Duration::from_secs(1000);

#[test]
fn heavy_a_session_is_saved_to_and_freed_on_local_disk() {
    let place = tempfile::tempdir().expect("a directory for the store");
    let options = json!({ "root": place.path().join("store") });
    Processes { adapter: "local", options, environment: Vec::new() }.work();
}

#[test]
#[ignore = "takes minutes; `cargo xtask test --full` runs it"]
fn heavy_a_session_is_saved_to_and_freed_on_s3() {
    let bucket = Bucket::new("maintenance");
    let environment = Vec::from(bucket.credentials());
    Processes { adapter: "s3", options: bucket.options(), environment }.work();
}

/// Processes that share a store.
struct Processes<'e> {
    adapter: &'static str,
    options: Value,
    environment: Vec<(&'static str, &'e str)>,
}

impl Processes<'_> {
    fn command(&self, role: &str, rest: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_library-client"));
        command.args([role, self.adapter, &self.options.to_string(), SESSION]).args(rest);
        command.envs(self.environment.iter().copied());
        command
    }

    /// Starts a process that works until its input ends.
    fn start(&self, role: &'static str) -> Background {
        let mut command = self.command(role, &[]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Background { role, child: command.spawn().expect("the client starts") }
    }

    fn work(&self) {
        let begin = Instant::now();
        let background = ["collect", "compact", "delete", "read", "read"].map(|role| self.start(role));
        let saved = self.save();
        println!("{} saves in {:?}", WRITERS * STEPS, begin.elapsed());
        let ended = background.map(Background::stop).map(Background::end);
        let deleted: BTreeSet<u64> = ended[2].lines().map(|line| line.parse().expect("an index")).collect();
        println!("collected: {}compacted: {}read: {}{}", ended[0], ended[1], ended[3], ended[4]);
        println!("{} deleted; {:?}", deleted.len(), begin.elapsed());
        assert!(deleted.len() > 10, "deletions take place meanwhile");
        assert!(ended.iter().all(|output| !output.starts_with("0 ")), "everything takes place: {ended:?}");

        let checked = Output::within(LIMIT, self.command("check", &[]), b"").expect_code(0).text();
        let found: BTreeMap<u64, String> = checked
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(index, hash)| (index.parse().expect("an index"), hash.to_owned()))
            .collect();
        let kept = saved.into_iter().filter(|(index, _)| !deleted.contains(index));
        assert_eq!(found, kept.collect(), "every snapshot that was saved and not deleted, and no other");
        println!("{} kept; {:?}", found.len(), begin.elapsed());
    }

    /// Saves with all writers at once; the hash of what each index was given to.
    fn save(&self) -> BTreeMap<u64, String> {
        let outputs: Vec<String> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let command = self.command("save", &[writer.to_string(), STEPS.to_string()]);
                    scope.spawn(move || Output::within(LIMIT, command, b"").expect_code(0).text())
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().expect("its saves succeed")).collect()
        });
        let mut saved = BTreeMap::new();
        for (writer, output) in outputs.iter().enumerate() {
            assert_eq!(output.lines().count(), STEPS, "writer {writer}");
            for (step, line) in output.lines().enumerate() {
                let index: u64 = line.parse().expect("an index");
                let before = saved.insert(index, ContentHash::of(&state(writer, step)).to_string());
                assert_eq!(before, None, "the index {index} was given to two snapshots");
            }
        }
        saved
    }
}

/// A process that works until its input ends.
struct Background {
    role: &'static str,
    child: Child,
}

impl Background {
    /// Closes its input.
    fn stop(mut self) -> Self {
        drop(self.child.stdin.take());
        self
    }

    /// Waits for its end and returns what it printed.
    fn end(self) -> String {
        let output = self.child.wait_with_output().expect("the client ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}: {errors}", self.role, output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
