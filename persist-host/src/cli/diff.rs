//! `persist diff`.

mod raw;
mod value;

use anstyle::{AnsiColor, Style};
use bytes::Bytes;
use persist_host::{
    Change, Difference, DifferenceError, Edit, Error, ErrorKind, Restored, SnapshotInfo, Whole, difference,
    is_json_type,
};

use super::args::DiffArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, plain};
use super::progress::Progress;

use value::{path, shortened, shortened_pair};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();

pub(crate) async fn run(args: DiffArgs, context: &Context) -> Outcome {
    let store = context.store().await?;
    let progress = Progress::start(context.output(), "comparing");
    let (old, new) = tokio::try_join!(store.restore(&args.old), store.restore(&args.new))?;
    let output = context.output().clone();
    let texts = off_thread(move || describe(&old, &new, &output)).await?;
    drop(progress);
    for text in texts {
        match text {
            Text::Line(line) => context.output().line(&line)?,
            Text::Data(data) => context.output().raw(data.as_bytes())?,
        }
    }
    Ok(Exit::Done)
}

/// A piece of the answer.
enum Text {
    /// A line for people.
    Line(String),
    /// JSON with its line feed.
    Data(String),
}

/// Everything that there is to print about two states.
fn describe(old: &Restored, new: &Restored, output: &Output) -> Result<Vec<Text>, Error> {
    let json = is_json_type(&old.info.media_type) && is_json_type(&new.info.media_type);
    let compared = json.then(|| difference(&old.state, &new.state));
    if let Some(Ok(found)) = &compared {
        if output.is_json() {
            return Ok(vec![Text::Data(format!("{}\n", found.to_json_patch()))]);
        }
        let mut lines: Vec<String> = found.changes.iter().map(line).collect();
        if !output.is_quiet() {
            lines.push(format!(
                "{}: {}",
                references(&old.info, &new.info),
                summary(found, &old.state, &new.state)
            ));
        }
        return Ok(lines.into_iter().map(Text::Line).collect());
    }
    let reason = compared.and_then(Result::err).map(|error| why_raw(&error));
    if output.is_json() {
        return Ok(vec![Text::Data(raw::object(old, new, reason.as_deref())?)]);
    }
    Ok(raw::lines(old, new, reason.as_deref(), output.is_quiet()).into_iter().map(Text::Line).collect())
}

/// Why states that are said to be JSON are not compared as such.
fn why_raw(error: &DifferenceError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn line(change: &Change<'_>) -> String {
    let here = path(&change.path);
    match change.edit {
        Edit::Added(value) => format!("{GREEN}+ {here} {}{GREEN:#}", shortened(value)),
        Edit::Removed(value) => {
            // What is gone is named by the place that it had.
            let here = path(change.old_path.as_ref().unwrap_or(&change.path));
            format!("{RED}- {here} {}{RED:#}", shortened(value))
        }
        Edit::Changed { old, new, whole } => {
            let (old, new) = shortened_pair(old, new);
            let why = match whole {
                None => "",
                Some(Whole::AmbiguousKeys) => " (as a whole: a key is repeated or no Unicode text)",
                // Whatever a later release of the library adds is about the same.
                Some(_) => " (as a whole: too many changes)",
            };
            format!("{YELLOW}~ {here} {old} -> {new}{why}{YELLOW:#}")
        }
    }
}

fn summary(found: &Difference<'_>, old: &Bytes, new: &Bytes) -> String {
    if found.same_bytes {
        return format!("no difference; {} bytes", new.len());
    }
    let sizes = format!("{} bytes -> {} bytes", old.len(), new.len());
    if found.changes.is_empty() {
        return format!("the same value in different bytes; {sizes}");
    }
    let [added, removed, changed] = found.counts();
    format!("{added} added, {removed} removed, {changed} changed; {sizes}")
}

/// Which snapshots were compared; the references may have left that to the store.
fn references(old: &SnapshotInfo, new: &SnapshotInfo) -> String {
    let name = |info: &SnapshotInfo| format!("{}@{}", info.session(), info.snapshot_index);
    format!("{BOLD}{} -> {}{BOLD:#}", plain(&name(old)), plain(&name(new)))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Failure> {
    let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "the thread that compares the states ended early";
        Err(Error::new(ErrorKind::Other, "diff_failed", message).with_source(error))
    });
    Ok(result?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines without colour.
    fn lines(old: &str, new: &str) -> Vec<String> {
        let found = difference(old.as_bytes(), new.as_bytes()).unwrap();
        found.changes.iter().map(|change| anstream::adapter::strip_str(&line(change)).to_string()).collect()
    }

    #[test]
    fn each_change_is_a_line() {
        assert_eq!(
            lines(r#"{"a":[1,2,3],"b":{"x": 1}}"#, r#"{"a":[2,3,4.50],"c":{"y": [ 1, "z z" ]},"b":null}"#),
            ["- /a/0 1", "+ /a/2 4.50", r#"~ /b {"x":1} -> null"#, r#"+ /c {"y":[1,"z z"]}"#]
        );
        assert_eq!(lines(r#"[9,1,{"k":0}]"#, r#"[1,{}]"#), ["- /0 9", "- /2/k 0"]);
        assert_eq!(
            lines(r#"{"a":1,"a":2}"#, r#"{"a":1}"#),
            [r#"~ (root) {"a":1,"a":2} -> {"a":1} (as a whole: a key is repeated or no Unicode text)"#]
        );
    }

    #[test]
    fn the_summary_tells_values_from_bytes() {
        let say = |old: &'static str, new: &'static str| {
            let found = difference(old.as_bytes(), new.as_bytes()).unwrap();
            summary(&found, &Bytes::from(old), &Bytes::from(new))
        };
        assert_eq!(say("[1]", "[1]"), "no difference; 3 bytes");
        assert_eq!(say("[1]", "[ 1]"), "the same value in different bytes; 3 bytes -> 4 bytes");
        assert_eq!(say("[1]", "[2,3]"), "1 added, 0 removed, 1 changed; 3 bytes -> 5 bytes");
    }
}
