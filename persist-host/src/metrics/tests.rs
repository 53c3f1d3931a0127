use std::collections::BTreeSet;

use prometheus::core::Collector;

use super::families::Families;
use super::*;

/// One row of the table in the documentation: name, type and labels.
type Row = (String, String, String);

fn documented() -> BTreeSet<Row> {
    let page = include_str!("../../../docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `persist_"));
    rows.map(|line| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().replace('`', "")).collect();
        (cells[1].clone(), cells[2].clone(), cells[3].clone())
    })
    .collect()
}

/// What is exposed once everything was counted.
fn exposed(families: &Families) -> BTreeSet<Row> {
    for family in [
        &families.operations,
        &families.cache_lookups,
        &families.retries,
        &families.storage_calls,
        &families.storage_bytes,
        &families.plugin_loads,
        &families.plugins_refused,
    ] {
        let labels = family.desc()[0].variable_labels.clone();
        family.with_label_values(&labels).inc();
    }
    for family in [
        &families.operation_seconds,
        &families.content_bytes,
        &families.stored_bytes,
        &families.stored_ratio,
        &families.storage_seconds,
    ] {
        let labels = family.desc()[0].variable_labels.clone();
        family.with_label_values(&labels).observe(1.0);
    }
    let labels = families.operations_in_flight.desc()[0].variable_labels.clone();
    families.operations_in_flight.with_label_values(&labels).inc();
    let gathered = families.registry.gather();
    gathered
        .iter()
        .map(|family| {
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            let labels: Vec<&str> =
                family.get_metric()[0].get_label().iter().map(prometheus::proto::LabelPair::name).collect();
            (family.name().to_owned(), kind, labels.join(", "))
        })
        .collect()
}

#[test]
fn the_documentation_lists_what_is_exposed() {
    let (documented, exposed) = (documented(), exposed(&Families::new()));
    assert_eq!(documented, exposed);
    assert!(exposed.len() >= 14);
}

#[test]
fn no_label_names_an_agent_a_session_or_a_key() {
    for (name, _, labels) in exposed(&Families::new()) {
        for forbidden in ["agent", "session", "key", "request", "index"] {
            assert!(!labels.contains(forbidden), "{name}: {labels}");
        }
    }
}

#[test]
fn a_file_is_replaced_and_everybody_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("persist.prom");
    std::fs::write(&file, "old").unwrap();
    write_file(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("persist_build_info{version="), "{text}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    assert_eq!(write_file(&directory.path().join("no/x.prom")).unwrap_err().code(), "metrics_file");
}

#[cfg(feature = "metrics-listener")]
#[test]
fn the_listener_serves_one_path_until_it_is_dropped() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    assert!(serve(&MetricsConfig::default()).unwrap().is_none());
    let config = MetricsConfig { listen: Some("127.0.0.1:0".parse().unwrap()) };
    let listener = serve(&config).unwrap().unwrap();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(listener.address()).unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("persist_build_info"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    assert!(ask("GET /").starts_with("HTTP/1.1 404 "));
    assert!(ask("POST /metrics").starts_with("HTTP/1.1 405 "));

    let taken = MetricsConfig { listen: Some(listener.address()) };
    assert_eq!(serve(&taken).unwrap_err().code(), "metrics_listen");
    drop(listener);
    // The thread closes the port soon after.
    while serve(&taken).is_err() {
        std::thread::yield_now();
    }
}
