//! A second writer who expects what is no longer so.

use persist_e2e::{Output, Persist, contents};

#[test]
fn both_indices_are_told_and_nothing_is_stored() {
    let persist = Persist::new();
    for state in ["1", "2", "3"] {
        persist.save("a/s", state);
    }
    let before = contents(&persist.store_dir());
    let arguments = ["save", "a/s", "-", "--expect-parent", "1"];
    let output = persist.run_with_input(arguments, "\"late\"").expect_code(5);
    // Apart from anything else that holds a digit.
    let words: Vec<_> = output.stderr.split(|character: char| !character.is_ascii_alphanumeric()).collect();
    assert!(words.contains(&"1") && words.contains(&"2"), "{output}");
    assert_eq!(contents(&persist.store_dir()), before);

    let error =
        persist.run_with_input(arguments.iter().chain(&["--json"]), "\"late\"").expect_code(5).json_error();
    assert_eq!(error["exit_code"], 5);
    let context: Vec<_> =
        error["context"].as_object().unwrap().values().filter_map(|value| value.as_str()).collect();
    assert!(context.contains(&"1") && context.contains(&"2"), "{error}");
}

#[test]
fn a_new_session_that_is_not_new_is_a_conflict() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let before = contents(&persist.store_dir());
    let output = persist.run_with_input(["save", "a/s", "-", "--expect-parent", "none"], "2").expect_code(5);
    assert!(output.stderr.contains('0'), "the newest is told: {output}");
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn a_deleted_snapshot_is_no_newer_one() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    persist.save("a/s", "2");
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let _ = persist.run_with_input(["save", "a/s", "-", "--expect-parent", "0"], "3").expect_code(0);
    let _ = persist.run_with_input(["save", "a/s", "-", "--expect-parent", "0"], "4").expect_code(5);
}

#[test]
fn of_two_writers_at_once_one_wins() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let outputs = std::thread::scope(|scope| {
        let write = || persist.run_with_input(["save", "a/s", "-", "--expect-parent", "0"], "2");
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let mut codes: Vec<_> = outputs.iter().map(Output::code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(5), Some(5), Some(5)], "{}", outputs[0]);
}
