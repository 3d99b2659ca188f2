//! Distances between all pairs of events.

use std::ops::ControlFlow;

use hepml_core::ndarray::Array2;
use hepml_core::{Observer, Progress};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::Emd;
use crate::exact::Workspace;
use crate::ground_cost::GroundCost;

/// The pairs that one piece of parallel work computes with one workspace.
const PIECE: usize = 16;
/// The pieces per thread between two looks at the observer: many, so that threads seldom wait for the slowest.
const PIECES_PER_THREAD: usize = 16;

/// The EMDs of all pairs of a list of events, each pair once.
///
/// The order is SciPy's `squareform`: (0, 1), (0, 2), ..., (0, n-1), (1, 2), ...; pair i < j is at index
/// n(n-1)/2 - (n-i)(n-i-1)/2 + j - i - 1. If an observer stopped the work, the pairs that there are come first in
/// this order.
#[derive(Debug, Clone, PartialEq)]
pub struct PairwiseEmds {
    events: usize,
    values: Vec<f64>,
}

impl PairwiseEmds {
    /// The number of events n.
    pub fn event_count(&self) -> usize {
        self.events
    }

    /// The number of pairs n(n-1)/2 that there are to be.
    pub fn pair_count(&self) -> usize {
        triangle(self.events)
    }

    /// Whether all pairs are there.
    pub fn is_complete(&self) -> bool {
        self.values.len() == self.pair_count()
    }

    /// The EMDs in packed order: all n(n-1)/2, or the first of them if the work was stopped.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The EMD of two events; 0 for an event with itself, `None` for a pair that was not computed or an index out of bounds.
    pub fn get(&self, i: usize, j: usize) -> Option<f64> {
        let (i, j) = (i.min(j), i.max(j));
        if j >= self.events {
            None
        } else if i == j {
            Some(0.0)
        } else {
            self.values.get(self.pair_count() - triangle(self.events - i) + j - i - 1).copied()
        }
    }

    /// The symmetric matrix `[n, n]` with zeros on the diagonal.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the work was stopped.
    pub fn to_square(&self) -> Result<Array2<f64>> {
        let mut square = Array2::zeros((self.events, self.events));
        for ((i, j), value) in pairs(self.events).zip(self.complete()?) {
            square[(i, j)] = *value;
            square[(j, i)] = *value;
        }
        Ok(square)
    }

    pub(crate) fn complete(&self) -> Result<&[f64]> {
        if self.is_complete() {
            Ok(&self.values)
        } else {
            Err(Error::Incomplete { done: self.values.len(), total: self.pair_count() })
        }
    }
}

/// The EMDs of each event of one list with each of another.
///
/// The order is row after row, a row an event of the first list. If an observer stopped the work, the pairs that there are
/// come first in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEmds {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl CrossEmds {
    /// The numbers of events of the two lists.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Whether all pairs are there.
    pub fn is_complete(&self) -> bool {
        self.values.len() == self.rows * self.columns
    }

    /// The EMDs, row after row: all of them, or the first if the work was stopped.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The EMD of two events; `None` for a pair that was not computed or an index out of bounds.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        let inside = row < self.rows && column < self.columns;
        if inside { self.values.get(row * self.columns + column).copied() } else { None }
    }

    /// The matrix `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the work was stopped.
    pub fn to_array(&self) -> Result<Array2<f64>> {
        let total = self.rows * self.columns;
        Array2::from_shape_vec((self.rows, self.columns), self.values.clone())
            .map_err(|_| Error::Incomplete { done: self.values.len(), total })
    }
}

impl<G: GroundCost> Emd<G> {
    /// The EMDs (the [`value`](Divergence::value)s) of all pairs of `events`, each once; for the distances take each to the power
    /// [`GroundCost::exponent`].
    ///
    /// With the feature `rayon` the pairs are shared out among the threads of the current pool; the numbers and the error do not
    /// depend on how many there are. The observer, always called from the calling thread, sees the pairs done (stage
    /// "pairwise EMD") and may stop the work: what is done is returned.
    ///
    /// # Errors
    /// [`Error::Pair`] with the first pair, in packed order, that has no EMD, and why.
    ///
    /// ```
    /// use hepml_ot::{Emd, EnergyFlow};
    ///
    /// let events: Vec<EnergyFlow> = [0.0, 0.25, 1.0]
    ///     .map(|y| EnergyFlow::from_rows(&[[2.0, y, 0.0]])).into_iter().collect::<Result<_, _>>()?;
    /// let emds = Emd::default().pairwise(&events, &mut ())?;
    /// assert_eq!(emds.values(), [0.5, 2.0, 1.5]);
    /// assert_eq!(emds.get(2, 1), Some(1.5));
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn pairwise(&self, events: &[EnergyFlow], observer: &mut dyn Observer) -> Result<PairwiseEmds> {
        let count = events.len();
        let values = compute(triangle(count), "pairwise EMD", observer, |workspace, start, values| {
            let mut pair = pair_at(start, count);
            for (done, value) in values.iter_mut().enumerate() {
                let (first, second) = pair;
                *value = self
                    .value_in(workspace, &events[first], &events[second])
                    .map_err(|source| (start + done, Error::Pair { first, second, source: source.into() }))?;
                pair = if second + 1 < count { (first, second + 1) } else { (first + 1, first + 2) };
            }
            Ok(())
        })?;
        Ok(PairwiseEmds { events: count, values })
    }

