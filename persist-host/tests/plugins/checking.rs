//! `check_file`: every step reported, and the loading in a process that may die.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use persist_host::{
    CheckReport, Outcome, Step, TrustPolicy, check_file, lock_plugins, probe_in_this_process,
};

use crate::support::*;

const TIME_LIMIT: Duration = Duration::from_secs(60);

fn probe(path: &Path) -> CheckReport {
    check_file(path, &TrustPolicy::new(), Some(Command::new(example("probe_plugin"))), TIME_LIMIT)
}

fn outcome(report: &CheckReport, step: Step) -> (Outcome, &str) {
    let row = report.steps.iter().find(|row| row.step == step).unwrap();
    (row.outcome, &row.detail)
}

#[test]
fn a_good_plugin_passes_every_step() {
    let report = probe(&test_plugin());
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.name.as_deref(), Some("persist-host"));
    assert!(report.steps.iter().all(|row| row.outcome == Outcome::Passed), "{report:?}");
    let unasked = check_file(&test_plugin(), &TrustPolicy::new(), None, TIME_LIMIT);
    assert!(unasked.passed());
    assert_eq!(outcome(&unasked, Step::Load), (Outcome::Skipped, "not asked for"));
}

#[test]
fn a_static_failure_is_placed_at_its_step_and_nothing_is_run() {
    let scene = directory();
    let path = scene.path().join("c.so");
    let future = DESCRIPTOR.replace("\"protocol\":1", "\"protocol\":4711");
    compile(&path, &described(&future, ENTRY), &[]);
    let report =
        check_file(&path, &TrustPolicy::new(), Some(Command::new("/nonexistent/program")), TIME_LIMIT);
    assert!(!report.passed());
    assert_eq!(outcome(&report, Step::Descriptor).0, Outcome::Passed);
    let (failed, detail) = outcome(&report, Step::Compatibility);
    assert_eq!(failed, Outcome::Failed);
    assert!(detail.contains("4711"), "{detail}");
    assert_eq!(outcome(&report, Step::Load), (Outcome::Skipped, "not looked at"));
    let missing = check_file(&scene.path().join("missing.so"), &TrustPolicy::new(), None, TIME_LIMIT);
    assert_eq!(outcome(&missing, Step::File).0, Outcome::Failed);
}

#[test]
fn a_lock_file_beside_the_file_and_the_policy_count() {
    let scene = directory();
    let path = scene.path().join("good.so");
    fs::copy(test_plugin(), &path).unwrap();
    let check = |policy: &TrustPolicy| check_file(&path, policy, None, TIME_LIMIT);
    let found = |report: &CheckReport| {
        let (outcome, detail) = outcome(report, Step::Evidence);
        (outcome, detail.to_owned())
    };
    let (nothing, locked) = (TrustPolicy::new(), TrustPolicy::new().require_lock(true));
    assert_eq!(found(&check(&nothing)).1, "neither locked nor signed, and nobody asks for it");
    let (required, detail) = found(&check(&locked));
    assert!(required == Outcome::Failed && detail.contains("persist plugins lock"), "{detail}");

    lock_plugins(&search(scene.path()), None).unwrap();
    for policy in [&nothing, &locked] {
        assert_eq!(found(&check(policy)), (Outcome::Passed, "as plugins.lock lists it".to_owned()));
    }
    // The last byte of a library is part of no table.
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = check(&nothing);
    let (differs, detail) = found(&report);
    assert!(differs == Outcome::Failed && detail.contains("SHA-256"), "{detail}");
    assert!(!report.passed() && outcome(&report, Step::Entry).0 == Outcome::Passed);
    assert_eq!(outcome(&report, Step::Load).0, Outcome::Skipped);
}

#[test]
fn a_plugin_that_crashes_or_ends_its_process_does_not_end_ours() {
    let scene = directory();
    let path = scene.path().join("c.so");
    let cases = [
        ("*(volatile int *)0 = 1", "signal 11"),
        ("abort()", "signal 6"),
        ("_exit(3)", "exit code 3"),
        // As if all were well.
        ("_exit(0)", "before it was loaded"),
    ];
    for (action, expected) in cases {
        let rest = format!(
            "#include <stdlib.h>\n#include <unistd.h>\n{ENTRY}\n\
             __attribute__((constructor)) static void start(void) {{ {action}; }}"
        );
        compile(&path, &described(DESCRIPTOR, &rest), &[]);
        let report = probe(&path);
        let (failed, detail) = outcome(&report, Step::Load);
        assert_eq!(failed, Outcome::Failed, "{action}");
        assert!(detail.contains(expected), "{action}: {detail}");
    }
}

#[test]
fn probing_a_refused_file_says_why() {
    let scene = directory();
    let path = scene.path().join("text.so");
    write(&path, b"text");
    let error = probe_in_this_process(&path).unwrap_err();
    assert_eq!(error.code(), "plugin_refused");
    assert_eq!(
        probe_in_this_process(&test_plugin()).unwrap(),
        concat!("persist-host ", env!("CARGO_PKG_VERSION"))
    );
}
