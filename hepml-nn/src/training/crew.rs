//! Workers that share out the parts of a batch.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hepml_core::{SimdLevel, Streams};

use super::Objective;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::parameters::{Gradients, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Tape;

/// The rows that a part of a batch has at least, if it is not all of it: below that, handing it to another thread and adding
/// up its gradients costs more than it gains.
const PART_ROWS: usize = 512;
/// The most parts of a batch, each with gradients of its own.
const MAX_PARTS: usize = 16;
/// The bits of a stream's number that count the micro-batches of a step; a batch has fewer rows than that.
const MICRO_BITS: u32 = 24;

/// The workers, each with a tape that it keeps, and the gradients of the parts of a batch.
///
/// A batch is cut into micro-batches of about equal cost, and these into parts: both depend on the batch alone. A part's
/// gradients are summed micro-batch after micro-batch and the parts' in order, whichever thread does them.
pub(super) struct Crew<T: Scalar, W> {
    kernel: Kernel,
    workers: Vec<Worker<T, W>>,
    parts: Vec<Mutex<Part<T>>>,
    /// The ends of the micro-batches.
    cuts: Vec<usize>,
    micro_rows: usize,
}

struct Worker<T: Scalar, W> {
    tape: Tape<T>,
    workspace: W,
}

struct Part<T: Scalar> {
    gradients: Gradients<T>,
    outcome: Outcome,
}

/// What became of a part or a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The sum of the losses of its events.
    pub(super) loss: f64,
    /// The penalties, for each event of it.
    pub(super) penalty: f64,
    failure: Option<Failure>,
}

/// Why there is no gradient.
#[derive(Debug)]
pub(super) enum Failure {
    /// An operation refused.
    Error(Error),
    /// The loss of these events is not finite.
    NotFinite(Range<usize>),
}

impl<T: Scalar, W: Default + Send> Crew<T, W> {
    pub(super) fn new(threads: Option<usize>, simd: Option<SimdLevel>, micro_rows: usize) -> Result<Self> {
        let kernel = simd.map_or(Ok(Kernel::default()), Kernel::new)?;
        let threads = threads.unwrap_or_else(all_threads);
        let workers = (0..threads)
            .map(|_| Ok(Worker { tape: Tape::with_simd(kernel.level())?, workspace: W::default() }))
            .collect::<Result<_>>()?;
        Ok(Self { kernel, workers, parts: Vec::new(), cuts: Vec::new(), micro_rows })
    }

    pub(super) const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The sum of the losses of a batch of events, and its gradients. `step` counts from 0.
    pub(super) fn learn<O: Objective<T, Workspace = W>>(
        &mut self,
        objective: &O,
        parameters: &Arc<Parameters<T>>,
        batch: &[usize],
        noise: Streams,
        step: u64,
    ) -> Result<(Outcome, &mut Gradients<T>), Failure> {
        let count = self.cut(objective, batch);
        let micros = self.cuts.len();
        while self.parts.len() < count {
            let gradients = Gradients::zeros(parameters);
            self.parts.push(Mutex::new(Part { gradients, outcome: Outcome::default() }));
        }
        let (kernel, cuts) = (self.kernel, &self.cuts);
        let learn = |worker: &mut Worker<T, W>, index: usize, part: &mut Part<T>| {
            part.gradients.clear();
            part.outcome = Outcome::default();
            for micro in index * micros / count..(index + 1) * micros / count {
                let events = if micro == 0 { 0 } else { cuts[micro - 1] }..cuts[micro];
                let stream = (step << MICRO_BITS) | micro as u64;
                let learned = worker.learn(objective, parameters, batch, events, noise, stream, part);
                if let Err(failure) = learned {
                    part.outcome.failure = Some(failure);
                    break;
                }
            }
            worker.tape.finish();
        };
        let mut total = Outcome::default();
        if self.workers.len() == 1 || count == 1 {
            // Two blocks of gradients, which stay in the cache, do for all parts one after another.
            for index in 0..count {
                let (first, rest) = self.parts.split_first_mut().expect("a batch has a part");
                let first = get_mut(first);
                if index == 0 {
                    learn(&mut self.workers[0], index, first);
                    total.take(&mut first.outcome)?;
                } else {
                    let part = get_mut(&mut rest[0]);
                    learn(&mut self.workers[0], index, part);
                    total.take(&mut part.outcome)?;
                    kernel.add_scaled(first.gradients.values_mut(), T::ONE, part.gradients.values());
                }
            }
        } else {
            share(&mut self.workers, &self.parts[..count], learn);
            let (first, rest) = self.parts[..count].split_first_mut().expect("a batch has a part");
            let first = get_mut(first);
            total.take(&mut first.outcome)?;
            for part in rest {
                let part = get_mut(part);
                total.take(&mut part.outcome)?;
                kernel.add_scaled(first.gradients.values_mut(), T::ONE, part.gradients.values());
            }
        }
        Ok((total, &mut get_mut(&mut self.parts[0]).gradients))
    }

