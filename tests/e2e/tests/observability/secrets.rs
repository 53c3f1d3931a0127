//! No secret and no part of a state is in what an operator sees: logs at every level, metrics, traces, the audit trail.

use std::fs;

use persist_e2e::{Persist, s3::Bucket, servers::plugin_dir};
use persist_test_support::Rotel;
use serde_json::{Value, json};

use super::eventually;

const STATE_SECRET: &str = "planted-in-the-state-8c1f";
const OPTION_SECRET: &str = "planted-in-an-option-5d20";
const HEADER_SECRET: &str = "planted-in-a-header-77aa";

#[test]
fn planted_secrets_do_not_appear_anywhere() {
    let bucket = Bucket::new("secrets");
    let collector = Rotel::start();
    let [access, secret] = bucket.credentials();
    let persist = Persist::without_config()
        .env(access.0, access.1)
        .env(secret.0, secret.1)
        .env("OPTION", OPTION_SECRET)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.http())
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization={HEADER_SECRET}"))
        .env("PERSIST_LOG", "trace");
    let mut options = bucket.options();
    options["kms_key_id"] = json!("${OPTION}");
    options["server_side_encryption"] = json!("aws:kms");
    configure(&persist, "audited", &options);
    // SeaweedFS may refuse the key; what is looked for is whether it is told.
    let metrics = persist.path("x.prom");
    let flag = ["--metrics-file", metrics.to_str().expect("text")];
    let state = format!(r#"{{"password":"{STATE_SECRET}"}}"#);
    let mut seen = String::new();
    let mut look = |output: persist_e2e::Output, file: &std::path::Path| {
        seen.push_str(&output.stderr);
        seen.push_str(&fs::read_to_string(file).unwrap_or_default());
    };
    look(persist.run_with_input(["save", "a/s"].iter().chain(&flag), &state), &metrics);

    configure(&persist, "audited", &bucket.options());
    let saved = persist.run_with_input(["save", "a/t"].iter().chain(&flag), &state).expect_code(0);
    look(saved, &metrics);
    let attachment = persist.run_with_input(["attachment", "put", "a/t", "n"], STATE_SECRET).expect_code(0);
    look(attachment, &metrics);
    let restored = persist.ok(["restore", "a/t"]);
    assert!(restored.text().contains(STATE_SECRET));
    look(restored, &metrics);
    look(persist.run_with_input(["save", "a/t"], format!("{{{STATE_SECRET}")).expect_code(1), &metrics);
    look(persist.ok(["doctor"]), &metrics);
    let wrong = Persist::without_config().env(access.0, access.1).env(secret.0, "wrong-secret-0f0f");
    configure(&wrong, "audited", &bucket.options());
    let refused = wrong.run_with_input(["save", "a/u", "--log-level", "trace"], &state);
    assert_ne!(refused.code(), Some(0));
    seen.push_str(&refused.stderr);

    eventually("the spans of all commands", || {
        let spans = collector.spans();
        (spans.iter().filter(|span| span.name == "save").count() >= 3).then_some(())
    });
    seen.push_str(&collector.log());
    seen.push_str(&fs::read_to_string(persist.path(".config/persist/audit.jsonl")).expect("an audit trail"));
    assert!(
        seen.contains("persist_operations_total") && seen.contains("persist::plugin"),
        "nothing was logged"
    );
    for planted in [STATE_SECRET, OPTION_SECRET, HEADER_SECRET, secret.1, "wrong-secret-0f0f"] {
        let line = seen.lines().find(|line| line.contains(planted));
        assert_eq!(line, None, "{planted} was told");
    }
}

fn configure(persist: &Persist, audit: &str, options: &Value) {
    let options = options.as_object().expect("options").iter();
    let options: String = options.map(|(name, value)| format!(", {name} = {value}")).collect();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"s3\"{options} }}\n[plugins]\npath = [{:?}]\n\
         [audit]\nfile = \"audit.jsonl\"\nprincipal = {audit:?}\n",
        plugin_dir()
    ));
}
