//! Names that no plugin offers.

use std::fs;

use persist_e2e::{Persist, servers::plugin_dir};

#[test]
fn an_unknown_storage_lists_what_exists_where_it_was_sought_and_what_was_refused() {
    let persist = Persist::new();
    let junk = persist.path("junk");
    fs::create_dir(&junk).unwrap();
    fs::write(junk.join("libtape.so"), "no library").unwrap();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"tape\" }}\n[plugins]\npath = [{junk:?}, {:?}]\n",
        plugin_dir()
    ));
    for arguments in [&["list"][..], &["save", "a/s", "-"], &["config", "check"]] {
        let output = persist.run_with_input(arguments, "1").expect_code(6);
        let output = output.says([
            "storage",
            "\"tape\"",
            "local",
            "memory",
            "s3",
            "libtape.so",
            "not a shared library",
        ]);
        let _ = output.says([junk.to_str().unwrap(), plugin_dir().to_str().unwrap()]);
    }
    assert!(!persist.store_dir().exists());
}

#[test]
fn an_unknown_codec_is_refused_before_anything_is_stored() {
    let persist = Persist::new();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\ncompression = {{ adapter = \"squash\" }}\n\
         [plugins]\npath = [{:?}]\n",
        persist.store_dir(),
        plugin_dir()
    ));
    let output = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(6);
    let _ = output.says(["compression", "\"squash\"", "gzip", plugin_dir().to_str().unwrap()]);
    assert!(!persist.store_dir().join("agents").exists());
}

#[test]
fn a_snapshot_whose_codec_is_gone_names_it_and_the_others_are_read() {
    let persist = Persist::new();
    persist.save("a/s", "[1]");
    // The same store, from now on written uncompressed, on a machine without the codec's plugin.
    let plugins = persist.path("plugins");
    fs::create_dir(&plugins).unwrap();
    let local = "libpersist_storage_local.so";
    fs::copy(plugin_dir().join(local), plugins.join(local)).unwrap();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\ncompression = {{ adapter = \"none\" }}\n\
         [plugins]\npath = [{plugins:?}]\n",
        persist.store_dir()
    ));
    let persist = persist.far_from_plugins();
    persist.save("a/s", "[2]");
    assert_eq!(persist.ok(["restore", "a/s@1"]).text(), "[2]");
    let _ = persist.run(["restore", "a/s@0"]).expect_code(6).says([
        "the snapshot a/s@0",
        "\"gzip\"",
        "install libpersist_compression_gzip.so",
        plugins.to_str().unwrap(),
    ]);
    // Digests need no codec; restoring does.
    let _ = persist.ok(["verify"]);
    let _ = persist.run(["verify", "--read-data"]).expect_code(6).says(["gzip"]);
    let listed = persist_e2e::json_lines(&persist.ok(["list", "--json"]).stdout);
    assert_eq!((&listed[0]["codec"], &listed[1]["codec"]), (&"gzip".into(), &serde_json::Value::Null));
}
