//! `persist copy`.

use std::collections::BTreeMap;

use persist_host::{Config, Error, ErrorKind, RefPattern, Result, Selection, SnapshotRef, Store};

use super::args::CopyArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::progress::Progress;
use super::transfer::{Report, copy};

pub(crate) async fn run(args: CopyArgs, context: &Context) -> Outcome {
    let config = context.config()?;
    let default = context.store_name();
    let Some((last, sources)) = args.arguments.split_last() else { return Ok(Exit::Usage) };
    let to_name = target(config, last)?;
    let mut patterns: BTreeMap<String, Vec<RefPattern>> = BTreeMap::new();
    for text in sources {
        let (store, pattern) = source(config, text)?;
        let (name, _) = config.store(store.or(default.as_deref()))?;
        if name == to_name {
            let message =
                format!("{text:?} is in the store {to_name:?} already, which is the one to copy to");
            return Err(Error::new(ErrorKind::Usage, "copy_into_itself", message).into());
        }
        patterns.entry(name.to_owned()).or_default().push(pattern);
    }
    let to = Store::new(context.store_options_of(Some(to_name)).await?);
    let mut selections = Vec::new();
    for (name, patterns) in patterns {
        let from = Store::new(context.store_options_of(Some(&name)).await?);
        let mut selection = Selection::default();
        for pattern in &patterns {
            selection.add(&from, pattern).await?;
        }
        selections.push((name, from, selection));
    }
    context.set_interrupt_note("the same command continues the copy".to_owned());
    let mut exit = Exit::Done;
    for (name, from, selection) in selections {
        let progress = Progress::counting(context.output(), "copying");
        let mut report = Report::new(context.output(), &name, to_name);
        let copied = copy(&selection, &from, &to, !args.no_verify, &progress, |session, copied| {
            report.row(session, copied)
        });
        copied.await?;
        if exit == Exit::Done {
            exit = report.exit();
        }
        if selection.is_empty() {
            context.output().note(&format!("there are no sessions to copy from the store {name:?}"));
        }
    }
    Ok(exit)
}

/// The store that the last argument names.
fn target<'a>(config: &'a Config, text: &str) -> Result<&'a str> {
    let Some(name) = text.strip_suffix(':') else {
        let message =
            format!("{text:?} does not name the store to copy to: the last argument is its name and a colon");
        return Err(Error::new(ErrorKind::Usage, "copy_target", message)
            .with_hint("write for example `persist copy AGENT/SESSION backup:`"));
    };
    Ok(config.store(Some(name))?.0)
}

/// The store and the part of it that an argument names. What stands before its first colon is a store only if the config
/// has one of that name: an id may hold a colon, too.
fn source<'a>(config: &Config, text: &'a str) -> Result<(Option<&'a str>, RefPattern)> {
    let (store, rest) = match text.split_once(':') {
        Some((store, rest)) if config.stores.contains_key(store) => (Some(store), rest),
        _ => (None, text),
    };
    if rest.is_empty() && store.is_some() {
        return Ok((store, RefPattern::default()));
    }
    let pattern = if rest.contains('@') {
        // Everything up to the newest snapshot is the whole session.
        rest.parse().map(|SnapshotRef { session, index }| RefPattern {
            agent: Some(session.agent),
            session: Some(session.session),
            index,
        })
    } else {
        rest.parse()
    };
    pattern.map(|pattern| (store, pattern)).map_err(|error| {
        Error::new(ErrorKind::Usage, "malformed_reference", format!("{text:?} cannot be understood"))
            .with_source(error)
            .with_hint("expected [STORE:]AGENT[/SESSION[@INDEX]], or STORE: for everything")
    })
}

#[cfg(test)]
mod tests {
    use persist_host::config::{AdapterConfig, StoreConfig};
    use persist_host::retention::KeepRules;

    use super::*;

    fn config() -> Config {
        let store = StoreConfig {
            storage: AdapterConfig { adapter: "local".to_owned(), options: serde_json::Map::new() },
            compression: None,
            call_timeout: None,
            single_writer: false,
            retention: KeepRules::default(),
            tuning: persist_host::Tuning::default(),
        };
        let mut config = Config::of_one_store("main", store.clone());
        config.stores.insert("s3".to_owned(), store);
        config
    }

    fn shown(text: &str) -> String {
        let config = config();
        let (store, pattern) = source(&config, text).unwrap();
        let part = |part: Option<String>| part.unwrap_or_else(|| "*".to_owned());
        format!(
            "{} {} {} {}",
            store.unwrap_or("-"),
            part(pattern.agent.map(|agent| agent.to_string())),
            part(pattern.session.map(|session| session.to_string())),
            part(pattern.index.map(|index| index.to_string()))
        )
    }

    #[test]
    fn a_store_is_what_the_config_calls_one() {
        assert_eq!(shown("a/s"), "- a s *");
        assert_eq!(shown("a/s@latest"), "- a s *");
        assert_eq!(shown("main:a/s@4"), "main a s 4");
        assert_eq!(shown("main:a"), "main a * *");
        assert_eq!(shown("s3:"), "s3 * * *");
        assert_eq!(shown("main:s3:a/b"), "main s3:a b *");
        // No store of the config, so part of the id.
        assert_eq!(shown("other:a/s"), "- other:a s *");
        assert_eq!(shown("a/s3:x"), "- a s3:x *");
        assert_eq!(shown("s3%3Aa/x"), "- s3:a x *");
        for text in ["", "main:a/b@x", "main:/", "a@1"] {
            assert_eq!(source(&config(), text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn the_target_is_a_store_of_the_config() {
        assert_eq!(target(&config(), "s3:").unwrap(), "s3");
        assert_eq!(target(&config(), "s3").unwrap_err().code(), "copy_target");
        assert_eq!(target(&config(), "none:").unwrap_err().code(), "store_not_found");
    }
}
