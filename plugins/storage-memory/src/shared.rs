//! The named stores of the process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use persist_plugin_api::{Error, ErrorCode, Result};

use crate::store::Store;

static STORES: LazyLock<Mutex<HashMap<String, Arc<Store>>>> = LazyLock::new(Mutex::default);

/// The store of a name, made by the first who asks.
pub(crate) fn store(name: &str, max_bytes: u64) -> Result<Arc<Store>> {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(store) = stores.get(name) else {
        let store = Arc::new(Store::new(max_bytes));
        stores.insert(name.to_owned(), Arc::clone(&store));
        return Ok(store);
    };
    if store.max_bytes() != max_bytes {
        let message = format!(
            "cannot open the memory store {name:?} with max_bytes = {max_bytes}: this process opened it with {}; \
             give both the same bound, or different names",
            store.max_bytes()
        );
        return Err(Error::new(ErrorCode::CONFIG, message));
    }
    Ok(Arc::clone(store))
}
