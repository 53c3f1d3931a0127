//! Listing objects: ranges of `_id`, in the order of its index, which is that of the bytes.

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use persist_plugin_api::{ErrorCode, ListPage, ListRequest, ObjectMeta, Result};

use crate::adapter::MongoStorage;
use crate::documents::Stored;

/// The most entries that a page holds.
const MAX_PAGE: u32 = 1000;

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Begin {
    /// With this key, or the first after it.
    At(String),
    /// With the first key after this one.
    After(String),
}

impl Begin {
    /// Behind a directory with all that is in it.
    fn behind(directory: &str) -> Self {
        // A zero follows on the slash that ends a directory's name.
        Self::At(format!("{}0", directory.trim_end_matches('/')))
    }

    fn filter(&self) -> Document {
        match self {
            Self::At(key) => doc! { "_id": { "$gte": key } },
            Self::After(key) => doc! { "_id": { "$gt": key } },
        }
    }

    /// The later of two.
    fn max(self, other: Self) -> Self {
        let text = |begin: &Self| match begin {
            Self::At(key) => (key.clone(), false),
            Self::After(key) => (key.clone(), true),
        };
        if text(&self) >= text(&other) { self } else { other }
    }
}

impl MongoStorage {
    /// Lists a page.
    pub(crate) async fn list_page(&self, request: &ListRequest) -> Result<ListPage> {
        let limit = request.limit.clamp(1, MAX_PAGE) as usize;
        let mut page = Page { request, objects: Vec::new(), prefixes: Vec::new() };
        let mut begin = begin(request);
        loop {
            // One entry more than fits tells whether there is another page.
            let batch = limit + 1 - page.len();
            let found = self.list_batch(&request.prefix, &begin, batch).await?;
            let ended = found.len() < batch;
            for object in found {
                if !object.key.starts_with(&request.prefix) {
                    return Ok(page.end(None));
                }
                if page.len() == limit && !page.is_folded(&object.key) {
                    let last = page.last();
                    return Ok(page.end(Some(last)));
                }
                begin = page.add(object);
            }
            if ended {
                return Ok(page.end(None));
            }
        }
    }

    async fn list_batch(&self, prefix: &str, begin: &Begin, limit: usize) -> Result<Vec<ObjectMeta>> {
        let call = self.call("list", Some(prefix));
        let objects = self.objects().await?;
        let filter = begin.filter();
        let read = || async {
            let find = objects.find(filter.clone()).projection(doc! { "data": 0 }).sort(doc! { "_id": 1 });
            find.limit(limit as i64).await?.try_collect::<Vec<_>>().await
        };
        let documents = self.repeat(call, read).await?;
        let metas = documents.into_iter().map(|document| {
            let key = document.get_str("_id").unwrap_or_default().to_owned();
            let stored = Stored::read(document).ok_or_else(|| {
                call.error(ErrorCode::CORRUPT, &format!("{key:?} is not a document that Persist writes"))
            })?;
            Ok(ObjectMeta::new(key, stored.size).with_modified_unix_ms(stored.modified_unix_ms))
        });
        metas.collect()
    }
}

/// Where the page of a request begins.
fn begin(request: &ListRequest) -> Begin {
    let mut begin = Begin::At(request.prefix.clone());
    if let Some(after) = &request.start_after {
        begin = begin.max(Begin::After(after.clone()));
    }
    if let Some(last) = &request.continuation {
        let folded = request.by_directory && last.ends_with('/');
        begin = begin.max(if folded { Begin::behind(last) } else { Begin::After(last.clone()) });
    }
    begin
}

/// A page that is being filled.
struct Page<'a> {
    request: &'a ListRequest,
    objects: Vec<ObjectMeta>,
    prefixes: Vec<String>,
}

impl Page<'_> {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }

    /// Adds an object or its directory; returns where the listing goes on.
    fn add(&mut self, object: ObjectMeta) -> Begin {
        let rest = object.key.get(self.request.prefix.len()..).unwrap_or_default();
        let slash = rest.find('/').filter(|_| self.request.by_directory);
        match slash {
            Some(slash) => {
                let directory = object.key[..=self.request.prefix.len() + slash].to_owned();
                let behind = Begin::behind(&directory);
                if self.prefixes.last() != Some(&directory) {
                    self.prefixes.push(directory);
                }
                behind
            }
            None => {
                let after = Begin::After(object.key.clone());
                self.objects.push(object);
                after
            }
        }
    }

    /// Whether a key lies in the directory that was added last.
    fn is_folded(&self, key: &str) -> bool {
        self.prefixes.last().is_some_and(|directory| key.starts_with(directory.as_str()))
    }

    /// The entry that comes last.
    fn last(&self) -> String {
        let object = self.objects.last().map(|object| object.key.as_str()).unwrap_or_default();
        let directory = self.prefixes.last().map(String::as_str).unwrap_or_default();
        object.max(directory).to_owned()
    }

    fn end(self, next: Option<String>) -> ListPage {
        ListPage::new(self.objects, self.prefixes, next)
    }
}
