//! Stores Persist objects as they are, followed by a checksum.
//!
//! A config's `compression = { adapter = "none" }` needs no plugin: objects then carry the state and name no codec. This
//! plugin is for programs that choose a codec by name and want one that does not compress, for measurements, and to read
//! the objects of such programs. It takes no options.
//!
//! # Streams
//!
//! A stream is the input followed by its CRC-32 (that of gzip, RFC 1952), four bytes with the lowest first:
//!
//! ```sh
//! head --bytes=-4 stream
//! ```
//!
//! # Guarantees
//!
//! - A stream that was cut off, followed by other bytes or changed is refused as `CORRUPT`.
//! - Memory: the output, which is never longer than the bound.

mod adapter;

pub use adapter::{Identity, NoneConfig};

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    compression "none" => Identity {
        description: "Stores objects as they are, with a checksum.",
        schema: include_str!("schema.json"),
    }
}
