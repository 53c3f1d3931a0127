//! Which plugin serves a name.

use std::fs;

use persist_host::{AdapterKind, ErrorKind, Plugins, RejectReason, SearchPath};

use crate::support::*;

#[test]
fn an_earlier_directory_wins_and_the_later_plugin_is_listed_as_shadowed() {
    let (first, second) = (directory(), directory());
    let winner = first.path().join("a.so");
    let loser = second.path().join("a.so");
    compile(&winner, &described(DESCRIPTOR, ENTRY), &[]);
    compile(&loser, &described(&DESCRIPTOR.replace("1.0.0", "2.0.0"), ENTRY), &[]);
    let path = SearchPath::new()
        .with_config([second.path().to_owned()])
        .with_environment(Some(first.path().as_os_str()));
    let plugins = Plugins::discover(&path);
    assert!(plugins.rejected().is_empty());
    assert_eq!(plugins.resolve(AdapterKind::Storage, "c").unwrap().path(), winner);
    let listing = serde_json::to_value(plugins.listing()).unwrap();
    assert_eq!(listing["plugins"][0]["version"], "1.0.0");
    assert_eq!(listing["plugins"][0]["origin"], "environment");
    assert_eq!(listing["plugins"][0]["adapters"][0]["active"], true);
    assert!(listing["plugins"][0]["shadowed_by"].is_null());
    assert_eq!(listing["plugins"][1]["path"], loser.to_str().unwrap());
    assert_eq!(listing["plugins"][1]["shadowed_by"], winner.to_str().unwrap());
    assert_eq!(listing["plugins"][1]["adapters"][0]["active"], false);
}

#[test]
fn two_different_files_of_one_directory_refuse_the_name_and_no_other() {
    let scene = directory();
    install(scene.path(), "good.so");
    let (one, two) = (scene.path().join("one.so"), scene.path().join("two.so"));
    compile(&one, &described(DESCRIPTOR, ENTRY), &[]);
    let more = DESCRIPTOR
        .replace("}}]", "}},{\"kind\":\"storage\",\"name\":\"own\",\"description\":\"\",\"schema\":{}}]");
    compile(&two, &described(&more, ENTRY), &[]);
    let expected =
        RejectReason::DuplicateName { kind: "storage".to_owned(), name: "c".to_owned(), other: one.clone() };
    assert_refused(scene.path(), &two, |reason| *reason == expected);

    // A later directory does not decide the contest.
    let later = directory();
    compile(&later.path().join("c.so"), &described(DESCRIPTOR, ENTRY), &[]);
    let plugins = Plugins::discover(&search(scene.path()).with_config([later.path().to_owned()]));
    assert_eq!(plugins.names(AdapterKind::Storage), ["own", "shelf"]);
    assert_eq!(plugins.resolve(AdapterKind::Storage, "own").unwrap().path(), two);
    let error = plugins.resolve(AdapterKind::Storage, "c").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_ambiguous"));
    let hint = error.hint().unwrap();
    assert!(hint.contains(one.to_str().unwrap()) && hint.contains(two.to_str().unwrap()), "{hint}");
}

#[test]
fn a_copy_in_the_same_directory_is_no_duplicate() {
    let scene = directory();
    install(scene.path(), "a.so");
    fs::copy(test_plugin(), scene.path().join("b.so")).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    assert!(plugins.rejected().is_empty(), "{:?}", plugins.rejected());
    assert_eq!(plugins.resolve(AdapterKind::Storage, "shelf").unwrap().path(), scene.path().join("a.so"));
    assert_works(&plugins);
}

#[test]
fn a_directory_that_is_named_twice_does_not_shadow_itself() {
    let scene = directory();
    install(scene.path(), "a.so");
    let link = directory();
    let other_name = link.path().join("link");
    std::os::unix::fs::symlink(scene.path(), &other_name).unwrap();
    let plugins = Plugins::discover(&search(scene.path()).with_config([other_name]));
    assert_eq!(plugins.files().len(), 1);
}

#[test]
fn the_error_for_a_missing_name_says_what_there_is_and_what_was_refused() {
    let scene = directory();
    install(scene.path(), "good.so");
    let bad = scene.path().join("bad.so");
    write(&bad, b"no library");
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("s3", &serde_json::json!({}))).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_missing"));
    assert_eq!(error.to_string(), "there is no storage adapter \"s3\"");
    let expected = format!(
        "use one of the storage adapters that were found: shelf\nsearched:\n  {} (--plugin-dir)\nrefused:\n  {}: {}",
        scene.path().display(),
        bad.display(),
        RejectReason::NotALibrary,
    );
    assert_eq!(error.hint(), Some(expected.as_str()));
    // Kinds have names of their own.
    assert!(plugins.resolve(AdapterKind::Compression, "shelf").is_err());
}
