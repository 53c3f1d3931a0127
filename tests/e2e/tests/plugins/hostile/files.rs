//! The bad files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::Path,
    process::Command,
};

use minisign::KeyPair;
use persist_abi::{Version, built, versions};
use persist_e2e::system::{compile_library, skip};
use persist_test_support::profile_dir;

use super::GOOD;

const CHECK: Need = Need::Check("60");
const SAVE: &[&str] = &["save", "a/s", "-", "--json"];

/// A bad file, and what has to become of it.
pub(super) struct Row {
    pub(super) file: String,
    /// What `persist plugins list` says.
    pub(super) listed: &'static str,
    pub(super) need: Need,
    /// The exit code of the command that needs it.
    pub(super) exit: i32,
    /// What that command says.
    pub(super) says: &'static str,
}

/// The command that needs a file.
pub(super) enum Need {
    /// `persist plugins check`, with a time limit in seconds.
    Check(&'static str),
    /// A command with its arguments, and the table of the store that it is to use.
    Run(&'static [&'static str], String),
}

/// How a library of C is unlike a plugin.
#[derive(Clone, Copy, Default)]
struct Faults {
    protocol: Option<u32>,
    aborts: bool,
    constructor: &'static str,
    arguments: &'static [&'static str],
    no_entry: bool,
}

/// Where plugins lie that were built with other versions of the API, below the directory: they offer the same names.
pub(super) const OTHER_VERSIONS: [&str; 2] = ["older_api", "newer_api"];

/// Fills a directory. `lock` is called when all is there that the lock file is to list; what follows changes it.
pub(super) fn fill(directory: &Path, lock: impl FnOnce()) -> Vec<Row> {
    let mut rows = Vec::new();
    no_libraries(directory, &mut rows);
    no_plugins(directory, &mut rows);
    built_otherwise(directory, &mut rows);
    crashing(directory, &mut rows);
    unruly(directory, &mut rows);
    for name in ["changed", "digest", "stale", "absent", "forged", "stranger", "unsigned_form"] {
        library(directory, name, name, Faults::default());
    }
    duplicates(directory, &mut rows);
    lock();
    tamper(directory, &mut rows);
    rows
}

/// Writes the signature of a file.
pub(super) fn sign(file: &Path, pair: &KeyPair) {
    let bytes = fs::read(file).expect("the file to sign");
    write_signature(file, &bytes, pair);
}

/// Puts wrong signatures beside three libraries.
pub(super) fn missign(directory: &Path, author: &KeyPair) {
    let stranger = KeyPair::generate_unencrypted_keypair().expect("a key pair");
    write_signature(&directory.join("forged.so"), b"other bytes", author);
    sign(&directory.join("stranger.so"), &stranger);
    write(&directory.join("unsigned_form.so.minisig"), b"signed, trust me\n");
}

fn write_signature(file: &Path, bytes: &[u8], pair: &KeyPair) {
    let signature = minisign::sign(Some(&pair.pk), &pair.sk, bytes, None, None).expect("a signature");
    let mut path = file.as_os_str().to_owned();
    path.push(".minisig");
    write(Path::new(&path), signature.to_string().as_bytes());
}

