//! A store that must survive, and the check that it did.

use std::path::{Path, PathBuf};

use persist_e2e::{Persist, files, json_lines, servers::plugin_dir};

/// The states of the session `a/s` that every scene begins with.
pub(crate) const STATES: [&str; 2] = ["{\"step\":0}", "{\"step\":1}"];

/// A session of two snapshots in a store at `root`.
pub(crate) fn two_snapshots(root: &Path) -> Persist {
    let persist = Persist::new();
    use_store(&persist, root);
    for state in STATES {
        persist.save("a/s", state);
    }
    persist
}

/// Makes the store at `root` the one that the command uses.
pub(crate) fn use_store(persist: &Persist, root: &Path) {
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\n[plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
}

/// What was saved before still restores, and whatever is listed verifies.
pub(crate) fn is_intact(persist: &Persist) {
    for (index, state) in STATES.iter().enumerate() {
        assert_eq!(persist.ok(["restore", &format!("a/s@{index}")]).text(), *state);
    }
    let listed = json_lines(&persist.ok(["list", "--json"]).stdout).len();
    let verified = json_lines(&persist.ok(["verify", "--json"]).stdout);
    assert_eq!(verified.len(), listed);
}

/// The files of a store whose names are none of its own: what a write left behind.
pub(crate) fn left_behind(root: &Path) -> Vec<PathBuf> {
    let is_own = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name == "persist-store.json" || (name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    files(root).into_iter().filter(|path| !is_own(path)).collect()
}

/// Bytes that no codec makes smaller.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend(word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
