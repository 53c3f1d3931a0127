//! Listing: which sessions there are, and the metadata of their snapshots, read from headers alone.

use std::future::ready;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::ListRequest;

use super::errors::{missing, unreadable};
use super::fetch::Reading;
use super::manifest::Decisions;
use super::{Store, purpose};
use crate::format::{FormatError, Manifest};
use crate::key::DecodedSegment;
use crate::observe::Operation;
use crate::{
    AgentId, Error, ErrorKind, RefPattern, Result, SessionId, SessionRef, SnapshotIndex, SnapshotInfo, key,
};

/// How many headers of a session are read at once.
const HEADERS_AT_ONCE: usize = 16;

/// How many "directories" the first page of a listing holds: few, because a file system has to look into each, and
/// whoever reads the listing waits for the first page.
const FIRST_PAGE: u32 = 16;

impl Store {
    /// Lists the snapshots that a pattern covers, in ascending order of their sessions' keys and of their indices.
    /// Headers are read, bodies are not. Deleted snapshots do not appear; nothing at all is not an error.
    ///
    /// A row that cannot be read is an error in its place; the rows after it still come.
    pub fn list(&self, pattern: &RefPattern) -> impl Stream<Item = Result<SnapshotInfo>> + Send + use<'_> {
        let index = pattern.index;
        let rows = self.sessions(pattern).flat_map(move |session| match session {
            Ok(session) => self.list_session(session, index, SnapshotIndex::FIRST).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        self.operation(Operation::List, pattern).rows(rows.boxed())
    }

    /// Lists the snapshots of one session from an index on, as [`list`](Self::list) does. What comes before it is not
    /// read.
    pub fn list_from(
        &self,
        session: &SessionRef,
        first: SnapshotIndex,
    ) -> impl Stream<Item = Result<SnapshotInfo>> + Send + use<'_> {
        let operation = self.operation(Operation::List, session);
        let session = session.clone();
        let rows = stream::once(async move {
            self.open_marker().await?;
            Ok::<_, Error>(self.list_session(session, None, first))
        });
        operation.rows(rows.try_flatten().boxed())
    }

