//! What is done once before the first write.

use std::future::IntoFuture as _;

use mongodb::bson::doc;
use persist_plugin_api::{ErrorCode, Result};

use crate::adapter::MongoStorage;

impl MongoStorage {
    /// Checks that keys which differ are different to the database, and removes what writers left that ended before they
    /// were done. That it is done is kept, a failure is not.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] for a collection whose keys are compared by a language's rules.
    pub(crate) async fn examined(&self) -> Result<()> {
        self.fit.get_or_try_init(|| self.examine()).await.copied()
    }

    async fn examine(&self) -> Result<()> {
        let call = self.call("examine", None);
        let database = self.client().await?.database(&self.settings.database);
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
        self.tidied(self.sweep().await);
        Ok(())
    }
}
