//! The adapters over others, as plugins: what the documentation shows works, caches break nothing, and mistakes are named.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{fs, path::Path, thread, time::Duration};

use persist_e2e::{
    Persist, files,
    servers::plugin_dir,
    system::{SmallDisk, skip},
};
use persist_test_support::{Backend, Fault, Proxy, Rule};
use serde_json::json;

const BINARY: [&str; 2] = ["--media-type", "application/octet-stream"];

/// The first example of a page about a backend.
fn example(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, rest) = text.split_once("```toml\n").expect("an example in TOML");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// A home directory with the example of a page, whose directories lie there.
fn documented(page: &str) -> Persist {
    let persist = Persist::without_config();
    persist.write_config(&format!("{}\n[plugins]\npath = [{:?}]\n", example(page), plugin_dir()));
    let directories = [
        ("PERSIST_CACHE_DIR", "cache"),
        ("PERSIST_REMOTE_DIR", "remote"),
        ("PERSIST_PRIMARY_DIR", "primary"),
        ("PERSIST_REPLICA_DIR", "replica"),
    ];
    directories.into_iter().fold(persist, |persist, (name, directory)| {
        let path = persist.path(directory);
        persist.env(name, path)
    })
}

/// Bytes that no codec shrinks.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

fn restored(persist: &Persist, reference: &str) -> Vec<u8> {
    persist.run(["restore", reference]).expect_code(0).stdout
}

#[test]
fn what_was_restored_before_is_not_fetched_from_a_distant_bucket_again() {
    let place = (Backend::of("s3").place)("tiered");
    let proxy = Proxy::start(place.address);
    proxy.delay(Duration::from_millis(15), Duration::from_millis(15));
    let far = place.through(proxy.address());
    let persist = Persist::without_config();
    let mut remote = far.options.clone();
    remote["adapter"] = far.adapter.into();
    let cache = json!({ "adapter": "local", "root": persist.path("cache") });
    let config = json!({
        "stores": { "main": { "storage": { "adapter": "tiered", "cache": cache, "remote": remote } } },
        "plugins": { "path": [plugin_dir()] },
    });
    let config = persist.write("config.json", config.to_string());
    let persist = persist.env("PERSIST_CONFIG", config);
    let persist = far.environment.iter().fold(persist, |persist, (name, value)| persist.env(name, value));

    let state = noise(8 << 20);
    let _ = persist.run_with_input(["save", "a/s", "-"].iter().chain(&BINARY), &state).expect_code(0);
    let fetches = proxy.arm(Rule::holding("/a/s/d/0000000000", Fault::DropReply).always());
    assert!(restored(&persist, "a/s@0") == state);
    assert_eq!(fetches.count(), 0, "the snapshot was asked of the bucket");

    // A cold cache: the snapshot comes from the bucket once more, and from the cache from then on.
    proxy.disarm();
    fs::remove_dir_all(persist.path("cache")).expect("the cache is removed");
    assert!(restored(&persist, "a/s@0") == state);
    let fetches = proxy.arm(Rule::holding("/a/s/d/0000000000", Fault::DropReply).always());
    assert!(restored(&persist, "a/s@0") == state);
    assert_eq!(fetches.count(), 0, "the snapshot was asked of the bucket");
}

#[test]
fn a_tiered_store_works_as_documented() {
    let persist = documented("tiered.md");
    let _ = persist.ok(["config", "check"]);
    let state = noise(2 << 20);
    let _ = persist.run_with_input(["save", "a/s", "-"].iter().chain(&BINARY), &state).expect_code(0);
    assert!(!files(&persist.path("cache")).is_empty());
    assert!(restored(&persist, "a/s") == state);
    // Each copy is damaged, dropped with a warning, and fetched again.
    for file in files(&persist.path("cache")) {
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let again = persist.run(["restore", "a/s"]).expect_code(0).says(["the cache held a damaged copy"]);
    assert!(again.stdout == state);
    assert!(restored(&persist, "a/s") == state);
    // Without any cache.
    fs::remove_dir_all(persist.path("cache")).unwrap();
    assert!(restored(&persist, "a/s") == state);
    let _ = persist.ok(["verify"]);
    // What is shown of the config holds no value of a variable.
    let shown = persist.ok(["config", "show"]);
    assert!(shown.text().contains("${PERSIST_CACHE_DIR}"), "{}", shown.text());
    assert!(!shown.text().contains(persist.path("cache").to_str().unwrap()), "{}", shown.text());
}

#[test]
fn a_replicated_store_works_as_documented() {
    let persist = documented("replicated.md");
    let _ = persist.ok(["config", "check"]);
    for step in 0..3 {
        persist.save("a/s", format!("{{\"step\":{step}}}"));
    }
    let names = |directory: &str| -> Vec<_> {
        let root = persist.path(directory);
        files(&root).iter().map(|file| file.strip_prefix(&root).unwrap().to_owned()).collect()
    };
    assert_eq!(names("replica"), names("primary"));
    // The replica lost something, and gets it back with the next save.
    let lost = files(&persist.path("replica")).pop().unwrap();
    fs::remove_file(&lost).unwrap();
    persist.save("a/s", "{\"step\":3}");
    assert_eq!(names("replica"), names("primary"));
    // The primary is lost for good: a config with the replica in its place.
    fs::remove_dir_all(persist.path("primary")).unwrap();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{:?}]\n",
        persist.path("replica"),
        plugin_dir()
    ));
    let _ = persist.ok(["verify", "--read-data"]);
    assert_eq!(restored(&persist, "a/s@2"), b"{\"step\":2}");
    assert_eq!(persist.save("a/s", "{\"step\":4}")["snapshot_index"], 4);
}

