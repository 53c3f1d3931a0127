//! What only the system can tell: the order of the calls that make a write durable, and a disk that is full.
//!
//! The tests run this program again, under `strace` or in a mount namespace of its own; where that is not to be had,
//! they say so and pass.

use std::path::Path;
use std::process::{Command, Output};

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_storage_local::{LocalConfig, LocalStorage};

const ROOT: &str = "PERSIST_TEST_ROOT";

#[tokio::test]
#[ignore = "run under strace by the tests of the order"]
async fn child_creates_and_replaces() {
    // A full run comes by here too, without a root; the test that starts this one sets it, and checks what was done.
    let Ok(root) = std::env::var(ROOT) else { return };
    let storage = LocalStorage::open(LocalConfig::new(root)).await.unwrap();
    storage.save_if_absent("a/b/object", Bytes::from_static(b"created")).await.unwrap();
    storage.save("a/replaced", Bytes::from_static(b"replaced")).await.unwrap();
    storage.delete("a/b/object").await.unwrap();
    // As another process does that is killed before it has synced anything.
    let root = std::path::PathBuf::from(std::env::var(ROOT).unwrap());
    std::fs::create_dir_all(root.join("found/here")).unwrap();
    storage.save_if_absent("found/here/object", Bytes::from_static(b"created")).await.unwrap();
    std::fs::create_dir_all(root.join("found/there")).unwrap();
    std::fs::write(root.join("found/there/taken"), b"x").unwrap();
    storage.save_if_absent("found/there/taken", Bytes::from_static(b"refused")).await.unwrap_err();
}

#[test]
fn calls_come_in_the_order_that_makes_writes_durable() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path().canonicalize().unwrap();
    let (root, log) = (parent.join("new/root"), parent.join("log"));
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-y",
        "-s",
        "256",
        "-e",
        "trace=mkdirat,linkat,renameat,renameat2,unlinkat,fsync",
        "-o",
    ]);
    strace.arg(&log);
    let Some(output) = run_child(strace, "child_creates_and_replaces", &root) else { return };
    if !output.status.success() && !root.exists() {
        eprintln!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let log = std::fs::read_to_string(&log).unwrap();
    let path = |below: &str| format!("<{}>", parent.join(below).display());
    let in_order = |calls: &[(&str, &str)]| {
        let mut lines = log.lines();
        for (call, argument) in calls {
            assert!(
                lines.any(|line| line.contains(call) && line.contains(argument)),
                "{call} of {argument} is not in its place among {calls:?}:\n{log}"
            );
        }
    };
    let file = |below: &str| format!("<{}/#", parent.join(below).display());
    in_order(&[
        // The root, each entry once its directory is there.
        ("mkdirat", "new\""),
        ("fsync", &format!("<{}>", parent.display())),
        ("mkdirat", "new/root\""),
        ("fsync", &path("new")),
        // The way to the object, which is synced with it.
        ("mkdirat", "\"a\""),
        ("mkdirat", "\"b\""),
        // The object: bytes, name, entry, and the entries above it.
        ("fsync", &file("new/root/a/b")),
        ("linkat", "\"object\""),
        ("fsync", &path("new/root/a/b")),
        ("fsync", &path("new/root/a")),
        ("fsync", &path("new/root")),
        // The replacement.
        ("fsync", &file("new/root/a")),
        ("renameat", "\"replaced\""),
        ("fsync", &path("new/root/a")),
        // The removal.
        ("unlinkat", "\"object\""),
        ("fsync", &path("new/root/a/b")),
        // A way that is there, and that nobody may have synced.
        ("linkat", "\"object\""),
        ("fsync", &path("new/root/found/here")),
        ("fsync", &path("new/root/found")),
        ("fsync", &path("new/root")),
        // An object that is there, likewise.
        ("fsync", &path("new/root/found/there")),
        ("fsync", &path("new/root/found")),
    ]);
    // What is known to be on the disk is not synced again: the root twice, for `a` and for `found`.
    let syncs =
        |path: String| log.lines().filter(|line| line.contains("fsync") && line.contains(&path)).count();
    assert_eq!(syncs(path("new/root")), 2, "{log}");
}

#[tokio::test]
#[ignore = "run on a small file system by the test of the full disk"]
async fn child_fills_the_disk() {
    // As above.
    let Ok(root) = std::env::var(ROOT) else { return };
    let storage = LocalStorage::open(LocalConfig::new(&root)).await.unwrap();
    let small = Bytes::from(vec![b'x'; 1000]);
    storage.save("a/kept", small.clone()).await.unwrap();
    for key in ["a/created", "a/kept"] {
        let large = Bytes::from(vec![b'y'; 4 << 20]);
        let error = match key {
            "a/kept" => storage.save(key, large).await,
            _ => storage.save_if_absent(key, large).await,
        }
        .unwrap_err();
        assert_eq!(error.code(), ErrorCode::NO_SPACE);
        assert!(error.message().contains(&format!("{root}/{key}")), "{error}");
        assert!(error.is_not_applied());
    }
    let names: Vec<_> = std::fs::read_dir(Path::new(&root).join("a")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(storage.load("a/kept").await.unwrap(), small);
    // The room is free again.
    storage.save("a/half", Bytes::from(vec![b'z'; 512 << 10])).await.unwrap();
    println!("the disk was full");
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--map-root-user", "sh", "-c"]);
    shell.args(["mount -t tmpfs -o size=1m persist \"$PERSIST_TEST_ROOT\" || exit 77; exec \"$@\"", "sh"]);
    let Some(output) = run_child(shell, "child_fills_the_disk", root.path()) else { return };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || err.contains("unshare") {
        eprintln!("skipped: no file system can be mounted here: {err}");
        return;
    }
    assert!(output.status.success() && out.contains("the disk was full"), "{out}\n{err}");
}

/// Runs one of the tests above through another program; `None` if that program is not installed.
#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn run_child(mut through: Command, test: &str, root: &Path) -> Option<Output> {
    through.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--ignored", "--nocapture"]);
    match through.env(ROOT, root).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: cannot run {}: {error}", through.get_program().to_string_lossy());
            None
        }
    }
}
