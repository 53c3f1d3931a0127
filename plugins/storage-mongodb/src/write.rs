//! Writing and removing objects.
//!
//! What replaces or removes a document says which version it read, so that a request that comes late, or twice, does
//! nothing to a document that others wrote since.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mongodb::bson::doc;
use persist_plugin_api::{Error, ErrorCode, Result};

use crate::adapter::MongoStorage;
use crate::chunks::{Prepared, unsent};
use crate::documents::{INLINE_BYTES, Stored};
use crate::error::Call;

impl MongoStorage {
    /// Inserts an object's document; the index on `_id` lets one writer win.
    pub(crate) async fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        let call = self.call("create", Some(key));
        self.examined().await.map_err(unsent)?;
        // Saves the chunks of an object that would lose.
        if data.len() > INLINE_BYTES && self.known(call, key).await.map_err(unsent)?.is_some() {
            return Err(Error::already_exists(key));
        }
        let own = self.prepare(call, key, data).await.map_err(unsent)?;
        let create = |_| self.create_once(call, key, &own);
        let outcome = self.settings.retry.repeat_unapplied(call.verb, create).await;
        match &outcome {
            Ok(()) => self.settle(call, own.set.as_deref()).await,
            Err(error) if error.is_not_applied() => self.abandon(call, &own).await,
            // The document may be there, or come yet, and the mark stays.
            Err(_) => {}
        }
        outcome
    }

    /// Writes an object's document in the place of another, and then removes the chunks that the other named.
    pub(crate) async fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        let call = self.call("write", Some(key));
        self.examined().await.map_err(unsent)?;
        let history = History::default();
        let replace = |_| self.replace_once(call, key, data, &history);
        let outcome = self.settings.retry.repeat(call.verb, replace).await;
        self.finish(call, outcome.flatten(), history).await
    }

    /// Removes an object's document, if it is there, and then the chunks that it named.
    pub(crate) async fn remove(&self, key: &str) -> Result<()> {
        let call = self.call("delete", Some(key));
        let history = History::default();
        let remove = |_| self.remove_once(call, key, &history);
        let outcome = self.settings.retry.repeat(call.verb, remove).await;
        self.finish(call, outcome.flatten(), history).await
    }

    /// One attempt.
    async fn create_once(&self, call: Call<'_>, key: &str, own: &Prepared) -> Result<()> {
        match self.insert(call, own).await {
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => {
                // The document tells whose it is. When it cannot be read, that is left open.
                match self.known(call, key).await.map_err(|error| error.not_applied(false))? {
                    Some(found) if found.version == own.version => Ok(()),
                    Some(_) => Err(Error::already_exists(key)),
                    // It was removed since, or no majority has it yet and it may vanish: nobody may rely on it.
                    None => Err(call.overtaken()),
                }
            }
            outcome => outcome,
        }
    }

    /// One attempt. The inner error is final: it is of a request that was repeated already.
    async fn replace_once(
        &self,
        call: Call<'_>,
        key: &str,
        data: &[u8],
        history: &History,
    ) -> Result<Result<()>> {
        let found = match self.known(call, key).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(unsent(error))),
        };
        if let Some(found) = found.as_ref().filter(|found| history.wrote(&found.version)) {
            self.settle(call, found.set()).await;
            return Ok(Ok(()));
        }
        if let Err(error) = self.mark_old(call, key, found.as_ref(), history).await {
            return Ok(Err(unsent(error)));
        }
        // The chunks are new ones each time: those of an attempt without an answer may have been named, and removed again.
        let own = match self.prepare(call, key, data).await {
            Ok(own) => own,
            Err(error) => return Ok(Err(unsent(error))),
        };
        let outcome = match &found {
            Some(found) => self.exchange(call, key, &found.version, &own).await,
            None => match self.insert(call, &own).await {
                Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => Err(call.overtaken()),
                outcome => outcome,
            },
        };
        match &outcome {
            Ok(()) => self.settle(call, own.set.as_deref()).await,
            Err(error) if error.is_not_applied() => self.abandon(call, &own).await,
            Err(_) => history.unanswered(&own.version),
        }
        outcome.map(Ok)
    }

    /// One attempt; see [`replace_once`](Self::replace_once).
    async fn remove_once(&self, call: Call<'_>, key: &str, history: &History) -> Result<Result<()>> {
        let found = match self.known(call, key).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = self.mark_old(call, key, Some(&found), history).await {
            return Ok(Err(error));
        }
        let read = doc! { "_id": key, "version": &found.version };
        let removed = self.attempt(call, self.objects().await?.delete_one(read)).await;
        match removed {
            Ok(answer) if answer.deleted_count == 0 => Err(call.overtaken()),
            Ok(_) => Ok(Ok(())),
            Err(error) => {
                if !error.is_not_applied() {
                    history.unanswered(&found.version);
                }
                Err(error)
            }
        }
    }

    /// Inserts a document that is ready, once.
    async fn insert(&self, call: Call<'_>, own: &Prepared) -> Result<()> {
        let objects = self.objects().await?;
        if let Some(set) = &own.set {
            self.renew(call, set).await?;
        }
        self.attempt(call, objects.insert_one(&own.document)).await.map(drop)
    }

    /// Puts a document that is ready in the place of the one that was read, once.
    async fn exchange(&self, call: Call<'_>, key: &str, version: &str, own: &Prepared) -> Result<()> {
        let objects = self.objects().await?;
        if let Some(set) = &own.set {
            self.renew(call, set).await?;
        }
        let read = doc! { "_id": key, "version": version };
        let answer = self.attempt(call, objects.replace_one(read, &own.document)).await?;
        if answer.matched_count == 0 { Err(call.overtaken()) } else { Ok(()) }
    }

    /// Marks the set of chunks that an object's document names, before the document goes.
    async fn mark_old(
        &self,
        call: Call<'_>,
        key: &str,
        found: Option<&Stored>,
        history: &History,
    ) -> Result<()> {
        if let Some(set) = found.and_then(Stored::set) {
            self.mark(call, key, set).await?;
            history.marked(set);
        }
        Ok(())
    }

    /// Ends a write whose document is there.
    async fn settle(&self, call: Call<'_>, set: Option<&str>) {
        if let Some(set) = set {
            self.tidied(self.keep(call, set).await);
        }
    }

    /// Ends a write whose document is not there and will not come.
    async fn abandon(&self, call: Call<'_>, own: &Prepared) {
        if let Some(set) = &own.set {
            self.tidied(self.discard(call, set).await);
        }
    }

    /// Ends a replacement or a removal. Every set that was marked on the way was named by a document that has gone since.
    async fn finish(&self, call: Call<'_>, outcome: Result<()>, history: History) -> Result<()> {
        if let Err(error) = outcome {
            let certain = error.is_not_applied() && lock(&history.unanswered).is_empty();
            return Err(error.not_applied(certain));
        }
        let marked = std::mem::take(&mut *lock(&history.marked));
        for set in marked {
            self.tidied(self.discard(call, &set).await);
        }
        Ok(())
    }

    /// What is known of an object, without its bytes.
    async fn known(&self, call: Call<'_>, key: &str) -> Result<Option<Stored>> {
        self.find(call, key, doc! { "data": 0 }).await
    }
}

/// What earlier attempts at a replacement or a removal did.
#[derive(Default)]
struct History {
    /// The sets that they found named, and marked.
    marked: Mutex<Vec<String>>,
    /// The versions that they tried to write, or to remove, and heard nothing of.
    unanswered: Mutex<Vec<String>>,
}

impl History {
    fn marked(&self, set: &str) {
        lock(&self.marked).push(set.to_owned());
    }

    fn unanswered(&self, version: &str) {
        lock(&self.unanswered).push(version.to_owned());
    }

    fn wrote(&self, version: &str) -> bool {
        lock(&self.unanswered).iter().any(|own| own == version)
    }
}

fn lock(list: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    // Nothing that holds the lock can panic half-way.
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
