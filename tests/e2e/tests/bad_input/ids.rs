//! Ids that file systems or programs might take for something else.

use std::{collections::BTreeSet, path::Path};

use persist_e2e::{Persist, contents, files, json_lines};

/// As an id is written in a reference, and as it is.
const IDS: [(&str, &str); 21] = [
    ("..", ".."),
    (".", "."),
    ("...", "..."),
    ("a%252Fb", "a%2Fb"),
    ("a%2Fb", "a/b"),
    ("%2Fetc%2Fpasswd", "/etc/passwd"),
    ("..%2F..%2F..%2Fescape", "../../../escape"),
    ("CON", "CON"),
    ("con", "con"),
    ("nul.txt", "nul.txt"),
    (".hidden", ".hidden"),
    ("dot.", "dot."),
    ("-rf", "-rf"),
    ("~", "~"),
    ("a b", "a b"),
    ("back\\slash", "back\\slash"),
    ("star*?", "star*?"),
    ("%40home", "@home"),
    ("d", "d"),
    ("é\u{301}", "é\u{301}"),
    ("persist-store.json", "persist-store.json"),
];

#[test]
fn odd_ids_are_ordinary_and_stay_inside_the_store() {
    let persist = Persist::new();
    persist.write("outside.txt", "untouched");
    for (written, id) in IDS {
        for session in [format!("{written}/s"), format!("a/{written}")] {
            let state = serde_json::to_string(&session).unwrap();
            let arguments = ["save", "--json", "--", &session, "-"];
            let saved = persist.run_with_input(arguments, &state).expect_code(0).json();
            let (agent, other) =
                if session.starts_with("a/") && session.ends_with(written) && !session.ends_with("/s") {
                    ("a", id)
                } else {
                    (id, "s")
                };
            assert_eq!((&saved["agent_id"], &saved["session_id"]), (&agent.into(), &other.into()));
            assert_eq!(persist.ok(["restore", "--", &session]).text(), state);
        }
    }
    let rows = json_lines(&persist.ok(["list", "--json"]).stdout);
    assert_eq!(rows.len(), 2 * IDS.len(), "each id is one of its own");
    let _ = persist.ok(["verify"]);

    let allowed = [".config", "bin", "outside.txt", "store", "tmp", "work"].map(|name| persist.path(name));
    for path in contents(persist.path(".").as_path()).keys() {
        let path = persist.path(path.to_str().unwrap());
        assert!(
            allowed.iter().any(|allowed| path.starts_with(allowed)),
            "outside the store: {}",
            path.display()
        );
    }
    assert!(files(&persist.work_dir()).is_empty() && files(&persist.path("tmp")).is_empty());
    check_names(&persist.store_dir());
}

/// Every name in the store is one that any file system keeps apart from every other, hides from nobody and can hold.
fn check_names(store: &Path) {
    let mut folded = BTreeSet::new();
    for path in contents(store).keys() {
        for name in path.iter().map(|name| name.to_str().unwrap_or("?")) {
            assert!(name.len() <= 255 && !name.starts_with('.') && !name.ends_with('.'), "{name}");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\:*?\"<>|".contains(&byte)),
                "{name}"
            );
            let stem = name.split('.').next().unwrap_or(name);
            assert!(!["con", "nul", "prn", "aux"].contains(&stem), "{name}");
        }
        let fold = path.to_str().unwrap_or("?").to_lowercase();
        assert!(folded.insert(fold), "{} differs from another only by case", path.display());
    }
}

#[test]
fn ids_of_the_greatest_length_are_kept() {
    let persist = Persist::new();
    let (agent, session) = ("A".repeat(200), "é".repeat(100));
    let reference = format!("{agent}/{session}");
    let saved = persist.save(&reference, "1");
    assert_eq!(
        (&saved["agent_id"], &saved["session_id"]),
        (&agent.as_str().into(), &session.as_str().into())
    );
    let twin = format!("{}B/{session}", "A".repeat(199));
    persist.save(&twin, "2");
    assert_eq!(persist.ok(["restore", &reference]).text(), "1");
    assert_eq!(persist.ok(["restore", &twin]).text(), "2");
    let agents: Vec<_> = json_lines(&persist.ok(["list", "--json"]).stdout)
        .iter()
        .map(|row| row["agent_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(agents.len(), 2);
    assert!(agents.contains(&agent));
    check_names(&persist.store_dir());
}

#[test]
fn ids_that_differ_by_case_are_different() {
    let persist = Persist::new();
    for (index, session) in ["Agent/S", "agent/S", "AGENT/S", "agent/s"].into_iter().enumerate() {
        assert_eq!(persist.save(session, index.to_string())["snapshot_index"], 0);
    }
    assert_eq!(persist.ok(["restore", "Agent/S"]).text(), "0");
    assert_eq!(persist.ok(["restore", "agent/s"]).text(), "3");
    check_names(&persist.store_dir());
}
