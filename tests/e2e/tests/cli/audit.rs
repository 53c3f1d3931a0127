//! The audit log and `persist audit verify`.

use std::fs;

use persist_e2e::{Persist, json_lines, servers::plugin_dir};

/// A store whose operations are recorded in `audit.jsonl` beside the config file.
fn audited() -> (Persist, std::path::PathBuf) {
    let persist = Persist::without_config();
    let config = persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n\
         [plugins]\npath = [{:?}]\n[audit]\nfile = \"audit.jsonl\"\nprincipal = \"ci\"\n",
        persist.store_dir(),
        plugin_dir()
    ));
    let file = config.with_file_name("audit.jsonl");
    (persist, file)
}

#[test]
fn commands_are_recorded_and_a_head_finds_what_was_cut_off() {
    let (persist, file) = audited();
    persist.save("a/s", "{\"password\":\"hunter2\"}");
    let _ = persist.ok(["restore", "a/s"]);
    let _ = persist.run(["restore", "a/s@9"]).expect_code(3);
    let log = fs::read_to_string(&file).unwrap();
    let told: Vec<_> = json_lines(log.as_bytes())
        .into_iter()
        .map(|record| format!("{} {} {}", record["principal"], record["operation"], record["outcome"]))
        .collect();
    assert_eq!(told, [r#""ci" "save" "ok""#, r#""ci" "restore" "ok""#, r#""ci" "restore" "not_found""#]);
    assert!(!log.contains("hunter2"));

    let report = persist.ok(["audit", "verify", "--json"]).json();
    assert_eq!(report["records"], 3);
    let head = report["head"].as_str().unwrap().to_owned();
    assert!(persist.ok(["audit", "verify", "--head", &head]).text().contains(&format!("head {head}")));

    let first = log.lines().next().unwrap();
    fs::write(&file, format!("{first}\n")).unwrap();
    let _ = persist.ok(["audit", "verify"]);
    let _ = persist.run(["audit", "verify", "--head", &head]).expect_code(4).says(["cut short"]);
    fs::write(&file, log.replacen("\"ci\"", "\"me\"", 1)).unwrap();
    let _ = persist.run(["audit", "verify"]).expect_code(4).says(["line 2", "was changed"]);
}

#[test]
fn without_its_audit_log_nothing_is_done() {
    let (persist, file) = audited();
    fs::create_dir(&file).unwrap();
    let output = persist.run_with_input(["save", "a/s", "-"], "{}").expect_code(1);
    let _ = output.says(["cannot be written", "so save was not begun", "audit.file"]);
    assert!(!persist.store_dir().join("agents").exists());

    let plain = Persist::new();
    let _ = plain.run(["audit", "verify"]).expect_code(2).says(["the config has no audit log"]);
    let _ = plain.run(["audit", "verify", "--head", "12"]).expect_code(2).says(["SEQ:SHA256"]);
    let _ = plain.run(["audit", "verify", "missing.jsonl"]).expect_code(3);
}
