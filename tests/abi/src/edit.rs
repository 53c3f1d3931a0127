//! Changes to a copy of the API's sources.

use std::{fs, path::Path};

/// A text of one file that is replaced by another.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// The file, relative to the crate.
    pub file: &'static str,
    /// What stands there, exactly once.
    pub find: &'static str,
    /// What stands there afterwards.
    pub replace: &'static str,
}

impl Edit {
    /// Changes the file below `crate_dir`.
    ///
    /// # Panics
    ///
    /// When the text is not there exactly once: the sources have changed, and the edit has to follow them.
    pub fn apply(&self, crate_dir: &Path) {
        let path = crate_dir.join(self.file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let edited = self.edited(&text);
        fs::write(&path, edited).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn edited(&self, text: &str) -> String {
        let count = text.matches(self.find).count();
        assert!(
            count == 1,
            "{} holds this {count} times, not once; adapt tests/abi/src/versions to it:\n{}",
            self.file,
            self.find
        );
        text.replacen(self.find, self.replace, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: Edit = Edit { file: "src/lib.rs", find: "old", replace: "new" };

    #[test]
    fn a_text_that_is_there_once_is_replaced() {
        assert_eq!(EDIT.edited("the old text"), "the new text");
    }

    #[test]
    #[should_panic(expected = "holds this 0 times")]
    fn a_text_that_is_gone_is_an_error() {
        let _ = EDIT.edited("the text");
    }

    #[test]
    #[should_panic(expected = "holds this 2 times")]
    fn a_text_that_is_there_twice_is_an_error() {
        let _ = EDIT.edited("the old, old text");
    }
}
