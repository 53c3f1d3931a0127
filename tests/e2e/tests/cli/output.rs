//! What goes where: streams, flags, help, pipes.

use std::{io::Read as _, process::Stdio};

use persist_e2e::Persist;

#[test]
fn help_names_every_verb_and_every_exit_code() {
    let persist = Persist::without_config();
    let help = persist.ok(["--help"]).text();
    let verbs = [
        "save",
        "restore",
        "list",
        "show",
        "verify",
        "delete",
        "prune",
        "plugins",
        "config",
        "completions",
        "demo",
    ];
    for verb in verbs {
        assert!(help.lines().any(|line| line.trim_start().starts_with(verb)), "{verb} is missing: {help}");
        let own = persist.ok([verb, "--help"]).text();
        assert!(own.contains(&format!("persist {verb}")) || own.contains("Usage"), "{own}");
    }
    for code in 0..=8 {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
            "{code}: {help}"
        );
    }
    assert!(persist.ok(["-h"]).text().contains("AGENT/SESSION[@INDEX]"), "references are explained");
    let version = persist.ok(["--version"]).text();
    assert_eq!(version.trim(), format!("persist {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_the_verbs() {
    let persist = Persist::without_config();
    for shell in ["bash", "zsh", "fish"] {
        let script = persist.ok(["completions", shell]).text();
        assert!(
            script.contains("restore") && script.contains("--expect-parent") || shell == "fish",
            "{script}"
        );
        assert!(script.contains("restore"), "{script}");
    }
    let _ = persist.run(["completions", "tcl"]).expect_code(2);
}

#[test]
fn global_flags_stand_before_and_after_the_verb() {
    let persist = Persist::new();
    let saved = persist.save("a/s", "1");
    assert_eq!(persist.ok(["--json", "--store", "main", "show", "a/s"]).json(), saved);
    assert_eq!(persist.ok(["show", "a/s", "--store", "main", "--json"]).json(), saved);
}

#[test]
fn quiet_prints_only_what_was_asked_for() {
    let persist = Persist::new();
    let output = persist.run_with_input(["save", "a/s", "-", "--quiet"], "[1]").expect_code(0);
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("", ""));
    let output = persist.ok(["restore", "a/s", "--quiet"]);
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("[1]", ""));
    let output = persist.ok(["restore", "a/s", "-o", "x", "--quiet"]);
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("", ""));
    let output = persist.run(["restore", "a/s@9", "--quiet"]).expect_code(3);
    assert!(!output.stderr.is_empty(), "errors are told all the same");
}

#[test]
fn errors_are_json_where_results_are() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let output = persist.run(["restore", "a/s@9", "--json"]).expect_code(3);
    assert_eq!(output.text(), "");
    let error = output.json_error();
    assert_eq!((&error["code"], &error["exit_code"]), (&"snapshot_not_found".into(), &3.into()));
    assert!(error["message"].as_str().unwrap().contains("a/s@9"), "{error}");
    let error = persist.run(["restore", "a", "--json"]).expect_code(2).json_error();
    assert_eq!(error["exit_code"], 2);
}

#[test]
fn colour_appears_only_where_it_is_wanted() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let escapes = |persist: &Persist, arguments: &[&str]| {
        persist.run(["restore", "a/s@9"].iter().chain(arguments)).expect_code(3).stderr.contains('\x1b')
    };
    assert!(!escapes(&persist, &[]), "standard error is no terminal");
    assert!(escapes(&persist, &["--color", "always"]));
    let persist = persist.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
    assert!(!escapes(&persist, &[]), "NO_COLOR counts");
    assert!(escapes(&persist, &["--color", "always"]), "the flag counts more");
}

#[test]
fn logs_go_to_standard_error_in_the_chosen_format() {
    let persist = Persist::new();
    let arguments = ["save", "a/s", "-", "--json", "--log-level", "trace", "--log-format", "json"];
    let output = persist.run_with_input(arguments, "1").expect_code(0);
    let _ = output.json();
    assert!(!output.stderr.is_empty(), "{output}");
    for line in output.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string(), "{line}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let persist = Persist::new();
    // More than a pipe holds, so that the command cannot be done before the reader goes.
    let state = format!("{:?}", "x".repeat(400_000));
    persist.save("a/s", &state);
    let description = "d".repeat(60_000);
    for _ in 0..4 {
        let arguments = ["save", "a/s", "-", "--description", &description];
        let _ = persist.run_with_input(arguments, "1").expect_code(0);
    }
    for arguments in [
        &["restore", "a/s@0"][..],
        &["list"],
        &["list", "--json"],
        &["show", "a/s"],
        &["show", "a/s", "--json"],
    ] {
        let mut command = persist.command(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 8];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = persist.command(["restore", "a/s"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}
