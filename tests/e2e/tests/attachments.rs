//! `persist attachment`, and snapshots by their names.

use persist_e2e::{Persist, json_lines};

#[test]
fn attachments_go_in_and_come_out() {
    let persist = Persist::new();
    persist.save("a/s", "{}");
    let put = |arguments: &[&str], content: &str| {
        persist.run_with_input(["attachment", "put"].iter().chain(arguments), content)
    };
    let info =
        put(&["a/s@0", "task/1", "-", "--media-type", "text/plain", "--json"], "one").expect_code(0).json();
    assert_eq!((&info["name"], &info["version"]), (&"task/1".into(), &0.into()));
    assert_eq!(info["media_type"], "text/plain");
    let told = put(&["a/s", "w"], "two").expect_code(0).stdout;
    assert!(told.starts_with(b"a/s@0 \"w\"  version 0"), "{}", String::from_utf8_lossy(&told));
    let _ = put(&["a/s", "w", "--once"], "other").expect_code(5);
    let _ = put(&["a/s", "w", "--once"], "two").expect_code(0);
    let _ = put(&["a/s", "w", "--keep"], "other").expect_code(0);
    assert_eq!(persist.ok(["attachment", "get", "a/s@0", "w"]).stdout, b"two");
    let _ = put(&["a/s", "w"], "three").expect_code(0);
    assert_eq!(persist.ok(["attachment", "get", "a/s@0", "w"]).stdout, b"three");

    let file = persist.path("out");
    let target = file.to_str().expect("a path in UTF-8");
    let _ = persist.ok(["attachment", "get", "a/s@0", "task/1", "-o", target]);
    assert_eq!(std::fs::read(&file).expect("the file that was written"), b"one");
    let _ = persist.run(["attachment", "get", "a/s@0", "task/1", "-o", target]).expect_code(5);

    let rows = json_lines(&persist.ok(["attachment", "list", "a/s", "--json"]).stdout);
    let names: Vec<_> = rows.iter().map(|row| (row["name"].as_str(), row["version"].as_u64())).collect();
    assert_eq!(names, [(Some("task/1"), Some(0)), (Some("w"), Some(1))]);
    let _ = persist.run(["attachment", "get", "a/s@0", "x"]).expect_code(3);
    let _ = persist.run(["attachment", "list", "a/s@1"]).expect_code(3);
    let _ = persist.ok(["verify"]);

    let _ = persist.ok(["delete", "a/s@0", "--yes"]);
    let _ = persist.run(["attachment", "get", "a/s@0", "w"]).expect_code(3);
}

#[test]
fn a_damaged_attachment_is_found_by_verify() {
    let persist = Persist::new();
    persist.save("a/s", "{}");
    let _ = persist.run_with_input(["attachment", "put", "a/s", "w"], "content").expect_code(0);
    let file = persist.store_dir().join("agents/a/s/w/0000000000/w/0000000000");
    let mut object = std::fs::read(&file).expect("the attachment's object");
    let last = object.len() - 40;
    object[last] ^= 1;
    std::fs::remove_file(&file).expect("the object can be replaced");
    std::fs::write(&file, object).expect("the damaged object");
    let verified = persist.run(["verify", "--json"]).expect_code(4);
    let row = &json_lines(&verified.stdout)[0];
    assert_eq!((&row["snapshot_index"], &row["ok"]), (&0.into(), &false.into()));
    assert_eq!(row["error"]["context"]["key"], "agents/a/s/w/0000000000/w/0000000000");
    let _ = persist.run(["attachment", "get", "a/s", "w"]).expect_code(4);
}

#[test]
fn a_snapshot_is_found_by_its_name() {
    let persist = Persist::new();
    for (step, name) in ["first step", "second"].iter().enumerate() {
        let state = format!("{{\"step\":{step}}}");
        let _ = persist.run_with_input(["save", "a/s", "-", "--name", name], state).expect_code(0);
    }
    persist.save("a/s", "{}");
    assert_eq!(persist.ok(["restore", "a/s", "--name", "first step"]).stdout, b"{\"step\":0}");
    let info = persist.ok(["show", "a/s", "--name", "second", "--json"]).json();
    assert_eq!(info["snapshot_index"], 1);
    let taken =
        persist.run_with_input(["save", "a/s", "-", "--name", "second", "--json"], "{}").expect_code(5);
    let error = taken.json_error();
    assert_eq!((&error["code"], &error["context"]["snapshot_index"]), (&"name_taken".into(), &"1".into()));
    let _ = persist.run(["show", "a/s", "--name", "third"]).expect_code(3);
    let _ = persist.run(["show", "a/s@0", "--name", "second"]).expect_code(2);
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let _ = persist.run(["restore", "a/s", "--name", "second"]).expect_code(3);
    let _ = persist.run_with_input(["save", "a/s", "-", "--name", "second"], "{}").expect_code(0);
    assert_eq!(persist.ok(["show", "a/s", "--name", "second", "--json"]).json()["snapshot_index"], 3);
}
