//! `cargo xtask plugins`.

use std::{ffi::OsString, path::Path};

use persist_test_support::profile_dir;

use crate::{
    artifacts, dist,
    error::{Error, Result},
    install::put,
    is_option, tools,
};

/// The plugins in `examples` that stand outside the workspace, as anybody's would.
const EXAMPLES: [&str; 2] = ["plugin-snappy", "plugin-sqlite"];

/// Builds plugins and, if asked, puts them into a directory; prints where they are.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let (plugins, rest) = dist::plugins(arguments);
    let directory = match &rest[..] {
        [] => None,
        [directory] if !is_option(directory) => Some(Path::new(directory)),
        _ => return Err(Error::usage("`plugins` takes --backends and one directory")),
    };
    artifacts::build(plugins)?;
    for plugin in plugins.in_directory(profile_dir()) {
        match directory {
            Some(directory) => {
                let destination = directory.join(plugin.file_name().unwrap_or_default());
                put(&plugin, &destination, 0o755)?;
                println!("{}", destination.display());
            }
            None => println!("{}", plugin.display()),
        }
    }
    Ok(())
}

/// Checks the format of the example plugins, builds them and runs their tests.
///
/// They share one directory of compiled dependencies with each other and with the test that follows the author's guide.
pub(crate) fn test_examples() -> Result<()> {
    for example in EXAMPLES {
        let manifest = format!("--manifest-path examples/{example}/Cargo.toml");
        tools::run(&mut tools::cargo(&format!("fmt {manifest} --check")))?;
        let mut test = tools::cargo(&format!("test {manifest} --locked"));
        tools::run(test.envs([
            ("CARGO_BUILD_BUILD_DIR", profile_dir().with_file_name("outside")),
            ("CARGO_TARGET_DIR", profile_dir().with_file_name("examples")),
            ("CARGO_PROFILE_DEV_DEBUG", "0".into()),
            ("CARGO_PROFILE_DEV_INCREMENTAL", "false".into()),
        ]))?;
    }
    Ok(())
}
