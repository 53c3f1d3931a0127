//! The shared checks of storage adapters, and the tables in the documentation that say how they went.

use std::{fs, process::Command};

use persist_e2e::Output;
use persist_plugin_testkit::{compression_checks, handle_checks, storage_checks};
use persist_test_support::{BACKENDS, Backend};

/// In a process of its own, since adapters take their credentials from the environment.
pub(super) fn the_shared_checks_pass(adapter: &str) {
    let backend = Backend::of(adapter);
    let place = (backend.place)("checks");
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-client"));
    command
        .args(["conformance", adapter, &place.options.to_string()])
        .args(backend.differs.iter().map(|(check, _)| check))
        .envs(place.environment.iter().map(|(name, value)| (name, value)));
    let output = Output::of(command, b"").expect_code(0);
    assert!(output.text().contains(" checks, 0 failed"), "{output}");
}

#[test]
fn the_tables_have_every_check_and_every_adapter() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
    let page = fs::read_to_string(page).expect("the page");
    let (storage, compression) = page.split_once("## Compression").expect("both tables");

    let checks = storage_checks().into_iter().map(|check| check.name);
    let checks = checks.chain(handle_checks().into_iter().map(|check| check.name));
    let adapters = ["local", "memory", "tiered", "replicated"]
        .into_iter()
        .chain(BACKENDS.iter().map(|backend| backend.adapter));
    check_table(storage, &checks.collect::<Vec<_>>(), &adapters.collect::<Vec<_>>());
    let checks = compression_checks().into_iter().map(|check| check.name);
    check_table(compression, &checks.collect::<Vec<_>>(), &["none", "gzip", "zstd", "lz4", "brotli"]);
    for backend in BACKENDS {
        for (check, reason) in backend.differs {
            assert!(storage.contains(&format!("- `{}`, `{check}`: differs; {reason}\n", backend.adapter)));
        }
        assert!(storage.contains(&format!("| `{}` | {} |", backend.adapter, backend.server)));
    }
}

/// Requires a table with these rows and columns, and nothing but known words in its cells.
fn check_table(text: &str, checks: &[&str], adapters: &[&str]) {
    let (_, table) = text.split_once("| check |").expect("a table of checks");
    let mut lines = table.lines();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    assert_eq!(cells(lines.next().unwrap_or_default()), adapters);
    let rows: Vec<_> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), checks);
    for row in rows {
        assert_eq!(row.len(), adapters.len() + 1, "{row:?}");
        assert!(
            row[1..].iter().all(|cell| ["ok", "not offered", "differs"].contains(&cell.as_str())),
            "{row:?}"
        );
    }
}
