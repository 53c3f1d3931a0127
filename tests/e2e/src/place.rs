//! The `persist` command on a place of a real server.

use persist_test_support::Place;
use serde_json::json;

use crate::{Persist, servers::plugin_dir};

/// The command with a store, `main`, in this place, compressed with gzip, and with what the adapter needs in its environment.
///
/// # Panics
///
/// When the command or the plugins have not been built.
#[must_use]
pub fn persist_at(place: &Place) -> Persist {
    let mut storage = place.options.clone();
    storage["adapter"] = place.adapter.into();
    let config = json!({
        "stores": { "main": { "storage": storage, "compression": { "adapter": "gzip" } } },
        "plugins": { "path": [plugin_dir()] },
    });
    let persist = Persist::without_config();
    let config = persist.write("config.json", config.to_string());
    let persist = persist.env("PERSIST_CONFIG", config);
    place.environment.iter().fold(persist, |persist, (name, value)| persist.env(name, value))
}
