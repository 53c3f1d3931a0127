//! Plugins that others could have written.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use persist_e2e::{Persist, servers::plugin_dir};

const LIBRARIES: [&str; 2] = ["libpersist_storage_local.so", "libpersist_compression_gzip.so"];

/// A command whose only plugins are copies in a directory of its own.
fn with_copies() -> (Persist, PathBuf) {
    let persist = Persist::new();
    let plugins = persist.path("plugins");
    fs::create_dir(&plugins).expect("a directory of plugins");
    for library in LIBRARIES {
        fs::copy(plugin_dir().join(library), plugins.join(library)).expect("a copy of a plugin");
        change_mode(&plugins.join(library), 0o755);
    }
    change_mode(&plugins, 0o755);
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{plugins:?}]\n",
        persist.store_dir()
    ));
    (persist.far_from_plugins(), plugins)
}

fn change_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of our own");
}

#[test]
fn a_plugin_that_everybody_can_write_is_refused_where_it_is_needed() {
    let (persist, plugins) = with_copies();
    persist.save("a/s", "[1]");
    change_mode(&plugins.join(LIBRARIES[0]), 0o777);
    for arguments in [&["list"][..], &["restore", "a/s"], &["save", "a/s", "-"]] {
        let output = persist.run_with_input(arguments, "1").expect_code(6);
        let _ = output.says(["\"local\"", LIBRARIES[0], "can be written by others", "chmod go-w"]);
    }
    // What does not need it is not disturbed.
    for arguments in [&["plugins", "list"][..], &["config", "show"], &["completions", "bash"], &["--help"]] {
        let _ = persist.ok(arguments);
    }
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    assert_eq!(listing["rejected"][0]["code"], "writable_by_others");
    let library = plugins.join(LIBRARIES[0]);
    let _ = persist
        .run(["plugins", "check", library.to_str().unwrap()])
        .expect_code(6)
        .says(["written by others"]);
    change_mode(&library, 0o755);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "[1]");
}

#[test]
fn the_codecs_plugin_is_needed_only_where_bytes_are() {
    let (persist, plugins) = with_copies();
    persist.save("a/s", "[1]");
    change_mode(&plugins.join(LIBRARIES[1]), 0o777);
    let _ = persist.ok(["list"]);
    let _ = persist.ok(["show", "a/s"]);
    let _ = persist.run(["restore", "a/s"]).expect_code(6).says(["gzip", LIBRARIES[1], "written by others"]);
}

#[test]
fn a_directory_that_everybody_can_write_is_refused_whole() {
    let (persist, plugins) = with_copies();
    for (mode, path) in [(0o777, plugins.clone()), (0o1777, plugins.clone())] {
        change_mode(&path, mode);
        let output = persist.run(["list"]).expect_code(6);
        let _ = output.says(["\"local\"", plugins.to_str().unwrap(), "can be written by others"]);
        let listing = persist.ok(["plugins", "list", "--json"]).json();
        assert_eq!(
            (&listing["plugins"], listing["rejected"].as_array().unwrap().len()),
            (&serde_json::json!([]), 1)
        );
    }
    change_mode(&plugins, 0o755);
    persist.save("a/s", "[1]");
}
