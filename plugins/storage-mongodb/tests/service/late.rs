//! Requests that arrive after the client gave them up, and after others have written.

use futures_util::{future::join_all, join};
use persist_plugin_api::{Bytes, Error, ErrorCode, StorageAdapter as _};
use persist_storage_mongodb::MongoStorage;
use persist_test_support::{Fault, Proxy, Rule, SecantusDb, Strikes, with_causes};
use serde_json::{Value, json};

use crate::{MIB, command, leftovers, open, proxied, sample, until};

/// A place on the server, with a client that gives a request up soon, one that does not, and what holds the first one's requests.
struct Scene {
    database: String,
    proxy: Proxy,
    impatient: MongoStorage,
    patient: MongoStorage,
}

impl Scene {
    async fn new(server: &SecantusDb, attempts: u32) -> Self {
        let (proxy, uri) = proxied(server);
        let database = SecantusDb::database("late");
        let options = json!({
            "uri": uri, "database": database, "request_timeout_ms": 2000, "write_timeout_ms": 1900,
            "server_selection_timeout_ms": 1900, "retry": {"max_attempts": attempts},
        });
        let impatient = open(server, options).await;
        impatient.capabilities().await.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
        let patient = open(server, json!({"database": database})).await;
        Self { database, proxy, impatient, patient }
    }

    fn hold(&self, verb: &str) -> Strikes {
        self.proxy.arm(Rule::holding(command(verb, "persist"), Fault::Hold))
    }

    async fn load(&self) -> Bytes {
        self.patient.load("k").await.unwrap_or_else(|error| panic!("{}", with_causes(&error)))
    }
}

/// Lets a request that was given up go on, and waits until the server has answered it.
async fn arrives(held: &Strikes) {
    assert_eq!((held.count(), held.answered()), (1, 0));
    held.release();
    until(|| held.answered() == 1).await;
}

/// Requires the error of what was given up.
fn given_up(outcome: Result<(), Error>) {
    let error = outcome.expect_err("it was given up");
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(error.is_retryable() && !error.is_not_applied());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_comes_late_overwrites_nothing() {
    let server = SecantusDb::shared();
    let tries = [(10, 20), (2 * MIB, 10), (10, 3 * MIB), (2 * MIB, 3 * MIB)].map(async |(first, second)| {
        let scene = Scene::new(&server, 5).await;
        let held = scene.hold("insert");
        given_up(scene.impatient.save_if_absent("k", sample(first, 1)).await);
        scene.patient.save_if_absent("k", sample(second, 2)).await.unwrap();
        arrives(&held).await;
        assert!(scene.load().await == sample(second, 2), "{first} and {second} bytes");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_comes_late_is_whole_and_in_the_way() {
    let server = SecantusDb::shared();
    let tries = [(10, 20), (2 * MIB, 10), (10, 3 * MIB), (2 * MIB, 3 * MIB)].map(async |(first, second)| {
        let scene = Scene::new(&server, 5).await;
        let held = scene.hold("insert");
        given_up(scene.impatient.save_if_absent("k", sample(first, 1)).await);
        arrives(&held).await;
        let error = scene.patient.save_if_absent("k", sample(second, 2)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
        assert!(scene.load().await == sample(first, 1), "{first} and {second} bytes");
        let chunks = if first > MIB { (first / MIB) as u64 } else { 0 };
        assert_eq!(leftovers(&server, &scene.database).await.0, chunks);
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_comes_late_does_nothing() {
    let server = SecantusDb::shared();
    let tries = [(10, 20), (2 * MIB, 3 * MIB)].map(async |(first, second)| {
        let scene = Scene::new(&server, 1).await;
        scene.patient.save("k", sample(5, 0)).await.unwrap();
        let held = scene.hold("update");
        given_up(scene.impatient.save("k", sample(first, 1)).await);
        scene.patient.save("k", sample(second, 2)).await.unwrap();
        arrives(&held).await;
        assert!(scene.load().await == sample(second, 2), "{first} and {second} bytes");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_comes_late_does_nothing() {
    let server = SecantusDb::shared();
    let scene = Scene::new(&server, 1).await;
    scene.patient.save("k", sample(2 * MIB, 1)).await.unwrap();
    let held = scene.hold("delete");
    given_up(scene.impatient.delete("k").await);
    scene.patient.save("k", sample(3 * MIB, 2)).await.unwrap();
    arrives(&held).await;
    assert!(scene.load().await == sample(3 * MIB, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_connect_in_time_never_comes() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let held = proxy.arm(Rule::request(0, Fault::Hold).always());
    let options = |more: Value| {
        let mut all =
            json!({"uri": uri, "database": SecantusDb::database("late"), "retry": {"max_attempts": 1}});
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        all
    };
    let store = open(&server, options(json!({"server_selection_timeout_ms": 500}))).await;
    let error = store.save_if_absent("k", sample(10, 1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.is_retryable() && error.is_not_applied());
    assert!(held.count() > 0);
    held.release();
    // The same client goes on, so that what it kept to itself would be with the server by now.
    while store.capabilities().await.is_err() {}
    assert!(!store.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_meets_a_new_object_replaces_it() {
    let server = SecantusDb::shared();
    let tries = [(10, 20), (2 * MIB, 3 * MIB)].map(async |(first, second)| {
        let (proxy, uri) = proxied(&server);
        let database = SecantusDb::database("late");
        for attempts in [1, 3] {
            let key = format!("k{attempts}");
            let retry = json!({"max_attempts": attempts, "initial_backoff_ms": 1, "max_backoff_ms": 4});
            let store = open(&server, json!({"uri": uri, "database": database, "retry": retry})).await;
            let other = open(&server, json!({"database": database})).await;
            let held = proxy.arm(Rule::holding(command("insert", "persist"), Fault::Hold));
            let (outcome, ()) = join!(store.save(&key, sample(first, 1)), async {
                until(|| held.count() == 1).await;
                other.save_if_absent(&key, sample(second, 2)).await.unwrap();
                held.release();
            });
            let expected = if attempts == 1 {
                let error = outcome.unwrap_err();
                assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
                assert!(error.is_retryable() && error.is_not_applied());
                sample(second, 2)
            } else {
                outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
                sample(first, 1)
            };
            assert!(other.load(&key).await.unwrap() == expected, "{attempts} attempts");
            proxy.disarm();
        }
        // Of those that were replaced or not written, nothing is left.
        let chunks = if first > MIB { ((first + second) / MIB) as u64 } else { 0 };
        assert_eq!(leftovers(&server, &database).await, (chunks, 0));
    });
    join_all(tries).await;
}
