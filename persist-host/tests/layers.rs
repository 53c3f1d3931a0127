//! Dependencies point one way: the engine and what is below it know no backend, no command line and no library loading.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// What each layer must not name.
const RULES: &[(&[&str], &[&str])] = &[
    (
        &["engine", "engine.rs", "codec.rs", "snapshot.rs"],
        &[
            "crate::plugins",
            "crate::cli",
            "crate::config",
            "libloading",
            "clap",
            "indicatif",
            "std::fs",
            "std::env",
        ],
    ),
    (
        &[
            "format",
            "format.rs",
            "id",
            "id.rs",
            "key",
            "key.rs",
            "validate.rs",
            "difference",
            "difference.rs",
            "retention",
            "retention.rs",
        ],
        &[
            "crate::engine",
            "crate::plugins",
            "crate::cli",
            "crate::config",
            "persist_plugin_api",
            "tokio",
            "libloading",
        ],
    ),
    (
        &["archive", "archive.rs"],
        &["crate::plugins", "crate::cli", "crate::config", "libloading", "clap", "std::env"],
    ),
    (
        &["guard", "guard.rs"],
        &["crate::engine", "crate::plugins", "crate::cli", "crate::config", "libloading", "clap"],
    ),
    (&["plugins", "plugins.rs"], &["crate::engine", "crate::cli", "crate::config", "clap"]),
    (&["config", "config.rs"], &["crate::engine", "crate::cli", "crate::plugins", "clap", "libloading"]),
];

#[test]
fn no_layer_names_one_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (layer, forbidden) in RULES {
        for file in layer.iter().flat_map(|name| rust_files(&source.join(name))) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for (number, line) in code.enumerate() {
                for word in *forbidden {
                    assert!(!line.contains(word), "{}:{}: {word}", file.display(), number + 1);
                }
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} files were found");
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
    entries
        .flat_map(|entry| rust_files(&entry.unwrap().path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs") && !is_test(file))
        .collect()
}
