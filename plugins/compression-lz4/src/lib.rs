//! Compresses Persist objects with LZ4, which takes more space than any other codec and the least time to read.
//!
//! ```toml
//! compression = { adapter = "lz4" }
//! ```
//!
//! It takes no options. A stream is an LZ4 frame with a checksum of its content, which the `lz4` command reads.
//!
//! # Streams that continue a prefix
//!
//! With a prefix, which the host passes when the reader will have those bytes at hand, a stream is the length of the
//! content in four bytes, the lowest first, and one LZ4 block whose dictionary is the last 64 KiB of the prefix. Python's
//! package `lz4` reads it:
//!
//! ```python
//! output = lz4.block.decompress(stream, dict=prefix[-65536:])
//! ```
//!
//! # Guarantees
//!
//! - Equal inputs give equal bytes with the same version of the plugin.
//! - Decompression checks the content's checksum, and refuses a stream that has none, is cut off, or is followed by other
//!   bytes, another frame too, as `CORRUPT`.
//! - A stream with a prefix that is cut off, followed by other bytes, or no block is `CORRUPT` too. It has no checksum: a
//!   damaged one may unfold to other bytes without an error, so who reads it compares the result with a hash of their own,
//!   as the host does.
//! - Decompression never allocates more for its output than the bound it is given, nor much more than there is output;
//!   beside that it takes at most some 12 MiB for the largest blocks of a frame.

mod adapter;
mod block;
mod frame;

pub use adapter::{Lz4, Lz4Config};

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "lz4" => Lz4 {
        description: "Compresses objects with LZ4.",
        schema: include_str!("schema.json"),
    }
}
