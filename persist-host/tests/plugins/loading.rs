//! Opening adapters: the file that was checked, the options, and what happens when it is not what it says.

use std::error::Error as _;
use std::fs;
use std::sync::Arc;

use persist_host::{CodecSource as _, ErrorKind, Plugins};
use serde_json::json;

use crate::support::*;

#[test]
fn refused_options_name_the_adapter_and_the_options_there_are() {
    let scene = directory();
    let plugin = install(scene.path(), "good.so");
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("shelf", &json!({"unreachabel": true}))).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "adapter_options"));
    assert_eq!(error.to_string(), "cannot open the storage adapter \"shelf\"");
    assert_eq!(error.hint(), Some("the options of the adapter \"shelf\" are: unreachable"));
    assert_eq!(error.context(), [("plugin", plugin.display().to_string())]);
    assert!(error.source().unwrap().to_string().contains("unreachabel"));

    let error = plugins.open_compression("reverse", &json!({"level": 9})).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "adapter_options"));
    assert_eq!(error.hint(), Some("the adapter \"reverse\" takes no options"));
}

#[test]
fn an_adapter_that_cannot_open_keeps_its_own_kind_of_error() {
    let scene = directory();
    install(scene.path(), "good.so");
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("shelf", &json!({"unreachable": true}))).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.hint(), None);
}

#[test]
fn a_codec_is_opened_once() {
    let scene = directory();
    install(scene.path(), "good.so");
    let plugins = Plugins::discover(&search(scene.path()));
    assert!(Arc::ptr_eq(&plugins.codec("reverse").unwrap(), &plugins.codec("reverse").unwrap()));
}

#[test]
fn what_was_checked_is_loaded_whatever_has_its_name_by_now() {
    let scene = directory();
    let path = scene.path().join("good.so");
    fs::copy(test_plugin(), &path).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    fs::remove_file(&path).unwrap();
    write(&path, b"something else");
    assert_works(&plugins);
}

#[test]
fn a_file_that_was_changed_in_place_is_refused() {
    let scene = directory();
    let path = scene.path().join("good.so");
    fs::copy(test_plugin(), &path).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    let open = || block_on(plugins.open_storage("shelf", &json!({}))).err().unwrap();

    let mut bytes = fs::read(&path).unwrap();
    let name = b"\"name\":\"shelf\"";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + 9] = b'z';
    fs::write(&path, &bytes).unwrap();
    assert_eq!(open().code(), "plugin_changed");

    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(open().code(), "plugin_refused");

    chmod(&path, 0o666);
    let error = open();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_refused"));
    assert!(error.context().contains(&("reason", "writable_by_others".to_owned())));
}

#[test]
fn a_plugin_that_is_not_what_its_descriptor_says_is_refused() {
    let scene = directory();
    let path = scene.path().join("liar.so");
    let mut bytes = fs::read(test_plugin()).unwrap();
    let name = b"{\"name\":\"persist-host\"";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + 9] = b'q';
    write(&path, &bytes);
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("shelf", &json!({}))).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_mismatch"));
}

#[test]
fn a_library_that_the_dynamic_linker_refuses() {
    let scene = directory();
    let rest = format!("{ENTRY}\nint nowhere(void);\nint call(void) {{ return nowhere(); }}");
    compile(&scene.path().join("c.so"), &described(DESCRIPTOR, &rest), &[]);
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("c", &json!({}))).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_load_failed"));
    assert!(error.source().is_some());
}

#[test]
fn an_entry_point_that_is_something_else_is_incompatible() {
    let scene = directory();
    let rest = "const char persist_plugin_v1[4096] = \"not the header of a plugin\";";
    compile(&scene.path().join("c.so"), &described(DESCRIPTOR, rest), &[]);
    let plugins = Plugins::discover(&search(scene.path()));
    let error = block_on(plugins.open_storage("c", &json!({}))).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Plugin, "plugin_incompatible"));
    assert!(error.source().unwrap().to_string().lines().count() == 1);
}

#[test]
fn many_threads_may_open_at_once() {
    let scene = directory();
    // An inode of its own, which nothing has loaded yet.
    fs::copy(test_plugin(), scene.path().join("good.so")).unwrap();
    let plugins = Plugins::discover(&search(scene.path()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert_works(&plugins);
                // Engines hold such futures across threads.
                let _: Box<dyn Future<Output = _> + Send> =
                    Box::new(plugins.open_storage("shelf", &json!({})));
            });
        }
    });
}
