//! Plugins of other versions in today's host, by the library and by the command, and today's plugins in other hosts.

use std::process::Command;

use persist_abi::{built, versions};
use persist_host::{Plugins, SaveRequest, SearchPath, SnapshotRef};

use crate::support::{Scene, block_on, store, text};

/// What is built with today's API in another way: with optimisation and all debug information, as the release profile
/// of another target directory has it, and with an allocator that shares no block with the host's.
const VARIANTS: [&str; 2] = ["optimised", "allocator"];

/// The versions whose plugins and hosts fit each other: the frozen ones, today's, and a newer one.
fn compatible() -> Vec<String> {
    let names: Vec<String> =
        versions().into_iter().filter(|version| version.host).map(|version| version.name).collect();
    assert!(names.len() >= 3, "{names:?}");
    names
}

#[test]
fn heavy_plugins_of_compatible_versions_save_and_restore_by_the_library() {
    let mut names = compatible();
    names.extend(VARIANTS.map(str::to_owned));
    for name in names {
        let scene = Scene::with(&name);
        let plugins = Plugins::discover(&SearchPath::new().with_flags([scene.plugins()]));
        assert!(plugins.rejected().is_empty(), "{:?}", plugins.rejected());
        block_on(async {
            let store = store(plugins, &scene).await;
            let session: persist_host::SessionRef = "agent/session".parse().unwrap();
            // Large enough to be stored as a delta against the one before, which takes the codec's prefix.
            let states = [1, 2, 3].map(|step| format!("[\"{}\", {step}]", "state ".repeat(50_000)));
            for state in &states {
                store.save(SaveRequest::new(session.clone(), state.clone())).await.unwrap();
            }
            for (index, state) in states.iter().enumerate() {
                let reference: SnapshotRef = format!("agent/session@{index}").parse().unwrap();
                let restored = store.restore(&reference).await.unwrap();
                assert!(restored.state == state.as_bytes(), "{name}: snapshot {index}");
            }
        });
    }
}

#[test]
fn heavy_plugins_of_compatible_versions_serve_the_command() {
    let mut names = compatible();
    names.extend(VARIANTS.map(str::to_owned));
    for name in names {
        let scene = Scene::with(&name);
        let checked = scene.run(&["plugins", "check", &scene.file()], "");
        assert_eq!(checked.status.code(), Some(0), "{name}: {}", text(&checked));
        for state in ["[1]", "[1, 2]"] {
            let saved = scene.run(&["save", "a/s", "-"], state);
            assert_eq!(saved.status.code(), Some(0), "{name}: {}", text(&saved));
            // Another process, so what was stored is read and not what was remembered.
            let restored = scene.run(&["restore", "a/s"], "");
            assert_eq!(String::from_utf8_lossy(&restored.stdout), state, "{name}: {}", text(&restored));
        }
    }
}

#[test]
fn heavy_every_compatible_host_uses_every_compatible_plugin() {
    for host in compatible() {
        for plugin in compatible() {
            let scene = Scene::with(&plugin);
            let mut command = Command::new(built().host(&host));
            let output = command.arg("use").arg(built().plugin(&plugin)).arg(scene.store()).output().unwrap();
            let said = text(&output);
            assert_eq!(output.status.code(), Some(0), "{plugin} in a host of {host}: {said}");
            let name = plugin.replace('.', "-");
            let mut expected = format!("connected plugin-{name}\nstored\ncompressed\n");
            if host == "newer" {
                // An older plugin has no such field, and the methods that it lacks run their default bodies.
                expected.push_str(match plugin.as_str() {
                    "newer" => "field Some(42), storage 40, compression 40\n",
                    _ => "field None, storage 21, compression 21\n",
                });
            }
            assert_eq!(said, expected, "{plugin} in a host of {host}");
        }
    }
}
