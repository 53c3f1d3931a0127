//! `persist restore` into files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use persist_e2e::{Persist, files};

#[test]
fn a_file_is_written_whole_and_alone() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let output = persist.ok(["restore", "a/s", "-o", "state.json"]);
    assert_eq!(output.text(), "", "the state goes to the file alone");
    assert_eq!(fs::read_to_string(persist.path("work/state.json")).unwrap(), "[1]");
    assert_eq!(files(&persist.work_dir()), [persist.path("work/state.json")]);
}

#[test]
fn an_existing_file_is_overwritten_only_by_force() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let file = persist.write("work/state.json", "mine, and longer than the state");
    let _ =
        persist.run(["restore", "a/s", "-o", "state.json"]).expect_code(5).says(["state.json", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine, and longer than the state");
    let _ = persist.ok(["restore", "a/s", "-o", "state.json", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "[1]");
    assert_eq!(files(&persist.work_dir()), [file]);
}

#[test]
fn a_replaced_file_keeps_its_permissions() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let file = persist.write("work/state.json", "old");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let _ = persist.ok(["restore", "a/s", "-o", "state.json", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "[1]");
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "what only its owner could read must not open up: {mode:o}");
}

#[test]
fn a_missing_snapshot_leaves_the_file_as_it_is() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let file = persist.write("work/state.json", "mine");
    let _ = persist.run(["restore", "a/s@5", "-o", "state.json", "--force"]).expect_code(3);
    let _ = persist.run(["restore", "a/s@5", "-o", "other.json"]).expect_code(3);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(files(&persist.work_dir()), [file]);
}

#[test]
fn a_directory_and_a_missing_directory_are_refused() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let _ = persist.run(["restore", "a/s", "-o", ".", "--force"]).expect_code(1).says(["directory"]);
    let _ = persist
        .run(["restore", "a/s", "-o", "no/such/state.json"])
        .expect_code(1)
        .says(["no/such/state.json"]);
    assert!(files(&persist.work_dir()).is_empty());
}

#[test]
fn a_link_is_followed_and_a_device_written_through() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    let target = persist.write("work/target.json", "old");
    symlink(&target, persist.path("work/link.json")).unwrap();
    let _ = persist.run(["restore", "a/s", "-o", "link.json"]).expect_code(5);
    let _ = persist.ok(["restore", "a/s", "-o", "link.json", "--force"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), "[1]");
    assert!(persist.path("work/link.json").is_symlink());
    let _ = persist.ok(["restore", "a/s", "-o", "/dev/null"]);
}

#[test]
fn load_means_restore_and_a_dash_means_standard_output() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    persist.save("a/s", "[2]");
    assert_eq!(persist.ok(["load", "a/s@0"]).text(), "[1]");
    assert_eq!(persist.ok(["load", "a/s", "-o", "-"]).text(), "[2]");
    assert!(files(&persist.work_dir()).is_empty());
}
