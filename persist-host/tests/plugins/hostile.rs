//! Files and directories that must be refused, each for its own reason, while the plugin beside them works.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use persist_host::{Plugins, RejectReason, SearchPath};
use tempfile::TempDir;

use crate::support::*;

/// A directory with the good plugin, and the path of a bad one to be.
fn scene() -> (TempDir, PathBuf) {
    let scene = directory();
    install(scene.path(), "good.so");
    let bad = scene.path().join("bad.so");
    (scene, bad)
}

#[test]
fn a_text_file() {
    let (scene, bad) = scene();
    write(&bad, b"#!/bin/sh\nThis is no library.\n");
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NotALibrary);
}

#[test]
fn an_empty_file() {
    let (scene, bad) = scene();
    write(&bad, b"");
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NotALibrary);
}

#[test]
fn a_directory_with_the_name_of_a_library() {
    let (scene, bad) = scene();
    fs::create_dir(&bad).unwrap();
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NotAFile);
}

#[test]
fn a_pipe_that_nobody_writes_to() {
    let (scene, bad) = scene();
    assert!(Command::new("mkfifo").arg(&bad).status().unwrap().success());
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NotAFile);
}

#[test]
fn a_socket() {
    // The path of a socket is short, so the directory is not the build's.
    let scene = TempDir::new().unwrap();
    let bad = scene.path().join("bad.so");
    let _listener = UnixListener::bind(&bad).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    assert_eq!(plugins.rejected()[0].reason, RejectReason::NotAFile);
}

#[test]
fn a_symbolic_link_even_to_a_good_plugin() {
    let (scene, bad) = scene();
    symlink(scene.path().join("good.so"), &bad).unwrap();
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::Symlink);
}

#[test]
fn a_file_that_everybody_can_write() {
    let (scene, bad) = scene();
    fs::copy(test_plugin(), &bad).unwrap();
    chmod(&bad, 0o666);
    let expected = RejectReason::WritableByOthers { directory: None, mode: 0o666 };
    assert_refused(scene.path(), &bad, |reason| *reason == expected);
}

#[test]
fn files_of_other_users_and_groups() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let (scene, bad) = scene();
    fs::copy(test_plugin(), &bad).unwrap();
    chown(&bad, Some(12_345), None).unwrap();
    let foreign = RejectReason::ForeignOwner { directory: None, owner: 12_345, user: 0 };
    assert_refused(scene.path(), &bad, |reason| *reason == foreign);

    chown(&bad, Some(0), Some(12_345)).unwrap();
    chmod(&bad, 0o664);
    let shared = RejectReason::WritableByOthers { directory: None, mode: 0o664 };
    assert_refused(scene.path(), &bad, |reason| *reason == shared);

    // The owner's private group is nobody else.
    chown(&bad, None, Some(0)).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    assert!(plugins.rejected().is_empty(), "{:?}", plugins.rejected());
}

#[test]
fn a_directory_of_another_user_unless_the_program_came_with_it() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let scene = directory();
    let program = scene.path().join("persist");
    write(&program, b"");
    let plugin = scene.path().join("good.so");
    fs::copy(test_plugin(), &plugin).unwrap();
    for path in [scene.path(), &program, &plugin] {
        chown(path, Some(12_345), Some(12_345)).unwrap();
    }
    let named = Plugins::discover(&search(scene.path()));
    assert!(matches!(
        &named.rejected()[0].reason,
        RejectReason::ForeignOwner { directory: Some(directory), owner: 12_345, user: 0 } if directory == scene.path()
    ));
    assert!(named.files().is_empty());
    let shipped = Plugins::discover(&SearchPath::new().with_executable(&program));
    assert!(shipped.rejected().is_empty(), "{:?}", shipped.rejected());
    assert_works(&shipped);
}

