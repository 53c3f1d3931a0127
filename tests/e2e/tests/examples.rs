//! The example programs run and say what they did.

use std::process::Command;

use persist_test_support::profile_dir;

#[test]
fn the_resuming_agent_goes_on_where_it_stopped_and_branches() {
    let output = Command::new(profile_dir().join("resume")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "starting with 0 notes");
    assert!(lines[3].starts_with("saved researcher/question-1@2: "), "{text}");
    assert_eq!(lines[4], "starting with 3 notes", "the second run found the first one's state");
    assert_eq!(lines[7], "researcher/question-1@5 continues @0: [\"finding 0\", \"another idea\"]");
}
