//! The audit trail: what is written, and which changes of it are found.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persist_host::audit::{AuditConfig, AuditLog, Head, Record, Recorded, verify};
use persist_host::{ErrorKind, Request, SaveRequest, Store, StoreOptions};
use tempfile::TempDir;

use crate::support::Faulty;

/// A store whose operations are recorded.
struct Audited {
    directory: TempDir,
    store: Store,
}

impl Audited {
    fn new(recorded: Recorded) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = AuditConfig {
            file: directory.path().join("audit.jsonl"),
            principal: Some("planner@test".to_owned()),
            recorded,
            sync: true,
        };
        let observers = vec![Arc::new(AuditLog::new(config)) as _];
        let store = Store::new(StoreOptions { observers, ..Faulty::default().options() });
        Self { directory, store }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("audit.jsonl")
    }

    async fn save(&self, step: usize) {
        let state = format!("{{\"secret\":\"hunter{step}\"}}");
        self.store.save(SaveRequest::new("a/s".parse().unwrap(), state)).await.unwrap();
    }
}

fn records(file: &Path) -> Vec<Record> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn problem(file: &Path, head: Option<Head>) -> String {
    let error = verify(file, head).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Integrity, "audit_broken"));
    error.to_string()
}

#[tokio::test]
async fn every_operation_is_a_record_and_no_state_is_in_it() {
    let audited = Audited::new(Recorded::All);
    Request::with_id("req-1").scope(audited.save(0)).await;
    let info = audited.store.show(&"a/s".parse().unwrap()).await.unwrap();
    audited.store.restore(&"a/s@7".parse().unwrap()).await.unwrap_err();

    let records = records(&audited.file());
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.seq, record.operation.as_str(), record.outcome.as_str(), record.snapshot_index))
        .collect();
    assert_eq!(
        told,
        [(0, "save", "ok", Some(0)), (1, "show", "ok", Some(0)), (2, "restore", "not_found", Some(7))]
    );
    let save = &records[0];
    assert_eq!((save.request_id.as_str(), save.principal.as_deref()), ("req-1", Some("planner@test")));
    assert_eq!(save.content_hash.as_deref(), Some(info.content_hash.to_string().as_str()));
    assert_eq!((save.agent_id.as_deref(), save.session_id.as_deref()), (Some("a"), Some("s")));
    assert_eq!(save.user.uid, rustix::process::geteuid().as_raw());
    assert_eq!(records[2].error_code.as_deref(), Some("snapshot_not_found"));
    assert_eq!(save.previous, "0".repeat(64));
    assert!(!fs::read_to_string(audited.file()).unwrap().contains("hunter"));

    let whole = verify(&audited.file(), None).unwrap();
    assert_eq!((whole.records, whole.unfinished), (3, 0));
    verify(&audited.file(), Some(whole.head.unwrap().parse().unwrap())).unwrap();
}

#[tokio::test]
async fn only_changes_are_recorded_where_the_config_says_so() {
    let audited = Audited::new(Recorded::Changes);
    audited.save(0).await;
    audited.store.show(&"a/s".parse().unwrap()).await.unwrap();
    assert_eq!(records(&audited.file()).len(), 1);
}

#[tokio::test]
async fn each_changed_line_and_each_missing_or_added_one_is_found() {
    let audited = Audited::new(Recorded::Changes);
    for step in 0..4 {
        audited.save(step).await;
    }
    let file = audited.file();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let head: Head = verify(&file, None).unwrap().head.unwrap().parse().unwrap();

    // A changed line is found by the one after it, and the last one by the head.
    for at in 0..4 {
        let changed = lines[at].replace("planner@test", "somebody");
        let edited: Vec<&str> = lines
            .iter()
            .enumerate()
            .map(|(other, line)| if other == at { changed.as_str() } else { line })
            .collect();
        fs::write(&file, edited.join("\n") + "\n").unwrap();
        assert!(problem(&file, Some(head)).contains("was changed"), "line {at}");
    }
    for at in 0..3 {
        let mut fewer = lines.clone();
        fewer.remove(at);
        fs::write(&file, fewer.join("\n") + "\n").unwrap();
        assert!(problem(&file, None).contains("records are missing"), "line {at}");
    }
    let mut more = lines.clone();
    more.insert(2, lines[1]);
    fs::write(&file, more.join("\n") + "\n").unwrap();
    assert!(problem(&file, None).contains("were added"));

    // Only a head that was kept shows that the end is missing.
    fs::write(&file, lines[..2].join("\n") + "\n").unwrap();
    verify(&file, None).unwrap();
    assert!(problem(&file, Some(head)).contains("cut short"));
}

#[tokio::test]
async fn a_record_that_was_cut_by_a_crash_is_counted_and_the_chain_goes_on() {
    let audited = Audited::new(Recorded::Changes);
    audited.save(0).await;
    let file = audited.file();
    let whole = fs::read(&file).unwrap();
    // Two crashes in a row, and one that left nothing but the line feed away.
    for cut in [whole.len() / 2, whole.len() - 1, 0] {
        let mut torn = whole.clone();
        torn.extend_from_slice(b"{\"audit\":1,\"se\n{\"aud");
        torn.truncate(if cut == 0 { torn.len() } else { cut });
        fs::write(&file, torn).unwrap();
        audited.save(1).await;
        audited.save(2).await;
        let found = verify(&file, None).unwrap();
        let expected = match cut {
            0 => (3, 2),
            cut if cut == whole.len() - 1 => (3, 0),
            _ => (2, 1),
        };
        assert_eq!((found.records, found.unfinished), expected);
    }
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("{\"aud\n", "{\"and\n", 1)).unwrap();
    assert!(problem(&file, None).contains("was changed"));
}

#[tokio::test]
async fn nothing_is_done_that_could_not_be_recorded() {
    let audited = Audited::new(Recorded::All);
    audited.save(0).await;
    fs::remove_file(audited.file()).unwrap();
    fs::create_dir(audited.file()).unwrap();
    let error = audited.store.restore(&"a/s".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "audit_unavailable");
    assert!(error.to_string().contains("so restore was not begun"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_make_one_chain() {
    let audited = Arc::new(Audited::new(Recorded::Changes));
    let tasks: Vec<_> = (0..8)
        .map(|writer| {
            let audited = Arc::clone(&audited);
            tokio::spawn(async move {
                for step in 0..10 {
                    audited.save(writer * 10 + step).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(verify(&audited.file(), None).unwrap().records, 80);
}
