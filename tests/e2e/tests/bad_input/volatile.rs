//! Saving into storage that forgets.

use persist_e2e::{Persist, servers::plugin_dir};

#[test]
fn a_save_into_memory_is_refused() {
    let persist = Persist::new();
    persist.write_config(&format!(
        "[stores.quick]\nstorage = {{ adapter = \"memory\" }}\n[plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
    let output = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(1);
    let _ = output.says(["memory", "quick"]);
    let output = persist.run_with_input(["save", "a/s", "-", "--json"], "1").expect_code(1);
    assert_eq!(output.text(), "", "nothing is reported as saved");
    assert_eq!(output.json_error()["exit_code"], 1);
}
