//! A disk that is full, and one that may not be written.

use std::{fs, os::unix::fs::PermissionsExt as _};

use persist_e2e::{
    Persist, contents,
    system::{SmallDisk, skip},
};

use crate::{
    scene::{is_intact, left_behind, noise, two_snapshots, use_store},
    work::{ALL, Scene},
};

const BINARY: [&str; 2] = ["--media-type", "application/octet-stream"];

#[test]
fn a_full_disk_is_an_error_with_the_path_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("disk");
    let Some(_disk) = SmallDisk::mount(&root, 1024) else { return skip("mounting needs root") };
    let persist = two_snapshots(&root);
    let before = contents(&root);

    let output =
        persist.run_with_input(["save", "a/s", "-"].iter().chain(&BINARY), noise(3 << 20)).expect_code(1);
    let output = output.says([root.to_str().unwrap(), "No space left on device"]);
    assert_eq!(output.text(), "");
    assert_eq!(contents(&root), before);
    is_intact(&persist);
    // In a new session too, whose directories had to be made.
    let _ = persist.run_with_input(["save", "b/t", "-"].iter().chain(&BINARY), noise(3 << 20)).expect_code(1);
    assert_eq!(left_behind(&root), Vec::<std::path::PathBuf>::new());
    assert_eq!(persist.save("a/s", "{\"step\":2}")["snapshot_index"], 2, "what fits is saved");
    is_intact(&persist);
}

#[test]
fn a_disk_without_a_byte_left_refuses_everything_but_reading() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("disk");
    let Some(_disk) = SmallDisk::mount(&root, 256) else { return skip("mounting needs root") };
    let persist = two_snapshots(&root);
    let ballast = root.join("0000000000");
    assert!(fs::write(&ballast, noise(1 << 20)).is_err(), "the disk is full now");
    let before = contents(&root);
    for arguments in [&["save", "a/s", "-"][..], &["save", "new/session", "-"], &["delete", "a/s@0", "--yes"]]
    {
        let output = persist.run_with_input(arguments, "1").expect_code(1);
        let _ = output.says([root.to_str().unwrap(), "No space left on device"]);
        let files = |tree: &std::collections::BTreeMap<_, Option<Vec<u8>>>| tree.values().flatten().count();
        assert_eq!(files(&contents(&root)), files(&before), "{arguments:?}");
    }
    is_intact(&persist);
    fs::remove_file(&ballast).unwrap();
    let _ = persist.ok(["delete", "a/s@0", "--yes"]);
    persist.save("a/s", "2");
}

#[test]
fn a_full_disk_leaves_the_output_file_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("disk");
    let Some(_disk) = SmallDisk::mount(&target, 256) else { return skip("mounting needs root") };
    let persist = Persist::new();
    let _ = persist.run_with_input(["save", "a/s", "-"].iter().chain(&BINARY), noise(1 << 20)).expect_code(0);
    let file = target.join("state");
    fs::write(&file, "mine").unwrap();
    let output = persist.run(["restore", "a/s", "-o", file.to_str().unwrap(), "--force"]).expect_code(1);
    let _ = output.says([file.to_str().unwrap(), "No space left on device"]);
    let _ = persist.run(["restore", "a/s", "-o", target.join("other").to_str().unwrap()]).expect_code(1);
    let left = contents(&target);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_disk_that_is_mounted_read_only_is_read() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("disk");
    let Some(disk) = SmallDisk::mount(&root, 1024) else { return skip("mounting needs root") };
    let persist = two_snapshots(&root);
    let before = contents(&root);
    disk.set_read_only(true);
    for arguments in [&["save", "a/s", "-"][..], &["save", "new/session", "-"], &["delete", "a/s@0", "--yes"]]
    {
        let output = persist.run_with_input(arguments, "1").expect_code(1);
        let _ = output.says([root.to_str().unwrap(), "Read-only file system"]);
    }
    is_intact(&persist);
    disk.set_read_only(false);
    assert_eq!(contents(&root), before);
    persist.save("a/s", "2");
}

#[test]
fn collections_and_compactions_wait_for_a_disk_that_can_be_written() {
    for work in ALL {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("store");
        let Some(disk) = SmallDisk::mount(&root, 512) else { return skip("mounting needs root") };
        let scene = Scene::new(work).copy_into(place);
        let root_text = root.to_str().unwrap();

        disk.set_read_only(true);
        let _ = scene.run().expect_code(1).says([root_text, "Read-only file system"]);
        scene.check(false);
        disk.set_read_only(false);

        let ballast = root.join("0000000000");
        assert!(fs::write(&ballast, noise(1 << 20)).is_err(), "the disk is full now");
        let _ = scene.run().expect_code(1).says([root_text, "No space left on device"]);
        scene.check(false);
        fs::remove_file(&ballast).unwrap();
        scene.finish();
    }
}

#[test]
fn a_directory_that_we_may_not_write_is_read() {
    if fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0) {
        return skip("root may write everywhere; the read-only disk tests the same");
    }
    let persist = Persist::new();
    let root = persist.store_dir();
    use_store(&persist, &root);
    for state in crate::scene::STATES {
        persist.save("a/s", state);
    }
    let directory = root.join("agents/a/s/d");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
    let output = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(1);
    let _ = output.says([directory.to_str().unwrap(), "Permission denied"]);
    is_intact(&persist);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(left_behind(&root), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_root_that_is_a_file_is_named() {
    let persist = Persist::new();
    let root = persist.write("store", "a file");
    for arguments in [&["save", "a/s", "-"][..], &["list"]] {
        let output = persist.run_with_input(arguments, "1");
        assert_ne!(output.code(), Some(0), "{output}");
        let _ = output.says([root.to_str().unwrap()]);
    }
    assert_eq!(fs::read(&root).unwrap(), b"a file");
}
