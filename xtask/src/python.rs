//! The Python files of the repository. They need no package beyond the standard library, but for codecs that it lacks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use persist_test_support::{PYTHON_CODECS, python_codecs_dir};

use crate::{
    error::{Error, Result},
    tools::{make_whole, pip_install, program, root, run},
};

const DIRECTORIES: [&str; 2] = ["docs", "tests"];
const PARSE: &str = "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name, 'rb').read(), name)";

/// Parses every Python file and runs those named `test_*.py` as unit tests. Returns how many files there are.
pub(crate) fn check() -> Result<usize> {
    let mut files = Vec::new();
    for directory in DIRECTORIES {
        collect(&root().join(directory), &mut files)?;
    }
    files.sort();
    if files.is_empty() {
        return Ok(0);
    }
    run(program("python3").args(["-c", PARSE]).args(&files))?;
    for file in files.iter().filter(|file| is_test(file)) {
        run(program("python3").args(["-B", "-m", "unittest"]).arg(file))?;
    }
    Ok(files.len())
}

/// Installs the packages that the reader in the documentation needs for some codecs, unless they are there. Returns
/// whether they are.
pub(crate) fn install_codecs() -> Result<bool> {
    let directory = python_codecs_dir();
    if !directory.is_dir() && python_has("pip") {
        make_whole(&directory, |partial| run(pip_install(partial).args(PYTHON_CODECS)))?;
    }
    Ok(directory.is_dir())
}

fn python_has(module: &str) -> bool {
    let found = program("python3").args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let attempt = || format!("list {}", directory.display());
    if !directory.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(directory).map_err(Error::io(attempt()))? {
        let entry = entry.map_err(Error::io(attempt()))?;
        let path = entry.path();
        // A symbolic link is not followed: it may lead round in a circle.
        if entry.file_type().map_err(Error::io(attempt()))?.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"test_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_files_are_found_at_any_depth() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let deep = directory.path().join("a/b");
        fs::create_dir_all(&deep).expect("it is made");
        for name in ["test_x.py", "x.py", "x.pyc", "x.rs"] {
            fs::write(deep.join(name), "").expect("it is written");
        }
        let mut files = Vec::new();
        collect(directory.path(), &mut files).expect("it lists");
        files.sort();
        assert_eq!(files, [deep.join("test_x.py"), deep.join("x.py")]);
        assert_eq!(files.iter().filter(|file| is_test(file)).count(), 1);
    }

    #[test]
    fn a_missing_directory_holds_nothing() {
        let mut files = Vec::new();
        collect(Path::new("/nonexistent"), &mut files).expect("that is no error");
        assert!(files.is_empty());
    }
}
