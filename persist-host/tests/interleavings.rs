//! Tasks of one process that share a store: what it remembers of a session is theirs together, and every order in which
//! their requests reach the storage must leave the session whole. The scheduler picks the order anew in each run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::{
    CodecSource, DeleteTarget, Depth, Error, ErrorKind, Expect, Result, SaveRequest, SessionRef,
    SnapshotIndex, SnapshotRef, Store, StoreOptions, Tuning, VerifyRow,
};
use persist_plugin_api::{
    self as plugin, Capabilities, DynCompression, ListPage, ListRequest, ObjectMeta, StorageAdapter,
};
use shuttle::future::{JoinHandle, block_on, spawn};
use shuttle::sync::Mutex;

/// Runs of each test, under each scheduler.
const RUNS: usize = 300;

/// How often the scheduler that looks for rare orders takes the turn from the task that it prefers.
const SWITCHES: usize = 3;

#[test]
fn tasks_that_save_to_one_session_share_no_index() {
    explore(|| {
        let store = open();
        let tasks = save_twice(&store, 3);
        block_on(async {
            let mut all = BTreeMap::new();
            for task in tasks {
                all.extend(task.await.unwrap());
            }
            let numbers: Vec<u64> = all.keys().map(|index| index.get()).collect();
            assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
            check(&store, &all).await;
        });
    });
}

#[test]
fn of_tasks_that_expect_the_same_parent_one_saves() {
    explore(|| {
        let store = open();
        let tasks: Vec<_> = (0..3)
            .map(|writer| {
                let store = store.clone();
                spawn(async move {
                    let state = state(writer, 0);
                    let mut request = request(&state);
                    request.expect_parent = Expect::Empty;
                    match store.save(request).await {
                        Ok(info) => Some((info.snapshot_index, state)),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict);
                            None
                        }
                    }
                })
            })
            .collect();
        block_on(async {
            let mut all = BTreeMap::new();
            for task in tasks {
                all.extend(task.await.unwrap());
            }
            assert_eq!(all.len(), 1);
            check(&store, &all).await;
        });
    });
}

#[test]
fn tasks_save_while_others_delete_and_erase() {
    explore(|| {
        let store = open();
        let first = block_on(store.save(request(&state(9, 0)))).unwrap().snapshot_index;
        let writers = save_twice(&store, 2);
        let keeper = spawn({
            let store = store.clone();
            async move {
                let target = DeleteTarget::Indices(BTreeSet::from([first]));
                store.delete(&session(), &target).await.unwrap();
                store.compact(&session()).await.unwrap();
            }
        });
        block_on(async {
            let mut all = BTreeMap::new();
            for task in writers {
                all.extend(task.await.unwrap());
            }
            keeper.await.unwrap();
            assert_eq!(all.len(), 4);
            check(&store, &all).await;
        });
    });
}

/// Runs a test in many orders: random ones, and those that few switches between tasks lead to.
#[test]
fn a_reader_never_takes_a_new_snapshot_for_a_lost_one() {
    explore(|| {
        let store = open();
        let writer = save_twice(&store, 1);
        block_on(async {
            let reference: SnapshotRef = format!("{}@0", session()).parse().unwrap();
            for _ in 0..2 {
                let errors = [
                    store.restore(&reference).await.map(drop).err(),
                    store.show(&reference).await.map(drop).err(),
                ];
                for error in errors.into_iter().flatten() {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                }
            }
            for task in writer {
                task.await.unwrap();
            }
        });
    });
}

fn explore(test: impl Fn() + Send + Sync + Copy + 'static) {
    // A task runs on a stack of its own, and the future of a compaction takes more than the usual one.
    let mut config = shuttle::Config::new();
    config.stack_size = 2 << 20;
    shuttle::Runner::new(shuttle::scheduler::RandomScheduler::new(RUNS), config.clone()).run(test);
    shuttle::Runner::new(shuttle::scheduler::PctScheduler::new(SWITCHES, RUNS), config).run(test);
}

/// Checks that each snapshot restores, for this process and for one that remembers nothing, and that nothing is wrong.
async fn check(store: &Store, saved: &BTreeMap<SnapshotIndex, Bytes>) {
    for (index, state) in saved {
        let reference = SnapshotRef { session: session(), index: Some(*index) };
        assert_eq!(store.restore(&reference).await.unwrap().state, state);
    }
    let rows: Vec<VerifyRow> = store.verify(&Default::default(), Depth::Data).try_collect().await.unwrap();
    for row in rows {
        assert!(row.error.is_none(), "{}: {:?}", row.key, row.error);
    }
    // What the tasks left remembered is good for another save.
    let last = store.save(request(&state(99, 0))).await.unwrap();
    assert!(saved.keys().all(|index| *index < last.snapshot_index));
}

fn session() -> SessionRef {
    "a/s".parse().unwrap()
}

/// A state that shares most of its bytes with all others, so that it is stored as a delta.
fn state(writer: usize, step: usize) -> Bytes {
    let common: String =
        (0..200_u64).map(|at| format!("{},", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    format!("{{\"common\":[{common}0],\"writer\":{writer},\"step\":{step}}}").into()
}

fn request(state: &Bytes) -> SaveRequest {
    SaveRequest::new(session(), state.clone())
}

fn open() -> Store {
    Store::new(StoreOptions {
        name: "test".to_owned(),
        storage_name: "shelf".to_owned(),
        storage: Arc::new(Shelf::default()),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: false,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}

/// Storage in memory. Taking its lock is where the scheduler may let another task go first.
#[derive(Default)]
struct Shelf {
    objects: Mutex<BTreeMap<String, Bytes>>,
}

/// Starts writers of two snapshots each.
fn save_twice(store: &Store, writers: usize) -> Vec<JoinHandle<Vec<(SnapshotIndex, Bytes)>>> {
    let writer = |writer| {
        let store = store.clone();
        spawn(async move {
            let mut saved = Vec::new();
            for step in 0..2 {
                let state = state(writer, step);
                let info = store.save(request(&state)).await.unwrap();
                saved.push((info.snapshot_index, state));
            }
            saved
        })
    };
    (0..writers).map(writer).collect()
}

impl Shelf {
    async fn turn<T>(&self, operation: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> T {
        shuttle::future::yield_now().await;
        operation(&mut self.objects.lock().unwrap())
    }
}

impl StorageAdapter for Shelf {
    type Config = ();

    async fn open((): ()) -> plugin::Result<Self> {
        Ok(Self::default())
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        Ok(Capabilities::none().atomic_create(true).durable(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.turn(|objects| objects.insert(key.to_owned(), data)).await;
        Ok(())
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.turn(|objects| {
            if objects.contains_key(key) {
                return Err(plugin::Error::already_exists(key));
            }
            objects.insert(key.to_owned(), data);
            Ok(())
        })
        .await
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        let found = self.turn(|objects| objects.get(key).cloned()).await;
        found.ok_or_else(|| plugin::Error::not_found(key))
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        let found = self.turn(|objects| objects.get(key).map(Bytes::len)).await;
        let size = found.ok_or_else(|| plugin::Error::not_found(key))?;
        Ok(ObjectMeta::new(key, size as u64))
    }

    async fn delete(&self, key: &str) -> plugin::Result<()> {
        self.turn(|objects| objects.remove(key)).await;
        Ok(())
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        Ok(self
            .turn(|objects| {
                let all = objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
                plugin::page_of_sorted(all, &request)
            })
            .await)
    }
}

struct NoCodecs;

impl CodecSource for NoCodecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}")))
    }
}
