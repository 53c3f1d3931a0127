use std::collections::BTreeMap;

use persist_plugin_api::{Error, StorageAdapter};

use super::*;

/// Objects in memory. A key that ends in `lost` is written without a reply, one in `refused` certainly not.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Bytes>>);

impl Memory {
    fn write(&self, key: &str, data: Bytes) -> Result<()> {
        if key.ends_with("refused") {
            return Err(Error::new(ErrorCode::PERMISSION_DENIED, "refused"));
        }
        self.0.lock().unwrap().insert(key.to_owned(), data);
        if key.ends_with("lost") { Err(Error::new(ErrorCode::TIMEOUT, "lost")) } else { Ok(()) }
    }
}

impl StorageAdapter for Memory {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self::default())
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none())
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.write(key, data)
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        if self.0.lock().unwrap().contains_key(key) {
            return Err(Error::already_exists(key));
        }
        self.write(key, data)
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.0.lock().unwrap().get(key).cloned().ok_or_else(|| Error::not_found(key))
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        Err(Error::not_found(key))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(&self, _: ListRequest) -> Result<ListPage> {
        Err(Error::new(ErrorCode::UNSUPPORTED, "no listing"))
    }
}

fn counting() -> Counting {
    Counting::new(Arc::new(Memory::default()))
}

fn bytes(length: usize) -> Bytes {
    vec![0; length].into()
}

#[tokio::test]
async fn what_is_there_counts_once() {
    let counting = counting();
    counting.save_if_absent("a", bytes(10)).await.unwrap();
    counting.save_if_absent("a", bytes(99)).await.unwrap_err();
    counting.save("b", bytes(4_097)).await.unwrap();
    counting.save("c", bytes(1)).await.unwrap();
    counting.save("c", bytes(2)).await.unwrap();
    counting.save("d", bytes(5)).await.unwrap();
    counting.delete("d").await.unwrap();
    counting.save("empty", Bytes::new()).await.unwrap();
    counting.save(key::MARKER, bytes(500)).await.unwrap();
    assert_eq!(counting.stored(), Stored { bytes: 4_109, allocated: 4_096 + 8_192 + 4_096 });
    counting.reset();
    assert_eq!(counting.stored(), Stored::default());
}

#[tokio::test]
async fn a_write_counts_unless_it_certainly_did_not_happen() {
    let counting = counting();
    counting.save_if_absent("lost", bytes(10)).await.unwrap_err();
    counting.save_if_absent("refused", bytes(20)).await.unwrap_err();
    assert_eq!(counting.stored().bytes, 10);
}

#[tokio::test]
async fn objects_that_were_read_count_once() {
    let counting = counting();
    for key in ["m/1", "d/1", "d/2"] {
        counting.save(key, bytes(10)).await.unwrap();
        counting.load(key).await.unwrap();
    }
    assert_eq!(counting.load_range("d/1", 2..5).await.unwrap(), bytes(3));
    counting.load("d/3").await.unwrap_err();
    assert_eq!(counting.take_read(|key| key.starts_with("m/")), 2);
    assert_eq!(counting.take_read(|_| false), 0);
}
