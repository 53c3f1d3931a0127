//! `check_file`: every step reported, and the loading in a process that may die.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use persist_host::{CheckReport, Outcome, Step, check_file, probe_in_this_process};

use crate::support::*;

const TIME_LIMIT: Duration = Duration::from_secs(60);

fn probe(path: &Path) -> CheckReport {
    check_file(path, Some(Command::new(example("probe_plugin"))), TIME_LIMIT)
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
    let unasked = check_file(&test_plugin(), None, TIME_LIMIT);
    assert!(unasked.passed());
    assert_eq!(outcome(&unasked, Step::Load), (Outcome::Skipped, "not asked for"));
}

#[test]
fn a_static_failure_is_placed_at_its_step_and_nothing_is_run() {
    let scene = directory();
    let path = scene.path().join("c.so");
    let future = DESCRIPTOR.replace("\"protocol\":1", "\"protocol\":4711");
    compile(&path, &described(&future, ENTRY), &[]);
    let report = check_file(&path, Some(Command::new("/nonexistent/program")), TIME_LIMIT);
    assert!(!report.passed());
    assert_eq!(outcome(&report, Step::Descriptor).0, Outcome::Passed);
    let (failed, detail) = outcome(&report, Step::Compatibility);
    assert_eq!(failed, Outcome::Failed);
    assert!(detail.contains("4711"), "{detail}");
    assert_eq!(outcome(&report, Step::Load), (Outcome::Skipped, "not looked at"));
    let missing = check_file(&scene.path().join("missing.so"), None, TIME_LIMIT);
    assert_eq!(outcome(&missing, Step::File).0, Outcome::Failed);
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
