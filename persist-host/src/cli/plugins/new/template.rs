//! The files of a new plugin, which lie in `templates/plugin` of this package.

use std::path::PathBuf;

use super::super::super::args::PluginKind;

/// What the placeholders of the templates stand for.
pub(super) struct Names {
    /// The package, for example `persist-storage-my-shelf`.
    pub(super) package: String,
    adapter: String,
    /// `MyShelfStorage`
    adapter_type: String,
    /// `MyShelfConfig`
    config_type: String,
}

impl Names {
    pub(super) fn new(kind: PluginKind, adapter: &str) -> Self {
        let camel: String = adapter.split('-').map(capitalised).collect();
        let kind = match kind {
            PluginKind::Storage => "storage",
            PluginKind::Compression => "compression",
        };
        Self {
            package: format!("persist-{kind}-{adapter}"),
            adapter: adapter.to_owned(),
            adapter_type: format!("{camel}{}", capitalised(kind)),
            config_type: format!("{camel}Config"),
        }
    }
}

/// Where the crates come from that a plugin depends on.
pub(super) enum Source {
    /// The registry.
    Releases,
    /// A directory that holds them both.
    Directory(PathBuf),
}

impl Source {
    /// What `Cargo.toml` says of one of them.
    fn requirement(&self, name: &str, version: &str) -> String {
        match self {
            Self::Releases => format!("{version:?}"),
            // A JSON string is a TOML string as well.
            Self::Directory(directory) => {
                let path = serde_json::Value::from(directory.join(name).to_string_lossy());
                format!("{{ path = {path} }}")
            }
        }
    }
}

macro_rules! templates {
    ($kind:literal: $($name:literal from $file:literal),*) => {
        &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/plugin/", $kind, "/", $file)),
        )),*]
    };
}

const STORAGE: &[(&str, &str)] = templates!["storage":
    "Cargo.toml" from "Cargo.toml.template", ".gitignore" from "../gitignore.template",
    "README.md" from "README.md", "src/lib.rs" from "src/lib.rs", "src/adapter.rs" from "src/adapter.rs",
    "src/config.rs" from "src/config.rs", "src/schema.json" from "src/schema.json",
    "src/store.rs" from "src/store.rs", "tests/conformance.rs" from "tests/conformance.rs"
];

const COMPRESSION: &[(&str, &str)] = templates!["compression":
    "Cargo.toml" from "Cargo.toml.template", ".gitignore" from "../gitignore.template",
    "README.md" from "README.md", "src/lib.rs" from "src/lib.rs", "src/adapter.rs" from "src/adapter.rs",
    "src/config.rs" from "src/config.rs", "src/schema.json" from "src/schema.json",
    "src/rle.rs" from "src/rle.rs", "tests/conformance.rs" from "tests/conformance.rs"
];

/// The files by their paths in the crate.
pub(super) fn files(kind: PluginKind, names: &Names, source: &Source) -> Vec<(&'static str, String)> {
    let templates = match kind {
        PluginKind::Storage => STORAGE,
        PluginKind::Compression => COMPRESSION,
    };
    let api = source.requirement("persist-plugin-api", persist_plugin_api::host::API_VERSION);
    let testkit = source.requirement("persist-plugin-testkit", persist_plugin_testkit::VERSION);
    let filled = |text: &str| {
        text.replace("{{package}}", &names.package)
            .replace("{{crate}}", &names.package.replace('-', "_"))
            .replace("{{name}}", &names.adapter)
            .replace("{{Type}}", &names.adapter_type)
            .replace("{{Config}}", &names.config_type)
            .replace("{{api}}", &api)
            .replace("{{testkit}}", &testkit)
    };
    templates.iter().map(|(name, text)| (*name, filled(text))).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left_and_the_manifest_is_toml() {
        for kind in [PluginKind::Storage, PluginKind::Compression] {
            let sources = [Source::Releases, Source::Directory(PathBuf::from("/a \"b\"/c"))];
            for source in sources {
                let names = Names::new(kind, "my-shelf");
                let files = files(kind, &names, &source);
                for (name, text) in &files {
                    assert!(
                        !text.contains("{{{{") && !text.contains("{{Type") && !text.contains("{{n"),
                        "{name}"
                    );
                }
                let manifest: toml::Table = files[0].1.parse().unwrap();
                assert_eq!(manifest["package"]["name"].as_str(), Some(names.package.as_str()));
                let api = &manifest["dependencies"]["persist-plugin-api"];
                match source {
                    Source::Releases => assert_eq!(api.as_str(), Some(persist_plugin_api::host::API_VERSION)),
                    Source::Directory(_) => {
                        assert_eq!(api["path"].as_str(), Some("/a \"b\"/c/persist-plugin-api"));
                    }
                }
            }
        }
    }

    #[test]
    fn names_of_types_follow_the_adapter() {
        let names = Names::new(PluginKind::Storage, "my-shelf");
        assert_eq!(names.package, "persist-storage-my-shelf");
        assert_eq!(names.adapter_type, "MyShelfStorage");
        assert_eq!(names.config_type, "MyShelfConfig");
    }
}
