//! Compresses Persist objects with gzip (RFC 1952), so that any `gunzip` reads what a store holds.
//!
//! ```toml
//! compression = { adapter = "gzip", level = 6 }
//! ```
//!
//! | Option  | Type    | Default | Meaning                                                                    |
//! |---------|---------|---------|----------------------------------------------------------------------------|
//! | `level` | integer | 6       | 0 (stored, no compression) to 9 (smallest, slowest). Every level is read.  |
//!
//! # Guarantees
//!
//! - Equal inputs at the same level give equal bytes with the same version of the plugin: the header holds neither a
//!   time nor a file name.
//! - Decompression reads streams of one or several members, checks each member's checksum and length, and refuses a
//!   stream that is cut off or followed by other bytes as `CORRUPT`.
//! - Decompression never allocates more for its output than the bound it is given, nor, before there is output, more
//!   than the input could hold.

mod adapter;
mod config;
mod decompress;

pub use adapter::Gzip;
pub use config::GzipConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "gzip" => Gzip {
        description: "Compresses objects with gzip.",
        schema: include_str!("schema.json"),
    }
}
