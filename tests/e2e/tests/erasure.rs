//! Erasure: what only a deleted snapshot held is found nowhere in the store after a collection and a compaction.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{collections::BTreeSet, fs, sync::Arc};

use persist_e2e::{
    Persist, files, json_lines,
    linked::{marker, state},
    literals::decoded,
    servers::plugin_dir,
};
use persist_host::{
    Plugins, SearchPath, Store, StoreUse,
    config::{self, ConfigSources},
    open_store,
};

const SESSION: &str = "a/s";
const STEPS: u64 = 24;
/// The full snapshot, one that others are built on, one in the middle, the newest.
const DELETED: [u64; 4] = [0, 1, 11, 23];

/// A store whose snapshots are compressed at this level, and its config file.
fn persist(level: u32) -> (Persist, std::path::PathBuf) {
    let persist = Persist::without_config();
    let config = persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n\
         compression = {{ adapter = \"gzip\", level = {level} }}\n[plugins]\npath = [{:?}]\n",
        persist.store_dir(),
        plugin_dir()
    ));
    (persist, config)
}

async fn open(config: &std::path::Path) -> Store {
    let sources = ConfigSources { explicit: Some(config.to_owned()), ..ConfigSources::default() };
    let config = config::load(&sources).expect("the config is right");
    let search = SearchPath::new().with_config(config.plugins.path.iter().cloned());
    let plugins = Arc::new(Plugins::discover(&search));
    open_store(&config, None, &plugins, StoreUse::Keep).await.expect("the store opens")
}

fn contains(content: &[u8], step: u64) -> bool {
    let marker = marker(step);
    content.windows(marker.len()).any(|window| window == marker.as_bytes())
}

/// The steps whose markers are in the bytes of the files, and those whose markers are in what the objects hold.
fn found(persist: &Persist) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let root = persist.store_dir();
    let raw: Vec<_> = files(&root).iter().map(|path| fs::read(path).expect("a file of the store")).collect();
    let decoded = decoded(&root);
    let in_raw = (0..STEPS).filter(|step| raw.iter().any(|content| contains(content, *step)));
    let in_decoded = (0..STEPS).filter(|step| decoded.values().any(|content| contains(content, *step)));
    (in_raw.collect(), in_decoded.collect())
}

async fn erase(level: u32) {
    let (persist, config) = persist(level);
    for step in 0..STEPS {
        persist.save(SESSION, state(step));
    }
    let all: BTreeSet<u64> = (0..STEPS).collect();
    let kept: BTreeSet<u64> = (0..STEPS).filter(|step| !DELETED.contains(step)).collect();
    let (raw, held) = found(&persist);
    assert_eq!(held, all, "the search finds what is there");
    assert_eq!(raw, if level == 0 { all.clone() } else { BTreeSet::new() }, "at level 0, as plain bytes");

    let deleted = DELETED.map(|index| format!("{SESSION}@{index}"));
    for reference in &deleted {
        let _ = persist.ok(["delete", reference, "--yes"]);
    }
    let store = open(&config).await;
    let session = SESSION.parse().expect("a session");
    let collected = store.collect(&session).await.expect("a collection");
    assert!(collected.left > 0, "others are built on some of them: {collected:?}");
    let left = found(&persist).1.difference(&kept).count() as u64;
    assert_eq!(left, collected.left, "which keeps the content of these, and of no others");
    let compacted = store.compact(&session).await.expect("a compaction");
    assert_eq!((compacted.left, compacted.storage_keeps_versions), (0, false), "{compacted:?}");

    let (raw, held) = found(&persist);
    assert_eq!(held, kept, "what the deleted ones held is gone, the rest is there");
    assert_eq!(raw, if level == 0 { kept.clone() } else { BTreeSet::new() });
    for step in kept {
        assert_eq!(persist.ok(["restore", &format!("{SESSION}@{step}")]).stdout, state(step));
    }
    let rows = json_lines(&persist.ok(["verify", "--json"]).stdout);
    assert!(rows.iter().all(|row| row["error"].is_null()), "{rows:?}");
    for reference in &deleted {
        let _ = persist.run(["restore", reference]).expect_code(3);
    }
}

#[tokio::test]
async fn nothing_is_left_in_the_bytes_of_a_store_without_compression() {
    erase(0).await;
}

#[tokio::test]
async fn nothing_is_left_in_what_a_compressed_store_holds() {
    erase(6).await;
}
