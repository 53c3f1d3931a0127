//! Records the compiler's version, which every plugin's descriptor carries.
use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().replace(['"', '\\'], ""));
    println!("cargo:rustc-env=PERSIST_RUSTC={version}");
    println!("cargo:rerun-if-changed=build.rs");
}
