//! Keeps Persist objects in MongoDB.
//!
//! ```toml
//! [stores.main]
//! storage = { adapter = "mongodb", uri = "mongodb+srv://mongo.example.org", username = "persist", password_file = "/run/secrets/mongo" }
//! ```
//!
//! The page `docs/backends/mongodb.md` describes the options, what is kept where, and what survives what.
//!
//! # How objects are kept
//!
//! An object is a document whose `_id` is its key. One of more than 1 MiB is cut into chunks, documents of a second
//! collection that are written first, under an id that nobody used before; the object's document names them, and its
//! insertion is the commit. Chunks that no document names are invisible. A third collection notes which chunks are
//! perhaps superfluous, so that what a crash leaves behind is removed later.

mod adapter;
mod chunks;
mod config;
mod documents;
mod error;
mod examine;
mod list;
mod read;
mod write;

pub use adapter::MongoStorage;
pub use config::MongoConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "mongodb" => MongoStorage {
        description: "Keeps objects in MongoDB.",
        schema: include_str!("schema.json"),
    }
}
