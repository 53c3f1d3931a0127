//! A directory with one plugin, a store that uses it, and the command that is told of both.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use persist_abi::built;
use persist_host::{Plugins, Store, StoreOptions, Tuning};
use persist_test_support::persist_bin;
use serde_json::json;
use tempfile::TempDir;

/// A home directory with a config and one plugin.
pub(crate) struct Scene {
    home: TempDir,
    file: PathBuf,
}

impl Scene {
    /// With the plugin that was built with a version.
    pub(crate) fn with(name: &str) -> Self {
        let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let plugins = home.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        let scene = Self { file: built().install(name, &plugins), home };
        let config = format!(
            "[stores.main]\nstorage = {{ adapter = \"files\", root = {:?} }}\n\
             compression = {{ adapter = \"turn\" }}\n[plugins]\npath = [{plugins:?}]\n",
            scene.store()
        );
        fs::write(scene.home.path().join("config.toml"), config).unwrap();
        scene
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.home.path().join("plugins")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    /// The plugin's path.
    pub(crate) fn file(&self) -> String {
        self.file.to_str().unwrap().to_owned()
    }

    /// Runs the command in this home, and with nothing of the caller's environment.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(persist_bin());
        command.args(arguments).current_dir(self.home.path()).env_clear();
        command.env("HOME", self.home.path()).env("PERSIST_CONFIG", self.home.path().join("config.toml"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have ended by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// A store that uses the scene's plugin.
pub(crate) async fn store(plugins: Plugins, scene: &Scene) -> Store {
    let plugins = Arc::new(plugins);
    let storage = plugins.open_storage("files", &json!({ "root": scene.store() })).await.unwrap();
    Store::new(StoreOptions {
        name: "main".to_owned(),
        storage_name: "files".to_owned(),
        storage,
        codec_name: Some("turn".to_owned()),
        codecs: plugins,
        single_writer: false,
        allow_volatile: false,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}

/// All that a command said.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
