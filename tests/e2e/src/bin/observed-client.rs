//! A long-lived program that uses Persist as a library, for tests that watch it from outside.
//!
//! ```text
//! observed-client CONFIG BROKEN   saves to the config's default store and restores from it, tries to save to the store
//!                                 BROKEN, prints the address of its metrics, and stays until the standard input ends
//! ```

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use persist_e2e::roles::Result;
use persist_host::config::{self, ConfigSources};
use persist_host::{Plugins, SaveRequest, SearchPath, SessionRef, StoreUse, metrics, open_store};

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, broken] = &arguments[..] else { return Err("expected CONFIG BROKEN".into()) };
    let config = config::load(&ConfigSources::from_environment(Some(file.into())))?;
    let listener = metrics::serve(&config.metrics)?.ok_or("the config names no address for metrics")?;
    let plugins =
        Arc::new(Plugins::discover(&SearchPath::new().with_config(config.plugins.path.iter().cloned())));
    let session: SessionRef = "agent/session".parse()?;

    let store = open_store(&config, None, &plugins, StoreUse::Keep).await?;
    for step in 0..3 {
        let state = format!(r#"{{"step":{step},"text":"{}"}}"#, "x".repeat(10_000));
        store.save(SaveRequest::new(session.clone(), state)).await?;
    }
    store.restore(&"agent/session".parse()?).await?;
    let lost = open_store(&config, Some(broken), &plugins, StoreUse::Keep).await?;
    if lost.save(SaveRequest::new(session, "{}")).await.is_ok() {
        return Err("the broken store was saved to".into());
    }

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.address())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
