//! `persist save` and its options.

use persist_e2e::{Persist, contents, json_lines};
use serde_json::{Value, json};

#[test]
fn a_state_comes_from_a_file_or_from_standard_input() {
    let persist = Persist::new();
    let file = persist.write("work/state.json", "[1]");
    let _ = persist.ok(["save", "a/s", file.to_str().unwrap()]);
    let _ = persist.ok(["save", "a/s", "state.json"]);
    let _ = persist.run_with_input(["save", "a/s", "-"], "[2]").expect_code(0);
    let _ = persist.run_with_input(["save", "a/s"], "[3]").expect_code(0);
    for (index, state) in ["[1]", "[1]", "[2]", "[3]"].into_iter().enumerate() {
        assert_eq!(persist.ok(["restore", &format!("a/s@{index}")]).text(), state);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let persist = Persist::new();
    let _ =
        persist.run(["save", "a/s", "absent.json"]).expect_code(1).says(["absent.json", "nothing was saved"]);
    assert!(!persist.store_dir().exists());
}

#[test]
fn what_is_said_of_a_snapshot_is_kept() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    persist.save("a/s", "2");
    let saved = persist.run_with_input(
        [
            "save",
            "a/s",
            "-",
            "--json",
            "--description",
            "after ☕",
            "--label",
            "stage=draft",
            "--label",
            "eq=a=b",
            "--name",
            "before-deploy",
            "--parent",
            "0",
            "--media-type",
            "text/plain; charset=utf-8",
        ],
        "no JSON at all",
    );
    let saved = saved.expect_code(0).json();
    assert_eq!(saved["description"], "after ☕");
    assert_eq!(saved["labels"], json!({"eq": "a=b", "stage": "draft"}));
    assert_eq!(saved["name"], "before-deploy");
    assert_eq!(saved["parent_index"], 0);
    assert_eq!(saved["media_type"], "text/plain; charset=utf-8");
    assert_eq!(persist.ok(["show", "a/s@2", "--json"]).json(), saved);
    assert_eq!(persist.ok(["restore", "a/s@2"]).text(), "no JSON at all");
    // What is not said has defaults.
    let second = persist.ok(["show", "a/s@1", "--json"]).json();
    assert_eq!(
        (&second["parent_index"], &second["media_type"]),
        (&Value::from(0), &Value::from("application/json"))
    );
    assert_eq!((&second["description"], &second["labels"]), (&Value::Null, &json!({})));
}

#[test]
fn a_label_given_twice_is_a_usage_error() {
    let persist = Persist::new();
    let output = persist.run_with_input(["save", "a/s", "-", "--label", "k=1", "--label", "k=2"], "1");
    let _ = output.expect_code(2).says(["\"k\"", "twice"]);
    assert!(!persist.store_dir().exists());
}

#[test]
fn the_expected_parent_must_be_the_newest() {
    let persist = Persist::new();
    let save =
        |expected: &str| persist.run_with_input(["save", "a/s", "-", "--expect-parent", expected], "1");
    let _ = save("0").expect_code(5);
    let _ = save("none").expect_code(0);
    let _ = save("none").expect_code(5);
    let _ = save("0").expect_code(0);
    let before = contents(&persist.store_dir());
    let _ = save("0").expect_code(5);
    assert_eq!(contents(&persist.store_dir()), before, "a conflict changes nothing");
    assert_eq!(json_lines(&persist.ok(["list", "--json"]).stdout).len(), 2);
}

#[test]
fn a_parent_must_exist() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let before = contents(&persist.store_dir());
    let output = persist.run_with_input(["save", "a/s", "-", "--parent", "7"], "2");
    assert_ne!(output.code(), Some(0), "{output}");
    let output = output.says(["7"]);
    assert!(matches!(output.code(), Some(1 | 3)), "{output}");
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn a_write_id_stores_its_state_once() {
    let persist = Persist::new();
    let id = "000102030405060708090a0b0c0d0e0f";
    let save = |state: &str| persist.run_with_input(["save", "a/s", "-", "--json", "--write-id", id], state);
    let first = save("[1]").expect_code(0).json();
    assert_eq!(first["write_id"], id);
    persist.save("a/s", "[2]");
    let before = contents(&persist.store_dir());
    assert_eq!(save("[1]").expect_code(0).json(), first, "the second time reports the first");
    let _ = save("[3]").expect_code(5).says([id]);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn two_stores_are_kept_apart() {
    let persist = Persist::new();
    let root = |name: &str| persist.path(name).display().to_string();
    persist.write_config(&format!(
        "default = \"one\"\n[stores.one]\nstorage = {{ adapter = \"local\", root = {:?} }}\n\
         [stores.two]\nstorage = {{ adapter = \"local\", root = {:?} }}\ncompression = {{ adapter = \"none\" }}\n\
         [plugins]\npath = [{:?}]\n",
        root("one"),
        root("two"),
        persist_e2e::servers::plugin_dir(),
    ));
    let state = "\"as it is\"";
    let _ = persist.run_with_input(["save", "a/s", "-", "--store", "two"], state).expect_code(0);
    assert!(!persist.path("one").exists());
    let object = std::fs::read(persist.path("two/agents/a/s/d/0000000000")).unwrap();
    assert!(
        object.windows(state.len()).any(|window| window == state.as_bytes()),
        "stored without compression"
    );

    let _ = persist.run(["restore", "a/s"]).expect_code(3);
    let persist = persist.env("PERSIST_STORE", "two");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), state);
    let _ = persist.run(["--store", "one", "restore", "a/s"]).expect_code(3);
    let _ = persist.run(["list", "--store", "three"]).expect_code(3).says(["three", "one, two"]);
}