    /// The sum of the losses of these events, without noise.
    pub(super) fn evaluate<O: Objective<T, Workspace = W>>(
        &mut self,
        objective: &O,
        parameters: &Arc<Parameters<T>>,
        events: &[usize],
    ) -> Result<f64, Failure> {
        self.cut(objective, events);
        let cuts = &self.cuts;
        let losses: Vec<Mutex<Result<f64>>> = cuts.iter().map(|_| Mutex::new(Ok(0.0))).collect();
        let range = |micro: usize| if micro == 0 { 0 } else { cuts[micro - 1] }..cuts[micro];
        share(&mut self.workers, &losses, |worker, micro, loss| {
            worker.tape.begin(parameters);
            *loss = worker.evaluate(objective, &events[range(micro)]);
            worker.tape.finish();
        });
        let mut sum = 0.0;
        for (micro, loss) in losses.into_iter().enumerate() {
            let loss = loss.into_inner().unwrap_or_else(PoisonError::into_inner).map_err(Failure::Error)?;
            if !loss.is_finite() {
                return Err(Failure::NotFinite(range(micro)));
            }
            sum += loss;
        }
        Ok(sum)
    }

    /// The first of these events whose loss by itself is not finite.
    pub(super) fn culprit<O: Objective<T, Workspace = W>>(
        &mut self,
        objective: &O,
        parameters: &Arc<Parameters<T>>,
        events: &[usize],
    ) -> Option<usize> {
        let worker = &mut self.workers[0];
        let culprit = events.iter().copied().find(|&event| {
            worker.tape.begin(parameters);
            worker.evaluate(objective, &[event]).is_ok_and(|loss| !loss.is_finite())
        });
        worker.tape.finish();
        culprit
    }

    /// Cuts a batch into micro-batches of about equal cost, and says into how many parts of as many micro-batches these fall.
    fn cut<O: Objective<T>>(&mut self, objective: &O, batch: &[usize]) -> usize {
        // An event without rows has outputs, too.
        let cost = |event: usize| objective.cost(event).max(1);
        let rows: usize = batch.iter().map(|event| cost(*event)).sum();
        let count = (rows.saturating_add(self.micro_rows / 2) / self.micro_rows).max(1);
        let parts = parts(rows).min(1 << count.ilog2());
        let count = (count + parts / 2) / parts * parts;
        self.cuts.clear();
        let (mut sum, mut next) = (0, 1);
        for (index, &event) in batch.iter().enumerate() {
            sum += cost(event);
            if sum * count >= next * rows {
                self.cuts.push(index + 1);
                next = sum * count / rows + 1;
            }
        }
        parts.min(self.cuts.len())
    }
}

/// The parts of a batch of so many rows: a power of two, which the usual numbers of threads divide.
fn parts(rows: usize) -> usize {
    1 << (rows / PART_ROWS).clamp(1, MAX_PARTS).ilog2()
}

impl Outcome {
    /// Adds another's; a failure remains the first.
    fn take(&mut self, other: &mut Self) -> Result<(), Failure> {
        if let Some(failure) = other.failure.take() {
            return Err(failure);
        }
        self.loss += other.loss;
        self.penalty += other.penalty;
        Ok(())
    }
}

impl<T: Scalar, W> Worker<T, W> {
    /// Adds the loss and the gradients of a micro-batch to those of its part.
    #[allow(clippy::too_many_arguments, reason = "what to learn, where it is from and where it goes")]
    fn learn<O: Objective<T, Workspace = W>>(
        &mut self,
        objective: &O,
        parameters: &Arc<Parameters<T>>,
        batch: &[usize],
        events: Range<usize>,
        noise: Streams,
        stream: u64,
        part: &mut Part<T>,
    ) -> Result<(), Failure> {
        self.tape.begin(parameters);
        let mut rng = noise.stream(stream);
        let mut pass = Pass::training(&mut self.tape, &mut rng);
        let micro = &batch[events.clone()];
        let mut sum = objective.loss(&mut pass, &mut self.workspace, micro)?;
        let loss = pass.value(sum)?.scalar()?.to_f64();
        let mut penalty = 0.0;
        // All micro-batches of all batches of an epoch together count it once.
        let share = micro.len() as f64 / objective.count() as f64;
        for term in pass.penalties().to_vec() {
            let term = pass.affine(term, share, 0.0)?;
            penalty += pass.value(term)?.scalar()?.to_f64();
            sum = pass.add(sum, term)?;
        }
        if !(loss + penalty).is_finite() {
            return Err(Failure::NotFinite(events));
        }
        self.tape.backward(sum, &mut part.gradients)?;
        part.outcome.loss += loss;
        part.outcome.penalty += penalty;
        Ok(())
    }

