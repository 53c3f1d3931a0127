//! The config: where it is found, what it may hold, and what its mistakes get.

use persist_e2e::{Persist, contents, servers::plugin_dir};

/// A config of one local store, whose plugins are found.
fn config(persist: &Persist, root: &str) -> String {
    format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{:?}]\n",
        persist.path(root),
        plugin_dir()
    )
}

#[test]
fn the_first_source_counts_alone() {
    let persist = Persist::new();
    let flag = persist.write("flag.toml", config(&persist, "by-flag"));
    let variable = persist.write("variable.toml", config(&persist, "by-variable"));
    persist.write("work/persist.toml", config(&persist, "by-directory").split("[plugins]").next().unwrap());
    let flag = flag.to_str().unwrap();
    let persist = persist.env("PERSIST_PLUGIN_PATH", plugin_dir());

    let saves_below = |persist: &Persist, arguments: &[&str], root: &str| {
        let before = contents(&persist.path(root)).len();
        let _ = persist.run_with_input(["save", "a/s", "-"].iter().chain(arguments), "1").expect_code(0);
        assert!(contents(&persist.path(root)).len() > before, "nothing new below {root}");
    };
    saves_below(&persist, &[], "by-directory");
    let persist = persist.env("PERSIST_CONFIG", variable);
    saves_below(&persist, &[], "by-variable");
    saves_below(&persist, &["--config", flag], "by-flag");
    assert!(!persist.store_dir().exists(), "the user's file is the last");
}

#[test]
fn json_is_accepted() {
    let persist = Persist::new();
    let text = serde_json::json!({
        "stores": { "main": { "storage": { "adapter": "local", "root": persist.path("json") } } },
        "plugins": { "path": [plugin_dir()] },
    });
    let file = persist.write("config.json", text.to_string());
    let _ =
        persist.run_with_input(["save", "a/s", "-", "--config", file.to_str().unwrap()], "1").expect_code(0);
    assert!(persist.path("json/persist-store.json").is_file());
}

#[test]
fn variables_are_replaced_in_the_users_own_file() {
    let persist = Persist::without_config();
    persist.write_config(
        "[stores.main]\nstorage = { adapter = \"local\", root = \"${PLACE}/store\" }\n[plugins]\npath = [\"${PLUGINS}\"]\n",
    );
    let persist = persist.env("PLUGINS", plugin_dir());
    let _ = persist.run(["list"]).expect_code(1).says(["config.toml:2", "PLACE", "not set"]);
    let place = persist.path("place");
    let persist = persist.env("PLACE", place);
    persist.save("a/s", "1");
    assert!(persist.path("place/store/persist-store.json").is_file());
}

#[test]
fn mistakes_name_file_line_key_and_what_is_allowed() {
    let persist = Persist::new();
    let good = config(&persist, "store");
    for (text, texts) in [
        (
            "defualt = \"main\"\n".to_owned() + &good,
            ["config.toml:1", "`defualt`", "allowed here: audit, default, log,"],
        ),
        (
            good.replace("[plugins]", "compresion = {}\n[plugins]"),
            [
                "config.toml:3",
                "`stores.main.compresion`",
                "call_timeout, compression, layout, retention, single_writer, storage",
            ],
        ),
        ("default = \"other\"\n".to_owned() + &good, ["config.toml:1", "\"other\"", "main"]),
        ("default = 3\n".to_owned() + &good, ["config.toml:1", "`default`", "string"]),
        (good.replace("[plugins]\npath", "[plugins]\npaths"), ["config.toml:4", "`plugins.paths`", "path"]),
        (good.replace("adapter = \"local\", ", ""), ["config.toml:2", "`adapter`", "local"]),
        (good.replace("path = [", "path = "), ["config.toml:4", "not valid TOML", "config.toml"]),
    ] {
        persist.write_config(&text);
        for arguments in [&["list"][..], &["config", "check"], &["config", "show"]] {
            let _ = persist.run(arguments).expect_code(1).says(texts);
        }
    }
    assert!(!persist.store_dir().exists());
}

#[test]
fn an_adapters_options_are_checked_by_its_plugin() {
    let persist = Persist::new();
    let good = config(&persist, "store");
    for (text, texts) in [
        (good.replace("root =", "rot ="), ["config.toml:2", "rot", "root"]),
        (good.replace("\"local\",", "\"local\", fsync = \"never\","), ["config.toml:2", "local", "never"]),
        (
            good.replace("[plugins]", "compression = { adapter = \"gzip\", level = 99 }\n[plugins]"),
            ["config.toml:3", "level", "9"],
        ),
        (
            good.replace("[plugins]", "compression = { adapter = \"gzip\", strength = 9 }\n[plugins]"),
            ["config.toml:3", "strength", "level"],
        ),
    ] {
        persist.write_config(&text);
        let _ = persist.run(["config", "check"]).expect_code(1).says(texts);
        let _ = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(1).says(texts);
    }
    assert!(!persist.path("store/agents").exists(), "nothing was saved");
}

#[test]
fn a_config_that_is_named_must_be_there() {
    let persist = Persist::new();
    let _ = persist.run(["list", "--config", "absent.toml"]).expect_code(1).says(["absent.toml"]);
    let persist = persist.env("PERSIST_CONFIG", "gone.toml");
    let _ = persist.run(["list"]).expect_code(1).says(["gone.toml"]);
}

#[test]
fn show_tells_what_counts_and_hides_secrets() {
    let persist = Persist::new().env("WHERE", "/srv/agents").env("PERSIST_HIDDEN", "hunter2");
    let file = persist.write_config(
        "[stores.main.storage]\nadapter = \"local\"\nroot = \"${WHERE}\"\ntoken = \"${PERSIST_HIDDEN}\"\npassword = \"swordfish\"\n",
    );
    let output = persist.ok(["config", "show"]);
    let text = output.text();
    assert!(text.contains(file.to_str().unwrap()) && text.contains("${WHERE}"), "{output}");
    assert!(text.contains("gzip"), "the default compression is shown: {output}");
    let json = persist.ok(["config", "show", "--json"]);
    assert_eq!(json.json()["source"]["file"], file.to_str().unwrap());
    assert_eq!(json.json()["stores"]["main"]["storage"]["root"], "${WHERE}");
    for output in [output, json] {
        assert!(!output.text().contains("swordfish") && !output.text().contains("hunter2"), "{output}");
    }
}

#[test]
fn check_opens_every_adapter_and_writes_nothing() {
    let persist = Persist::new();
    let output = persist.ok(["config", "check"]);
    assert!(output.text().contains("main") && output.text().contains("gzip"), "{output}");
    let json = persist.ok(["config", "check", "--json"]).json();
    assert_eq!((&json["default"], &json["stores"][0]["storage"]), (&"main".into(), &"local".into()));
    assert!(!persist.store_dir().exists());
    persist.write_config(&format!(
        "{}[stores.other]\nstorage = {{ adapter = \"tape\" }}\n",
        config(&persist, "store")
    ));
    let _ = persist.run(["config", "check"]).expect_code(6).says(["\"tape\""]);
}
