//! A program that uses Persist as a library, for tests that need several processes or an environment of their own.
//!
//! ```text
//! library-client save ADAPTER OPTIONS SESSION WRITER COUNT   saves COUNT small states and prints their indices
//! library-client collect ADAPTER OPTIONS SESSION             frees space until the standard input ends
//! library-client compact ADAPTER OPTIONS SESSION             erases deleted snapshots until the standard input ends
//! library-client delete ADAPTER OPTIONS SESSION              deletes snapshots until the standard input ends
//! library-client read ADAPTER OPTIONS SESSION                restores snapshots until the standard input ends
//! library-client check ADAPTER OPTIONS SESSION               restores all snapshots and prints their hashes
//! library-client serve ADAPTER OPTIONS                       keeps a store open and does what its input asks
//! library-client conformance ADAPTER OPTIONS [EXCEPT]...     runs the checks of a storage adapter
//! ```
//!
//! `OPTIONS` are the storage adapter's, in JSON. `EXCEPT` are names of checks to leave out.

use std::env;

use persist_e2e::{
    library,
    roles::{self, Result},
    serve::serve,
};
use persist_plugin_testkit::storage_checks;
use serde_json::Value;

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, adapter, options, ref rest @ ..] = arguments[..] else {
        return Err("expected ROLE ADAPTER OPTIONS".into());
    };
    let options = serde_json::from_str(options)?;
    match role {
        "conformance" => return conformance(adapter, &options, rest).await,
        "serve" => return serve(adapter, &options).await,
        _ => {}
    }
    let [session, ref rest @ ..] = *rest else { return Err("expected a session".into()) };
    let session = session.parse()?;
    let store = library::store(adapter, &options).await;
    match (role, rest) {
        ("save", [writer, count]) => roles::save(&store, &session, writer.parse()?, count.parse()?).await,
        ("collect", []) => roles::free(&store, &session, false).await,
        ("compact", []) => roles::free(&store, &session, true).await,
        ("delete", []) => roles::delete(&store, &session).await,
        ("read", []) => roles::read(&store, &session).await,
        ("check", []) => roles::check(&store, &session).await,
        (role, rest) => Err(format!("there is no role {role:?} with {rest:?}").into()),
    }
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
