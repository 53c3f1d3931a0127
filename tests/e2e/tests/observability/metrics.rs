//! Metrics, as `promtool` and Prometheus read them.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use persist_e2e::{Output, Persist, s3::Bucket, servers::plugin_dir};
use persist_test_support::{Prometheus, Proxy, promtool};
use serde_json::Value;

use super::eventually;

#[test]
fn a_command_writes_its_metrics_also_when_it_fails() {
    let persist = Persist::new();
    let file = persist.path("persist.prom");
    let flag = ["--metrics-file", file.to_str().expect("a path in text")];
    let run = |arguments: &[&str]| persist.run_with_input(arguments.iter().chain(&flag), r#"{"a":1}"#);

    drop(run(&["save", "a/s"]).expect_code(0));
    let text = std::fs::read_to_string(&file).expect("metrics");
    check(&text);
    for line in [
        r#"persist_operations_total{adapter="local",operation="save",outcome="ok",store="main"} 1"#,
        r#"persist_operations_in_flight{adapter="local",operation="save",store="main"} 0"#,
        r#"persist_content_bytes_sum{operation="save",store="main"} 7"#,
        r#"persist_storage_calls_total{adapter="local",method="save_if_absent",outcome="ok"} 2"#,
        r#"persist_plugin_loads_total{outcome="ok"} 2"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is missing:\n{text}");
    }

    drop(run(&["restore", "a/s@7"]).expect_code(3));
    let text = std::fs::read_to_string(&file).expect("metrics");
    check(&text);
    assert!(text.contains(r#"operation="restore",outcome="not_found",store="main"} 1"#), "{text}");
    assert!(!text.contains(r#"operation="save""#), "{text}");

    let nowhere = persist.path("no/such/x.prom");
    let output =
        persist.run_with_input(["save", "a/s", "--metrics-file", nowhere.to_str().expect("text")], "{}");
    drop(output.expect_code(0).says(["cannot write the metrics"]));
}

/// What `promtool check metrics` says of it: nothing.
fn check(text: &str) {
    let mut tool = promtool();
    tool.args(["check", "metrics"]);
    let output = Output::of(tool, text.as_bytes()).expect_code(0);
    assert!(output.stderr.is_empty() && output.stdout.is_empty(), "{output}");
}

#[test]
fn a_prometheus_sees_saves_failures_with_retries_and_restores() {
    let bucket = Bucket::new("metrics");
    let client = Client::start(&bucket);
    let rules = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability/alerts.yml"));
    let prometheus = Prometheus::start(&client.address, &rules);
    let value = |expression: &str| {
        let path = format!("/api/v1/query?query={}", escaped(expression));
        let answer: Value = serde_json::from_str(&prometheus.get(&path).expect("an answer")).expect("JSON");
        let value = answer["data"]["result"][0]["value"][1].as_str()?;
        value.parse::<f64>().ok()
    };
    let operations = |operation: &str, outcome: &str, store: &str| {
        value(&format!(
            r#"persist_operations_total{{operation="{operation}",outcome="{outcome}",store="{store}",adapter="s3"}}"#
        ))
    };
    let saved = eventually("a scrape", || operations("save", "ok", "main"));
    assert_eq!(saved, 3.0);
    assert_eq!(operations("restore", "ok", "main"), Some(1.0));
    assert_eq!(operations("save", "unavailable", "cut"), Some(1.0));
    // Each request to the store whose connections are cut is tried three times.
    let retries = value(r#"persist_retries_total{plugin="persist-storage-s3"}"#);
    assert!(retries.is_some_and(|retries| retries >= 2.0), "{retries:?}");
    assert_eq!(value(r#"persist_cache_lookups_total{store="main",result="hit"}"#), Some(2.0));
    assert!(value("sum(persist_storage_bytes_total)").is_some_and(|bytes| bytes > 1000.0));
    assert!(value(r#"persist_build_info"#).is_some());
    let p99 = "histogram_quantile(0.99, sum by (le) (persist_operation_duration_seconds_bucket))";
    assert!(value(p99).is_some_and(|seconds| seconds > 0.0));

    let rules: Value =
        serde_json::from_str(&prometheus.get("/api/v1/rules").expect("an answer")).expect("JSON");
    let rules = rules["data"]["groups"][0]["rules"].as_array().expect("rules").clone();
    assert!(rules.len() >= 5);
    for rule in rules {
        assert_ne!(rule["health"], "err", "{rule}");
    }
}

/// The program, which ends when this is dropped.
struct Client {
    address: String,
    process: Child,
    _dead: Proxy,
    _home: Persist,
}

impl Client {
    fn start(bucket: &Bucket) -> Self {
        let home = Persist::without_config();
        let dead = Proxy::dead();
        let store = |name: &str, options: &Value| {
            let options = options.as_object().expect("options").iter();
            let options: String = options.map(|(name, value)| format!(", {name} = {value}")).collect();
            format!("[stores.{name}]\nstorage = {{ adapter = \"s3\"{options} }}\n")
        };
        let mut cut = bucket.options();
        cut["endpoint"] = dead.url().into();
        cut["max_attempts"] = 3.into();
        let config = home.write_config(&format!(
            "default = \"main\"\n{}{}[plugins]\npath = [{:?}]\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
            store("main", &bucket.options()),
            store("cut", &cut),
            plugin_dir()
        ));
        let mut process = Command::new(env!("CARGO_BIN_EXE_observed-client"))
            .arg(config)
            .arg("cut")
            .envs(bucket.credentials())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let mut address = String::new();
        let stdout = process.stdout.take().expect("its standard output");
        BufReader::new(stdout).read_line(&mut address).expect("a line");
        assert!(!address.is_empty(), "the client ended early");
        Self { address: address.trim().to_owned(), process, _dead: dead, _home: home }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its input is the end of the client; if it is gone already, so much the better.
        drop(self.process.stdin.take().map(|mut pipe| pipe.flush()));
        let _ = self.process.wait();
    }
}

/// An expression as a part of a URL.
fn escaped(expression: &str) -> String {
    expression.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