#[test]
fn directories_that_everybody_can_write() {
    let scene = directory();
    let parent = scene.path().join("parent");
    let inner = parent.join("plugins");
    fs::create_dir_all(&inner).unwrap();
    install(&inner, "good.so");
    let reason = || Plugins::discover(&search(&inner)).rejected().first().map(|it| it.reason.clone());
    let writable = |directory: &PathBuf, mode| {
        Some(RejectReason::WritableByOthers { directory: Some(directory.clone()), mode })
    };
    assert_eq!(reason(), None);
    chmod(&parent, 0o777);
    assert_eq!(reason(), writable(&parent, 0o777));
    // As /tmp is.
    chmod(&parent, 0o1777);
    assert_eq!(reason(), None);
    chmod(&inner, 0o1777);
    assert_eq!(reason(), writable(&inner, 0o1777));
}

#[test]
fn a_library_for_another_machine() {
    let (scene, bad) = scene();
    let mut bytes = fs::read(test_plugin()).unwrap();
    let machine = if cfg!(target_arch = "x86_64") { 183_u16 } else { 62 };
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    write(&bad, &bytes);
    assert_refused(
        scene.path(),
        &bad,
        |reason| matches!(reason, RejectReason::WrongMachine { found, expected } if found != expected),
    );
    bytes[4] = 1;
    write(&bad, &bytes[..4096]);
    assert_refused(
        scene.path(),
        &bad,
        |reason| matches!(reason, RejectReason::WrongMachine { found, .. } if found == "a 32-bit machine"),
    );
}

#[test]
fn a_plugin_cut_off_at_any_length() {
    let (scene, bad) = scene();
    let bytes = fs::read(test_plugin()).unwrap();
    for length in [8, 63, 64, 1000, bytes.len() / 2, bytes.len() - 1] {
        write(&bad, &bytes[..length]);
        assert_refused(
            scene.path(),
            &bad,
            |reason| matches!(reason, RejectReason::Truncated { length: found, .. } if *found == length as u64),
        );
    }
}

#[test]
fn a_library_that_is_no_plugin() {
    let (scene, bad) = scene();
    compile(&bad, "int zero(void) { return 0; }", &[]);
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NotAPlugin);
}

#[test]
fn descriptors_that_cannot_be_read() {
    let (scene, bad) = scene();
    let twice = DESCRIPTOR
        .replace("}}]", "}},{\"kind\":\"storage\",\"name\":\"c\",\"description\":\"\",\"schema\":1}]");
    let escape = DESCRIPTOR.replace("In C.", "In \\u001b[31mC.");
    for descriptor in ["not json", "{}", "[]", &twice, &escape] {
        compile(&bad, &described(descriptor, ENTRY), &[]);
        assert_refused(scene.path(), &bad, |reason| matches!(reason, RejectReason::BadDescriptor { .. }));
    }
}

#[test]
fn a_descriptor_that_is_too_large() {
    let (scene, bad) = scene();
    let source = "__attribute__((section(\".persist.plugin\"), used)) static const char d[1048577] = \"{\";";
    compile(&bad, source, &[]);
    let expected = RejectReason::DescriptorTooLarge { size: 1_048_577 };
    assert_refused(scene.path(), &bad, |reason| *reason == expected);
}

#[test]
fn plugins_of_another_protocol_or_that_abort() {
    let (scene, bad) = scene();
    let future = DESCRIPTOR.replace("\"protocol\":1", "\"protocol\":4711");
    compile(&bad, &described(&future, ENTRY), &[]);
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::Protocol { found: 4711 });

    let aborting = DESCRIPTOR.replace("\"panic_unwind\":true", "\"panic_unwind\":false");
    compile(&bad, &described(&aborting, ENTRY), &[]);
    assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::PanicAborts);
}

#[test]
fn a_plugin_that_tells_the_linker_where_to_search() {
    let (scene, bad) = scene();
    for kind in ["--enable-new-dtags", "--disable-new-dtags"] {
        let linker = format!("-Wl,-rpath,/opt/evil,{kind}");
        compile(&bad, &described(DESCRIPTOR, ENTRY), &[&linker]);
        let expected = RejectReason::RunPath { path: "/opt/evil".to_owned() };
        assert_refused(scene.path(), &bad, |reason| *reason == expected);
    }
}