#[test]
fn a_cache_on_a_full_disk_fails_nothing() {
    let persist = documented("tiered.md");
    let Some(_disk) = SmallDisk::mount(&persist.path("cache"), 1024) else {
        return skip("mounting needs root");
    };
    for (number, length) in [3 << 20, 100_000, 900_000].into_iter().enumerate() {
        let state = noise(length);
        let reference = format!("a/s{number}");
        let save = ["save", &reference, "-"];
        let _ = persist.run_with_input(save.iter().chain(&BINARY), &state).expect_code(0);
        assert!(restored(&persist, &reference) == state);
        assert!(restored(&persist, &reference) == state);
    }
    let _ = persist.ok(["verify"]);
}

#[test]
fn processes_that_share_a_small_cache_do_not_harm_each_other() {
    let persist = documented("tiered.md");
    let config = persist.path(".config/persist/config.toml");
    let text = fs::read_to_string(&config).unwrap().replace("10737418240", "300000");
    fs::write(&config, text).unwrap();
    let states: Vec<Vec<u8>> = (0..6).map(|number| noise(100_000 + number)).collect();
    for (number, state) in states.iter().enumerate() {
        let reference = format!("a/s{number}");
        let save = ["save", &reference, "-"];
        let _ = persist.run_with_input(save.iter().chain(&BINARY), state).expect_code(0);
    }
    let (persist, states) = (&persist, &states);
    thread::scope(|scope| {
        for offset in 0..2 {
            scope.spawn(move || {
                for round in 0..8 {
                    let number = (round * 5 + offset) % states.len();
                    assert!(restored(persist, &format!("a/s{number}")) == states[number]);
                }
            });
        }
    });
    let kept: u64 = files(&persist.path("cache")).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    // Each of the two may add an eighth of the bound, or what it wrote last.
    assert!(kept <= 300_000 + 2 * 100_100, "{kept} bytes");
}

#[test]
fn mistakes_inside_a_part_are_named_with_their_place() {
    let persist = Persist::without_config();
    let config = |storage: &str| {
        persist.write_config(&format!(
            "[stores.main.storage]\nadapter = \"tiered\"\n{storage}\n[plugins]\npath = [{:?}]\n",
            plugin_dir()
        ));
        persist.run(["config", "check"])
    };
    let cache = "cache = { adapter = \"memory\" }\n";
    let output = config(&format!("{cache}remote = {{ adapter = \"local\", rot = \"/x\" }}")).expect_code(1);
    let _ = output.says([
        "config.toml:4: `stores.main.storage.remote.rot` is refused by the storage adapter \"local\"",
        "the options of the adapter \"local\" are: fsync, root",
    ]);
    let output = config(&format!("{cache}remote = {{ adapter = \"lokal\" }}")).expect_code(6);
    let _ = output.says([
        "config.toml:4: `stores.main.storage.remote` cannot be opened with the storage adapter \"lokal\"",
        "use one of the storage adapters that were found:",
    ]);
    let _ = config(cache).expect_code(1).says(["missing field `remote`"]);
    let _ = config(&format!("{cache}remote = \"local\"")).expect_code(1).says([
        "`stores.main.storage.remote` is refused by the storage adapter \"tiered\"",
        "expected an adapter with its options",
    ]);
}

#[test]
fn the_plugin_passes_the_checks_over_parts_from_other_plugins() {
    let persist = documented("tiered.md");
    let file = plugin_dir().join(format!(
        "{}persist_storage_tiered{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    let file = file.to_str().unwrap();
    let _ = persist.ok(["plugins", "check", file]);
    let config = persist.path(".config/persist/config.toml");
    let _ = persist.ok(["plugins", "check", file, "--config", config.to_str().unwrap()]);
}
