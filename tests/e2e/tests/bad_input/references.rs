//! References and options that cannot be understood, and snapshots that are not there.

use persist_e2e::{Persist, contents};

#[test]
fn what_is_not_there_is_not_found() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let before = contents(&persist.store_dir());
    for reference in ["a/s@1", "a/s@9999999999", "a/t", "b/s", "a/t@0"] {
        for verb in ["restore", "show", "verify"] {
            let output = persist.run([verb, reference]).expect_code(3);
            assert_eq!(output.text(), "", "{output}");
            let session = reference.split('@').next().unwrap();
            assert!(output.stderr.contains(session), "{output}");
        }
    }
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn malformed_references_are_usage_errors() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let before = contents(&persist.store_dir());
    let long = format!("a/{}", "x".repeat(201));
    for reference in [
        "",
        "a",
        "a/",
        "/s",
        "/",
        "a/s/t",
        "a/s@",
        "a/s@x",
        "a/s@-1",
        "a/s@1@2",
        "a/s@+1",
        "a/s@10000000000",
        "a/s@ 1",
        "a%/s",
        "a%2/s",
        "a%zz/s",
        "a%00/s",
        "a%0a/s",
        "a%ff/s",
        "a/s\u{7}",
        "a/s\n",
        &long,
    ] {
        for verb in ["restore", "show"] {
            let output = persist.run([verb, "--", reference]).expect_code(2);
            assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{output}");
        }
        let _ = persist.run_with_input(["save", "--", reference, "-"], "1").expect_code(2);
    }
    // An index belongs to what exists, not to what will.
    let _ = persist.run_with_input(["save", "a/s@1", "-"], "1").expect_code(2);
    let _ = persist.run(["list", "a/s@0"]).expect_code(2);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn malformed_options_are_usage_errors() {
    let persist = Persist::new();
    for options in [
        &["--label", "novalue"][..],
        &["--label", "=x"],
        &["--parent", "newest"],
        &["--expect-parent", "first"],
        &["--write-id", "zz"],
        &["--name", ""],
        &["--nonsense"],
        &["--json=maybe"],
    ] {
        let _ = persist.run_with_input(["save", "a/s", "-"].iter().chain(options), "1").expect_code(2);
    }
    let _ = persist.run(["no-such-verb"]).expect_code(2);
    let _ = persist.run::<[&str; 0]>([]).expect_code(2);
    assert!(!persist.store_dir().exists());
}
