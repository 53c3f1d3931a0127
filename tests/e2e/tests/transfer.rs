//! `persist fork`, `copy`, `export` and `import`.

use std::fs;

use persist_e2e::{Persist, contents, json_lines};

const STORES: [&str; 3] = ["store", "backup", "third"];

/// Three stores: `main` and `backup` with gzip, `third` without compression.
fn three_stores() -> Persist {
    let persist = Persist::new();
    let root = |name: &str| persist.path(name);
    let [main, backup, third] = STORES.map(root);
    persist.write_config(&format!(
        "default = \"main\"\n\
         [stores.main]\nstorage = {{ adapter = \"local\", root = {main:?} }}\n\
         [stores.backup]\nstorage = {{ adapter = \"local\", root = {backup:?} }}\n\
         [stores.third]\nstorage = {{ adapter = \"local\", root = {third:?} }}\ncompression = {{ adapter = \"none\" }}\n\
         [plugins]\npath = [{:?}]\n",
        persist_e2e::servers::plugin_dir()
    ));
    persist
}

fn state(step: usize) -> String {
    let lines: Vec<String> = (0..=step).map(|at| format!("\"line {at} {}\"", at * 7919 % 1000)).collect();
    format!("{{\"step\":{step},\"lines\":[{}]}}", lines.join(","))
}

fn save_steps(persist: &Persist, session: &str, steps: std::ops::Range<usize>) {
    for step in steps {
        persist.save(session, state(step));
    }
}

/// Expects that a store gives back these steps of a session and no others.
fn holds(persist: &Persist, store: &str, session: &str, steps: &[usize]) {
    let rows = json_lines(&persist.ok(["list", session, "--store", store, "--json"]).stdout);
    let listed: Vec<u64> = rows.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect();
    assert_eq!(listed, steps.iter().map(|step| *step as u64).collect::<Vec<_>>());
    for step in steps {
        let restored = persist.ok(["restore", &format!("{session}@{step}"), "--store", store]);
        assert_eq!(restored.text(), state(*step));
    }
    let _ = persist.ok(["verify", session, "--store", store, "--read-data"]);
}

#[test]
fn a_session_is_copied_and_the_copy_continued() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..4);
    let copied = persist.ok(["copy", "a/s", "backup:", "--json"]).json();
    assert_eq!(
        (&copied["from"], &copied["to"], &copied["error"]),
        (&"main".into(), &"backup".into(), &().into())
    );
    let result = &copied["result"];
    assert_eq!(
        [&result["copied"], &result["newest"], &result["verified"]].map(serde_json::Value::as_u64),
        [4, 3, 4].map(Some)
    );
    holds(&persist, "backup", "a/s", &[0, 1, 2, 3]);
    save_steps(&persist, "a/s", 4..6);
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let line = persist.ok(["copy", "main:a/s@latest", "backup:"]).text();
    assert!(
        line.starts_with("a/s  2 copied (") && line.ends_with("4 there already, 1 deleted; newest @5\n"),
        "{line}"
    );
    holds(&persist, "backup", "a/s", &[0, 2, 3, 4, 5]);
    // From there, in another form, and up to a snapshot only.
    let _ = persist.ok(["copy", "backup:a/s@4", "third:"]);
    holds(&persist, "third", "a/s", &[0, 2, 3, 4]);
    let shown = persist.ok(["show", "a/s@4", "--store", "third", "--json"]).json();
    let original = persist.ok(["show", "a/s@4", "--json"]).json();
    for key in ["timestamp", "content_hash", "write_id", "parent_index"] {
        assert_eq!(shown[key], original[key], "{key}");
    }
    assert!(shown["codec"].is_null() && original["codec"] == "gzip");
}

#[test]
fn agents_and_whole_stores_are_copied() {
    let persist = three_stores();
    for session in ["a/s", "a/t", "b/s"] {
        save_steps(&persist, session, 0..2);
    }
    let rows = json_lines(&persist.ok(["copy", "a", "backup:", "--json"]).stdout);
    assert_eq!(rows.len(), 2);
    let rows = json_lines(&persist.ok(["copy", "main:", "backup:", "--json"]).stdout);
    assert_eq!(rows.len(), 3);
    for session in ["a/s", "a/t", "b/s"] {
        holds(&persist, "backup", session, &[0, 1]);
    }
    let _ = persist
        .run(["copy", "a/s", "backup"])
        .expect_code(2)
        .says(["the last argument is its name and a colon"]);
    let _ = persist.run(["copy", "a/s", "nowhere:"]).expect_code(3);
    let _ = persist.run(["copy", "a/none", "backup:"]).expect_code(3);
    let _ = persist.run(["copy", "a/s", "main:"]).expect_code(2);
}

