//! Compresses Persist objects with Zstandard (RFC 8878), which any `zstd` reads.
//!
//! ```toml
//! compression = { adapter = "zstd", level = 6 }
//! ```
//!
//! | Option       | Type    | Default    | Meaning                                                              |
//! |--------------|---------|------------|----------------------------------------------------------------------|
//! | `level`      | integer | 6          | -7 (fastest) to 22 (smallest, slowest); 0 is 3. Every level is read.  |
//! | `window_log` | integer | the level's | Looks back 2 to this power of bytes, 10 to 27, also for matches that are far apart. |
//!
//! # Streams that continue a prefix
//!
//! With a prefix, which the host passes when the reader will have those bytes at hand, a stream is one frame that refers
//! to the prefix as `zstd --patch-from` does, without the four bytes of the magic number and without a checksum: such
//! streams are many and small, and the host hashes what they hold. The `zstd` command reads them once the magic number is
//! put back:
//!
//! ```sh
//! (printf '\050\265\057\375'; cat stream) | zstd --decompress --patch-from=prefix
//! ```
//!
//! Where prefix and input take 1 MiB or more together, the window is made to hold both, and long-distance matching finds
//! what is far back.
//!
//! # Guarantees
//!
//! - Equal inputs with equal options give equal bytes with the same version of the plugin.
//! - Decompression of a stream without a prefix checks the content's checksum and length, and refuses a stream that is
//!   cut off or followed by other bytes, another frame too, as `CORRUPT`.
//! - A stream with a prefix that is cut off, followed by other bytes, or not a frame is `CORRUPT` too. A damaged one may
//!   unfold to other bytes without an error: who reads it compares the result with a hash of their own, as the host does.
//! - Decompression never allocates more for its output than the bound it is given, nor, before there is output, more
//!   than the input could hold. A frame that needs a window above 128 MiB is refused as `LIMIT_EXCEEDED`.

mod adapter;
mod compress;
mod config;
mod decompress;

pub use adapter::Zstd;
pub use config::ZstdConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "zstd" => Zstd {
        description: "Compresses objects with Zstandard.",
        schema: include_str!("schema.json"),
    }
}
