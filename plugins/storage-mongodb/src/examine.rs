//! What is done once before the first write.

use std::future::IntoFuture as _;

use mongodb::bson::{DateTime, Document, doc};
use persist_plugin_api::{ErrorCode, Result};

use crate::adapter::MongoStorage;
use crate::error::Call;

impl MongoStorage {
    /// Checks that the server is a primary and that keys which differ are different to the database, and removes what
    /// writers left that ended before they were done. That it is done is kept, a failure is not.
    ///
    /// # Errors
    /// [`ErrorCode::UNAVAILABLE`] for a server that is no primary, [`ErrorCode::CONFIG`] for a collection whose keys are
    /// compared by a language's rules.
    pub(crate) async fn examined(&self) -> Result<()> {
        self.fit.get_or_try_init(|| self.examine()).await.copied()
    }

    async fn examine(&self) -> Result<()> {
        let call = self.call("examine", None);
        let database = self.client().await?.database(&self.settings.database);
        let hello = || database.run_command(doc! { "hello": 1 }).into_future();
        let now = server_time(call, &self.repeat(call, hello).await?)?;
        let question = doc! { "listCollections": 1, "filter": { "name": &self.settings.collection } };
        let answer = self.repeat(call, || database.run_command(question.clone()).into_future()).await?;
        let collation = answer
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"))
            .ok()
            .and_then(|collections| collections.first()?.as_document()?.get_document("options").ok())
            .and_then(|options| options.get_document("collation").ok());
        let locale = collation.and_then(|collation| collation.get_str("locale").ok());
        if let Some(locale) = locale.filter(|locale| *locale != "simple") {
            let finding = format!(
                "its keys are compared by the rules of the locale {locale:?}, expected the simple collation; name \
                 another collection, which is then made as it should be"
            );
            return Err(call.error(ErrorCode::CONFIG, &finding));
        }
        self.tidied(self.sweep(now).await);
        Ok(())
    }
}

/// The time by the clock of a server, out of its answer to `hello`. A server that is no primary is refused: with
/// `directConnection` the driver takes it all the same, and what it shows is not the latest.
fn server_time(call: Call<'_>, hello: &Document) -> Result<DateTime> {
    if !hello.get_bool("isWritablePrimary").unwrap_or(false) {
        let finding = "the server is no primary (isWritablePrimary is not true in its hello); name the replica set's \
                       members in uri, with replicaSet and without directConnection";
        return Err(call.error(ErrorCode::UNAVAILABLE, finding).retryable(true).not_applied(true));
    }
    hello.get_datetime("localTime").copied().map_err(|error| {
        call.error(ErrorCode::UNAVAILABLE, "the server's hello does not tell its time").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;

    #[test]
    fn a_secondary_is_refused() {
        let place = Place {
            database: "d".to_owned(),
            collection: "c".to_owned(),
            servers: "h:1".to_owned(),
            tls: false,
        };
        let call = Call { verb: "examine", key: None, place: &place };
        let now = DateTime::from_millis(7);
        assert_eq!(server_time(call, &doc! { "isWritablePrimary": true, "localTime": now }).unwrap(), now);
        for answer in [doc! { "isWritablePrimary": false, "secondary": true, "localTime": now }, doc! {}] {
            let error = server_time(call, &answer).unwrap_err();
            assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
            assert!(error.is_not_applied() && error.is_retryable());
            assert!(error.message().contains("directConnection"), "{error}");
        }
    }
}
