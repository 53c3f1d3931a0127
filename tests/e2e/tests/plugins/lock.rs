//! `persist plugins lock`, and what a lock file and keys mean for the commands that need plugins.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use minisign::KeyPair;
use persist_e2e::{Persist, servers::plugin_dir};

const LIBRARIES: [&str; 2] = ["libpersist_compression_gzip.so", "libpersist_storage_local.so"];

/// A command whose only plugins are copies in a directory of its own.
fn with_copies(settings: &str) -> (Persist, PathBuf) {
    let persist = Persist::without_config();
    let plugins = persist.path("plugins");
    fs::create_dir(&plugins).expect("a directory of plugins");
    for library in LIBRARIES {
        fs::copy(plugin_dir().join(library), plugins.join(library)).expect("a copy of a plugin");
    }
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{plugins:?}]\n{settings}",
        persist.store_dir()
    ));
    (persist.far_from_plugins(), plugins)
}

/// The library with one byte more, which changes nothing that it does.
fn lengthen(path: &PathBuf) {
    let mut bytes = fs::read(path).expect("a plugin");
    bytes.push(0);
    fs::write(path, bytes).expect("a plugin of our own");
}

#[test]
fn what_is_locked_works_and_what_is_changed_is_refused_with_what_to_do() {
    let (persist, plugins) = with_copies("require_lock = true\n");
    let output = persist.run_with_input(["save", "a/s", "-"], "[1]").expect_code(6);
    let _ = output.says(["require_lock", "persist plugins lock", plugins.to_str().unwrap()]);
    let _ = persist.run(["plugins", "lock", "--verify"]).expect_code(6).says(["persist plugins lock"]);

    let report = persist.ok(["plugins", "lock", "--json"]).json();
    let lock = plugins.join("plugins.lock");
    assert_eq!(report["locks"][0]["path"], lock.to_str().unwrap());
    let locked = report["locks"][0]["plugins"].as_array().unwrap();
    assert_eq!(locked.iter().map(|row| row["file"].as_str().unwrap()).collect::<Vec<_>>(), LIBRARIES);
    assert!(locked.iter().all(|row| row["change"] == "added" && row["sha256"].as_str().unwrap().len() == 64));
    assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o7777, 0o644);
    let before = fs::read(&lock).unwrap();
    assert!(persist.ok(["plugins", "lock", plugins.to_str().unwrap()]).text().contains("unchanged"));
    assert_eq!(fs::read(&lock).unwrap(), before);

    persist.save("a/s", "[1]");
    let verified = persist.ok(["plugins", "lock", "--verify", "--json"]).json();
    assert_eq!(
        (verified["matching"].as_array().unwrap().len(), &verified["mismatches"]),
        (2, &serde_json::json!([]))
    );
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    for row in listing["plugins"].as_array().unwrap() {
        assert_eq!(
            (&row["trust"], &row["locked"], &row["signed_by"]),
            (&"locked".into(), &true.into(), &serde_json::Value::Null)
        );
        assert!(locked.iter().any(|entry| entry["sha256"] == row["sha256"]));
    }
    assert!(persist.ok(["plugins", "list"]).text().contains("locked"));

    lengthen(&plugins.join(LIBRARIES[0]));
    // The storage is as it was, and listing needs no codec.
    let _ = persist.ok(["list"]);
    let output = persist.run(["restore", "a/s"]).expect_code(6);
    let _ = output.says([LIBRARIES[0], "size in bytes", "plugins.lock says", "persist plugins lock"]);
    let output = persist.run(["plugins", "lock", "--verify"]).expect_code(6);
    let _ = output.says([LIBRARIES[0], "size in bytes"]);
    let changed = persist.ok(["plugins", "lock"]).text();
    assert!(changed.contains("changed"), "{changed}");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "[1]");
}

#[test]
fn a_damaged_lock_file_is_not_taken_for_none() {
    let (persist, plugins) = with_copies("");
    let _ = persist.ok(["plugins", "lock"]);
    let lock = plugins.join("plugins.lock");
    for damage in ["", "version = 99\n", "version = 1\nmore = true\n", "[[plugin"] {
        fs::write(&lock, damage).unwrap();
        let output = persist.run_with_input(["save", "a/s", "-"], "[1]").expect_code(6);
        let _ = output.says(["plugins.lock cannot be used", plugins.to_str().unwrap()]);
        let _ =
            persist.run(["plugins", "lock", "--verify"]).expect_code(6).says(["plugins.lock cannot be used"]);
        let _ = persist.ok(["plugins", "list"]);
    }
    let _ = persist.ok(["plugins", "lock"]);
    persist.save("a/s", "[1]");
}

#[test]
fn with_trusted_keys_plugins_or_their_lock_file_are_signed() {
    let author = KeyPair::generate_unencrypted_keypair().unwrap();
    let key = author.pk.to_base64();
    let (persist, plugins) = with_copies(&format!("trusted_keys = [{key:?}]\n"));
    let output = persist.run_with_input(["save", "a/s", "-"], "[1]").expect_code(6);
    let _ = output.says([LIBRARIES[1], "has no signature", "plugins.trusted_keys", ".minisig"]);
    let sign = |file: PathBuf| {
        let bytes = fs::read(&file).unwrap();
        let signature = minisign::sign(Some(&author.pk), &author.sk, bytes.as_slice(), None, None).unwrap();
        fs::write(format!("{}.minisig", file.display()), signature.to_string()).unwrap();
    };
    for library in LIBRARIES {
        sign(plugins.join(library));
    }
    persist.save("a/s", "[1]");
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    let row = &listing["plugins"][0];
    let id = row["signed_by"].as_str().unwrap();
    assert_eq!((&row["trust"], &row["locked"]), (&"signed".into(), &false.into()));
    assert!(persist.ok(["plugins", "list"]).text().contains(&format!("unlocked, signed by {id}")));
    for library in LIBRARIES {
        fs::remove_file(plugins.join(format!("{library}.minisig"))).unwrap();
    }
    let _ = persist.ok(["plugins", "lock"]);
    let _ = persist.run(["restore", "a/s"]).expect_code(6).says(["has no signature"]);
    sign(plugins.join("plugins.lock"));
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "[1]");
    assert!(persist.ok(["plugins", "list"]).text().contains(&format!(" locked, signed by {id}")));
    assert!(persist.ok(["config", "show"]).text().contains(&key));
}

#[test]
fn there_has_to_be_something_to_lock() {
    let (persist, _) = with_copies("");
    let empty = persist.path("empty");
    fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    let _ = persist.run(["plugins", "lock", empty]).expect_code(6).says(["no plugin to lock"]);
    let _ =
        persist.run(["plugins", "lock", "--verify", empty]).expect_code(6).says(["no lock file to verify"]);
    let elsewhere = persist.path("written.lock");
    let _ = persist.ok(["plugins", "lock", "--output", elsewhere.to_str().unwrap()]);
    assert!(fs::read_to_string(&elsewhere).unwrap().contains(LIBRARIES[0]));
}
