//! Lock files: what they list is loaded, byte for byte, and nothing else is.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use persist_host::{
    LockChange, LockProblem, PluginTrust, Plugins, RejectReason, SearchPath, TrustPolicy, lock_plugins,
    verify_locks,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::*;

const CHANGED: &str = "Turns bytes round.";

/// A directory with a copy of the good plugin, locked.
fn locked() -> (TempDir, PathBuf) {
    let scene = directory();
    let plugin = scene.path().join("good.so");
    fs::copy(test_plugin(), &plugin).unwrap();
    lock_plugins(&search(scene.path()), None).unwrap();
    (scene, plugin)
}

fn lock_file(scene: &TempDir) -> PathBuf {
    scene.path().join("plugins.lock")
}

fn reasons(search: &SearchPath) -> Vec<RejectReason> {
    Plugins::discover(search).rejected().iter().map(|rejection| rejection.reason.clone()).collect()
}

/// The code of the reason for which the plugin's storage cannot be opened.
fn refusal(plugins: &Plugins) -> String {
    let error = block_on(plugins.open_storage("shelf", &json!({}))).err().unwrap();
    assert_eq!(error.code(), "plugin_refused", "{error}");
    error.context().iter().find(|(name, _)| *name == "reason").unwrap().1.clone()
}

/// Changes one byte of the description of the codec, which only a digest finds.
fn change_a_byte(plugin: &Path) {
    let mut bytes = fs::read(plugin).unwrap();
    let at = bytes.windows(CHANGED.len()).position(|window| window == CHANGED.as_bytes()).unwrap();
    bytes[at] = b't';
    fs::write(plugin, bytes).unwrap();
}

#[test]
fn a_locked_plugin_works_and_is_listed_as_locked() {
    let (scene, _) = locked();
    let path = search(scene.path()).with_policy(TrustPolicy::new().require_lock(true));
    let plugins = Plugins::discover(&path);
    assert_works(&plugins);
    let row = &plugins.listing().plugins[0];
    assert_eq!((row.trust, row.locked, &row.signed_by), (PluginTrust::Locked, true, &None));
    let lock = fs::read_to_string(lock_file(&scene)).unwrap();
    assert!(lock.contains(&format!("sha256 = {:?}", row.sha256.as_deref().unwrap())), "{lock}");
    let verdict = verify_locks(&path);
    assert_eq!((verdict.locks.len(), verdict.matching.len(), verdict.mismatches.len()), (1, 1, 0));
}

#[test]
fn locking_again_changes_nothing_and_says_what_it_would_change() {
    let (scene, plugin) = locked();
    let before = fs::read(lock_file(&scene)).unwrap();
    let change = || lock_plugins(&search(scene.path()), None).unwrap()[0].plugins[0].change;
    assert_eq!(change(), LockChange::Unchanged);
    assert_eq!(fs::read(lock_file(&scene)).unwrap(), before);
    change_a_byte(&plugin);
    assert_eq!(change(), LockChange::Changed);
    fs::rename(&plugin, scene.path().join("other.so")).unwrap();
    write(&scene.path().join("text.so"), b"text");
    let report = &lock_plugins(&search(scene.path()), None).unwrap()[0];
    assert_eq!(report.plugins[0].change, LockChange::Added);
    assert_eq!(report.forgotten, ["good.so"]);
    assert_eq!(report.left_out[0].code, "not_a_library");
    assert!(verify_locks(&search(scene.path())).mismatches.is_empty());
}

#[test]
fn a_changed_byte_is_found_before_the_plugin_runs_and_not_before_it_is_needed() {
    let (scene, plugin) = locked();
    change_a_byte(&plugin);
    let plugins = Plugins::discover(&search(scene.path()));
    assert_eq!(refusal(&plugins), "lock_differs");
    let listing = plugins.listing();
    let row = &listing.plugins[0];
    assert_eq!((row.trust, &row.sha256), (PluginTrust::Mismatch, &None));
    assert!(row.adapters.iter().all(|adapter| !adapter.active));
    assert_eq!(listing.rejected[0].code, "lock_differs");
    assert!(listing.rejected[0].reason.contains("SHA-256"), "{:?}", listing.rejected);
    let verdict = verify_locks(&search(scene.path()));
    assert_eq!((verdict.matching.len(), verdict.mismatches[0].code), (0, "lock_differs"));
}

#[test]
fn a_file_that_is_changed_after_it_was_found_is_held_against_the_lock_again() {
    let (scene, plugin) = locked();
    let plugins = Plugins::discover(&search(scene.path()));
    change_a_byte(&plugin);
    assert_eq!(refusal(&plugins), "lock_differs");
}

#[test]
fn what_was_loaded_stays_what_it_was_when_the_file_is_overwritten() {
    let (scene, plugin) = locked();
    let plugins = Plugins::discover(&search(scene.path()));
    assert_works(&plugins);
    // Without a copy of its own the process would now run zeros.
    fs::write(&plugin, vec![0; fs::metadata(&plugin).unwrap().len() as usize]).unwrap();
    assert_works(&plugins);
}

