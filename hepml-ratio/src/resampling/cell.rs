//! Cell resampling.

use std::ops::ControlFlow;

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventMetric, EventSet, Table, Weighted};

use crate::error::Result;
use crate::resampling::euclid::Euclid;
use crate::resampling::kd_tree::KdTree;
use crate::resampling::nearest::{Visit, visit_all};
use crate::resampling::resampled::Resampled;

/// Removes negative weights by sharing weight between neighbours (arXiv:2109.07851, 2303.15246).
///
/// Each event of negative weight, the most negative first, is the seed of a cell. The cell takes in the nearest event, then
/// the next, until its sum of weights is no longer negative; then w_i becomes |w_i| sum w/sum |w| for each of its events,
/// which keeps the sum. An event may be in several cells, one after another; a seed that an earlier cell has mended is
/// skipped.
///
/// Where the next neighbour is farther than the largest radius, or the largest number of events is reached, or there is no
/// other event, the cell stays as it is, negative, and is counted. Without either limit that happens only if all weights
/// together are negative. A later cell may still take such an event in: what is negative in the end is "negative fraction/after".
///
/// Equally near events join in the order of their indices (also events at the same place); nothing is random, and nothing
/// depends on the number of threads. The effective sample size rises, but what is known does not: see [`Resampled`].
///
/// The report adds to that of [`Resampled`]: "cells", "cells left negative", the curves "cell size" (events) and "cell radius"
/// (distance of the farthest event), one entry a resampled cell in the order of the seeds, and "largest cell radius".
///
/// ```
/// use hepml_core::{Table, Weighted, ndarray::array};
/// use hepml_ratio::{CellResampling, Euclid};
///
/// let table: Table = array![[0.0], [0.1], [5.0]];
/// let events = Weighted::new(table, vec![-1.0, 3.0, 1.0])?;
/// let resampled = CellResampling::new().resample_table(&events, &Euclid::new(vec![1.0])?)?;
/// assert_eq!(resampled.events.weights(), [0.5, 1.5, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct CellResampling {
    /// Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_radius: Option<f64>,
    /// Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_events: Option<usize>,
}

impl CellResampling {
    /// Cells of any size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cells of at most this radius, in the units of the distance: how far weight may move.
    #[must_use]
    pub const fn max_radius(mut self, radius: f64) -> Self {
        self.max_radius = Some(radius);
        self
    }

    /// Cells of at most so many events, the seed included; at least 2.
    #[must_use]
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = Some(events);
        self
    }

    /// Resamples in any distance (of tables, or of particle sets, such as the EMD of hepml-ot), comparing each seed with every
    /// event.
    ///
    /// # Errors
    /// No events; a largest radius that is not positive; fewer than two events in a cell; a distance that fails or is not finite, naming the events; weights
    /// whose sum overflows.
    pub fn resample<E, M>(&self, events: &Weighted<E>, metric: &M) -> Result<Resampled<E>>
    where
        E: EventSet,
        M: EventMetric<E> + ?Sized,
    {
        self.run(events, |seed, visit| visit_all(events.events(), metric, seed, visit))
    }

    /// Resamples a table in the Euclidean distance through a k-d tree: the same cells as [`resample`](Self::resample), in
    /// O(N log N) for N events in cells of a few.
    ///
    /// # Errors
    /// As [`resample`](Self::resample); an entry that is not finite, naming row and column; another number of columns than
    /// the distance has.
    pub fn resample_table(&self, events: &Weighted<Table>, metric: &Euclid) -> Result<Resampled<Table>> {
        let tree = KdTree::new(events.events(), metric)?;
        self.run(events, |seed, visit| tree.visit(seed, visit))
    }

    fn run<E: EventSet>(
        &self,
        events: &Weighted<E>,
        nearest: impl Fn(usize, &mut Visit<'_>) -> Result<()>,
    ) -> Result<Resampled<E>> {
        if events.is_empty() {
            return Err(CoreError::Empty { what: "sample to resample".into() }.into());
        }
        let max_radius = self.max_radius.unwrap_or(f64::INFINITY);
        if max_radius.is_nan() || max_radius <= 0.0 {
            return Err(CoreError::out_of_range("largest radius of a cell", max_radius, "positive").into());
        }
        let max_events = self.max_events.unwrap_or(usize::MAX);
        if max_events < 2 {
            let allowed = "at least 2";
            return Err(CoreError::out_of_range(
                "largest number of events of a cell",
                max_events as f64,
                allowed,
            )
            .into());
        }
        hepml_core::finite("sum of |w|", events.weights().iter().map(|weight| weight.abs()).sum())?;
        let mut weights = events.weights().to_vec();
        let mut seeds: Vec<usize> = (0..weights.len()).filter(|&event| weights[event] < 0.0).collect();
        // A stable sort: of equal weights the first comes first.
        seeds.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let (mut sizes, mut radii, mut left) = (Vec::new(), Vec::new(), 0_usize);
        let mut cell = Vec::new();
        for seed in seeds {
            if weights[seed] >= 0.0 {
                continue;
            }
            cell.clear();
            cell.push(seed);
            let (mut sum, mut radius) = (weights[seed], 0.0);
            nearest(seed, &mut |event, distance| {
                if distance > max_radius || cell.len() == max_events {
                    return ControlFlow::Break(());
                }
                cell.push(event);
                sum += weights[event];
                radius = distance;
                if sum < 0.0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if sum < 0.0 {
                left += 1;
                continue;
            }
            let size: f64 = cell.iter().map(|&event| weights[event].abs()).sum();
            for &event in &cell {
                weights[event] = weights[event].abs() * (sum / size);
            }
            sizes.push(cell.len() as f64);
            radii.push(radius);
        }
        let mut resampled = Resampled::new(events, events.reweighted(weights)?);
        let report = &mut resampled.report;
        report.measure("cells", sizes.len() as f64, None);
        report.measure("cells left negative", left as f64, None);
        report.measure("largest cell radius", radii.iter().copied().fold(0.0, f64::max), None);
        report.curve("cell size", sizes);
        report.curve("cell radius", radii);
        if left > 0 {
            report.warn(format!("{left} seeds have no cell of non-negative weight and keep their weight"));
        }
        Ok(resampled)
    }
}
