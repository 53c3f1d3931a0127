//! Migrations that cannot go on: a storage that is down or full, and snapshots that are damaged.

use std::error::Error as _;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use persist_host::{
    CopyOptions, DeleteTarget, Error, ErrorKind, MigrateOptions, MigrationRow, Result, Store,
};

use crate::support::*;

/// More than are looked at before the rest is given up.
const MANY: usize = 60;

/// A store with many sessions of one snapshot.
async fn many() -> Faulty {
    let adapter = Faulty::default();
    let store = adapter.store();
    for number in 0..MANY {
        save(&store, &format!("a/{number:03}"), number).await.unwrap();
    }
    adapter
}

/// The rows, and what came after them.
async fn migrate(from: &Store, to: &Store) -> (Vec<MigrationRow>, Option<Error>) {
    let rows = from.migrate(to, MigrateOptions::default(), &|_| {}).await.unwrap();
    let mut rows: Vec<Result<MigrationRow>> = rows.collect().await;
    let error = rows.pop_if(|last| last.is_err()).and_then(Result::err);
    (rows.into_iter().map(Result::unwrap).collect(), error)
}

#[tokio::test]
async fn a_target_that_is_full_ends_it_soon() {
    let (from, to) = (many().await, Faulty::default());
    to.fail_creates(&[Fault::Refused; 10_000]);
    let (rows, error) = migrate(&from.store(), &to.store()).await;
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row.result.as_ref().unwrap_err().code() == "no_space"), "{rows:?}");
    let error = error.unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Other, "no_space"));
    let text = error.to_string();
    assert!(text.contains("the rest was not looked at") && text.contains(&error.context()[0].1), "{text}");
    assert!(error.hint().unwrap().contains("run the same command again; it continues"));
    let cause = error.source().unwrap();
    assert_eq!(cause.source().unwrap().to_string(), "the disk is full");
    assert!(to.keys().is_empty());

    to.shelf().create_faults.clear();
    let (rows, error) = migrate(&from.store(), &to.store()).await;
    assert!(error.is_none() && rows.len() == MANY && rows.iter().all(|row| row.result.is_ok()), "{error:?}");
}

#[tokio::test]
async fn a_store_that_goes_away_ends_it_whichever_it_is() {
    for is_source in [true, false] {
        let (from, to) = (many().await, Faulty::default());
        let (source, target) = (from.store(), to.store());
        // Both are known before.
        save(&target, "z/own", 0).await.unwrap();
        source.store_id().await.unwrap();
        let gone = if is_source { &from } else { &to };
        gone.fail_loads(&[Fault::Unreachable; 10_000]);
        let (rows, error) = migrate(&source, &target).await;
        assert_eq!(rows.len(), 7);
        assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable);
        let left = gone.shelf().load_faults.len();
        assert!(left > 9_000, "{left} faults are left");
    }
}

#[tokio::test]
async fn errors_of_single_sessions_end_nothing() {
    let (from, to) = (many().await, Faulty::default());
    for number in 0..MANY {
        save(&to.store(), &format!("a/{number:03}"), number + 1).await.unwrap();
    }
    let (rows, error) = migrate(&from.store(), &to.store()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(rows.len(), MANY);
    assert!(rows.iter().all(|row| row.result.as_ref().unwrap_err().kind() == ErrorKind::Conflict));
}

#[tokio::test]
async fn a_snapshot_that_is_damaged_can_be_given_up() {
    type Damage = fn(&Faulty, &str);
    let damages: [Damage; 3] = [
        |from, key| {
            let mut object = from.shelf().objects[key].to_vec();
            let last = object.len() - 1;
            object[last] ^= 1;
            from.shelf().objects.insert(key.to_owned(), object.into());
        },
        |from, key| drop(from.shelf().objects.insert(key.to_owned(), Bytes::from_static(b"damage"))),
        |from, key| drop(from.shelf().objects.remove(key)),
    ];
    for damage in damages {
        let (from, to) = (Faulty::default(), Faulty::default());
        for step in 0..6u8 {
            // Nothing that could be a delta against the one before.
            let state: Vec<u8> = (0..64).map(|at: u8| at.wrapping_mul(step * 2 + 3)).collect();
            let mut request = persist_host::SaveRequest::new(session("a/s"), state);
            request.media_type = Some("application/octet-stream".to_owned());
            from.store().save(request).await.unwrap();
        }
        damage(&from, "agents/a/s/d/0000000003");
        let (rows, _) = migrate(&from.store(), &to.store()).await;
        let copy =
            from.store().copy_session(&to.store(), &session("a/s"), CopyOptions::default(), &|_| {}).await;
        for error in [rows[0].result.as_ref().unwrap_err(), &copy.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Integrity);
            let hint = error.hint().unwrap();
            let steps = ["persist delete a/s@3 --store test --yes", "persist repair a/s --store test --yes"];
            assert!(steps.iter().all(|step| hint.contains(step)), "{hint}");
        }

        let source = from.store();
        source.delete(&session("a/s"), &DeleteTarget::Indices([index(3)].into())).await.unwrap();
        let _: Vec<_> = source.repair(&pattern("a/s"), true).try_collect().await.unwrap();
        let (rows, _) = migrate(&from.store(), &to.store()).await;
        rows[0].result.as_ref().unwrap();
        assert_eq!(list(&to.store(), "a/s").await, ["a/s@0", "a/s@1", "a/s@2", "a/s@4", "a/s@5"]);
        assert!(verify(&to.store(), "").await.iter().all(|row| row.error.is_none()));
    }
}
