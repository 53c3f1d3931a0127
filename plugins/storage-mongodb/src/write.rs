//! Writing and removing objects.

use std::future::IntoFuture as _;

use mongodb::bson::doc;
use persist_plugin_api::{Error, ErrorCode, Result};

use crate::adapter::MongoStorage;
use crate::chunks::Prepared;
use crate::documents::{INLINE_BYTES, Stored};
use crate::error::Call;

impl MongoStorage {
    /// Inserts an object's document; the index on `_id` lets one writer win.
    pub(crate) async fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        let call = self.call("create", Some(key));
        self.examined().await.map_err(unsent)?;
        // Saves the chunks of an object that would lose.
        if data.len() > INLINE_BYTES && self.named_set(call, key).await.map_err(unsent)?.is_some() {
            return Err(Error::already_exists(key));
        }
        let Prepared { document, set } = self.prepare(call, key, data).await.map_err(unsent)?;
        let objects = self.objects().await?;
        let retry = &self.settings.retry;
        let insert = |_| self.attempt(call, objects.insert_one(&document));
        let outcome = retry.repeat_unapplied(call.verb, insert).await;
        if let Some(set) = &set {
            match &outcome {
                Ok(_) => self.tidied(self.keep(call, set).await),
                Err(error) if error.is_not_applied() => self.tidied(self.discard(call, set).await),
                // The document may be there, or come yet. The mark stays.
                Err(_) => {}
            }
        }
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => Err(Error::already_exists(key)),
            Err(error) => Err(error),
        }
    }

    /// Writes an object's document in the place of another, and then removes the chunks that the other named.
    pub(crate) async fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        let call = self.call("write", Some(key));
        self.examined().await.map_err(unsent)?;
        let old = self.mark_named(call, key).await.map_err(unsent)?;
        let Prepared { document, set } = self.prepare(call, key, data).await.map_err(unsent)?;
        let objects = self.objects().await?;
        let replace = |_| async {
            let request = objects.replace_one(doc! { "_id": key }, &document).upsert(true);
            match self.attempt(call, request).await {
                // Two writers that find no document both insert one; the loser finds one the next time.
                Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => {
                    let finding = "another writer was always in the way";
                    Err(call.error(ErrorCode::UNAVAILABLE, finding).retryable(true).with_source(error))
                }
                outcome => outcome,
            }
        };
        self.settings.retry.repeat(call.verb, replace).await?;
        if let Some(set) = &set {
            self.tidied(self.keep(call, set).await);
        }
        if let Some(old) = old.filter(|old| Some(old) != set.as_ref()) {
            self.tidied(self.discard(call, &old).await);
        }
        Ok(())
    }

    /// Removes an object's document, if it is there, and then the chunks that it named.
    pub(crate) async fn remove(&self, key: &str) -> Result<()> {
        let call = self.call("delete", Some(key));
        let set = self.mark_named(call, key).await?;
        let objects = self.objects().await?;
        self.repeat(call, || objects.delete_one(doc! { "_id": key }).into_future()).await?;
        if let Some(set) = set {
            self.tidied(self.discard(call, &set).await);
        }
        Ok(())
    }

    /// Marks the set of chunks that an object's document names, before the document goes.
    async fn mark_named(&self, call: Call<'_>, key: &str) -> Result<Option<String>> {
        let set = self.named_set(call, key).await?.flatten();
        if let Some(set) = &set {
            self.mark(call, key, set).await?;
        }
        Ok(set)
    }

    /// The set of chunks that an object's document names; `None` when there is no document.
    async fn named_set(&self, call: Call<'_>, key: &str) -> Result<Option<Option<String>>> {
        let found = self.find(call, key, doc! { "data": 0 }).await?;
        Ok(found.map(|stored| Stored::set(&stored).map(str::to_owned)))
    }
}

/// What failed before the object's document was sent has changed nothing that can be read.
fn unsent(error: Error) -> Error {
    error.not_applied(true)
}