#[test]
fn a_plugin_that_needs_a_library_of_its_own() {
    let (scene, bad) = scene();
    let libraries = directory();
    let helper = libraries.path().join("libhelper.so");
    compile(&helper, "int help(void) { return 0; }", &["-Wl,-soname,libhelper.so.3"]);
    let uses = format!("{ENTRY}\nint help(void);\nint use(void) {{ return help(); }}");
    compile(&bad, &described(DESCRIPTOR, &uses), &[helper.to_str().unwrap()]);
    let expected = RejectReason::ForeignLibrary { name: "libhelper.so.3".to_owned() };
    assert_refused(scene.path(), &bad, |reason| *reason == expected);
}

#[test]
fn a_described_library_without_the_entry_point() {
    let (scene, bad) = scene();
    for rest in
        ["static int persist_plugin_v1 = 0;", "extern int persist_plugin_v1; int *p = &persist_plugin_v1;"]
    {
        compile(&bad, &described(DESCRIPTOR, rest), &[]);
        assert_refused(scene.path(), &bad, |reason| *reason == RejectReason::NoEntryPoint);
    }
}

#[test]
fn damage_anywhere_in_the_headers_is_refused_or_harmless() {
    let scene = directory();
    let bad = scene.path().join("bad.so");
    compile(&bad, &described(DESCRIPTOR, ENTRY), &[]);
    let good = fs::read(&bad).unwrap();
    // Nothing here may panic, hang or take memory that the file does not have.
    for at in (0..64).chain(64..1024) {
        for value in [0, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            write(&bad, &bytes);
            let plugins = Plugins::discover(&search(scene.path()));
            assert_eq!(plugins.files().len() + plugins.rejected().len(), 1, "byte {at} = {value}");
        }
    }
}

#[test]
fn directories_that_are_missing_or_something_else_or_closed() {
    let scene = directory();
    let missing = scene.path().join("missing");
    let file = install(scene.path(), "good.so");
    let path = SearchPath::new()
        .with_flags([missing.clone(), file.clone()])
        .with_config([scene.path().to_owned()])
        .with_executable(&scene.path().join("nowhere/bin/persist"));
    let plugins = Plugins::discover(&path);
    let reasons: Vec<_> = plugins.rejected().iter().map(|it| (it.path.clone(), it.reason.clone())).collect();
    assert_eq!(reasons, [(missing, RejectReason::Missing), (file, RejectReason::NotADirectory)]);
    assert_works(&plugins);
}

#[test]
fn what_lies_beside_the_program_is_no_noise() {
    let scene = directory();
    install(scene.path(), "good.so");
    compile(&scene.path().join("libother.so"), "int other;", &[]);
    write(&scene.path().join("libscript.so"), b"INPUT(-lother)");
    fs::create_dir(scene.path().join("odd.so")).unwrap();
    fs::create_dir(scene.path().join("deps")).unwrap();
    compile(&scene.path().join("deps/bad.so"), &described("{}", ""), &[]);
    let plugins = Plugins::discover(&SearchPath::new().with_executable(&scene.path().join("persist")));
    assert!(plugins.rejected().is_empty(), "{:?}", plugins.rejected());
    assert_works(&plugins);
    // A plugin that is damaged is worth a word even there.
    let bytes = fs::read(test_plugin()).unwrap();
    write(&scene.path().join("cut.so"), &bytes[..bytes.len() / 2]);
    let plugins = Plugins::discover(&SearchPath::new().with_executable(&scene.path().join("persist")));
    assert!(matches!(plugins.rejected()[0].reason, RejectReason::Truncated { .. }));
}

#[test]
fn a_file_that_cannot_be_read() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root can read every file");
        return;
    }
    let (scene, bad) = scene();
    fs::copy(test_plugin(), &bad).unwrap();
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o000)).unwrap();
    assert_refused(scene.path(), &bad, |reason| matches!(reason, RejectReason::Unreadable { .. }));
}
