//! The layout of the interface is the recorded one, or its numbers say that it is not.

use std::{fs, path::PathBuf, process::Command};

use persist_abi::{Change, Verdict, built, compare, repository, verdict};
use persist_plugin_api::host::interface;

/// Set to record a new interface.
const RECORD: &str = "PERSIST_ABI_RECORD";

fn recorded() -> (PathBuf, String) {
    let path = repository().join("tests/abi/interface.txt");
    // What is not there yet is recorded as a change of everything.
    let text = fs::read_to_string(&path).unwrap_or_else(|_| "protocol 0\napi 0.0.0\n".to_owned());
    (path, text)
}

#[test]
fn the_layout_is_the_recorded_one() {
    let (path, recorded) = recorded();
    match verdict(&recorded, &interface()) {
        Verdict::Unchanged => {}
        Verdict::MayBeRecorded if std::env::var_os(RECORD).is_some() => {
            fs::write(path, interface()).unwrap();
        }
        Verdict::MayBeRecorded => panic!(
            "the plugin interface is a new one, and its numbers say so. Record it, and commit tests/abi/interface.txt:\n\
             {RECORD}=1 cargo test -p persist-abi layout"
        ),
        Verdict::Refused(what) => panic!("{what}"),
    }
}

#[test]
fn heavy_the_guard_notices_what_the_other_versions_change() {
    let (_, recorded) = recorded();
    let numbers = recorded.lines().take(2).collect::<Vec<_>>().join("\n");
    // As if each were today's, with the numbers as they are.
    let changed = |name: &str| format!("{numbers}\n{}", interface_of(name));

    assert_eq!(verdict(&recorded, &changed("today")), Verdict::Unchanged);
    assert_eq!(compare(&recorded, &changed("newer")), Change::Appended);
    for (name, what) in [
        ("newer", "raise the minor version of persist-plugin-api"),
        ("signature", "StorageAbi_trait::VTable lacks"),
        ("reordered", "StorageAbi_trait::VTable has another order"),
        ("extra-field", "struct persist_plugin_api::abi::WireMeta"),
    ] {
        let Verdict::Refused(said) = verdict(&recorded, &changed(name)) else { panic!("{name} passes") };
        assert!(said.contains(what), "{name}: {said}");
    }
    let frozen = persist_abi::versions().into_iter().filter(persist_abi::Version::is_frozen);
    for version in frozen {
        let then = format!("{numbers}\n{}", interface_of(&version.name));
        let change = compare(&then, &recorded);
        assert!(!matches!(change, Change::Breaking(_)), "{}: {change:?}", version.name);
    }
}

/// The description of the interface that a plugin was built with.
fn interface_of(name: &str) -> String {
    let output =
        Command::new(built().host("today")).arg("interface").arg(built().plugin(name)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
