//! Work on a session that goes wrong, and what must hold afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use futures_util::TryStreamExt as _;
use persist_e2e::{
    Output, contents, files,
    linked::{Action, marker, runtime, state, store},
};
use persist_host::{
    Depth, ErrorKind, RefPattern, SaveRequest, SessionRef, SnapshotIndex, SnapshotRef, Store,
};
use persist_test_support::with_causes;
use tempfile::TempDir;

const CLIENT: &str = env!("CARGO_BIN_EXE_linked-client");

/// The session that snapshots are deleted from. Its segments have three snapshots each: the first and the third are
/// dead, in the second and the newest one snapshot each is kept because others are built on it.
const SESSION: &str = "a/s";
const STEPS: u64 = 11;
const DELETED: &[u64] = &[0, 1, 2, 4, 6, 7, 8, 9];

/// One kind of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) session: &'static str,
    pub(crate) action: Action,
    /// The arguments of `linked-client` for it.
    arguments: &'static [&'static str],
    /// The steps whose markers are nowhere in the store once it is done.
    erased: &'static [u64],
}

pub(crate) const SAVE_DELTA: Work =
    Work { session: SESSION, action: Action::Save(STEPS), arguments: &["save", "11"], erased: &[] };
pub(crate) const SAVE_NEW: Work =
    Work { session: "new/session", action: Action::Save(40), arguments: &["save", "40"], erased: &[] };
pub(crate) const COLLECT: Work =
    Work { session: SESSION, action: Action::Collect, arguments: &["collect"], erased: &[0, 1, 2, 6, 7, 8] };
pub(crate) const COLLECT_ALL: Work = Work {
    session: "all/deleted",
    action: Action::Collect,
    arguments: &["collect"],
    erased: &[30, 31, 32, 33],
};
pub(crate) const COMPACT: Work =
    Work { session: SESSION, action: Action::Compact, arguments: &["compact"], erased: DELETED };

pub(crate) const ALL: [Work; 5] = [SAVE_DELTA, SAVE_NEW, COLLECT, COLLECT_ALL, COMPACT];

/// A store that work is done to, and what it holds by the model.
pub(crate) struct Scene {
    place: TempDir,
    work: Work,
}

impl Scene {
    /// A store with two sessions, at a place of its own.
    pub(crate) fn new(work: Work) -> Self {
        let scene = Self { place: tempfile::tempdir().expect("a directory for the store"), work };
        runtime().block_on(async {
            let store = store(&scene.root()).await;
            for (session, steps, deleted) in [(SESSION, 0..STEPS, DELETED), ("all/deleted", 30..34, &[])] {
                let session = session.parse().expect("a session");
                for step in steps {
                    Action::Save(step).run(&store, &session).await.expect("a save");
                }
                Action::Delete(deleted).run(&store, &session).await.expect("a deletion");
            }
        });
        for step in work.erased {
            assert!(holds(&scene.root(), *step), "the search finds what is there: {step}");
        }
        scene
    }

    /// The same store at another place, as another process finds it.
    pub(crate) fn copy(&self) -> Self {
        self.copy_into(tempfile::tempdir().expect("a directory for the store"))
    }

    /// The same store in the directory `store` of this place.
    pub(crate) fn copy_into(&self, place: TempDir) -> Self {
        let copy = Self { place, work: self.work };
        for (path, content) in contents(&self.root()) {
            let path = copy.root().join(path);
            match content {
                None => fs::create_dir_all(&path).expect("a directory of the store"),
                Some(content) => {
                    fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a directory of the store");
                    fs::write(&path, content).expect("a file of the store");
                }
            }
        }
        copy
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("store")
    }

    /// Has the work done by another process, below a tracer that is given these options; its trace goes to
    /// [`Scene::trace`].
    pub(crate) fn traced(&self, options: &[&str]) -> Output {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(self.place.path().join("trace")).args(options);
        command.arg(CLIENT).arg(self.root()).arg(self.work.session).args(self.work.arguments);
        Output::of(command, b"")
    }

    /// Has the work done by another process.
    pub(crate) fn run(&self) -> Output {
        let mut command = Command::new(CLIENT);
        command.arg(self.root()).arg(self.work.session).args(self.work.arguments);
        Output::of(command, b"")
    }

    /// What the tracer wrote.
    pub(crate) fn trace(&self) -> String {
        fs::read_to_string(self.place.path().join("trace")).expect("a trace")
    }

