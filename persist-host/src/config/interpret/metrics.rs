//! What a config says of metrics.

use std::net::SocketAddr;

use super::Table;
use crate::Result;
use crate::config::error::bad_value;
use crate::metrics::MetricsConfig;

/// Reads the table `metrics`.
///
/// # Errors
///
/// For an unknown key and for a value that is not allowed, such as an address that other machines can reach without
/// `allow_remote`.
pub(super) fn metrics(table: &Table<'_>) -> Result<MetricsConfig> {
    table.allow(&["allow_remote", "listen"])?;
    let allow_remote = table.boolean("allow_remote")?.unwrap_or(false);
    let Some(text) = table.text("listen")? else { return Ok(MetricsConfig::default()) };
    let refused = |problem: String| bad_value(table.document, &table.path_of("listen"), &problem);
    let Ok(listen) = text.parse::<SocketAddr>() else {
        return Err(refused(format!(
            "is {text:?}; expected an address and a port, such as \"127.0.0.1:9464\""
        )));
    };
    if !listen.ip().is_loopback() && !allow_remote {
        return Err(refused(format!(
            "is {text:?}, which other machines can reach; use 127.0.0.1, or set metrics.allow_remote = true"
        )));
    }
    Ok(MetricsConfig { listen: Some(listen) })
}
