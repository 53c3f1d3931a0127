//! `persist demo`.

use persist_e2e::{Persist, contents};

#[test]
fn it_shows_a_session_and_a_detected_corruption_and_leaves_nothing() {
    let persist = Persist::without_config();
    let before = contents(&persist.path("."));
    let output = persist.ok(["demo"]);
    let text = output.text();
    for part in
        ["@0", "@5", "6 intact, 0 damaged", "1 damaged, 3 that build on damaged ones", "refused, exit code 4"]
    {
        assert!(text.contains(part), "{part:?} is missing: {output}");
    }
    assert_eq!(output.stderr, "", "it succeeds quietly");
    assert_eq!(contents(&persist.path(".")), before, "its directory is gone, and no store was made");
}

#[test]
fn it_needs_no_config_and_believes_none() {
    let persist = Persist::new();
    persist.write("work/persist.toml", "[plugins]\npath = [\"evil\"]\n");
    persist.write_config("this is no config");
    let _ = persist.ok(["demo"]);
    assert!(!persist.store_dir().exists());
}
