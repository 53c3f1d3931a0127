//! `persist demo`: what Persist does, in half a minute, with real plugins on a real disk.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use persist_host::config::{AdapterConfig, CALL_TIMEOUT, StoreConfig};
use persist_host::key::snapshot_key;
use persist_host::retention::KeepRules;
use persist_host::{
    AgentId, Config, ContentHash, Depth, Error, ErrorKind, InvalidId, Plugins, RefPattern, Result,
    SaveRequest, SessionId, SessionRef, SnapshotIndex, SnapshotRef, Store, StoreUse, Tuning, VerifyRow,
    open_store,
};
use serde_json::{Map, json};

use super::context::Context;
use super::demo_states::{Step, steps};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::list;
use super::output::{Output, size};
use super::verify::Tally;

/// The moment that the demonstration goes back to, and later damages.
const MOMENT: usize = 2;

pub(crate) async fn run(context: &Context) -> Outcome {
    let directory = tempfile::Builder::new().prefix("persist-demo-").tempdir().map_err(|error| {
        Error::new(ErrorKind::Other, "demo_failed", "cannot create a temporary directory").with_source(error)
    })?;
    let root = directory.path().join("store");
    let store = open(&root, context).await?;
    let (session, moment) = names().map_err(|error| {
        Error::new(ErrorKind::Other, "demo_failed", "cannot name the session").with_source(error)
    })?;
    let demo = Demo { output: context.output().for_people(), session, store, root, steps: steps(), moment };
    demo.introduce()?;
    demo.save().await?;
    demo.list().await?;
    demo.restore().await?;
    demo.verify().await?;
    demo.damage().await?;
    directory.close().map_err(|error| {
        Error::new(ErrorKind::Other, "demo_failed", "cannot remove the temporary directory")
            .with_source(error)
    })?;
    demo.output
        .line("\nThat is all. The temporary directory is gone; `persist --help` shows how to go on.")?;
    Ok(Exit::Done)
}

/// Opens a store of the demonstration's own, through the plugins as any other store.
async fn open(root: &Path, context: &Context) -> Result<Store> {
    let options = Map::from_iter([("root".to_owned(), json!(root.to_string_lossy()))]);
    let config = Config::of_one_store(
        "demo",
        StoreConfig {
            storage: AdapterConfig { adapter: "local".to_owned(), options },
            compression: Some(AdapterConfig { adapter: "gzip".to_owned(), options: Map::new() }),
            call_timeout: Some(CALL_TIMEOUT),
            single_writer: false,
            retention: KeepRules::default(),
            tuning: Tuning::default(),
        },
    );
    let plugins = Arc::new(Plugins::discover(&context.search_path_without_config()));
    open_store(&config, None, &plugins, StoreUse::Try).await
}

fn names() -> Result<(SessionRef, SnapshotIndex), InvalidId> {
    let session = SessionRef::new(AgentId::parse("trip-planner")?, SessionId::parse("lisbon")?);
    Ok((session, SnapshotIndex::new(MOMENT as u64)?))
}

struct Demo {
    output: Output,
    session: SessionRef,
    store: Store,
    root: std::path::PathBuf,
    steps: Vec<Step>,
    moment: SnapshotIndex,
}

impl Demo {
    fn introduce(&self) -> Result<(), Failure> {
        self.say(
            "Persist keeps the state of an AI agent's session after each step, and gives back any of them.",
        )?;
        self.say(
            "This demonstration works in a temporary directory and leaves your stores and config alone:",
        )?;
        self.say(&format!("  {}", self.root.display()))?;
        self.say("Two plugins do the work: \"local\" keeps files on disk, \"gzip\" compresses them.")
    }

