//! A program that embeds Persist, for comparing it with other ways to keep states: `cargo xtask bench-peers`.
//!
//! ```text
//! peer-library save CODEC ROOT FILE...   saves the states in these files, one after the other
//! peer-library restore CODEC ROOT        writes the last state to the standard output
//! ```
//!
//! The plugins lie beside the program.

use std::{
    env, fs,
    io::{self, Write as _},
};

use persist_e2e::library;
use persist_host::{SaveRequest, Store, StoreOptions, Tuning};
use serde_json::json;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const SESSION: &str = "peer/session";

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["save", codec, root, ref files @ ..] => {
            let store = open(codec, root).await;
            for file in files {
                store.save(SaveRequest::new(SESSION.parse()?, fs::read(file)?)).await?;
            }
        }
        ["restore", codec, root] => {
            let restored = open(codec, root).await.restore(&SESSION.parse()?).await?;
            io::stdout().write_all(&restored.state)?;
        }
        _ => return Err("expected `save CODEC ROOT FILE...` or `restore CODEC ROOT`".into()),
    }
    Ok(())
}

async fn open(codec: &str, root: &str) -> Store {
    Store::new(StoreOptions {
        name: "main".to_owned(),
        storage_name: "local".to_owned(),
        storage: library::storage("local", &json!({ "root": root })).await,
        codec_name: Some(codec.to_owned()),
        codecs: library::plugins(),
        single_writer: false,
        allow_volatile: false,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}