#[test]
fn what_can_be_seen_without_reading_is_seen_when_the_plugin_is_found() {
    let (scene, plugin) = locked();
    let text = fs::read_to_string(lock_file(&scene)).unwrap();
    let size = format!("size = {}", fs::metadata(&plugin).unwrap().len());
    let version = format!("version = {:?}", env!("CARGO_PKG_VERSION"));
    for (from, to, expected) in [
        (size.as_str(), "size = 7", "size in bytes"),
        (&version, "version = \"0.0.1\"", "version"),
        ("storage shelf", "storage shop", "list of adapters"),
        ("name = \"persist-host\"", "name = \"other\"", "name"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        write(&lock_file(&scene), changed.as_bytes());
        let reasons = reasons(&search(scene.path()));
        assert!(
            matches!(reasons.as_slice(), [RejectReason::Lock(LockProblem::Differs { what, .. })] if *what == expected),
            "{expected}: {reasons:?}"
        );
    }
}

#[test]
fn a_plugin_that_nobody_locked_disturbs_nobody() {
    let (scene, plugin) = locked();
    fs::copy(&plugin, scene.path().join("copy.so")).unwrap();
    // It offers the same name and would be a duplicate.
    change_a_byte(&scene.path().join("copy.so"));
    assert_refused(scene.path(), &scene.path().join("copy.so"), |reason| {
        *reason == RejectReason::Lock(LockProblem::NotListed)
    });
    assert_eq!(verify_locks(&search(scene.path())).mismatches[0].code, "lock_not_listed");
}

#[test]
fn a_locked_file_that_is_gone_is_a_mismatch() {
    let (scene, plugin) = locked();
    fs::rename(&plugin, scene.path().join("good.so.old")).unwrap();
    let verdict = verify_locks(&search(scene.path()));
    assert_eq!(verdict.mismatches[0].code, "lock_absent");
    assert_eq!(verdict.mismatches[0].path, plugin.to_str().unwrap());
}

#[test]
fn a_lock_file_that_cannot_be_used_is_never_taken_for_none() {
    let (scene, _) = locked();
    let lock = lock_file(&scene);
    let good = fs::read(&lock).unwrap();
    let unusable = |expected: &str| {
        let reasons = reasons(&search(scene.path()));
        assert!(
            matches!(reasons.as_slice(), [RejectReason::Lock(LockProblem::Unusable { problem })] if problem.contains(expected)),
            "{expected}: {reasons:?}"
        );
        let error = block_on(Plugins::discover(&search(scene.path())).open_storage("shelf", &json!({})));
        let error = error.err().unwrap();
        assert_eq!(error.code(), "plugin_missing");
        assert!(error.hint().unwrap().contains("plugins.lock cannot be used"), "{error:?}");
        assert_eq!(verify_locks(&search(scene.path())).mismatches[0].code, "lock_unusable");
    };
    write(&lock, b"");
    unusable("version");
    write(&lock, &good[..good.len() - 20]);
    unusable("line ");
    write(&lock, &[0xff; 4]);
    unusable("utf-8");
    write(&lock, &vec![b'#'; (1 << 20) + 1]);
    unusable("longer than");
    write(&lock, &good);
    chmod(&lock, 0o666);
    unusable("written by others");
    fs::rename(&lock, scene.path().join("elsewhere")).unwrap();
    symlink(scene.path().join("elsewhere"), &lock).unwrap();
    unusable("symbolic link");
    fs::remove_file(&lock).unwrap();
    symlink(scene.path().join("nowhere"), &lock).unwrap();
    unusable("symbolic link");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    unusable("not a regular file");
}

#[test]
fn a_lock_file_can_be_required() {
    let scene = directory();
    install(scene.path(), "good.so");
    let required = search(scene.path()).with_policy(TrustPolicy::new().require_lock(true));
    assert_eq!(reasons(&required), [RejectReason::Lock(LockProblem::Required)]);
    assert!(Plugins::discover(&required).files().is_empty());
    // To verify is to require.
    assert_eq!(verify_locks(&search(scene.path())).mismatches[0].code, "lock_required");
    lock_plugins(&required, None).unwrap();
    assert_works(&Plugins::discover(&required));
}

#[test]
fn without_plugins_there_is_nothing_to_lock_and_two_directories_need_two_files() {
    let scene = directory();
    write(&scene.path().join("text.so"), b"text");
    let error = lock_plugins(&search(scene.path()), None).unwrap_err();
    assert_eq!(error.code(), "plugin_missing");
    assert!(error.hint().unwrap().contains("text.so"), "{error:?}");
    assert!(!lock_file(&scene).exists());

    let (one, two) = (directory(), directory());
    install(one.path(), "good.so");
    install(two.path(), "good.so");
    let both = SearchPath::new().with_flags([one.path().to_owned(), two.path().to_owned()]);
    let output = scene.path().join("output.lock");
    assert_eq!(lock_plugins(&both, Some(&output)).unwrap_err().code(), "lock_directories");
    lock_plugins(&search(one.path()), Some(&output)).unwrap();
    assert!(!lock_file(&one).exists());
    fs::rename(&output, lock_file(&one)).unwrap();
    assert_works(&Plugins::discover(&search(one.path())));
    lock_plugins(&both, None).unwrap();
    assert_eq!(verify_locks(&both).matching.len(), 2);
}
