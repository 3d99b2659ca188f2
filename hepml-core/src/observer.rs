//! Watching and stopping long work.

use std::ops::ControlFlow;

/// What an [`Observer`] sees at a step of a fit, a chain or a pairwise computation.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is going on; nested work separates its levels by `/` (`"fold 2/training"`).
    pub stage: &'a str,
    /// The steps done, counted from 1.
    pub step: u64,
    /// The steps there will be, where that is known.
    pub total: Option<u64>,
    /// Named numbers of the moment (losses, acceptance, residuals).
    pub measures: &'a [(&'a str, f64)],
}

/// Sees the progress of long work and may stop it.
///
/// Implemented for `()` (sees nothing, never stops) and for closures, so `fit(.., &mut ())` and
/// `fit(.., &mut |p: &Progress<'_>| { bar.set_position(p.step); ControlFlow::Continue(()) })` both work.
pub trait Observer: Send {
    /// Called after each step; [`ControlFlow::Break`] asks the work to stop and keep what is done.
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()>;
}

impl Observer for () {
    fn step(&mut self, _: &Progress<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F> Observer for F
where
    F: FnMut(&Progress<'_>) -> ControlFlow<()> + Send,
{
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        self(progress)
    }
}

/// Hands the progress of a part on to the observer of the whole, with the part's name before its stage.
///
/// ```
/// use std::ops::ControlFlow;
/// use hepml_core::{Nested, Observer, Progress};
///
/// let mut seen = Vec::new();
/// let mut whole = |p: &Progress<'_>| { seen.push(p.stage.to_owned()); ControlFlow::Continue(()) };
/// let mut part = Nested::new("fold 2", &mut whole);
/// let _ = part.step(&Progress { stage: "training", step: 1, total: None, measures: &[] });
/// assert_eq!(seen, ["fold 2/training"]);
/// ```
pub struct Nested<'a> {
    prefix: String,
    inner: &'a mut dyn Observer,
}

impl<'a> Nested<'a> {
    /// An observer for the part called `prefix`.
    pub fn new(prefix: impl Into<String>, inner: &'a mut dyn Observer) -> Self {
        Self { prefix: prefix.into(), inner }
    }
}

impl Observer for Nested<'_> {
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        let stage = if progress.stage.is_empty() {
            self.prefix.clone()
        } else {
            format!("{}/{}", self.prefix, progress.stage)
        };
        self.inner.step(&Progress { stage: &stage, ..*progress })
    }
}