    /// Checks what holds however the work ended; `done` if it was reported as done.
    pub(crate) fn check(&self, done: bool) {
        runtime().block_on(async {
            let store = store(&self.root()).await;
            check_sessions(&store, self.work, done).await;
        });
        if done {
            self.check_erased();
        }
    }

    /// Does the work again, to its end, and goes on with the session.
    pub(crate) fn finish(&self) {
        runtime().block_on(async {
            let store = store(&self.root()).await;
            let session: SessionRef = self.work.session.parse().expect("a session");
            if let Action::Save(step) = self.work.action {
                let before = indices(&store, &session).await;
                let request = SaveRequest::new(session.clone(), state(step));
                let next = store.save(request).await.expect("the save is done again").snapshot_index.get();
                let expected = before.last().map_or(0, |last| last + 1);
                assert_eq!(next, expected, "no index is skipped and none is used twice");
            } else {
                self.work.action.run(&store, &session).await.expect("the work is done again");
                check_sessions(&store, self.work, true).await;
                let info = store.save(SaveRequest::new(session.clone(), state(50))).await.expect("a save");
                assert_restores(&store, &session, info.snapshot_index.get(), 50).await;
            }
        });
        self.check_erased();
    }

    /// What the work erases is gone, from whatever an interruption left behind as well.
    fn check_erased(&self) {
        for step in self.work.erased {
            assert!(!holds(&self.root(), *step), "what step {step} held is still in the store");
        }
    }
}

/// The sessions hold what the model says, and everything verifies.
async fn check_sessions(store: &Store, work: Work, done: bool) {
    let session: SessionRef = SESSION.parse().expect("a session");
    for step in (0..STEPS).filter(|step| !DELETED.contains(step)) {
        assert_restores(store, &session, step, step).await;
    }
    for step in DELETED {
        assert_deleted(store, &session, *step).await;
    }
    for index in 0..4 {
        assert_deleted(store, &"all/deleted".parse().expect("a session"), index).await;
    }
    let kept: Vec<u64> = (0..STEPS).filter(|step| !DELETED.contains(step)).collect();
    for name in [SESSION, "all/deleted", "new/session"] {
        let session: SessionRef = name.parse().expect("a session");
        let mut found = indices(store, &session).await;
        if let Action::Save(step) = work.action
            && work.session == name
        {
            let index = if name == SESSION { STEPS } else { 0 };
            let saved = found.last() == Some(&index);
            assert!(saved || !done, "an acknowledged save is not there");
            if saved {
                // It was not acknowledged; but what is listed is whole.
                assert_restores(store, &session, index, step).await;
                found.pop();
            }
        }
        assert_eq!(found, if name == SESSION { kept.clone() } else { Vec::new() }, "{name}");
    }
    let rows: Vec<_> = store
        .verify(&RefPattern::default(), Depth::Data)
        .try_collect()
        .await
        .expect("verifying goes through");
    for row in rows {
        assert!(row.error.is_none(), "{row:?}");
    }
}

async fn indices(store: &Store, session: &SessionRef) -> Vec<u64> {
    let pattern = session.to_string().parse().expect("a session is a pattern");
    let rows: Result<Vec<_>, _> =
        store.list(&pattern).map_ok(|row| row.snapshot_index.get()).try_collect().await;
    match rows {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}", with_causes(&error)),
        rows => rows.unwrap_or_default(),
    }
}

async fn assert_restores(store: &Store, session: &SessionRef, index: u64, step: u64) {
    let reference =
        SnapshotRef { session: session.clone(), index: Some(SnapshotIndex::new(index).expect("an index")) };
    match store.restore(&reference).await {
        Ok(restored) => assert_eq!(restored.state, state(step), "{reference}"),
        Err(error) => panic!("{reference} is lost: {}", with_causes(&error)),
    }
}

async fn assert_deleted(store: &Store, session: &SessionRef, index: u64) {
    let reference =
        SnapshotRef { session: session.clone(), index: Some(SnapshotIndex::new(index).expect("an index")) };
    let error = store.restore(&reference).await.expect_err("a deleted snapshot restores");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{reference}: {error}");
}

/// Whether any file below a directory holds the marker of a step.
fn holds(root: &Path, step: u64) -> bool {
    let marker = marker(step);
    files(root).iter().any(|path| {
        let content = fs::read(path).expect("a file of the store");
        content.windows(marker.len()).any(|window| window == marker.as_bytes())
    })
}
