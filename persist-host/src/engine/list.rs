//! Listing: which sessions there are, and the metadata of their snapshots, read from headers alone.

use std::future::ready;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::ListRequest;

use super::Store;
use super::errors::{missing, unreadable};
use super::fetch::Reading;
use super::manifest::Decisions;
use crate::format::FormatError;
use crate::key::DecodedSegment;
use crate::{
    AgentId, Error, ErrorKind, RefPattern, Result, SessionId, SessionRef, SnapshotIndex, SnapshotInfo, key,
};

/// How many headers of a session are read at once.
const HEADERS_AT_ONCE: usize = 16;

impl Store {
    /// Lists the snapshots that a pattern covers, in ascending order of their sessions' keys and of their indices.
    /// Headers are read, bodies are not. Deleted snapshots do not appear; nothing at all is not an error.
    ///
    /// A row that cannot be read is an error in its place; the rows after it still come.
    pub fn list(&self, pattern: &RefPattern) -> impl Stream<Item = Result<SnapshotInfo>> + Send + use<'_> {
        let index = pattern.index;
        self.sessions(pattern).flat_map(move |session| match session {
            Ok(session) => self.list_session(session, index).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        })
    }

    /// The sessions that a pattern covers, whether or not they have snapshots left.
    pub(super) fn sessions(
        &self,
        pattern: &RefPattern,
    ) -> impl Stream<Item = Result<SessionRef>> + Send + use<'_> {
        let pattern = pattern.clone();
        stream::once(async move {
            self.open_marker().await?;
            Ok::<_, Error>(match (pattern.agent, pattern.session) {
                (Some(agent), Some(session)) => stream::iter([Ok(SessionRef::new(agent, session))]).boxed(),
                (Some(agent), None) => self.sessions_below(key::sessions_prefix(&agent)).boxed(),
                (None, _) => self
                    .directories(key::agents_prefix().to_owned())
                    .flat_map(|agent| match agent {
                        Ok(agent) => self.sessions_below(agent).boxed(),
                        Err(error) => stream::iter([Err(error)]).boxed(),
                    })
                    .boxed(),
            })
        })
        .try_flatten()
    }

    /// The "directories" directly below a prefix, page by page.
    fn directories(&self, prefix: String) -> impl Stream<Item = Result<String>> + Send + '_ {
        stream::try_unfold(Some(ListRequest::directory(prefix)), move |request| async move {
            let Some(request) = request else { return Ok::<_, Error>(None) };
            let page = self.list_page(request.clone()).await?;
            let next = page.next.map(|next| request.continued(Some(next)));
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
            return Err(stray("it holds no snapshots that say whose it is"));
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

    fn list_session(
        &self,
        session: SessionRef,
        only: Option<SnapshotIndex>,
    ) -> impl Stream<Item = Result<SnapshotInfo>> + Send + '_ {
        stream::once(async move {
            let (indices, decisions) = self.live_indices(&session, only).await?;
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
