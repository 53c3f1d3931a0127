//! The files that the config consists of and names.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use persist_host::Config;
use rustix::fs::{Access, access};

use super::finding::Finding;

/// The bits of a file's mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![config_file(config)];
    let audit = config.audit.as_ref().map(|audit| ("audit", &audit.file));
    let log = config.log.file.as_ref().map(|file| ("log", file));
    findings.extend(audit.into_iter().chain(log).map(|(check, file)| appendable(check, file)));
    findings
}

fn config_file(config: &Config) -> Finding {
    let Some(path) = config.source.path() else {
        return Finding::ok("config", "there is no config file, so the built-in config counts");
    };
    let shown = path.display();
    match path.metadata() {
        Ok(metadata) if metadata.permissions().mode() & WRITABLE_BY_OTHERS != 0 => Finding::warning(
            "config",
            format!("{shown} can be changed by others, who thereby choose which plugins run"),
            format!("chmod go-w {shown}"),
        ),
        _ => Finding::ok("config", format!("{shown} can be read")),
    }
}

/// Whether a file can be appended to, or made. It is neither opened nor made.
fn appendable(check: &'static str, file: &Path) -> Finding {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let place = if file.exists() { file } else { &directory };
    match access(place, Access::WRITE_OK) {
        Ok(()) if !file.is_dir() => Finding::ok(check, format!("{} can be written", file.display())),
        Ok(()) => Finding::wrong(
            check,
            format!("{} is a directory", file.display()),
            format!("name a file in {check}.file in the config"),
        ),
        Err(error) => Finding::wrong(
            check,
            format!("{} cannot be written: {}", file.display(), std::io::Error::from(error)),
            format!("make {} exist and let this user write to it", place.display()),
        ),
    }
}
