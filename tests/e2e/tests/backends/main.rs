//! What every storage adapter that talks to a server must stand, on its real server: lost and broken connections, many
//! writers, and the config of its documentation.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

mod client;
mod concurrency;
mod conformance;
mod docs;
mod lost;
mod outage;
mod scene;
mod sweep;

use persist_test_support::BACKENDS;

/// Runs every test on each of these backends.
macro_rules! on_each {
    ($($backend:ident)*) => {
        $(mod $backend {
            const ADAPTER: &str = stringify!($backend);

            on_each!(@tests lost: an_answer_that_is_lost_is_read_back, an_answer_that_breaks_off_is_read_back,
                a_request_that_breaks_off_does_nothing, a_read_that_breaks_off_never_gives_wrong_bytes);
            on_each!(@tests outage: a_stall_ends_with_the_time_limit, a_stall_in_a_commit_leaves_it_unknown,
                an_answer_that_never_comes_is_read_back, a_server_that_refuses_is_unavailable_until_it_is_back,
                latency_changes_nothing);
            on_each!(@tests conformance: the_shared_checks_pass);
            on_each!(@tests concurrency: heavy_processes_share_a_session);
            on_each!(@long concurrency: heavy_processes_share_a_session_for_long);
            on_each!(@tests sweep: each_request_of_a_save_may_fail_once, each_request_may_begin_an_outage);
        })*

        #[test]
        fn every_backend_is_tested() {
            let listed: Vec<_> = BACKENDS.iter().map(|backend| backend.adapter).collect();
            assert_eq!([$(stringify!($backend)),*].as_slice(), listed);
        }
    };
    (@tests $topic:ident: $($test:ident),*) => {
        $(#[test]
        fn $test() {
            crate::$topic::$test(ADAPTER);
        })*
    };
    (@long $topic:ident: $($test:ident),*) => {
        $(#[test]
        #[ignore = "takes minutes; `cargo xtask test --full` runs it"]
        fn $test() {
            crate::$topic::$test(ADAPTER);
        })*
    };
}

on_each! { s3 postgres redis mongodb azblob gcs }
