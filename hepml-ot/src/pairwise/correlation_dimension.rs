//! The dimension of a set of events at each scale.

use hepml_core::Error as CoreError;

use crate::error::{Error, Result};
use crate::pairwise::engine::{PairwiseEmds, pairs};

/// The bins that an axis may have: a number of memory-filling size is a mistake.
const MAX_BINS: usize = 100_000;

/// The correlation dimension of a set of events: dim(Q) = d ln N(EMD < Q) / d ln Q with N the number of pairs closer than Q
/// (arXiv:1902.02346).
///
/// On an axis of scales Q_0 < Q_1 < ... with equal ratios, dim at √(Q_k Q_{k+1}) is ln[N_{k+1}/N_k] / ln[Q_{k+1}/Q_k].
///
/// The error is a jackknife over *events*: one event after the other is left out, with its n - 1 pairs, and the variance of
/// the n results is (n-1)/n sum_i (dim_i - mean)². Pairs that share an event are correlated, and N_k and N_{k+1} share
/// most of their pairs, so errors from independent pairs or independent bins are wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationDimension {
    points: Vec<DimensionAt>,
}

/// The dimension at a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DimensionAt {
    /// The scale √(Q_k Q_{k+1}), in the unit of the EMDs.
    pub scale: f64,
    /// The dimension.
    pub dimension: f64,
    /// Its standard error.
    pub error: f64,
    /// The number of pairs below Q_{k+1}.
    pub pairs: usize,
}

impl CorrelationDimension {
    /// The dimension of the events behind `emds` in `bins` logarithmic bins from `lowest` to `highest`.
    ///
    /// Bins below which there are so few pairs that leaving out one event leaves none have no dimension with an error and
    /// are left out.
    ///
    /// # Errors
    /// EMDs that are not complete; fewer than 3 events; an axis other than 0 < `lowest` < `highest` < infinity with at least
    /// one and at most 100000 bins, their edges different numbers; [`Error::NoPairsBelow`] if no bin remains.
    pub fn new(emds: &PairwiseEmds, lowest: f64, highest: f64, bins: usize) -> Result<Self> {
        let values = emds.complete()?;
        let events = emds.event_count();
        if events < 3 {
            let allowed = "at least 3";
            return Err(
                CoreError::out_of_range("number of events for a jackknife", events as f64, allowed).into()
            );
        }
        if !(lowest > 0.0 && lowest.is_finite()) {
            return Err(CoreError::out_of_range("lowest scale", lowest, "positive and finite").into());
        }
        if !(highest > lowest && highest.is_finite()) {
            let allowed = "finite and above the lowest";
            return Err(CoreError::out_of_range("highest scale", highest, allowed).into());
        }
        if bins == 0 {
            return Err(CoreError::Empty { what: "axis of scales".into() }.into());
        }
        if bins > MAX_BINS {
            return Err(CoreError::out_of_range("number of bins", bins as f64, "at most 100000").into());
        }
        let step = (highest.ln() - lowest.ln()) / bins as f64;
        let edges: Vec<f64> = (0..=bins)
            .map(|k| if k == bins { highest } else { (lowest.ln() + step * k as f64).exp() })
            .collect();
        if edges.windows(2).any(|edge| edge[0] >= edge[1]) || step == 0.0 {
            let allowed = "few enough that their edges are different numbers";
            return Err(CoreError::out_of_range("number of bins", bins as f64, allowed).into());
        }

        // closer[k]: the pairs below edge k; of_event[k * events + i]: those of them that event i is in.
        let mut closer = vec![0_usize; edges.len()];
        let mut of_event = vec![0_usize; edges.len() * events];
        for ((i, j), value) in pairs(events).zip(values) {
            let first_above = edges.partition_point(|edge| edge <= value);
            if first_above < edges.len() {
                closer[first_above] += 1;
                of_event[first_above * events + i] += 1;
                of_event[first_above * events + j] += 1;
            }
        }
        for k in 1..edges.len() {
            closer[k] += closer[k - 1];
            for i in 0..events {
                of_event[k * events + i] += of_event[(k - 1) * events + i];
            }
        }

        let mut points = Vec::new();
        for k in 0..bins {
            let (below, above) = (&of_event[k * events..][..events], &of_event[(k + 1) * events..][..events]);
            if below.iter().any(|of_event| *of_event == closer[k]) {
                continue;
            }
            let slope = |above: usize, below: usize| (above as f64 / below as f64).ln() / step;
            let without: Vec<f64> =
                above.iter().zip(below).map(|(a, b)| slope(closer[k + 1] - a, closer[k] - b)).collect();
            let count = events as f64;
            let mean = without.iter().sum::<f64>() / count;
            let spread: f64 = without.iter().map(|x| (x - mean) * (x - mean)).sum();
            points.push(DimensionAt {
                scale: (0.5 * (edges[k].ln() + edges[k + 1].ln())).exp(),
                dimension: slope(closer[k + 1], closer[k]),
                error: ((count - 1.0) / count * spread).sqrt(),
                pairs: closer[k + 1],
            });
        }
        if points.is_empty() { Err(Error::NoPairsBelow { lowest, highest }) } else { Ok(Self { points }) }
    }

    /// The dimension scale by scale, from small to large.
    pub fn points(&self) -> &[DimensionAt] {
        &self.points
    }
}
