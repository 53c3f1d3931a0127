//! What the user sees: data on standard output, everything else on standard error.

mod text;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use persist_host::Error;
use serde::Serialize;

use super::args::GlobalArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::Signal;

use text::mentions;
pub(crate) use text::{counted, plain, size};

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Prints results and errors the way the flags ask for.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    progress: bool,
    color: ColorChoice,
}

impl Output {
    pub(crate) fn new(args: &GlobalArgs) -> Self {
        Self {
            json: args.json,
            quiet: args.quiet,
            progress: !args.no_progress && !args.quiet && !args.json,
            color: color_choice(args),
        }
    }

    /// An output for errors in JSON, before the flags are known.
    pub(crate) fn json_errors() -> Self {
        Self { json: true, quiet: true, progress: false, color: ColorChoice::Never }
    }

    /// The same output for a text that is the data asked for, and has no JSON form.
    pub(crate) fn for_people(&self) -> Self {
        Self { json: false, quiet: false, progress: false, ..*self }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether to show only what was asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a moving display is welcome.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress && io::stderr().is_terminal()
    }

    /// Prints one JSON object on a line of standard output.
    pub(crate) fn object(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Failure::stdout(error.into()))?;
        line.push(b'\n');
        self.raw(&line)
    }

    /// Prints a line for people on standard output.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout(), self.color).lock();
        writeln!(stdout, "{text}").map_err(Failure::stdout)
    }

    /// Writes bytes to standard output as they are.
    #[expect(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::stdout)
    }

    /// Tells people something on standard error, unless they want quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            // A standard error that cannot be written to leaves nobody to tell.
            let _ = writeln!(io::stderr(), "{}", plain(text));
        }
    }

    /// Reports an error.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            self.error_object(&ErrorReport::new(error));
            return;
        }
        let mut text = String::new();
        let message = error.to_string();
        text.push_str(&format!("{RED}error:{RED:#} {}\n", plain(&message)));
        for cause in causes(error) {
            text.push_str(&format!("  cause: {}\n", indented(&cause)));
        }
        // What the message already says is not said again.
        for (name, value) in error.context().iter().filter(|(_, value)| !mentions(&message, value)) {
            text.push_str(&format!("  {name}: {}\n", plain(value)));
        }
        if let Some(hint) = error.hint() {
            text.push_str(&format!("  {CYAN}hint:{CYAN:#} {}\n", indented(hint)));
        }
        self.stderr(&text);
    }

    /// Reports that the command was cancelled.
    pub(crate) fn interrupted(&self, signal: Signal, note: Option<&str>) {
        let message = match signal {
            Signal::Interrupt => "interrupted",
            Signal::Terminate => "asked to terminate",
        };
        if self.json {
            return self.error_object(&ErrorReport {
                kind: "interrupted",
                code: "interrupted",
                message: message.to_owned(),
                causes: Vec::new(),
                context: BTreeMap::new(),
                hint: note,
                exit_code: signal.exit() as u8,
            });
        }
        let note = note.map_or_else(String::new, |note| format!("  {CYAN}hint:{CYAN:#} {}\n", plain(note)));
        self.stderr(&format!("{YELLOW}{message}{YELLOW:#}\n{note}"));
    }

    fn error_object(&self, error: &ErrorReport<'_>) {
        let object = BTreeMap::from([("error", error)]);
        // The report is made of strings and numbers, which always have a JSON form.
        if let Ok(line) = serde_json::to_string(&object) {
            self.stderr(&format!("{line}\n"));
        }
    }

    fn stderr(&self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr(), self.color).lock();
        // A standard error that cannot be written to leaves nobody to tell.
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// The choice of the flag; the environment has its say only if the flag leaves it open.
pub(crate) fn color_choice(args: &GlobalArgs) -> ColorChoice {
    match args.color {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    }
}

/// An error as the JSON output carries it.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorReport<'a> {
    kind: &'static str,
    code: &'static str,
    message: String,
    causes: Vec<String>,
    context: BTreeMap<&'static str, &'a str>,
    hint: Option<&'a str>,
    exit_code: u8,
}

impl<'a> ErrorReport<'a> {
    pub(crate) fn new(error: &'a Error) -> Self {
        Self {
            kind: error.kind().name(),
            code: error.code(),
            message: error.to_string(),
            causes: causes(error),
            context: error.context().iter().map(|(name, value)| (*name, value.as_str())).collect(),
            hint: error.hint(),
            exit_code: Exit::of(error.kind()) as u8,
        }
    }
}

/// The chain of causes. A wrapper that only repeats what it wraps says nothing new.
fn causes(error: &Error) -> Vec<String> {
    let first = std::error::Error::source(error);
    let mut causes: Vec<String> =
        std::iter::successors(first, |cause| cause.source()).map(ToString::to_string).collect();
    causes.dedup();
    causes
}

/// Text whose further lines stand under its first.
fn indented(text: &str) -> String {
    plain(text).replace('\n', "\n    ")
}
