use std::{net::TcpListener, sync::Arc, thread, time::Duration};

use persist_e2e::{
    Persist, json_lines,
    s3::{Bucket, configure},
    servers::SeaweedFs,
};
use persist_test_support::{Fault, Mode, Proxy, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::options;

#[test]
fn an_unreachable_server_is_unavailable_to_every_command() {
    let bucket = Bucket::new("unreachable");
    let persist = bucket.persist();
    configure(&persist, &options(&bucket, &json!({ "endpoint": nobodys_endpoint() })));
    let commands: [&[&str]; 6] = [
        &["save", "agent/session", "-"],
        &["restore", "agent/session"],
        &["list"],
        &["show", "agent/session@0"],
        &["verify"],
        &["delete", "agent/session@0", "--yes"],
    ];
    for command in commands {
        let output = persist.run_with_input(command, "{}").expect_code(7);
        assert!(output.stdout.is_empty(), "{output}");
        drop(output.says([bucket.name()]));
    }
}

#[test]
fn a_request_is_tried_as_often_as_the_config_says() {
    let bucket = Bucket::new("attempts");
    let persist = bucket.persist();
    for attempts in [1, 2, 5] {
        let dead = Proxy::dead();
        let other = json!({ "endpoint": dead.url(), "max_attempts": attempts });
        configure(&persist, &options(&bucket, &other));
        let output = persist.run(["restore", "agent/session@0"]).expect_code(7);
        assert_eq!(dead.connections(), attempts, "{output}");
    }
}

#[test]
fn a_server_that_stands_still_is_unavailable_until_it_goes_on() {
    let server = Arc::new(SeaweedFs::start());
    let bucket = Bucket::on(Arc::clone(&server), "still");
    let persist = bucket.persist();
    configure(&persist, &options(&bucket, &json!({})));
    persist.save("agent/session", r#"{"step":0}"#);

    let suspended = Suspended::new(&server);
    // Its first request is a read, so that certainly nothing was stored.
    let save = ["save", "agent/session", "-", "--json"];
    let refused = persist.run_with_input(save, r#"{"step":1}"#).expect_code(7);
    assert_eq!(refused.json_error()["kind"], "unavailable", "{refused}");
    drop(persist.run(["restore", "agent/session"]).expect_code(7));
    drop(suspended);

    assert_eq!(persist.save("agent/session", r#"{"step":1}"#)["snapshot_index"], 1);
    assert_eq!(persist.ok(["restore", "agent/session@0"]).text(), r#"{"step":0}"#);
    assert_eq!(stored(&persist), [0, 1]);
}

#[test]
fn a_server_that_stops_in_the_middle_of_a_save_leaves_the_outcome_unknown() {
    let bucket = Bucket::new("unknown");
    let persist = bucket.persist();
    persist.save("agent/session", r#"{"step":0}"#);

    let proxy = Proxy::start(bucket.server().address());
    let lost = proxy.arm(Rule::holding(second_record(&bucket), Fault::DropReply).then(Mode::Close));
    let through = persist_through(&bucket, &proxy);
    let save = ["save", "agent/session", "-", "--json"];
    let unknown = through.run_with_input(save, r#"{"step":1}"#).expect_code(8);
    assert_eq!(lost.count(), 1);
    let error = unknown.json_error();
    let write_id = error["context"]["write_id"].as_str().expect("the write id").to_owned();
    assert_eq!(error["context"]["snapshot_index"], "1", "{unknown}");
    assert_eq!(error["exit_code"], 8);

    // The server had stored it. Saving again finds that, and stores nothing, however often.
    for _ in 0..2 {
        let again = ["save", "agent/session", "-", "--json", "--write-id", &write_id];
        let saved = persist.run_with_input(again, r#"{"step":1}"#).expect_code(0).json();
        assert_eq!(saved["snapshot_index"], 1);
    }
    assert_eq!(stored(&persist), [0, 1]);
    assert_eq!(persist.ok(["restore", "agent/session"]).text(), r#"{"step":1}"#);

    // The id belongs to that state.
    let other = ["save", "agent/session", "-", "--write-id", &write_id];
    drop(persist.run_with_input(other, r#"{"step":2}"#).expect_code(5).says([&write_id]));
}

#[test]
fn a_save_whose_answer_is_lost_is_stored_once() {
    let bucket = Bucket::new("lost");
    let persist = bucket.persist();
    persist.save("agent/session", r#"{"step":0}"#);

    let proxy = Proxy::start(bucket.server().address());
    let lost = proxy.arm(Rule::holding(second_record(&bucket), Fault::DropReply));
    let through = persist_through(&bucket, &proxy);
    // The second attempt is told that the object exists. It is the command's own.
    assert_eq!(through.save("agent/session", r#"{"step":1}"#)["snapshot_index"], 1);
    assert_eq!(lost.count(), 1);
    assert_eq!(stored(&persist), [0, 1]);
}

/// How a request begins that creates the session's second record.
fn second_record(bucket: &Bucket) -> String {
    format!("PUT /{}/agents/agent/session/d/0000000001", bucket.name())
}

/// The command, with the proxy in between.
fn persist_through(bucket: &Bucket, proxy: &Proxy) -> Persist {
    let persist = bucket.persist();
    configure(&persist, &options(bucket, &json!({ "endpoint": proxy.url() })));
    persist
}

fn stored(persist: &Persist) -> Vec<u64> {
    let listed = json_lines(&persist.ok(["list", "agent/session", "--json"]).stdout);
    listed.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect()
}

/// An address that nobody listens at: the port was free a moment ago.
fn nobodys_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A server that does nothing until this is dropped. Its connections stay open.
struct Suspended(Pid);

impl Suspended {
    fn new(server: &SeaweedFs) -> Self {
        let id = server.process_id().expect("a server of this process");
        let id = Pid::from_raw(id.cast_signed()).expect("a process id");
        kill_process(id, Signal::STOP).expect("it is suspended");
        // Its threads stop one after the other.
        thread::sleep(Duration::from_millis(100));
        Self(id)
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // If the server is gone there is nothing to wake.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
