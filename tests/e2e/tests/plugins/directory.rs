//! A directory that holds anything but plugins, searched before the one with the plugins.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use persist_e2e::{
    Persist,
    servers::plugin_dir,
    system::{compile_library, skip},
};

const LOCAL: &str = "libpersist_storage_local.so";

/// Fills a directory; the name of each file with the code of its refusal.
fn fill(directory: &Path) -> Vec<(&'static str, &'static str)> {
    let plugin = fs::read(plugin_dir().join(LOCAL)).expect("the plugin of local storage");
    let file = |name: &str| directory.join(name);
    fs::create_dir_all(directory).expect("a directory of plugins");
    let write = |name: &str, bytes: &[u8]| fs::write(file(name), bytes).expect("a file among the plugins");
    write("notes.so", b"remember the milk\n");
    write("empty.so", b"");
    write("libpersist_storage_local.so", &plugin[..plugin.len() / 2]);
    write("header_only.so", &plugin[..64]);
    let mut other_machine = plugin;
    // e_machine of the ELF header: SPARC.
    other_machine[18..20].copy_from_slice(&[2, 0]);
    write("other_machine.so", &other_machine);
    write("README", b"not even named like a library");
    fs::create_dir(file("directory.so")).expect("a directory named like a library");
    symlink(plugin_dir().join(LOCAL), file("link.so")).expect("a symbolic link");
    let made = Command::new("mkfifo").arg(file("pipe.so")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    vec![
        ("notes.so", "not_a_library"),
        ("empty.so", "not_a_library"),
        ("libpersist_storage_local.so", "truncated"),
        ("other_machine.so", "wrong_machine"),
        ("directory.so", "not_a_file"),
        ("link.so", "symlink"),
        ("pipe.so", "not_a_file"),
    ]
}

/// A config whose plugin directories are the junk and then the real one.
fn configure(persist: &Persist, junk: &Path) {
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{junk:?}, {:?}]\n",
        persist.store_dir(),
        plugin_dir()
    ));
}

#[test]
fn the_rest_works_and_each_file_is_refused_with_its_reason() {
    let persist = Persist::new();
    let junk = persist.path("junk");
    let expected = fill(&junk);
    configure(&persist, &junk);
    persist.save("a/s", "[1]");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "[1]");
    let _ = persist.ok(["verify"]);

    let listing = persist.ok(["plugins", "list", "--json"]).json();
    let rejected = listing["rejected"].as_array().unwrap();
    let row = |name: &str| {
        let path = junk.join(name);
        rejected
            .iter()
            .find(|row| row["path"] == path.to_str().unwrap())
            .unwrap_or_else(|| panic!("{name}: {listing}"))
    };
    for (name, code) in expected {
        assert_eq!(row(name)["code"], code, "{name}");
        assert!(row(name)["reason"].as_str().unwrap().len() > 10, "{name}");
    }
    // It may be called truncated or malformed; it is refused.
    let _ = row("header_only.so");
    assert!(!listing.to_string().contains("README"), "{listing}");

    let text = persist.ok(["plugins", "list"]).text();
    for name in [
        "notes.so: not a shared library",
        "link.so: a symbolic link",
        "libpersist_storage_local.so: truncated",
    ] {
        assert!(text.contains(name), "{name:?} is missing: {text}");
    }
}

#[test]
fn a_library_that_is_no_plugin_is_called_that() {
    let persist = Persist::new();
    let junk = persist.path("junk");
    fs::create_dir(&junk).unwrap();
    let library = junk.join("libz.so");
    if compile_library("int zlibVersion(void) { return 1; }\n", &library).is_none() {
        return skip("there is no C compiler");
    }
    configure(&persist, &junk);
    persist.save("a/s", "[1]");
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    let row = &listing["rejected"][0];
    assert_eq!((&row["path"], &row["code"]), (&library.to_str().unwrap().into(), &"not_a_plugin".into()));
    let _ = persist
        .run(["plugins", "check", library.to_str().unwrap()])
        .expect_code(6)
        .says(["not a Persist plugin"]);
}

#[test]
fn the_plugins_and_what_they_offer_are_listed() {
    let persist = Persist::new();
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    let mut offered: Vec<_> = listing["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|plugin| plugin["adapters"].as_array().unwrap())
        .filter(|adapter| adapter["active"] == true)
        .map(|adapter| format!("{} {}", adapter["kind"].as_str().unwrap(), adapter["name"].as_str().unwrap()))
        .collect();
    offered.sort();
    for adapter in ["compression gzip", "storage local", "storage memory", "storage s3"] {
        assert_eq!(offered.iter().filter(|offer| *offer == adapter).count(), 1, "{adapter}: {offered:?}");
    }
    assert!(listing["searched"].as_array().unwrap().iter().any(|row| row["origin"] == "config"), "{listing}");
    let text = persist.ok(["plugins", "list"]).text();
    for part in ["local", "memory", "s3", "gzip", "searched:", plugin_dir().to_str().unwrap()] {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
}

#[test]
fn an_earlier_directory_wins_and_the_loser_is_shown() {
    let persist = Persist::new();
    let first = persist.path("first");
    fs::create_dir(&first).unwrap();
    let copy: PathBuf = first.join(LOCAL);
    fs::copy(plugin_dir().join(LOCAL), &copy).unwrap();
    let listing = persist.ok(["plugins", "list", "--json", "--plugin-dir", first.to_str().unwrap()]).json();
    let plugins = listing["plugins"].as_array().unwrap();
    assert_eq!(plugins[0]["path"], copy.to_str().unwrap(), "{listing}");
    assert_eq!(plugins[0]["adapters"][0]["active"], true);
    let shadowed = plugins.iter().filter(|plugin| plugin["shadowed_by"] == copy.to_str().unwrap()).count();
    assert_eq!(shadowed, 1, "{listing}");
}

#[test]
fn a_directory_that_is_not_there_stops_nobody() {
    let persist = Persist::new();
    let junk = persist.path("no/such/directory");
    configure(&persist, &junk);
    persist.save("a/s", "[1]");
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    assert_eq!(listing["rejected"][0]["code"], "missing");
    let file = persist.write("file", "x");
    configure(&persist, &file);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "[1]");
    let listing = persist.ok(["plugins", "list", "--json"]).json();
    assert_eq!(listing["rejected"][0]["code"], "not_a_directory");
}