    /// The EMDs (the [`value`](Divergence::value)s) of each event of `rows` with each of `columns`; otherwise as
    /// [`pairwise`](Self::pairwise), the stage being "cross EMD".
    ///
    /// # Errors
    /// [`Error::Pair`] with the first pair, row after row, that has no EMD, and why.
    pub fn cross(
        &self,
        rows: &[EnergyFlow],
        columns: &[EnergyFlow],
        observer: &mut dyn Observer,
    ) -> Result<CrossEmds> {
        let total = rows.len() * columns.len();
        let values = compute(total, "cross EMD", observer, |workspace, start, values| {
            for (index, value) in (start..).zip(values) {
                let (first, second) = (index / columns.len(), index % columns.len());
                *value = self
                    .value_in(workspace, &rows[first], &columns[second])
                    .map_err(|source| (index, Error::Pair { first, second, source: source.into() }))?;
            }
            Ok(())
        })?;
        Ok(CrossEmds { rows: rows.len(), columns: columns.len(), values })
    }
}

/// The numbers `0..total` as `fill(workspace, start, values)` gives them, or the first of them if the observer breaks.
///
/// An error comes with its index, and that of the lowest index is returned.
fn compute(
    total: usize,
    stage: &str,
    observer: &mut dyn Observer,
    fill: impl Fn(&mut Workspace, usize, &mut [f64]) -> Result<(), (usize, Error)> + Sync,
) -> Result<Vec<f64>> {
    let mut values = vec![0.0; total];
    let mut done = 0;
    #[cfg(feature = "rayon")]
    let batch = PIECE * PIECES_PER_THREAD * rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    let (batch, mut workspace) = (PIECE * PIECES_PER_THREAD, Workspace::new());
    for values in values.chunks_mut(batch) {
        #[cfg(feature = "rayon")]
        let failed = values
            .par_chunks_mut(PIECE)
            .enumerate()
            .map_init(Workspace::new, |workspace, (piece, values)| {
                fill(workspace, done + piece * PIECE, values).err()
            })
            .flatten()
            .min_by_key(|(index, _)| *index);
        #[cfg(not(feature = "rayon"))]
        let failed = fill(&mut workspace, done, values).err();
        if let Some((_, error)) = failed {
            return Err(error);
        }
        done += values.len();
        let progress = Progress { stage, step: done as u64, total: Some(total as u64), measures: &[] };
        if observer.step(&progress) == ControlFlow::Break(()) {
            break;
        }
    }
    values.truncate(done);
    Ok(values)
}

/// n(n-1)/2.
fn triangle(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// All pairs in packed order.
pub(crate) fn pairs(events: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..events).flat_map(move |i| (i + 1..events).map(move |j| (i, j)))
}

/// The pair at an index of the packed order.
fn pair_at(index: usize, events: usize) -> (usize, usize) {
    // Row i starts at triangle(events) - triangle(events - i); the row of the index is the last that starts at or before it.
    let start = |i: usize| triangle(events) - triangle(events - i);
    let (mut low, mut high) = (0, events);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if start(middle) <= index {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low, low + 1 + index - start(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_indices_are_those_of_squareform() {
        for events in 2..20 {
            for (index, pair) in pairs(events).enumerate() {
                assert_eq!(pair_at(index, events), pair);
            }
            let values: Vec<f64> = (0..triangle(events)).map(|index| index as f64 + 1.0).collect();
            let emds = PairwiseEmds { events, values };
            let square = emds.to_square().unwrap();
            for ((i, j), &value) in square.indexed_iter() {
                assert_eq!(emds.get(i, j), Some(value));
            }
        }
    }
}
