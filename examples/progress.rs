//! A progress bar that watches hepml's long work.

use std::ops::ControlFlow;

use hepml::core::{Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};

/// An observer that draws a bar on the standard error stream; invisible where that is no terminal.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar, or nothing if `hidden`.
    pub fn new(hidden: bool) -> Self {
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = ProgressStyle::with_template(
            "{msg:14} {wide_bar} {human_pos}/{human_len}  {per_sec}  {eta} left",
        )
        .expect("a valid template");
        bar.set_style(style);
        Self { bar }
    }

    /// Clears the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Bar {
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if let Some(total) = progress.total {
            self.bar.set_length(total);
        }
        self.bar.set_message(progress.stage.to_owned());
        self.bar.set_position(progress.step);
        ControlFlow::Continue(())
    }
}
