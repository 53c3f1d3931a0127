//! Compresses Persist objects with gzip (RFC 1952), which any `gunzip` reads.
//!
//! ```toml
//! compression = { adapter = "gzip", level = 6 }
//! ```
//!
//! | Option  | Type    | Default | Meaning                                                                    |
//! |---------|---------|---------|----------------------------------------------------------------------------|
//! | `level` | integer | 5       | 0 (stored, no compression) to 9 (smallest, slowest). Every level is read.  |
//!
//! # Streams that continue a prefix
//!
//! With a prefix, which the host passes when the reader will have those bytes at hand, a stream is raw deflate (RFC
//! 1951) whose preset dictionary is the last 32 KiB of the prefix; an empty prefix means no dictionary. It has no
//! header, so `gunzip` cannot read it, but Python's standard library can:
//!
//! ```python
//! decoder = zlib.decompressobj(wbits=-15, zdict=prefix[-32768:])
//! output = decoder.decompress(stream)
//! ```
//!
//! It has no checksum either. A damaged stream, or one read with another prefix, may therefore unfold to other bytes
//! without an error: who reads it compares the result with a hash of their own, as the host does.
//!
//! # Guarantees
//!
//! - Equal inputs at the same level give equal bytes with the same version of the plugin: the header holds neither a
//!   time nor a file name.
//! - Decompression reads streams of one or several members, checks each member's checksum and length, and refuses a
//!   stream that is cut off or followed by other bytes as `CORRUPT`.
//! - A stream with a prefix that is cut off, followed by other bytes, or not deflate is `CORRUPT` too.
//! - Streams with a prefix leave up to four encoders behind, some 270 KB each, for those that follow.
//! - Decompression never allocates more for its output than the bound it is given, nor, before there is output, more
//!   than the input could hold.

mod adapter;
mod config;
mod decompress;
mod encoders;
mod prefix;

pub use adapter::Gzip;
pub use config::GzipConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "gzip" => Gzip {
        description: "Compresses objects with gzip.",
        schema: include_str!("schema.json"),
    }
}
