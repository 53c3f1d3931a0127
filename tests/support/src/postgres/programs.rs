//! The server's programs, and the account that they run under.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::ServerError;

/// An account of every Debian machine that owns nothing.
const NOBODY: Account = Account { user: 65_534, group: 65_534 };

/// How the programs are run.
#[derive(Debug)]
pub(super) struct Programs {
    directory: PathBuf,
    /// Whose processes they are, where they are not to be this process's: the server refuses to run as root.
    account: Option<Account>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

impl Programs {
    /// The programs beside `postgres`. Those that the other account could not reach are copied into `data`.
    pub(super) fn new(postgres: &Path, data: &Path) -> Result<Self, ServerError> {
        let directory = postgres.parent().unwrap_or(Path::new("/")).to_owned();
        // A new directory belongs to whom this process acts as.
        let root = fs::metadata(data).is_ok_and(|metadata| metadata.uid() == 0);
        let account = root.then(|| find("postgres").unwrap_or(NOBODY));
        let mut programs = Self { directory, account };
        if account.is_some() {
            programs.give(data)?;
            if !programs.can_run() {
                programs.directory = copy(&programs.directory, data)?;
            }
        }
        Ok(programs)
    }

    /// A program and its arguments, as they are to be run.
    pub(super) fn line(&self, program: &str, arguments: &[OsString]) -> (OsString, Vec<OsString>) {
        let path = self.directory.join(program);
        let mut line: Vec<OsString> = Vec::new();
        if let Some(Account { user, group }) = self.account {
            line.extend([
                "setpriv".into(),
                format!("--reuid={user}").into(),
                format!("--regid={group}").into(),
            ]);
            // A change of account makes the kernel forget what the caller asked of it for the parent's end.
            line.extend(["--clear-groups".into(), "--pdeathsig".into(), "KILL".into()]);
        }
        line.push("env".into());
        if let Some((variable, value)) = library_path(&path) {
            line.push(format!("{variable}={}", value.display()).into());
        }
        line.push(path.into());
        line.extend(arguments.iter().cloned());
        let rest = line.split_off(1);
        (line.swap_remove(0), rest)
    }

    /// Makes a file or directory the account's.
    pub(super) fn give(&self, path: &Path) -> Result<(), ServerError> {
        let Some(Account { user, group }) = self.account else { return Ok(()) };
        chown(path, Some(user), Some(group))
            .map_err(ServerError::io(format!("give {} to the account of the server", path.display())))
    }

    /// Whether the account reaches the programs. `test` asks as the server itself does, which is not how the kernel
    /// decides for a process of root's.
    fn can_run(&self) -> bool {
        let Some(Account { user, group }) = self.account else { return true };
        Command::new("setpriv")
            .args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()])
            .args(["test", "-x"])
            .arg(self.directory.join("postgres"))
            .stdin(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Where the libraries are that came with the programs: nowhere special for those of the system itself.
pub(super) fn library_path(program: &Path) -> Option<(&'static str, OsString)> {
    // Below PREFIX/usr/lib/postgresql/VERSION/bin.
    let prefix = program.ancestors().nth(6).filter(|prefix| *prefix != Path::new("/"))?;
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let directories = ["usr/lib", "lib"].map(|lib| prefix.join(lib).join(&machine));
    let joined = std::env::join_paths(directories).ok()?;
    Some(("LD_LIBRARY_PATH", joined))
}

/// Copies what the server needs of the tree that `bin` is in, and returns the directory of the copied programs.
fn copy(bin: &Path, data: &Path) -> Result<PathBuf, ServerError> {
    let copy = data.join("programs");
    let prefix = bin.ancestors().nth(5).unwrap_or(bin);
    for part in ["usr/lib", "usr/share/postgresql", "lib"] {
        let (from, to) = (prefix.join(part), copy.join(part));
        if !from.exists() {
            continue;
        }
        let parent = to.parent().unwrap_or(&copy);
        fs::create_dir_all(parent).map_err(ServerError::io(format!("make {}", parent.display())))?;
        let status = Command::new("cp")
            .args(["-R", "-P"])
            .args([&from, &to])
            .stdin(Stdio::null())
            .status()
            .map_err(ServerError::io("run cp"))?;
        if !status.success() {
            return Err(ServerError::Unexpected {
                server: super::NAME,
                attempt: format!("copy {} to {}", from.display(), to.display()),
                expected: "success",
                found: status.to_string(),
            });
        }
    }
    Ok(copy.join(bin.strip_prefix(prefix).unwrap_or(bin)))
}

/// An account by its name.
fn find(name: &str) -> Option<Account> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        Some(Account { user: fields.nth(1)?.parse().ok()?, group: fields.next()?.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        assert_eq!(find("root"), Some(Account { user: 0, group: 0 }));
        assert_eq!(find("no such account"), None);
    }

    #[test]
    fn only_unpacked_programs_have_libraries_of_their_own() {
        assert_eq!(library_path(Path::new("/usr/lib/postgresql/15/bin/postgres")), None);
        let (_, path) = library_path(Path::new("/x/usr/lib/postgresql/15/bin/postgres")).expect("libraries");
        assert!(path.to_string_lossy().starts_with("/x/usr/lib/"), "{path:?}");
    }
}
