//! Arguments that cannot be understood, and the help texts, which the argument parser treats alike.

use std::ffi::OsString;
use std::io::Write as _;

use clap::error::ErrorKind as ClapKind;
use persist_host::{Error, ErrorKind};

use super::exit::Exit;
use super::output::Output;

/// Prints what the parser has to say, on standard output when it was asked for.
pub(crate) fn report(error: &clap::Error) -> Exit {
    let asked_for = matches!(error.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion);
    // The parser failed, so the flags are looked for by hand.
    if !asked_for && wants_json(std::env::args_os().skip(1)) {
        let text = error.render().to_string();
        let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
        // The rest is advice for people.
        let message = message.split("\n\n").next().unwrap_or(message);
        Output::json_errors().error(&Error::new(ErrorKind::Usage, "usage", message));
    } else {
        // Nobody is left to tell when this fails, and a closed pipe is no error.
        let _ = error.print();
        let _ = std::io::stdout().flush();
    }
    if asked_for { Exit::Done } else { Exit::Usage }
}

fn wants_json(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.by_ref().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_a_flag_only_before_the_double_dash() {
        let wants = |arguments: &[&str]| wants_json(arguments.iter().map(OsString::from));
        assert!(wants(&["list", "--json"]));
        assert!(!wants(&["list", "--", "--json"]));
        assert!(!wants(&["list", "--jso"]));
    }
}
