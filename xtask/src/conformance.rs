//! `cargo xtask conformance`: every adapter, on its real server, against every check that adapters must pass.

mod subject;
mod table;

use std::fs;

use crate::{
    artifacts::{self, Plugins},
    error::{Error, Result},
    servers,
    tools::root,
};
use subject::Subject;

/// The page with the tables, from the workspace's directory.
const FILE: &str = "docs/conformance.md";
const BEGIN: &str = "<!-- What `cargo xtask conformance` found begins here. -->\n";
const END: &str = "<!-- It ends here. -->\n";

/// Builds, installs and starts what is needed, runs the checks, prints the tables, and writes them into the page; or compares
/// them with it.
pub(crate) fn run(check: bool) -> Result<()> {
    artifacts::build(Plugins::All)?;
    servers::install()?;
    let tables = table::render(&found(&Subject::storage())?, &found(&Subject::compression())?);
    print!("{tables}");

    let path = root().join(FILE);
    let page = fs::read_to_string(&path).map_err(Error::io(format!("read {FILE}")))?;
    let renewed = renewed(&page, &tables)?;
    if renewed == page {
        println!("{FILE} says so already");
        return Ok(());
    }
    if check {
        let found =
            format!("{FILE} says something else than what was found; `cargo xtask conformance` writes it");
        return Err(Error::Unexpected { found });
    }
    fs::write(&path, renewed).map_err(Error::io(format!("write {FILE}")))
}

fn found(subjects: &[Subject]) -> Result<Vec<subject::Found>> {
    subjects.iter().map(Subject::check).collect()
}

/// The page with other tables.
fn renewed(page: &str, tables: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(Error::Unexpected {
            found: format!("{FILE} lacks the lines that the tables go between"),
        });
    };
    Ok(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_the_place_of_others() {
        let page = format!("# Head\n{BEGIN}\nold\n\n{END}tail\n");
        assert_eq!(renewed(&page, "new\n").unwrap(), format!("# Head\n{BEGIN}\nnew\n\n{END}tail\n"));
        renewed("# Head\n", "new\n").unwrap_err();
        let real = fs::read_to_string(root().join(FILE)).unwrap();
        renewed(&real, "").unwrap();
    }
}