    async fn save(&self) -> Result<(), Failure> {
        let count = self.steps.len();
        self.chapter(&format!(
            "An agent plans a trip in {count} steps. After each, its whole state is saved."
        ))?;
        self.command(&format!("save {} state.json --description ...", self.session))?;
        for step in &self.steps {
            let mut request = SaveRequest::new(self.session.clone(), step.state.clone());
            request.description = Some(step.description.to_owned());
            let info = self.store.save(request).await?;
            self.say(&format!(
                "  {}@{}  {:>9}  {}",
                info.session(),
                info.snapshot_index,
                size(info.content_length),
                step.description
            ))?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<(), Failure> {
        self.chapter("Every one of them is still there, in a file of its own that holds what was new.")?;
        self.command(&format!("list {}", self.session))?;
        let pattern = self.pattern(None);
        let mut snapshots = pin!(self.store.list(&pattern));
        let mut is_first = true;
        while let Some(info) = snapshots.try_next().await? {
            list::row(&info, is_first, &self.output)?;
            is_first = false;
        }
        Ok(())
    }

    async fn restore(&self) -> Result<(), Failure> {
        let reference = self.moment();
        let step = &self.steps[MOMENT];
        self.chapter(&format!(
            "Back to an earlier moment: {reference}, \"{}\", before anything was booked.",
            step.description
        ))?;
        self.command(&format!("restore {reference} -o state.json"))?;
        let restored = self.store.restore(&reference).await?;
        self.say(&format!(
            "  saved     {:>5} bytes  sha256 {}",
            step.state.len(),
            ContentHash::of(&step.state)
        ))?;
        let (length, hash) = (restored.state.len(), ContentHash::of(&restored.state));
        self.say(&format!("  restored  {length:>5} bytes  sha256 {hash}"))?;
        if restored.state != step.state {
            let message = "what was restored is not what was saved";
            return Err(Error::new(ErrorKind::Integrity, "demo_failed", message).into());
        }
        self.say("Every byte is the same. The agent can go on from there.")
    }

    async fn verify(&self) -> Result<(), Failure> {
        self.chapter("Is everything that is stored still what was stored? Every byte is read and checked.")?;
        self.command("verify")?;
        let (tally, _) = self.verify_all().await?;
        self.say(&format!("  {tally}"))
    }

    /// Flips one bit on the disk, and shows that nobody gets to see the result as a state.
    async fn damage(&self) -> Result<(), Failure> {
        let reference = self.moment();
        self.chapter(&format!(
            "Disks fail. One bit in the file of {reference} is flipped, and everything checked again."
        ))?;
        let path = self.root.join(snapshot_key(&self.session, self.moment));
        flip_a_bit(&path).map_err(|error| {
            let message = format!("cannot damage the file {}", path.display());
            Error::new(ErrorKind::Other, "demo_failed", message).with_source(error)
        })?;
        self.command("verify")?;
        let (tally, damaged) = self.verify_all().await?;
        for row in &damaged {
            if let Some(error) = &row.error {
                self.say(&format!("  {error} ({})", row.key))?;
            }
        }
        self.say(&format!("  {tally}"))?;
        self.command(&format!("restore {reference}"))?;
        match self.store.restore(&reference).await {
            Err(error) if error.kind() == ErrorKind::Integrity => {
                self.say(&format!("  refused, exit code {}: {error}", Exit::of(error.kind()) as u8))?;
                self.say("A damaged state is never given back as if it were whole.")?;
                self.restore_others(&damaged).await
            }
            Err(error) => Err(error.into()),
            Ok(_) => {
                let message = "the damage was not noticed";
                Err(Error::new(ErrorKind::Integrity, "demo_failed", message).into())
            }
        }
    }

    /// Shows that what does not build on the damaged file is as it was.
    async fn restore_others(&self, damaged: &[VerifyRow]) -> Result<(), Failure> {
        let mut count = 0;
        for (number, step) in self.steps.iter().enumerate() {
            let index = SnapshotIndex::new(number as u64).ok();
            if damaged.iter().any(|row| row.snapshot_index == index) {
                continue;
            }
            let reference = SnapshotRef { session: self.session.clone(), index };
            if self.store.restore(&reference).await?.state != step.state {
                let message = "what was restored is not what was saved";
                return Err(Error::new(ErrorKind::Integrity, "demo_failed", message).into());
            }
            count += 1;
        }
        self.say(&format!("The {count} snapshots that do not build on that file still restore."))
    }

    async fn verify_all(&self) -> Result<(Tally, Vec<VerifyRow>)> {
        let pattern = self.pattern(None);
        let mut rows = pin!(self.store.verify(&pattern, Depth::Data));
        let (mut tally, mut damaged) = (Tally::default(), Vec::new());
        while let Some(row) = rows.try_next().await? {
            tally.add(&row);
            if row.error.is_some() {
                damaged.push(row);
            }
        }
        Ok((tally, damaged))
    }

    fn moment(&self) -> SnapshotRef {
        SnapshotRef { session: self.session.clone(), index: Some(self.moment) }
    }

    fn pattern(&self, index: Option<SnapshotIndex>) -> RefPattern {
        let SessionRef { agent, session } = self.session.clone();
        RefPattern { agent: Some(agent), session: Some(session), index }
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        self.output.line(text)
    }

    fn chapter(&self, text: &str) -> Result<(), Failure> {
        self.output.line(&format!("\n{text}"))
    }

    /// The command that does the same.
    fn command(&self, text: &str) -> Result<(), Failure> {
        self.output.line(&format!("$ persist {text}"))
    }
}

fn flip_a_bit(path: &Path) -> std::io::Result<()> {
    let mut bytes = fs::read(path)?;
    let at = bytes.len() * 3 / 4;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    fs::write(path, bytes)
}
