//! Plugins that do not fit are refused in one line, before anything of them is used.

use std::process::Command;

use persist_abi::built;
use persist_plugin_api::host::interface;

use crate::support::{Scene, text};

/// Versions whose layout differs, and what the host says of it.
const LAYOUTS: [(&str, &str); 3] = [
    ("signature", "mismatched type; the host has CallContext, the plugin has u32"),
    ("reordered", "unexpected field; the host has delete, the plugin has exists"),
    ("extra-field", "unexpected field; the host has extra, the plugin has etag"),
];

#[test]
fn heavy_a_plugin_with_another_layout_is_refused_in_one_line() {
    let (host, plugin) = major_versions();
    let major = format!("the host has version {host} of the plugin API, the plugin has {plugin}");
    for (name, finding) in LAYOUTS.into_iter().chain([("major", major.as_str())]) {
        let scene = Scene::with(name);
        let finding = format!("its interface differs from this host's: {finding}");
        let expected = format!(
            "error: cannot load the plugin {}: it does not fit this release\n  cause: {finding}\n  \
             hint: get the plugin for this release, or build it with this release's plugin API\n",
            scene.file()
        );
        for arguments in [["save", "a/s", "-"].as_slice(), &["restore", "a/s"], &["list"]] {
            let output = scene.run(arguments, "[1]");
            assert_eq!(output.status.code(), Some(6), "{name} {arguments:?}: {}", text(&output));
            assert_eq!(text(&output), expected, "{name} {arguments:?}");
        }
        let checked = scene.run(&["plugins", "check", &scene.file()], "");
        assert_eq!(checked.status.code(), Some(6), "{name}: {}", text(&checked));
        assert!(text(&checked).contains(&finding), "{name}: {}", text(&checked));
        // Listing runs no plugin, so it cannot know.
        assert_eq!(scene.run(&["plugins", "list"], "").status.code(), Some(0));
        assert!(!scene.store().exists(), "{name}: nothing was stored");
    }
}

#[test]
fn heavy_a_plugin_of_another_protocol_is_refused_unopened() {
    let scene = Scene::with("protocol");
    let line = "it speaks plugin protocol 2, this host speaks 1; get the plugin for this release";
    let refused = format!("{}: {line}\n", scene.file());
    for arguments in [["save", "a/s", "-"].as_slice(), &["restore", "a/s"]] {
        let output = scene.run(arguments, "[1]");
        assert_eq!(output.status.code(), Some(6), "{}", text(&output));
        assert!(
            text(&output).starts_with("error: there is no storage adapter \"files\"\n"),
            "{}",
            text(&output)
        );
        assert!(text(&output).contains(&refused), "{}", text(&output));
    }
    let listed = scene.run(&["plugins", "list"], "");
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed));
    assert!(text(&listed).contains(&refused), "{}", text(&listed));
    let checked = scene.run(&["plugins", "check", &scene.file()], "");
    assert_eq!(checked.status.code(), Some(6), "{}", text(&checked));
    assert!(text(&checked).ends_with(&format!("  cause: {line}\n")), "{}", text(&checked));
}

#[test]
fn heavy_a_newer_host_says_what_differs_beyond_what_an_older_plugin_may_lack() {
    for (name, finding) in [
        ("signature", "mismatched type; the plugin has u32, the host has CallContext"),
        ("reordered", "unexpected field; the plugin has exists, the host has delete"),
        ("extra-field", "unexpected field; the plugin has etag, the host has extra"),
    ] {
        let scene = Scene::with(name);
        let mut command = Command::new(built().host("newer"));
        let output = command.arg("use").arg(scene.file()).arg(scene.store()).output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{name}: {}", text(&output));
        assert_eq!(text(&output), format!("its interface differs from this host's: {finding}\n"), "{name}");
    }
}

/// The version of this API, and the next major one.
fn major_versions() -> (String, String) {
    let interface = interface();
    let version = interface.lines().find_map(|line| line.strip_prefix("api ")).unwrap();
    let major: u64 = version.split('.').next().unwrap().parse().unwrap();
    (version.to_owned(), format!("{}.0.0", major + 1))
}
