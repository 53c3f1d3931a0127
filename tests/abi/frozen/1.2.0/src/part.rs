//! Adapters over adapters: how an adapter takes others as options.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::DynStorage;

thread_local! {
    /// The adapters that the host passed with the options that are being read on this thread. `None`: it passed none, and
    /// maybe cannot.
    static PASSED: RefCell<Option<Vec<Arc<dyn DynStorage>>>> = const { RefCell::new(None) };
}

/// A storage adapter that is an option of another: a field of the other's config struct.
///
/// In the config file it is a table like any adapter's, `cache = { adapter = "local", root = "…" }`. The host opens it in
/// its own plugin and passes it on. It knows which options are adapters by the JSON Schema of the adapter that takes them:
/// their subschemas (of a list, that of its `items`) hold `"persist": "storage"`.
///
/// Its calls go straight to the other plugin, with the [`Request`](crate::Request) and the
/// [`ReadPurpose`](crate::ReadPurpose) of the call that they are made in. Neither time limits nor checks of answers stand
/// between; those of the host are around the outer adapter.
#[derive(Clone)]
pub struct Part(Arc<dyn DynStorage>);

impl Part {
    /// An adapter that the program has already, for use without a host.
    #[must_use]
    pub fn new(storage: Arc<dyn DynStorage>) -> Self {
        Self(storage)
    }
}

impl Deref for Part {
    type Target = dyn DynStorage;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Part")
    }
}

/// Reads options which refer to `parts` by their numbers.
pub(crate) fn with_parts<T>(parts: Option<Vec<Arc<dyn DynStorage>>>, read: impl FnOnce() -> T) -> T {
    /// Whatever `read` does, the next options on this thread do not see these adapters.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            let passed = PASSED.with(|passed| passed.borrow_mut().take());
            drop(passed);
        }
    }
    PASSED.with(|passed| *passed.borrow_mut() = parts);
    let _reset = Reset;
    read()
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table with an adapter and its options")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Part, E> {
        let passed = PASSED.with(|passed| {
            let passed = passed.borrow();
            passed.as_ref()?.get(usize::try_from(number).ok()?).map(Arc::clone)
        });
        passed.map(Part).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Part, A::Error> {
        Err(A::Error::custom(if PASSED.with(|passed| passed.borrow().is_some()) {
            "an adapter stands in a place that the schema of the options does not name as one"
        } else {
            "this host cannot pass adapters to others; a release of Persist with version 1.2.0 of the plugin API, or a \
             newer one, is needed"
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Bytes, Capabilities, Error, ListPage, ListRequest, ObjectMeta, Result as AdapterResult,
        StorageAdapter,
    };

    /// An adapter that is nothing but a size.
    struct Sized(u64);

    impl StorageAdapter for Sized {
        type Config = ();

        async fn open((): ()) -> AdapterResult<Self> {
            Ok(Self(0))
        }
        async fn capabilities(&self) -> AdapterResult<Capabilities> {
            Ok(Capabilities::none())
        }
        async fn save(&self, _: &str, _: Bytes) -> AdapterResult<()> {
            Ok(())
        }
        async fn save_if_absent(&self, _: &str, _: Bytes) -> AdapterResult<()> {
            Ok(())
        }
        async fn load(&self, key: &str) -> AdapterResult<Bytes> {
            Err(Error::not_found(key))
        }
        async fn stat(&self, key: &str) -> AdapterResult<ObjectMeta> {
            Ok(ObjectMeta::new(key, self.0))
        }
        async fn delete(&self, _: &str) -> AdapterResult<()> {
            Ok(())
        }
        async fn list(&self, _: ListRequest) -> AdapterResult<ListPage> {
            Ok(ListPage::default())
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Options {
        first: Part,
        others: Vec<Part>,
    }

    fn read(json: &str, parts: Option<u64>) -> Result<Options, String> {
        let parts = parts.map(|count| (0..count).map(|size| Arc::new(Sized(size)) as _).collect());
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        with_parts(parts, || serde_json::from_value(value)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_take_the_adapters_that_their_numbers_name() {
        let options = read(r#"{"first": 1, "others": [0, 2]}"#, Some(3)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sizes = [&options.first, &options.others[0], &options.others[1]]
            .map(|part| runtime.block_on(part.stat("k")).unwrap().size);
        assert_eq!(sizes, [1, 0, 2]);
    }

    #[test]
    fn what_is_no_adapter_is_refused_with_the_reason() {
        for (json, parts, reason) in [
            (
                r#"{"first": {"adapter": "x"}, "others": []}"#,
                None,
                "this host cannot pass adapters to others",
            ),
            (
                r#"{"first": {"adapter": "x"}, "others": []}"#,
                Some(1),
                "the schema of the options does not name",
            ),
            (r#"{"first": 3, "others": []}"#, Some(1), "expected a table with an adapter and its options"),
            (r#"{"first": 0, "others": []}"#, None, "expected a table with an adapter and its options"),
            (
                r#"{"first": "local", "others": []}"#,
                Some(1),
                "expected a table with an adapter and its options",
            ),
            (r#"{"others": []}"#, Some(1), "missing field `first`"),
        ] {
            let error = read(json, parts).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn adapters_are_forgotten_with_the_options_they_were_passed_for() {
        read(r#"{"first": 0, "others": []}"#, Some(1)).unwrap();
        let left = PASSED.with(|passed| passed.borrow().is_some());
        assert!(!left);
    }
}
