//! The claims to a name: reading and creating them.

use super::super::Store;
use super::super::errors::unreadable;
use super::super::manifest::AMBIGUOUS_ATTEMPTS;
use super::super::objects::Created;
use crate::format::Claim;
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, SnapshotName, WriteId, key};

impl Store {
    /// The claim that holds a name, from the number `from` on, which is known to be there if it is not 0. Claims are
    /// never removed, so the first free number ends them.
    pub(in super::super) async fn last_claim(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        from: u64,
    ) -> Result<Option<Claim>> {
        let mut last = None;
        let mut number = from;
        while let Some(claim) = self.read_claim(session, name, number).await? {
            last = Some(claim);
            number += 1;
            if number == from + 2 {
                // A name that was used again and again: a listing shows about how often.
                let listed = self.list_numbers(&key::claims_prefix(session, name)).await?;
                number = listed.last().map_or(number, |(highest, _)| number.max(*highest));
            }
        }
        Ok(last)
    }

    pub(super) async fn read_claim(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        number: u64,
    ) -> Result<Option<Claim>> {
        let key = key::claim_key(session, name, number);
        let Some(object) = self.read(&key).await? else { return Ok(None) };
        let parsed =
            Claim::parse(&object).and_then(|claim| claim.expect(session, name, number).map(|()| claim));
        parsed.map(Some).map_err(|error| {
            unreadable(
                &format_args!("the claim {number} to the name {:?} in {session}", name.as_str()),
                &key,
                error,
            )
        })
    }

    /// Creates a claim. `false` when the number is taken, perhaps by this very claim: then the claims are read again,
    /// since another may have followed.
    pub(super) async fn create_claim(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        number: u64,
        write_id: WriteId,
        search_from: SnapshotIndex,
    ) -> Result<bool> {
        let key = key::claim_key(session, name, number);
        let claim = Claim { write_id, session: session.clone(), name: name.clone(), number, search_from };
        let attempt = format!("cannot claim the name {:?} in {session}; nothing was saved", name.as_str());
        let object = claim.encode().map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "cannot_be_encoded", attempt.clone()).with_source(error)
        })?;
        let mut open = None;
        for _ in 0..AMBIGUOUS_ATTEMPTS {
            match self.create(&key, object.clone()).await? {
                Created::Yes => return Ok(true),
                Created::Exists => return Ok(false),
                Created::Refused(error) | Created::NotDurable(error) => {
                    return Err(Error::from_adapter(attempt, error).with_context("key", key));
                }
                Created::Ambiguous(error) => open = Some(error),
            }
            if self.read_claim(session, name, number).await?.is_some() {
                return Ok(false);
            }
        }
        // A claim that comes into being later has no snapshot, so the next one passes it over.
        Err(match open {
            Some(error) => Error::from_adapter(attempt, error),
            None => Error::new(ErrorKind::Other, "backend_failed", attempt),
        }
        .with_context("key", key))
    }
}
