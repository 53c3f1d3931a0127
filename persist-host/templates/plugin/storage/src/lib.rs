//! Keeps Persist objects in a directory.
//!
//! [`store`] does the work in ordinary blocking calls: replace it by your own backend. [`adapter`] brings it to the host,
//! [`config`] has the options.

mod adapter;
mod config;
mod store;

pub use adapter::{{Type}};
pub use config::{{Config}};

persist_plugin_api::export_plugin! {
    storage "{{name}}" => {{Type}} {
        description: "Keeps objects in a directory.",
        schema: include_str!("schema.json"),
    }
}