#[test]
fn a_diverged_target_is_a_conflict_beside_which_others_are_copied() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..2);
    save_steps(&persist, "a/t", 0..2);
    let own = ["save", "a/s", "-", "--store", "backup"];
    let _ = persist.run_with_input(own, "{}").expect_code(0);
    let before = contents(&persist.path("backup/agents/a/s"));
    let _ = persist.run(["copy", "a", "backup:"]).expect_code(5).says(["a/s", "is no copy of"]);
    assert_eq!(contents(&persist.path("backup/agents/a/s")), before);
    holds(&persist, "backup", "a/t", &[0, 1]);
}

#[test]
fn an_archive_carries_sessions_to_another_store() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..5);
    save_steps(&persist, "b/t", 0..2);
    let _ = persist.ok(["delete", "a/s@2", "--yes"]);
    let report = persist.ok(["export", "--all", "-o", "all.persist", "--json"]).json();
    assert_eq!([&report["sessions"], &report["snapshots"]].map(serde_json::Value::as_u64), [2, 6].map(Some));
    let _ = persist.run(["export", "--all", "-o", "all.persist"]).expect_code(5);
    let _ = persist.ok(["export", "a/s", "--force", "-o", "some.persist"]);

    let listed =
        json_lines(&persist.ok(["import", "all.persist", "--dry-run", "--store", "third", "--json"]).stdout);
    assert_eq!(listed.len(), 6);
    assert!(!persist.path("third").join("persist-store.json").exists());
    let _ = persist.ok(["import", "all.persist", "--store", "third"]);
    holds(&persist, "third", "a/s", &[0, 1, 3, 4]);
    holds(&persist, "third", "b/t", &[0, 1]);

    // Through pipes, and only a part of it.
    let streamed = persist.ok(["export", "--all", "--output", "-"]);
    let _ =
        persist.run_with_input(["import", "-", "b", "--store", "backup"], &streamed.stdout).expect_code(0);
    holds(&persist, "backup", "b/t", &[0, 1]);
    let _ = persist.run(["restore", "a/s", "--store", "backup"]).expect_code(3);
}

#[test]
fn a_damaged_archive_is_refused_as_a_whole() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..3);
    let archive = persist.ok(["export", "a"]).stdout;
    for (at, length) in [(700, archive.len()), (archive.len() / 2, archive.len()), (0, archive.len() - 700)] {
        let mut damaged = archive[..length].to_vec();
        damaged[at] ^= 4 * u8::from(at > 0);
        let import = ["import", "-", "--store", "backup"];
        let _ = persist
            .run_with_input(import, damaged)
            .expect_code(4)
            .says(["is no complete and intact archive"]);
        assert!(!persist.path("backup").join("persist-store.json").exists());
    }
    // Damage of the source stays no secret, and leaves no archive.
    let object = persist.store_dir().join("agents/a/s/d/0000000001");
    let mut bytes = fs::read(&object).expect("an object");
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(&object, bytes).expect("a damaged object");
    let _ = persist.run(["export", "a", "-o", "x.persist"]).expect_code(4).says(["a/s@1"]);
    assert_eq!(fs::read_dir(persist.work_dir()).expect("the directory").count(), 0);
}

#[test]
fn a_fork_is_a_session_of_its_own() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..3);
    let forked = persist.ok(["fork", "a/s@1", "a/other", "--json"]).json();
    assert_eq!((&forked["snapshot_index"], &forked["forked_from"]), (&0.into(), &"a/s@1".into()));
    assert_eq!(persist.ok(["restore", "a/other@latest"]).text(), state(1));
    let text = persist.ok(["show", "a/other"]).text();
    assert!(text.lines().any(|line| line == "forked from     a/s@1"), "{text}");
    let _ = persist.run(["fork", "a/s", "a/other"]).expect_code(5).says(["exists or existed"]);
    let _ = persist.run(["fork", "a/s@9", "a/new"]).expect_code(3);
    // A fork travels like any session.
    let _ = persist.ok(["copy", "a/other", "backup:"]);
    let copied = persist.ok(["show", "a/other", "--store", "backup", "--json"]).json();
    assert_eq!(copied["forked_from"], "a/s@1");
}

#[test]
fn an_unpacked_archive_is_a_store() {
    let persist = three_stores();
    save_steps(&persist, "a/s", 0..3);
    let _ = persist.ok(["export", "a/s", "-o", "a.persist"]);
    fs::create_dir(persist.path("backup")).expect("a directory");
    let unpacked = std::process::Command::new("tar")
        .arg("-xf")
        .arg(persist.work_dir().join("a.persist"))
        .arg("-C")
        .arg(persist.path("backup"))
        .status();
    assert!(unpacked.expect("tar runs").success());
    holds(&persist, "backup", "a/s", &[0, 1, 2]);
}
