//! A sign of life on a terminal while something takes long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;

/// How often the display moves.
const TICK: Duration = Duration::from_millis(150);

/// A moving line on standard error, which goes when this is dropped. Without a terminal there is none.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show `activity`, for example "saving".
    pub(crate) fn start(output: &Output, activity: &'static str) -> Self {
        let bar = output.shows_progress().then(|| {
            let bar = ProgressBar::new_spinner().with_message(activity);
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar }
    }

    /// Begins to show `activity` with a count.
    pub(crate) fn counting(output: &Output, activity: &'static str) -> Self {
        let progress = Self::start(output, activity);
        if let Some(bar) = &progress.bar
            && let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {pos}")
        {
            bar.set_style(style);
        }
        progress
    }

    /// Counts one more.
    pub(crate) fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Writes something to the terminal without disturbing the display.
    pub(crate) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
