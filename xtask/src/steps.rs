//! A sequence of steps that is timed, reported, and ends at the first failure.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// What a step has to say about itself in the summary.
pub(crate) enum Outcome {
    Done,
    /// It passed, and this is worth a look.
    Noted(String),
    /// It did not run, for this reason.
    Skipped(String),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, Outcome)>,
}

impl Steps {
    /// Runs a step under a heading. Its failure carries the step's name.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        println!("\n== {name}");
        let begin = Instant::now();
        let outcome = step();
        let elapsed = begin.elapsed();
        match outcome {
            Ok(outcome) => {
                match &outcome {
                    Outcome::Done => println!("== {name}: done in {}", seconds(elapsed)),
                    Outcome::Noted(note) => {
                        println!("== {name}: done in {}; NOTE: {note}", seconds(elapsed));
                    }
                    Outcome::Skipped(reason) => println!("== {name}: skipped, {reason}"),
                }
                self.done.push((name, elapsed, outcome));
                Ok(())
            }
            Err(source) => {
                println!("== {name}: FAILED after {}", seconds(elapsed));
                Err(Error::Step { step: name, source: Box::new(source) })
            }
        }
    }

    /// A table of all steps with their durations.
    pub(crate) fn summary(&self) -> String {
        let width = self.done.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
        let mut text = String::from("\n== Summary\n");
        for (name, elapsed, outcome) in &self.done {
            let note = match outcome {
                Outcome::Done => String::new(),
                Outcome::Noted(note) => format!("  NOTE: {note}"),
                Outcome::Skipped(reason) => format!("  skipped, {reason}"),
            };
            text.push_str(&format!("{name:width$}  {:>8}{note}\n", seconds(*elapsed)));
        }
        let total = self.done.iter().map(|(_, elapsed, _)| *elapsed).sum();
        text.push_str(&format!("{:width$}  {:>8}\n", "total", seconds(total)));
        text
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step_and_is_not_in_the_summary() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(Outcome::Done)).expect("it succeeds");
        steps.run("three", || Ok(Outcome::Skipped("no such tool".to_owned()))).expect("it succeeds");
        steps.run("four", || Ok(Outcome::Noted("look".to_owned()))).expect("it succeeds");
        let error = steps.run("two", || Err(Error::usage("broken"))).expect_err("it fails");
        assert_eq!(error.to_string(), "step `two` failed");
        let summary = steps.summary();
        let lines: Vec<&str> = summary.trim().lines().collect();
        assert_eq!(
            lines,
            [
                "== Summary",
                "one       0.0 s",
                "three     0.0 s  skipped, no such tool",
                "four      0.0 s  NOTE: look",
                "total     0.0 s",
            ]
        );
    }
}
