//! A store in a directory, one file a key as the local storage plugin lays it out, with the codec that users have.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use persist_compression_gzip::{Gzip, GzipConfig};
use persist_host::{CodecSource, Error, ErrorKind, Result, SnapshotRef, Store, StoreOptions, Tuning};
use persist_plugin_api::{
    self as plugin, Capabilities, CompressionAdapter as _, DynCompression, ErrorCode, ListPage, ListRequest,
    ObjectMeta, StorageAdapter,
};

/// Keeps objects as files, for one process at a time and without a care for crashes.
#[derive(Clone)]
pub(crate) struct Directory {
    pub(crate) root: PathBuf,
}

impl Directory {
    pub(crate) fn options(&self, codec: Option<&str>) -> StoreOptions {
        StoreOptions {
            name: "test".to_owned(),
            storage_name: "directory".to_owned(),
            storage: Arc::new(self.clone()),
            codec_name: codec.map(str::to_owned),
            codecs: Arc::new(OnlyGzip),
            single_writer: false,
            allow_volatile: false,
            tuning: Tuning::default(),
            observers: Vec::new(),
        }
    }

    pub(crate) fn store(&self, codec: Option<&str>) -> Store {
        Store::new(self.options(codec))
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Has a reader in Python restore snapshots, all in one process: for each, the state's SHA-256 or why there is none.
    pub(crate) fn read_with_python(
        &self,
        program: &Path,
        references: &[SnapshotRef],
    ) -> Vec<std::result::Result<String, String>> {
        let wanted: Vec<_> = references
            .iter()
            .map(|reference| (&reference.session.agent, &reference.session.session, reference.index))
            .collect();
        let mut child = Command::new("python3")
            // Neither the environment nor installed packages may help.
            .args(["-I", "-S", "-c", READ_EACH])
            .args([program, &self.root])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&serde_json::to_vec(&wanted).unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let rows: Vec<(Option<String>, String)> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(rows.len(), references.len());
        rows.into_iter().map(|(digest, error)| digest.ok_or(error)).collect()
    }

    fn objects(&self, directory: &Path, found: &mut Vec<ObjectMeta>) {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.objects(&entry.path(), found);
            } else {
                let key = entry.path().strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
                found.push(ObjectMeta::new(key, entry.metadata().unwrap().len()));
            }
        }
    }
}

/// Calls a reader for each snapshot that standard input names.
const READ_EACH: &str = r#"
import hashlib, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
rows = []
for agent, session, index in json.load(sys.stdin):
    try:
        state = reader.restore(sys.argv[2], agent, session, index)
        rows.append((hashlib.sha256(state).hexdigest(), ""))
    except Exception as error:
        rows.append((None, "%s: %s" % (type(error).__name__, error)))
json.dump(rows, sys.stdout)
"#;

/// The docs' reader in Python.
pub(crate) fn restore_py() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/restore.py")
}

fn failed(key: &str, error: io::Error) -> plugin::Error {
    match error.kind() {
        io::ErrorKind::NotFound => plugin::Error::not_found(key),
        io::ErrorKind::AlreadyExists => plugin::Error::already_exists(key),
        _ => plugin::Error::new(ErrorCode::OTHER, "the file system failed").with_source(error),
    }
}

impl StorageAdapter for Directory {
    type Config = PathBuf;

    async fn open(root: PathBuf) -> plugin::Result<Self> {
        Ok(Self { root })
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        Ok(Capabilities::none().atomic_create(true).durable(true).consistent_list(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        fs::write(self.path(key), data).map_err(|error| failed(key, error))
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        let path = self.path(key);
        let written = fs::create_dir_all(path.parent().unwrap())
            .and_then(|()| fs::File::create_new(path))
            .and_then(|mut file| file.write_all(&data));
        written.map_err(|error| failed(key, error))
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        fs::read(self.path(key)).map(Bytes::from).map_err(|error| failed(key, error))
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        let metadata = fs::metadata(self.path(key)).map_err(|error| failed(key, error))?;
        Ok(ObjectMeta::new(key, metadata.len()))
    }

    async fn delete(&self, key: &str) -> plugin::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(key, error)),
            _ => Ok(()),
        }
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        let mut objects = Vec::new();
        self.objects(&self.root, &mut objects);
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(plugin::page_of_sorted(objects, &request))
    }
}

struct OnlyGzip;

impl CodecSource for OnlyGzip {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        match name {
            "gzip" => Ok(Arc::new(Gzip::open(GzipConfig::new()).unwrap())),
            _ => Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}"))),
        }
    }
}
