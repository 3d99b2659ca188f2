//! Several fits at the same time: the members of an ensemble, the folds of a cross-fit.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::Rng;

use crate::fit_report::Fitted;
use crate::observer::{Nested, Observer, Progress};
use crate::random::Streams;

/// Fits `count` parts, on all threads with the feature `rayon`; they come out the same whatever the number of threads.
///
/// `fit` gets the index of a part, a random stream of its own, and an observer that hands its progress on as
/// `"{part} {index}/{stage}"`, several parts at a time. Where the observer breaks, the parts that are not finished are `None`.
///
/// ```
/// use hepml_core::rand::{RngExt, SeedableRng};
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{Error, FitReport, Fitted, fit_parts};
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let parts = fit_parts(3, "member", &mut rng, &mut (), |_, rng, _| {
///     Ok::<_, Error>(Fitted { model: rng.random::<f64>(), report: FitReport::new() })
/// })?;
/// assert_eq!(parts.iter().flatten().count(), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// That of the first part that fails, of itself and not because the observer broke. Parts after it need not have run.
pub fn fit_parts<M: Send, E: Send>(
    count: usize,
    part: &str,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
    fit: impl Fn(usize, &mut dyn Rng, &mut dyn Observer) -> Result<Fitted<M>, E> + Sync,
) -> Result<Vec<Option<Fitted<M>>>, E> {
    let streams = Streams::from_rng(rng);
    let watch = Watch {
        observer: Mutex::new(observer),
        stopped: AtomicBool::new(false),
        failed: AtomicUsize::new(usize::MAX),
    };
    let fits = for_each(count, |index| {
        if watch.is_over(index) {
            return Ok(None);
        }
        let mut observer =
            PartObserver { watch: &watch, index, name: format!("{part} {index}"), broken: false };
        match fit(index, &mut streams.stream(index as u64), &mut observer) {
            Ok(fitted) => Ok((!fitted.report.stopped).then_some(fitted)),
            Err(_) if observer.broken => Ok(None),
            Err(error) => {
                watch.failed.fetch_min(index, Ordering::Relaxed);
                Err(error)
            }
        }
    });
    fits.into_iter().collect()
}

/// What the parts have in common.
struct Watch<'a> {
    observer: Mutex<&'a mut dyn Observer>,
    stopped: AtomicBool,
    /// The first part that has failed.
    failed: AtomicUsize,
}

impl Watch<'_> {
    /// Whether there is no point in going on with a part. Parts before one that failed go on: which error is returned must
    /// not depend on the threads.
    fn is_over(&self, index: usize) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) < index
    }
}

/// What a part reports to.
struct PartObserver<'a, 'b> {
    watch: &'a Watch<'b>,
    index: usize,
    name: String,
    broken: bool,
}

impl Observer for PartObserver<'_, '_> {
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if self.watch.is_over(self.index) {
            self.broken = true;
            return ControlFlow::Break(());
        }
        let mut observer = self.watch.observer.lock().unwrap_or_else(PoisonError::into_inner);
        let flow = Nested::new(self.name.as_str(), &mut **observer).step(progress);
        if flow.is_break() {
            self.broken = true;
            self.watch.stopped.store(true, Ordering::Relaxed);
        }
        flow
    }
}

/// `fit` of each part, in order; each thread takes the next that nobody has taken.
fn for_each<R: Send>(count: usize, fit: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let fits: Vec<Mutex<Option<R>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((index, place)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            fits.get(index).map(|place| (index, place))
        } {
            let fitted = fit(index);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(fitted);
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
    let fits = fits.into_iter().map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner));
    fits.map(|fitted| fitted.expect("each part was taken")).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::error::Error;
    use crate::fit_report::FitReport;

    fn fitted(model: f64) -> Fitted<f64> {
        Fitted { model, report: FitReport::new() }
    }

    #[test]
    fn each_part_has_its_own_stream_in_order() {
        let run = || {
            let rng = &mut ChaCha8Rng::seed_from_u64(5);
            fit_parts(20, "part", rng, &mut (), |index, rng, _| {
                Ok::<_, Error>(fitted(index as f64 + rng.random::<f64>()))
            })
            .unwrap()
        };
        let parts: Vec<f64> = run().into_iter().map(|part| part.unwrap().model).collect();
        assert_eq!(parts, run().into_iter().map(|part| part.unwrap().model).collect::<Vec<_>>());
        assert!(parts.iter().enumerate().all(|(index, part)| part.floor() == index as f64));
        let fractions: std::collections::BTreeSet<u64> =
            parts.iter().map(|part| part.fract().to_bits()).collect();
        assert_eq!(fractions.len(), 20);
    }

    #[test]
    fn the_first_part_that_fails_is_named_whatever_the_threads() {
        for _ in 0..20 {
            let rng = &mut ChaCha8Rng::seed_from_u64(5);
            let failed = fit_parts(10, "part", rng, &mut (), |index, _, _| {
                if index == 3 || index > 5 { Err(index) } else { Ok(fitted(0.0)) }
            });
            assert_eq!(failed.map(|_| ()), Err(3));
        }
    }

    #[test]
    fn what_is_finished_when_the_observer_breaks_is_kept() {
        let step = Progress { stage: "training", step: 1, total: None, measures: &[] };
        let mut stages = Vec::new();
        let mut stop_at_the_second = |progress: &Progress<'_>| {
            stages.push(progress.stage.to_owned());
            if progress.stage.starts_with("part 1/") {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let parts = fit_parts(4, "part", rng, &mut stop_at_the_second, |_, _, observer| {
            // A fit that has nothing to return when it is stopped.
            if observer.step(&step).is_break() {
                return Err(Error::Stopped { stage: "training".into() });
            }
            Ok(fitted(1.0))
        })
        .unwrap();
        assert!(parts[1].is_none());
        assert!(stages.contains(&"part 1/training".to_owned()));
        assert!(stages.iter().all(|stage| stage.ends_with("/training")));
        assert_eq!(parts.iter().flatten().count(), stages.len() - 1);
    }

    #[test]
    fn a_part_that_says_it_was_stopped_is_none() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let parts = fit_parts(2, "part", rng, &mut (), |index, _, _| {
            let mut part = fitted(1.0);
            part.report.stopped = index == 0;
            Ok::<_, Error>(part)
        })
        .unwrap();
        assert!(parts[0].is_none() && parts[1].is_some());
    }
}
