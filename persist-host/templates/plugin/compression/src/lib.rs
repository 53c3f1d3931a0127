//! Compresses Persist objects by run lengths.
//!
//! [`rle`] does the work: replace it by your own method, or by calls of a library. [`adapter`] brings it to the host,
//! [`config`] has the options.

mod adapter;
mod config;
mod rle;

pub use adapter::{{Type}};
pub use config::{{Config}};

persist_plugin_api::export_plugin! {
    compression "{{name}}" => {{Type}} {
        description: "Compresses objects by run lengths.",
        schema: include_str!("schema.json"),
    }
}