fn no_libraries(directory: &Path, rows: &mut Vec<Row>) {
    let path = |name: &str| directory.join(name);
    let plugin = fs::read(directory.join(GOOD[0])).expect("a plugin");
    let mut check = |file: &str, listed, says| rows.push(row(file, listed, CHECK, says));
    write(&path("text.so"), b"#!/bin/sh\necho no library\n");
    check("text.so", "not_a_library", "not a shared library");
    write(&path("empty.so"), b"");
    check("empty.so", "not_a_library", "not a shared library");
    fs::create_dir(path("directory.so")).expect("a directory");
    check("directory.so", "not_a_file", "not a regular file");
    let made = Command::new("mkfifo").arg(path("pipe.so")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    check("pipe.so", "not_a_file", "not a regular file");
    symlink(path(GOOD[0]), path("link.so")).expect("a link");
    check("link.so", "symlink", "a symbolic link");
    symlink("nowhere", path("dangling.so")).expect("a link");
    check("dangling.so", "symlink", "a symbolic link");
    write(&path("writable.so"), &plugin);
    fs::set_permissions(path("writable.so"), fs::Permissions::from_mode(0o666)).expect("a file of our own");
    check("writable.so", "writable_by_others", "chmod go-w");
    if rustix::process::geteuid().is_root() {
        write(&path("foreign.so"), &plugin);
        chown(path("foreign.so"), Some(12_345), None).expect("root may give files away");
        check("foreign.so", "foreign_owner", "belongs to user 12345");
    } else {
        skip("foreign.so: only root can give files away");
    }
    for (name, at, bytes) in [("machine.so", 18, [2, 0]), ("thirty_two.so", 4, [1, 1])] {
        let mut other = plugin.clone();
        other[at..at + 2].copy_from_slice(&bytes);
        write(&path(name), &other);
        check(name, "wrong_machine", "get the plugin for this machine");
    }
    for length in [20, 64, 4096, plugin.len() / 2, plugin.len() - 1] {
        let name = format!("cut_{length}.so");
        write(&path(&name), &plugin[..length]);
        check(&name, "truncated", "truncated");
    }
}

fn no_plugins(directory: &Path, rows: &mut Vec<Row>) {
    let ordinary = "int zlibVersion(void) { return 1; }\n";
    let _ = compile_library(ordinary, &directory.join("ordinary.so"));
    rows.push(row("ordinary.so", "not_a_plugin", CHECK, "not a Persist plugin"));
    let cases = [
        ("older", Faults { protocol: Some(0), ..Faults::default() }, "protocol", "plugin protocol 0"),
        ("newer", Faults { protocol: Some(4711), ..Faults::default() }, "protocol", "plugin protocol 4711"),
        ("panic_abort", Faults { aborts: true, ..Faults::default() }, "panic_aborts", "would end the host"),
        (
            "rpath",
            Faults { arguments: &["-Wl,-rpath,/opt/evil"], ..Faults::default() },
            "run_path",
            "/opt/evil",
        ),
        ("no_entry", Faults { no_entry: true, ..Faults::default() }, "no_entry_point", "export_plugin!"),
    ];
    for (name, faults, listed, says) in cases {
        library(directory, name, name, faults);
        rows.push(row(&format!("{name}.so"), listed, CHECK, says));
    }
}

/// Real plugins: of an older API and of a newer one, which work, and one whose panics would end the host.
fn built_otherwise(directory: &Path, rows: &mut Vec<Row>) {
    let built = built();
    let oldest = versions().into_iter().find(Version::is_frozen).expect("a frozen version").name;
    for (place, name) in OTHER_VERSIONS.into_iter().zip([oldest.as_str(), "newer"]) {
        let place = directory.join(place);
        fs::create_dir(&place).expect("a directory of plugins");
        let file = built.install(name, &place);
        let store = format!(
            "storage = {{ adapter = \"files\", root = {:?} }}\ncompression = {{ adapter = \"turn\" }}",
            place.join("store")
        );
        let file = file.strip_prefix(directory).expect("it lies below").display().to_string();
        rows.push(Row { exit: 0, ..row(&file, "signed", Need::Run(SAVE, store), "\"codec\":\"turn\"") });
    }
    let _ = built.install("aborting", directory);
    rows.push(row("aborting.so", "panic_aborts", CHECK, "would end the host"));
}

/// Libraries that pass every check that does not run them. In the command that uses them they would end it or keep it.
fn crashing(directory: &Path, rows: &mut Vec<Row>) {
    for (name, constructor, says) in [
        ("segfault", "*(volatile int *)0 = 1;", "signal 11"),
        ("abort", "abort();", "signal 6"),
        ("exit", "_exit(0);", "it ended its process"),
        ("loop", "for (;;) { pause(); }", "give it longer with --timeout"),
    ] {
        library(directory, name, name, Faults { constructor, ..Faults::default() });
        let limit = if name == "loop" { "3" } else { "60" };
        rows.push(row(&format!("{name}.so"), "signed", Need::Check(limit), says));
    }
}

/// A plugin that panics: in the command that uses it, each time.
fn unruly(directory: &Path, rows: &mut Vec<Row>) {
    let source = profile_dir().join("examples/libunruly_plugin.so");
    assert!(
        source.is_file(),
        "{} is missing: run `cargo build -p persist-host --examples`",
        source.display()
    );
    fs::copy(source, directory.join("unruly.so")).expect("a copy of a plugin");
    let storage = |options: &str| format!("storage = {{ adapter = \"unruly\"{options} }}");
    let codec = |options: &str| {
        let root = directory.join("../store");
        format!(
            "storage = {{ adapter = \"local\", root = {root:?} }}\ncompression = {{ adapter = \"unruly\"{options} }}"
        )
    };
    for (arguments, store, exit, says) in [
        (SAVE, storage(", panic_in_open = true"), 6, "the plugin panicked in open"),
        (SAVE, codec(""), 6, "the plugin panicked in compress"),
        // Nothing was asked of it any more, so nothing failed.
        (&["config", "check", "--json"], codec(", panic_in_drop = true"), 0, "\"codec\":\"unruly\""),
    ] {
        rows.push(Row { exit, ..row("unruly.so", "signed", Need::Run(arguments, store), says) });
    }
}

fn duplicates(directory: &Path, rows: &mut Vec<Row>) {
    library(directory, "twin_a", "twin", Faults::default());
    library(directory, "twin_b", "twin", Faults { constructor: "abort();", ..Faults::default() });
    rows.push(row("twin_a.so", "signed", save("twin"), "twin_b.so"));
    rows.push(row("twin_b.so", "duplicate_name", save("twin"), "twin_a.so"));
}

/// Changes what was locked.
fn tamper(directory: &Path, rows: &mut Vec<Row>) {
    let path = |name: &str| directory.join(name);
    let mut needs = |file: &str, listed, says| {
        let adapter = file.trim_end_matches(".so");
        rows.push(row(file, listed, save(adapter), says));
    };
    let mut bytes = fs::read(path("changed.so")).expect("a library");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    write(&path("changed.so"), &bytes);
    needs("changed.so", "lock_differs", "SHA-256");
    // A digit of the digest, and the whole of a version.
    let lock = fs::read_to_string(path("plugins.lock")).expect("the lock file");
    let digest = lock.split("file = \"digest.so\"").nth(1).and_then(|rest| rest.split("sha256 = \"").nth(1));
    let digest: String = digest.expect("the entry of digest.so").chars().take(64).collect();
    let other: String = digest.chars().rev().collect();
    write(&path("plugins.lock"), lock.replace(&digest, &other).as_bytes());
    needs("digest.so", "lock_differs", "SHA-256");
    fs::remove_file(path("stale.so")).expect("a library");
    library(directory, "stale", "stale", Faults { constructor: "pause();", ..Faults::default() });
    needs("stale.so", "lock_differs", "plugins.lock says");
    fs::remove_file(path("absent.so")).expect("a library");
    library(directory, "unlisted", "unlisted", Faults::default());
    needs("unlisted.so", "lock_not_listed", "does not list it");
    needs("forged.so", "signature_invalid", "signature is not that of the key");
    needs("stranger.so", "signature_unknown_key", "is signed by the key");
    needs("unsigned_form.so", "signature_unusable", ".minisig file cannot be used");
}

/// A save into storage that only one file offers.
fn save(adapter: &str) -> Need {
    Need::Run(SAVE, format!("storage = {{ adapter = {adapter:?} }}"))
}

fn row(file: &str, listed: &'static str, need: Need, says: &'static str) -> Row {
    Row { file: file.to_owned(), listed, need, exit: 6, says }
}

/// Compiles a library with the descriptor of a storage plugin.
fn library(directory: &Path, file: &str, adapter: &str, faults: Faults) {
    let descriptor = format!(
        r#"{{"name":"{file}","version":"1.0.0","protocol":{},"api":"1.0.0","rustc":"none","panic_unwind":{},"adapters":[{{"kind":"storage","name":"{adapter}","description":"In C.","schema":{{}}}}]}}"#,
        faults.protocol.unwrap_or(persist_plugin_api::PROTOCOL),
        !faults.aborts,
    );
    let length = descriptor.len();
    let entry = if faults.no_entry { "" } else { "int persist_plugin_v1 = 0;" };
    let source = format!(
        "#include <stdlib.h>\n#include <unistd.h>\n\
         __attribute__((section(\".persist.plugin\"), used)) static const char descriptor[{length}] = {descriptor:?};\n\
         {entry}\n__attribute__((constructor)) static void start(void) {{ {} }}\n",
        faults.constructor
    );
    let path = directory.join(format!("{file}.so"));
    let c = path.with_extension("c");
    write(&c, source.as_bytes());
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&path)
        .arg(&c)
        .args(faults.arguments)
        .output();
    let compiled = compiled.expect("cc starts");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    fs::remove_file(c).expect("the source");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of our own");
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("a file of our own");
}
