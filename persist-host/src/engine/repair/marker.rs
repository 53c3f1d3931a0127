//! The store marker: it can be made anew when every object of the store proves that this release reads it.

use futures_util::StreamExt as _;
use persist_plugin_api::ListRequest;

use super::super::Store;
use super::super::errors::unreadable;
use super::evidence::{Finding, Looked};
use super::{Remedy, RepairRow};
use crate::format::{FormatError, Marker};
use crate::{RefPattern, Result, key};

impl Store {
    /// What is wrong with the marker. A place without a marker and without sessions is no store, which is an error.
    pub(super) async fn examine_marker(&self) -> Result<Option<Finding>> {
        let (damaged, error) = match self.look_twice(key::MARKER, |file| Marker::parse(&file)).await? {
            Looked::Intact(_) => return Ok(None),
            Looked::Damaged(damaged, error) => (Some(damaged), error),
            Looked::Missing => {
                let agents = self.list_page(ListRequest::directory(key::agents_prefix()).limit(1)).await?;
                if agents.prefixes.is_empty() {
                    self.open_marker().await?;
                }
                (None, FormatError::corrupt("it is missing, and the store holds snapshots"))
            }
        };
        let problem = unreadable(&"the store marker", key::MARKER, error);
        Ok(Some(Finding {
            key: key::MARKER.to_owned(),
            problem,
            remedy: Remedy::None,
            replacement: None,
            damaged,
            lost: Vec::new(),
        }))
    }

    /// Repairs the whole store, since a new marker speaks for all of it, and then the marker.
    pub(super) async fn repair_marker(
        &self,
        mut finding: Finding,
        confirmed: bool,
    ) -> Result<Vec<Result<RepairRow>>> {
        let everything = RefPattern::default();
        let mut rows = Vec::new();
        let mut sessions = self.sessions_below_pattern(&everything).boxed();
        while let Some(session) = sessions.next().await {
            let repaired = match session {
                Ok(session) => self.repair_session(session, confirmed).await,
                Err(error) => Err(error),
            };
            match repaired {
                Ok(repaired) => rows.extend(repaired.into_iter().map(Ok)),
                Err(error) => rows.push(Err(error)),
            }
        }
        // What cannot be read might need a feature that the old marker required.
        let readable = rows.iter().all(|row| row.as_ref().is_ok_and(|row| row.remedy != Remedy::None));
        if readable {
            let file = Marker::create().encode();
            let file = file.map_err(|error| unreadable(&"the store marker", key::MARKER, error))?;
            finding.replacement = Some(file.into());
            finding.remedy = Remedy::WriteMarker;
        }
        rows.push(self.treat(None, finding, confirmed).await);
        Ok(rows)
    }
}
