//! Sixteen processes save into one session. Each keeps its store open; they know nothing of each other.

use persist_e2e::{
    concurrency::{Load, check_session, save_in_processes},
    place::persist_at,
};
use persist_test_support::Backend;

const SESSION: &str = "shared/session";

pub(super) fn heavy_processes_share_a_session(adapter: &str) {
    share_a_session(adapter, Load { writers: 16, steps: 5 });
}

pub(super) fn heavy_processes_share_a_session_for_long(adapter: &str) {
    share_a_session(adapter, Load { writers: 16, steps: 50 });
}

fn share_a_session(adapter: &str, load: Load) {
    let place = (Backend::of(adapter).place)("shared");
    let program = env!("CARGO_BIN_EXE_library-client");
    save_in_processes(program, (adapter, &place.options), &place.environment, SESSION, load);
    check_session(&persist_at(&place), SESSION, load);
}
