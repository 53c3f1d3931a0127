//! A store whose objects lie in memory, and a codec for its frames.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use persist_host::format::Marker;
use persist_host::{CodecSource, Error, ErrorKind, Store, StoreOptions, Tuning, key};
use persist_plugin_api::{
    self as plugin, Capabilities, CompressionAdapter, DynCompression, ErrorCode, ListPage, ListRequest,
    ObjectMeta, StorageAdapter,
};

/// The name of the codec.
pub const CODEC: &str = "runs";

/// A store that holds these objects.
pub fn store(objects: impl IntoIterator<Item = (String, Bytes)>) -> Store {
    let marker = Marker::create().encode().expect("a marker is encodable");
    let marker = (key::MARKER.to_owned(), Bytes::from(marker));
    Store::new(StoreOptions {
        name: "fuzz".to_owned(),
        storage_name: "shelf".to_owned(),
        storage: Arc::new(Shelf(objects.into_iter().chain([marker]).collect())),
        codec_name: None,
        codecs: Arc::new(Codecs),
        single_writer: false,
        allow_volatile: true,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}

struct Shelf(BTreeMap<String, Bytes>);

impl Shelf {
    fn refuse() -> plugin::Error {
        plugin::Error::new(ErrorCode::OTHER, "nothing is written here").not_applied(true)
    }
}

impl StorageAdapter for Shelf {
    type Config = ();

    async fn open((): ()) -> plugin::Result<Self> {
        Ok(Self(BTreeMap::new()))
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        Ok(Capabilities::none().atomic_create(true).consistent_list(true))
    }

    async fn save(&self, _: &str, _: Bytes) -> plugin::Result<()> {
        Err(Self::refuse())
    }

    async fn save_if_absent(&self, _: &str, _: Bytes) -> plugin::Result<()> {
        Err(Self::refuse())
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        self.0.get(key).cloned().ok_or_else(|| plugin::Error::not_found(key))
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        let length = self.load(key).await?.len();
        Ok(ObjectMeta::new(key, length as u64))
    }

    async fn delete(&self, _: &str) -> plugin::Result<()> {
        Err(Self::refuse())
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        let all = self.0.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
        Ok(plugin::page_of_sorted(all, &request))
    }
}

struct Codecs;

impl CodecSource for Codecs {
    fn codec(&self, name: &str) -> persist_host::Result<Arc<dyn DynCompression>> {
        if name == CODEC {
            return Ok(Arc::new(Runs));
        }
        Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("there is no codec {name:?}")))
    }
}

/// Pairs of bytes: how often the second is repeated, or zero and how many bytes of the prefix are taken.
struct Runs;

impl CompressionAdapter for Runs {
    type Config = ();

    const SUPPORTS_PREFIX: bool = true;

    fn open((): ()) -> plugin::Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> plugin::Result<Vec<u8>> {
        let runs = input.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255));
        Ok(runs.flat_map(|run| [run.len() as u8, run[0]]).collect())
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> plugin::Result<Vec<u8>> {
        CompressionAdapter::decompress_with_prefix(self, &[], input, max_output)
    }

    fn compress_with_prefix(&self, _: &[u8], input: &[u8]) -> plugin::Result<Vec<u8>> {
        CompressionAdapter::compress(self, input)
    }

    fn decompress_with_prefix(&self, prefix: &[u8], input: &[u8], most: u64) -> plugin::Result<Vec<u8>> {
        let mut output = Vec::new();
        for pair in input.chunks(2) {
            let &[count, byte] = pair else {
                return Err(plugin::Error::new(ErrorCode::CORRUPT, "it ends inside a pair"));
            };
            match (count, prefix.get(..usize::from(byte))) {
                (0, Some(part)) => output.extend_from_slice(part),
                (0, None) => return Err(plugin::Error::new(ErrorCode::CORRUPT, "the prefix is shorter")),
                (count, _) => output.extend(std::iter::repeat_n(byte, usize::from(count))),
            }
            if output.len() as u64 > most {
                return Err(plugin::Error::new(ErrorCode::LIMIT_EXCEEDED, "it unfolds to more"));
            }
        }
        Ok(output)
    }
}
