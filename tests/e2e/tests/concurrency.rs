//! Eight processes save fifty snapshots each into one session. Their names begin with `heavy_`, since each of these
//! tests keeps the whole machine busy.

use std::thread;

use persist_e2e::{
    Persist,
    concurrency::{Load, check_session, save_in_processes, state},
};
use serde_json::json;

const SESSION: &str = "shared/session";
const LOAD: Load = Load { writers: 8, steps: 50 };

/// Eight at a time, each save a process of its own, as eight shell scripts would do it.
#[test]
fn heavy_commands_share_a_session() {
    let persist = Persist::new();
    thread::scope(|scope| {
        for writer in 0..LOAD.writers {
            let persist = &persist;
            scope.spawn(move || {
                for step in 0..LOAD.steps {
                    persist.save(SESSION, state(writer, step));
                }
            });
        }
    });
    check_session(&persist, SESSION, LOAD);
}

#[test]
fn heavy_library_processes_share_a_session() {
    let persist = Persist::new();
    let options = json!({ "root": persist.store_dir() });
    save_in_processes(env!("CARGO_BIN_EXE_library-client"), ("local", &options), &[], SESSION, LOAD);
    check_session(&persist, SESSION, LOAD);
}