    /// Lists the sessions that a pattern covers, in ascending order of their keys, as they are found. A session that the
    /// pattern names is taken at its word; the others are there, whether or not they have snapshots left.
    ///
    /// What cannot be told to be a session is an error in its place, [`ErrorKind::Integrity`] with its key; the sessions
    /// after it still come. An error of the backend ends the listing.
    pub fn sessions(&self, pattern: &RefPattern) -> impl Stream<Item = Result<SessionRef>> + Send + use<'_> {
        let pattern = pattern.clone();
        stream::once(async move {
            self.open_marker().await?;
            Ok::<_, Error>(self.sessions_below_pattern(&pattern))
        })
        .try_flatten()
    }

    /// Lists the sessions as [`sessions`](Self::sessions) does, to show them and nothing more: where what decides commits
    /// cannot be reached, a copy of the store may answer, which can lack the newest.
    pub fn sessions_to_show(
        &self,
        pattern: &RefPattern,
    ) -> impl Stream<Item = Result<SessionRef>> + Send + use<'_> {
        purpose::consulted(self.sessions(pattern))
    }

    /// As [`sessions`](Self::sessions), whether or not the store has a marker.
    pub(super) fn sessions_below_pattern(&self, pattern: &RefPattern) -> BoxStream<'_, Result<SessionRef>> {
        match (pattern.agent.clone(), pattern.session.clone()) {
            (Some(agent), Some(session)) => stream::iter([Ok(SessionRef::new(agent, session))]).boxed(),
            (Some(agent), None) => self.sessions_below(key::sessions_prefix(&agent)).boxed(),
            (None, _) => self
                .directories(key::agents_prefix().to_owned())
                .flat_map(|agent| match agent {
                    Ok(agent) => self.sessions_below(agent).boxed(),
                    Err(error) => stream::iter([Err(error)]).boxed(),
                })
                .boxed(),
        }
    }

    /// The "directories" directly below a prefix, page by page.
    fn directories(&self, prefix: String) -> impl Stream<Item = Result<String>> + Send + '_ {
        let first = ListRequest::directory(prefix).limit(FIRST_PAGE);
        stream::try_unfold(Some(first), move |request| async move {
            let Some(request) = request else { return Ok::<_, Error>(None) };
            let page = self.list_page(request.clone()).await?;
            let next = page.next;
            let next = next.map(|next| request.limit(ListRequest::DEFAULT_LIMIT).continued(Some(next)));
            Ok(Some((stream::iter(page.prefixes.into_iter().map(Ok)), next)))
        })
        .try_flatten()
    }

    fn sessions_below(&self, agent_prefix: String) -> impl Stream<Item = Result<SessionRef>> + Send + '_ {
        self.directories(agent_prefix)
            .then(move |directory| async move { self.session_at(&directory?).await })
    }

    /// The session that a "directory" `agents/<agent>/<session>/` belongs to.
    async fn session_at(&self, directory: &str) -> Result<SessionRef> {
        let segments: Vec<&str> = directory.trim_end_matches('/').split('/').collect();
        let what = format!("the directory {directory:?}");
        let stray = |why: &str| unreadable(&what, directory, FormatError::corrupt(why));
        let [_, agent, session] = segments[..] else {
            return Err(stray("it does not have the form agents/<agent>/<session>/"));
        };
        let (Some(agent), Some(session)) = (key::decode_segment(agent), key::decode_segment(session)) else {
            return Err(stray("its name is not one that Persist writes"));
        };
        if let (DecodedSegment::Id(agent), DecodedSegment::Id(session)) = (agent, session) {
            let (agent, session) = (AgentId::parse(&agent), SessionId::parse(&session));
            let (Ok(agent), Ok(session)) = (agent, session) else {
                return Err(stray("its name does not stand for valid ids"));
            };
            return Ok(SessionRef::new(agent, session));
        }
        // A long id is shortened in the key; the headers below hold it whole.
        let prefix = format!("{directory}d/");
        let numbers = self.list_numbers(&prefix).await?;
        let Some((first, _)) = numbers.first() else {
            return self
                .session_of_manifests(directory)
                .await?
                .ok_or_else(|| stray("it holds no snapshots that say whose it is"));
        };
        let record = format!("{prefix}{first:010}");
        let located =
            self.read_any_record(&what, &record).await?.ok_or_else(|| stray("its first record vanished"))?;
        let found = located.record.session();
        if key::snapshot_prefix(&found) == prefix {
            Ok(found)
        } else {
            Err(stray("its first record belongs to another session"))
        }
    }

    /// The session whose manifests lie in a directory: a copy that is just begun has nothing else.
    async fn session_of_manifests(&self, directory: &str) -> Result<Option<SessionRef>> {
        let prefix = format!("{directory}m/");
        let Some((last, _)) = self.list_numbers(&prefix).await?.pop() else { return Ok(None) };
        let key = format!("{prefix}{last:010}");
        let Some(object) = self.read(&key).await? else { return Ok(None) };
        let manifest = Manifest::parse(&object).map_err(|error| {
            unreadable(&format_args!("a manifest in the directory {directory:?}"), &key, error)
        })?;
        let found = manifest.session;
        Ok((key::manifest_prefix(&found) == prefix).then_some(found))
    }

    pub(super) fn list_session(
        &self,
        session: SessionRef,
        only: Option<SnapshotIndex>,
        first: SnapshotIndex,
    ) -> impl Stream<Item = Result<SnapshotInfo>> + Send + '_ {
        stream::once(async move {
            let (indices, decisions) = self.live_indices(&session, only).await?;
            let indices = indices.into_iter().filter(move |index| *index >= first);
            let rows = stream::iter(indices).map(move |index| {
                let (session, decisions) = (session.clone(), decisions.clone());
                async move { self.list_row(&session, index, decisions).await }
            });
            Ok::<_, Error>(rows.buffered(HEADERS_AT_ONCE).filter_map(|row| ready(row.transpose())))
        })
        .try_flatten()
    }

    /// One row; `None` for a seal, and for a snapshot that was deleted meanwhile.
    async fn list_row(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        decisions: Decisions,
    ) -> Result<Option<SnapshotInfo>> {
        let found = self.read_record(session, index, &key::snapshot_key(session, index)).await;
        match self.judge(session, index, found, decisions).await {
            Ok(Reading::Found(info)) => Ok(Some(info)),
            Ok(Reading::NoSnapshot) => Ok(None),
            Ok(Reading::Nothing) => Err(missing(session, index, &key::snapshot_key(session, index))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The indices of a session that must have a live snapshot: all up to the highest that a listing shows, gaps
    /// included, without the deleted ones.
    pub(super) async fn live_indices(
        &self,
        session: &SessionRef,
        only: Option<SnapshotIndex>,
    ) -> Result<(Vec<SnapshotIndex>, Decisions)> {
        let listed = self.list_numbers(&key::snapshot_prefix(session)).await?;
        let Some((last, _)) = listed.last() else { return Ok(Default::default()) };
        let decisions = self.read_decisions(session, None).await?;
        let live = (decisions.boundary..=*last)
            .filter_map(|number| SnapshotIndex::new(number).ok())
            .filter(|index| only.is_none_or(|only| only == *index) && decisions.is_live(*index))
            .collect();
        Ok((live, decisions))
    }
}
