//! Compresses Persist objects with Brotli (RFC 7932): small and slow to write, for what is kept long and read seldom.
//!
//! ```toml
//! compression = { adapter = "brotli", quality = 5 }
//! ```
//!
//! | Option    | Type    | Default | Meaning                                                           |
//! |-----------|---------|---------|-------------------------------------------------------------------|
//! | `quality` | integer | 5       | 0 (fastest) to 11 (smallest, slowest). Every quality is read.      |
//! | `window`  | integer | 22      | How far back it looks: 2 to this power of bytes, 10 to 24.         |
//!
//! # Streams
//!
//! Brotli has no checksum, so a stream is a Brotli stream followed by the CRC-32 (that of gzip, RFC 1952) of its content,
//! four bytes with the lowest first. The `brotli` command reads it without them:
//!
//! ```sh
//! head --bytes=-4 stream | brotli --decompress
//! ```
//!
//! Streams that continue a prefix are not supported. Differences between states are then larger than with zstd or gzip.
//!
//! # Guarantees
//!
//! - Equal inputs with equal options give equal bytes with the same version of the plugin.
//! - A stream that is cut off, followed by other bytes or changed is refused as `CORRUPT`.
//! - Decompression never allocates more for its output than the bound it is given, nor much more than there is output;
//!   beside that it takes at most the 16 MiB of Brotli's largest window. Larger windows, an extension, are `CORRUPT`.

mod adapter;
mod config;
mod decompress;

pub use adapter::Brotli;
pub use config::BrotliConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "brotli" => Brotli {
        description: "Compresses objects with Brotli.",
        schema: include_str!("schema.json"),
    }
}
