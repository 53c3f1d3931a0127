//! A `persist.toml` in the working directory, which may have come with a cloned repository.

use std::{path::PathBuf, process::Command};

use persist_e2e::{
    Persist, contents, files,
    servers::plugin_dir,
    system::{compile_library, skip},
};

/// A library that writes a file as soon as it is loaded, whatever else it may be.
fn malicious_library(persist: &Persist) -> Option<PathBuf> {
    let marker = persist.path("work/marker");
    let source = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void run(void) {{\n\
         FILE *file = fopen({marker:?}, \"w\"); if (file) fclose(file);\n}}\n"
    );
    std::fs::create_dir(persist.path("work/plugins")).expect("a directory of plugins");
    let library = persist.path("work/plugins/libpersist_storage_local.so");
    compile_library(&source, &library)?;
    // The trap itself has to work, or nothing that does not spring it says anything.
    let loaded = Command::new("cat").arg("/dev/null").env("LD_PRELOAD", &library).status();
    assert!(
        loaded.is_ok_and(|status| status.success()) && marker.exists(),
        "loading the library writes the file"
    );
    std::fs::remove_file(&marker).expect("the file that was written");
    Some(marker)
}

/// A store that a restricted file may name, and that would be used if the file were.
fn store(persist: &Persist) -> String {
    let root = persist.path("work/elsewhere");
    format!("[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\n")
}

/// Every command that reads a config refuses the file, names the place and the reason, and does nothing.
fn is_refused(persist: &Persist, line: usize, key: &str) {
    let before = contents(&persist.path("."));
    let place = format!("persist.toml:{line}: `{key}`");
    for arguments in [
        &["list"][..],
        &["save", "a/s", "-"],
        &["restore", "a/s"],
        &["plugins", "list"],
        &["config", "show"],
        &["config", "check"],
    ] {
        let output = persist.run_with_input(arguments, "1").expect_code(1);
        let output = output.says([&place, "refused", "current directory", "--config ./persist.toml"]);
        assert_eq!(output.text(), "", "{output}");
    }
    assert_eq!(contents(&persist.path(".")), before);
}

#[test]
fn it_may_not_name_plugins_and_no_code_of_its_own_runs() {
    let persist = Persist::new();
    let Some(marker) = malicious_library(&persist) else { return skip("there is no C compiler") };
    persist.write("work/persist.toml", format!("{}[plugins]\npath = [\"plugins\"]\n", store(&persist)));
    is_refused(&persist, 3, "plugins");
    assert!(!marker.exists(), "the library was loaded");
}

#[test]
fn plugins_that_merely_lie_beside_it_are_not_looked_at() {
    let persist = Persist::new().env("PERSIST_PLUGIN_PATH", plugin_dir());
    let Some(marker) = malicious_library(&persist) else { return skip("there is no C compiler") };
    for name in ["work/libpersist_storage_local.so", "work/lib/persist/plugins/libpersist_storage_local.so"] {
        let library = std::fs::read(persist.path("work/plugins/libpersist_storage_local.so")).unwrap();
        persist.write(name, library);
    }
    persist.write("work/persist.toml", store(&persist));
    persist.save("a/s", "1");
    let listing = persist.ok(["plugins", "list", "--json"]).text();
    assert!(!listing.contains(persist.work_dir().to_str().unwrap()), "{listing}");
    assert!(!marker.exists());
}

#[test]
fn even_where_plugins_are_allowed_no_code_runs_before_the_checks() {
    let persist = Persist::new();
    let Some(marker) = malicious_library(&persist) else { return skip("there is no C compiler") };
    let output = persist.ok(["plugins", "list", "--plugin-dir", "plugins", "--json"]).json();
    let rejected = output["rejected"].as_array().unwrap();
    assert!(rejected.iter().any(|row| row["code"] == "not_a_plugin"), "{output}");
    let _ = persist.run(["plugins", "check", "plugins/libpersist_storage_local.so"]).expect_code(6);
    let arguments = ["save", "a/s", "-", "--plugin-dir", "plugins"];
    let _ = persist.run_with_input(arguments, "1").expect_code(0);
    assert!(!marker.exists());
}

#[test]
fn it_may_not_name_endpoints_keys_locks_or_variables() {
    let persist = Persist::new().env("SECRET", "hunter2");
    let s3 =
        "[stores.main]\nstorage = { adapter = \"s3\", bucket = \"b\", endpoint = \"http://127.0.0.1:1\" }\n";
    for (text, line, key) in [
        (s3.to_owned(), 2, "stores.main.storage.endpoint"),
        (
            "[stores.main]\nstorage = { adapter = \"s3\", bucket = \"${SECRET}\" }\n".to_owned(),
            2,
            "stores.main.storage.bucket",
        ),
        (format!("{}[keys]\nmine = \"x\"\n", store(&persist)), 3, "keys"),
        (format!("lock = \"x\"\n{}", store(&persist)), 1, "lock"),
    ] {
        persist.write("work/persist.toml", text);
        is_refused(&persist, line, key);
        let output = persist.run(["list"]);
        assert!(!output.stderr.contains("hunter2"), "{output}");
    }
}

#[test]
fn it_is_used_when_the_user_names_it() {
    let persist = Persist::new();
    persist
        .write("work/persist.toml", format!("{}[plugins]\npath = [{:?}]\n", store(&persist), plugin_dir()));
    let arguments = ["save", "a/s", "-", "--config", "./persist.toml"];
    let _ = persist.run_with_input(arguments, "1").expect_code(0);
    assert!(!files(&persist.path("work/elsewhere")).is_empty());
}
