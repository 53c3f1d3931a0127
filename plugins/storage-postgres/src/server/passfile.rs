//! The password file of libpq: lines of `HOST:PORT:DATABASE:USER:PASSWORD`, where `*` stands for anything.

use std::path::PathBuf;

use persist_plugin_network::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The password of the first line that fits the connection.
pub(super) fn look_up(connection: &Config, variable: &dyn Fn(&str) -> Option<String>) -> Option<Secret> {
    let path = variable("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".pgpass")))?;
    let text = readable(&path)?;
    let host = match connection.get_hosts().first()? {
        Host::Tcp(name) => name.as_str(),
        Host::Unix(_) => "localhost",
    };
    let port = connection.get_ports().first()?.to_string();
    let user = connection.get_user()?;
    find(&text, [host, &port, connection.get_dbname().unwrap_or(user), user])
}

/// The file's text; `None`, with a warning, where others can read it, too: libpq does not use it then either.
fn readable(path: &std::path::Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the password file is not used: others can read it; chmod 600 it");
        return None;
    }
    std::fs::read_to_string(path).ok()
}

fn find(text: &str, wanted: [&str; 4]) -> Option<Secret> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, pattern) = fields.split_last()?;
        let fits = pattern.len() == wanted.len()
            && pattern.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| Secret::new(password.as_str()))
    })
}

/// The fields of a line. A backslash takes the meaning from a colon or another backslash.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.iter_mut().last().into_iter().for_each(|field| field.extend(characters.next())),
            _ => fields.iter_mut().last().into_iter().for_each(|field| field.push(character)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# host:1:d:u:no\nother:*:*:*:no\nh:5432:*:u:first:with\\\\colon\n*:*:*:*:last";
        assert_eq!(find(text, ["h", "5432", "d", "u"]), Some(Secret::new("first:with\\colon")));
        assert_eq!(find(text, ["h", "5433", "d", "u"]), Some(Secret::new("last")));
        assert_eq!(find("h:1:d", ["h", "1", "d", "u"]), None);
        assert_eq!(find(r"::1:1:d:u:no", ["::1", "1", "d", "u"]), None);
        assert_eq!(find(r"\:\:1:1:d:u:yes", ["::1", "1", "d", "u"]), Some(Secret::new("yes")));
    }
}
