//! Several fits at the same time, which come out the same whatever the number of threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, Fitted, Nested, Observer, Progress, Streams};

use crate::error::{Error, Result};

/// Fits `count` parts, each with a random stream of its own; the observer sees them under the names `part 0/...`, several at a time.
///
/// Parts that the observer stopped, or that it kept from beginning, are none.
///
/// # Errors
/// Those of the first part that fails.
pub(crate) fn fit_all<M: Send>(
    count: usize,
    part: &str,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
    fit: impl Fn(usize, &mut dyn Rng, &mut dyn Observer) -> Result<Fitted<M>> + Sync,
) -> Result<Vec<Option<Fitted<M>>>> {
    let streams = Streams::from_rng(rng);
    let watch = Watch {
        observer: Mutex::new(observer),
        stopped: AtomicBool::new(false),
        failed: AtomicUsize::new(usize::MAX),
    };
    let outcomes = for_each(count, |index| {
        if watch.is_over(index) {
            return None;
        }
        let mut observer = PartObserver { watch: &watch, index, name: format!("{part} {index}") };
        let fitted = fit(index, &mut streams.stream(index as u64), &mut observer);
        if fitted.is_err() {
            watch.failed.fetch_min(index, Ordering::Relaxed);
        }
        Some(fitted)
    });
    let mut fits = Vec::with_capacity(count);
    for outcome in outcomes {
        fits.push(match outcome {
            Some(Ok(fitted)) => (!fitted.report.stopped).then_some(fitted),
            Some(Err(Error::Core(CoreError::Stopped { .. }))) | None => None,
            // Parts after it were told to end; those before it have been looked at.
            Some(Err(error)) => return Err(error),
        });
    }
    Ok(fits)
}

/// What the parts being fitted have in common.
struct Watch<'a> {
    observer: Mutex<&'a mut dyn Observer>,
    stopped: AtomicBool,
    /// The first part that has failed.
    failed: AtomicUsize,
}

impl Watch<'_> {
    /// Whether there is no point in going on with a part. Parts before one that failed go on: which error is returned must not
    /// depend on the threads.
    fn is_over(&self, index: usize) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) < index
    }
}

/// What a part reports to.
struct PartObserver<'a, 'b> {
    watch: &'a Watch<'b>,
    index: usize,
    name: String,
}

impl Observer for PartObserver<'_, '_> {
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if self.watch.is_over(self.index) {
            return ControlFlow::Break(());
        }
        let mut observer = self.watch.observer.lock().unwrap_or_else(PoisonError::into_inner);
        let flow = Nested::new(self.name.as_str(), &mut **observer).step(progress);
        if flow.is_break() {
            self.watch.stopped.store(true, Ordering::Relaxed);
        }
        flow
    }
}

/// `fit` of each part, in order, on all threads; each takes the next that nobody has taken.
fn for_each<R: Send>(count: usize, fit: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let outcomes: Vec<Mutex<Option<R>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((index, outcome)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            outcomes.get(index).map(|outcome| (index, outcome))
        } {
            let fitted = fit(index);
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(fitted);
        }
    };
    // One task a thread, not one a part: a thread that waits for others within its part's fit must not begin one part after
    // another inside it.
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).for_each(|_| work());
    }
    #[cfg(not(feature = "rayon"))]
    work();
    let outcomes =
        outcomes.into_iter().map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner));
    outcomes.map(|outcome| outcome.expect("each part was taken")).collect()
}
