//! A program that uses Persist as a library, for tests that need several processes or an environment of their own.
//!
//! ```text
//! library-client save ADAPTER OPTIONS SESSION WRITER COUNT   saves COUNT small states and prints their indices
//! library-client conformance ADAPTER OPTIONS [EXCEPT]...     runs the checks of a storage adapter
//! ```
//!
//! `OPTIONS` are the storage adapter's, in JSON. `EXCEPT` are names of checks to leave out.

use std::{env, error::Error};

use persist_conformance::storage_checks;
use persist_e2e::{concurrency::state, library};
use persist_host::SaveRequest;
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["save", adapter, options, session, writer, count] => {
            save(adapter, &serde_json::from_str(options)?, session, writer.parse()?, count.parse()?).await
        }
        ["conformance", adapter, options, ref except @ ..] => {
            conformance(adapter, &serde_json::from_str(options)?, except).await
        }
        _ => {
            Err("expected `save ADAPTER OPTIONS SESSION WRITER COUNT` or `conformance ADAPTER OPTIONS [EXCEPT]...`"
                .into())
        }
    }
}

async fn save(adapter: &str, options: &Value, session: &str, writer: usize, count: usize) -> Result {
    let store = library::store(adapter, options).await;
    for step in 0..count {
        let request = SaveRequest::new(session.parse()?, state(writer, step));
        let info = store.save(request).await.map_err(|error| persist_test_support::with_causes(&error))?;
        println!("{}", info.snapshot_index);
    }
    Ok(())
}

async fn conformance(adapter: &str, options: &Value, except: &[&str]) -> Result {
    let storage = library::storage(adapter, options).await;
    let mut checks = storage_checks();
    let all = checks.len();
    checks.retain(|check| !except.contains(&check.name));
    if checks.len() + except.len() != all {
        return Err(format!("not every one of {except:?} is a check").into());
    }
    let mut failed = 0;
    for check in &checks {
        if let Err(failure) = (check.run)(&*storage).await {
            failed += 1;
            println!("{}: {failure}", check.name);
        }
    }
    println!("{} checks, {failed} failed", checks.len());
    if failed == 0 { Ok(()) } else { Err("the adapter does not conform".into()) }
}
