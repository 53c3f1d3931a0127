//! Stores whose codec was changed midway.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use persist_e2e::{Persist, json_lines, servers::plugin_dir, system::skip};
use persist_test_support::python_codecs_dir;

const CODECS: [&str; 5] = ["gzip", "zstd", "lz4", "brotli", "none"];

/// How many states are saved with each codec.
const EACH: usize = 3;

/// Configures the store of [`Persist::new`] with a codec, and a directory of plugins.
fn configure(persist: &Persist, codec: &str, plugins: &std::path::Path) {
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\ncompression = {{ adapter = {codec:?} }}\n\
         [plugins]\npath = [{plugins:?}]\n",
        persist.store_dir()
    ));
}

/// The state of a step: that of the step before with an element more, and with a change in its middle.
fn state(step: usize) -> String {
    let messages: Vec<String> = (0..=step + 200)
        .map(|message| {
            let marked = if message == step + 50 { ",\"cached\":true" } else { "" };
            format!("{{\"role\":\"user\",\"content\":\"message {:x}\"{marked}}}", message * 7_919_777)
        })
        .collect();
    format!("[{}]", messages.join(","))
}

/// A session whose snapshots were saved with one codec after the other, and their codecs as `list` has them.
fn mixed_session(persist: &Persist) -> Vec<Option<String>> {
    for (turn, codec) in CODECS.iter().enumerate() {
        configure(persist, codec, &plugin_dir());
        for step in turn * EACH..(turn + 1) * EACH {
            persist.save("a/s", state(step));
        }
    }
    let listed = json_lines(&persist.ok(["list", "a/s", "--json"]).stdout);
    listed.iter().map(|row| row["codec"].as_str().map(ToOwned::to_owned)).collect()
}

#[test]
fn every_snapshot_is_read_without_a_word_about_its_codec() {
    let persist = Persist::new();
    let codecs = mixed_session(&persist);
    let expected: Vec<Option<&str>> =
        CODECS.iter().flat_map(|codec| [Some(*codec).filter(|codec| *codec != "none"); EACH]).collect();
    assert_eq!(codecs.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);

    for codec in CODECS {
        configure(&persist, codec, &plugin_dir());
        for step in 0..CODECS.len() * EACH {
            assert!(
                persist.ok(["restore", &format!("a/s@{step}")]).text() == state(step),
                "{step} with {codec}"
            );
        }
        let _ = persist.ok(["verify", "--read-data"]);
    }
    // One full snapshot; what is built on it was written with all codecs in turn.
    let kept: Vec<usize> = (0..CODECS.len() * EACH).map(|step| stored_len(&persist, step)).collect();
    assert!(kept[1..].iter().all(|length| *length < kept[0]), "all others are deltas: {kept:?}");
}

/// The length of the object of a step.
fn stored_len(persist: &Persist, step: usize) -> usize {
    let shown = persist.ok(["show", &format!("a/s@{step}"), "--json"]).json();
    usize::try_from(shown["stored_bytes"].as_u64().expect("a length")).expect("a small one")
}

#[test]
fn a_delta_whose_ancestor_has_a_codec_that_is_missing_names_its_plugin() {
    let persist = Persist::new();
    let _ = mixed_session(&persist);
    let plugins = persist.path("plugins");
    fs::create_dir(&plugins).unwrap();
    let install = |library: &str| {
        let file = format!("libpersist_{library}.so");
        fs::copy(plugin_dir().join(&file), plugins.join(&file)).unwrap();
    };
    for library in ["storage_local", "compression_gzip", "compression_lz4"] {
        install(library);
    }
    configure(&persist, "gzip", &plugins);
    let persist = persist.far_from_plugins();
    // The last one that was saved with gzip, and the first with lz4, which is built on those with zstd.
    assert_eq!(persist.ok(["restore", "a/s@2"]).text(), state(2));
    let output = persist.run(["restore", "a/s@6"]).expect_code(6);
    let _ = output.says(["\"zstd\"", "install libpersist_compression_zstd.so", plugins.to_str().unwrap()]);
    install("compression_zstd");
    assert_eq!(persist.ok(["restore", "a/s@6"]).text(), state(6));
}

/// Runs the reader of the documentation, with packages from a directory or with none at all.
fn restore_py(persist: &Persist, step: usize, packages: Option<&Path>) -> Output {
    let mut command = Command::new("python3");
    match packages {
        Some(packages) => command.env("PYTHONPATH", packages),
        None => command.args(["-I", "-S"]),
    };
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/restore.py"));
    command.arg(persist.store_dir()).args(["a", "s", &step.to_string()]).output().expect("python3 starts")
}

#[test]
fn the_reader_in_python_names_the_package_that_a_codec_needs() {
    let persist = Persist::new();
    let _ = mixed_session(&persist);
    // Each of these is built on those of the codecs before it.
    assert!(restore_py(&persist, EACH - 1, None).stdout == state(EACH - 1).as_bytes(), "gzip needs none");
    let built_in = Command::new("python3").args(["-c", "import compression.zstd"]).output();
    let zstd =
        if built_in.is_ok_and(|output| output.status.success()) { None } else { Some("backports.zstd") };
    for (turn, package) in [(1, zstd), (2, zstd.or(Some("lz4")))] {
        let Some(package) = package else { continue };
        let output = restore_py(&persist, turn * EACH, None);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{said}");
        assert!(said.contains(&format!("install the Python package {package}")), "{said}");
    }
}

#[test]
fn the_reader_in_python_restores_every_codec_and_what_is_built_on_several() {
    let packages = python_codecs_dir();
    if !packages.is_dir() {
        return skip("the Python packages of the codecs are not installed; `cargo xtask test` does that");
    }
    let persist = Persist::new();
    let _ = mixed_session(&persist);
    for step in 0..CODECS.len() * EACH {
        let output = restore_py(&persist, step, Some(&packages));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout == state(step).as_bytes(), "{step}: {said}");
    }
    // A store of one codec each: full snapshots, and deltas with a prefix of their own codec.
    for codec in CODECS {
        let persist = Persist::new();
        configure(&persist, codec, &plugin_dir());
        for step in 0..EACH {
            persist.save("a/s", state(step));
        }
        for step in 0..EACH {
            let output = restore_py(&persist, step, Some(&packages));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.stdout == state(step).as_bytes(), "{codec} {step}: {said}");
        }
    }
}
