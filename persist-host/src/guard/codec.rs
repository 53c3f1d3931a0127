//! A compression adapter around another whose drop nobody has to wait for. Its calls are computed, and go through as they
//! are.

use std::sync::Arc;

use bytes::Bytes;
use persist_plugin_api::{DynCompression, Result};

use super::drops::Parting;

/// Puts a limit on the drop of a compression adapter, which `adapter` is what messages call.
pub(crate) fn guard_compression(codec: Arc<dyn DynCompression>, adapter: &str) -> Arc<dyn DynCompression> {
    Arc::new(Codec(Parting::new(codec, adapter)))
}

struct Codec(Parting<dyn DynCompression>);

impl DynCompression for Codec {
    fn supports_prefix(&self) -> bool {
        self.0.supports_prefix()
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        self.0.compress(input)
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        self.0.decompress(input, max_output)
    }

    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes> {
        self.0.compress_with_prefix(prefix, input)
    }

    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes> {
        self.0.decompress_with_prefix(prefix, input, max_output)
    }
}