    /// The sum of the losses of events, without noise, on a tape that has been begun.
    fn evaluate<O: Objective<T, Workspace = W>>(&mut self, objective: &O, events: &[usize]) -> Result<f64> {
        let mut pass = Pass::evaluation(&mut self.tape);
        let loss = objective.loss(&mut pass, &mut self.workspace, events)?;
        Ok(pass.value(loss)?.scalar()?.to_f64())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Does all parts, each by the worker that comes to it first.
fn share<W: Send, P: Send>(
    workers: &mut [W],
    parts: &[Mutex<P>],
    work: impl Fn(&mut W, usize, &mut P) + Send + Sync,
) {
    let next = AtomicUsize::new(0);
    let run = |worker: &mut W| {
        while let Some((index, part)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            parts.get(index).map(|part| (index, part))
        } {
            work(worker, index, &mut part.lock().unwrap_or_else(PoisonError::into_inner));
        }
    };
    let needed = workers.len().min(parts.len());
    each(&mut workers[..needed], run);
}

/// Calls `run` with each worker, on a thread each.
#[cfg(feature = "rayon")]
fn each<W: Send>(workers: &mut [W], run: impl Fn(&mut W) + Send + Sync) {
    use rayon::prelude::*;
    match workers {
        [] => {}
        [worker] => run(worker),
        workers => workers.par_iter_mut().with_max_len(1).for_each(run),
    }
}

/// Calls `run` with each worker, on a thread each.
#[cfg(not(feature = "rayon"))]
fn each<W: Send>(workers: &mut [W], run: impl Fn(&mut W) + Send + Sync) {
    let Some((first, rest)) = workers.split_first_mut() else { return };
    std::thread::scope(|scope| {
        for worker in rest {
            scope.spawn(|| run(worker));
        }
        run(first);
    });
}

/// The threads there are to use.
fn all_threads() -> usize {
    #[cfg(feature = "rayon")]
    let threads = rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    threads
}

fn get_mut<P>(part: &mut Mutex<P>) -> &mut P {
    part.get_mut().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Var;

    /// Events of given costs, without a loss.
    struct Costs(Vec<usize>);

    impl Objective<f64> for Costs {
        type Workspace = ();

        fn count(&self) -> usize {
            self.0.len()
        }

        fn cost(&self, event: usize) -> usize {
            self.0[event]
        }

        fn loss(&self, pass: &mut Pass<'_, f64>, (): &mut (), _: &[usize]) -> Result<Var> {
            Ok(pass.number(0.0))
        }
    }

    fn cuts(costs: &[usize], micro_rows: usize) -> Vec<usize> {
        let mut crew = Crew::<f64, ()>::new(Some(1), None, micro_rows).unwrap();
        let objective = Costs(costs.to_vec());
        let events: Vec<usize> = (0..costs.len()).collect();
        crew.cut(&objective, &events);
        crew.cuts
    }

    #[test]
    fn micro_batches_are_of_about_equal_cost() {
        assert_eq!(cuts(&[1; 10], 3), [4, 7, 10]);
        assert_eq!(cuts(&[1; 10], usize::MAX), [10]);
        assert_eq!(cuts(&[1; 3], 1), [1, 2, 3]);
        // Sets without rows count as one row; a large one is a micro-batch of its own.
        assert_eq!(cuts(&[0; 4], 2), [2, 4]);
        assert_eq!(cuts(&[100, 1, 1, 1], 20), [1, 4]);
        assert_eq!(cuts(&[1, 1, 100, 1], 20), [3, 4]);
        assert_eq!(cuts(&[7], 2), [1]);
    }

    #[test]
    fn parts_are_powers_of_two() {
        let counts = [0, 1, 511, 1024, 5000, 1 << 20].map(parts);
        assert_eq!(counts, [1, 1, 1, 2, 8, 16]);
    }
}
