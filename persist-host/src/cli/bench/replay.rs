//! One session from its first save to its removal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persist_host::{
    AgentId, DeleteTarget, Error, ErrorKind, Result, SaveRequest, SessionId, SessionRef, SnapshotIndex,
    SnapshotRef, Store, StoreOptions, key,
};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use super::codec::Account;
use super::compare::Comparison;
use super::counting::Counting;
use super::figures::{Figures, SessionFigures};
use super::source::Source;
use crate::cli::context::Context;
use crate::cli::progress::Progress;

/// The agent that scratch sessions belong to.
const AGENT: &str = "persist-bench";

/// The media type of states that are not JSON.
const BYTES: &str = "application/octet-stream";

/// The benchmark of one store.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    /// What the store is made of; its storage is `counting`.
    pub(super) options: StoreOptions,
    pub(super) counting: Arc<Counting>,
    /// What the store's codecs do.
    pub(super) codecs: Arc<Account>,
    /// Whether to gzip every state for comparison.
    pub(super) compare: bool,
    /// Whether to leave the sessions in the store.
    pub(super) keep: bool,
}

impl Bench<'_> {
    /// Replays a session into a scratch session and removes that again, unless it is to be kept.
    pub(super) async fn session(&self, source: &Source) -> Result<SessionFigures> {
        let progress = Progress::counting(self.context.output(), "compressing states to compare with");
        let comparison = Comparison::of(source, self.compare, &progress).await?;
        drop(progress);
        let session = scratch_session()?;
        self.context.set_interrupt_note(left_note(&session));
        self.counting.reset();
        self.codecs.take();
        let store = Store::new(self.options.clone());
        let replayed = self.replay(&store, &session, source).await;
        if !self.keep {
            self.remove(&store, &session, replayed.is_ok()).await?;
            self.context.take_interrupt_note();
        }
        let figures = Figures { comparison, ..replayed? };
        Ok(SessionFigures { session, directory: source.path().map(ToOwned::to_owned), figures })
    }

    /// Saves every state and restores every snapshot.
    async fn replay(&self, store: &Store, session: &SessionRef, source: &Source) -> Result<Figures> {
        let mut figures = Figures::default();
        let indices = self.save_all(store, session, source, &mut figures).await?;
        figures.stored = self.counting.stored();
        self.restore_all(session, &indices, source, &mut figures).await?;
        figures.codecs = self.codecs.take();
        Ok(figures)
    }

    /// Saves the states through one store that lives as long as the session, as an agent does.
    async fn save_all(
        &self,
        store: &Store,
        session: &SessionRef,
        source: &Source,
        figures: &mut Figures,
    ) -> Result<Vec<SnapshotIndex>> {
        let progress = Progress::counting(self.context.output(), "saving");
        let mut indices = Vec::new();
        let mut states = source.states();
        while let Some(state) = states.next().await? {
            let mut request = SaveRequest::new(session.clone(), state.bytes);
            request.media_type = (!state.is_json).then(|| BYTES.to_owned());
            let (cpu, begin) = (cpu_time(), Instant::now());
            let info = store.save(request).await?;
            figures.saves.push(begin.elapsed());
            figures.save_cpu += cpu_time().saturating_sub(cpu);
            indices.push(info.snapshot_index);
            progress.advance();
        }
        Ok(indices)
    }

    /// Restores the snapshots and compares them with the states. Each has a store of its own, over the adapter that
    /// is already open, so that nothing is remembered from the one before.
    async fn restore_all(
        &self,
        session: &SessionRef,
        indices: &[SnapshotIndex],
        source: &Source,
        figures: &mut Figures,
    ) -> Result<()> {
        let progress = Progress::counting(self.context.output(), "restoring");
        let snapshots = [key::snapshot_prefix(session), key::generations_prefix(session)];
        let is_control = |key: &str| !snapshots.iter().any(|prefix| key.starts_with(prefix));
        let mut states = source.states();
        for index in indices {
            let Some(state) = states.next().await? else { break };
            let reference = SnapshotRef { session: session.clone(), index: Some(*index) };
            let store = Store::new(self.options.clone());
            self.counting.take_read(is_control);
            let begin = Instant::now();
            let restored = store.restore(&reference).await?;
            figures.restores.push(begin.elapsed());
            figures.max_objects = figures.max_objects.max(self.counting.take_read(is_control));
            if restored.state != state.bytes {
                let message = format!("the restored {reference} is not what {} holds now", state.name);
                return Err(Error::new(ErrorKind::Integrity, "bench_failed", message).with_hint(
                    "unless the file was changed meanwhile, `persist verify` with --keep shows more",
                ));
            }
            progress.advance();
        }
        Ok(())
    }

    /// Removes the scratch session. After a failure there may be none; then whatever failed is the news, and what is
    /// left is only mentioned.
    async fn remove(&self, store: &Store, session: &SessionRef, must_succeed: bool) -> Result<()> {
        match remove_session(store, session).await {
            Err(error) if must_succeed => Err(error.with_hint(left_note(session))),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                self.context.output().note(&left_note(session));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Removes everything that a session put into its store but the few bytes that say that its indices were used.
async fn remove_session(store: &Store, session: &SessionRef) -> Result<()> {
    store.delete(session, &DeleteTarget::All).await?;
    store.collect(session).await.map(drop)
}

/// A session that nobody else has.
fn scratch_session() -> Result<SessionRef> {
    let names =
        || Ok(SessionRef::new(AgentId::parse(AGENT)?, SessionId::parse(&Uuid::new_v4().to_string())?));
    names().map_err(|error: persist_host::InvalidId| {
        Error::new(ErrorKind::Other, "bench_failed", "cannot name the scratch session").with_source(error)
    })
}

fn left_note(session: &SessionRef) -> String {
    format!(
        "the scratch session {session} may be left; `persist delete {session} --all --yes` and `persist gc {session}` \
         remove it"
    )
}

/// The processor time that all threads of this process have used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The clock begins at zero and neither part is negative.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
