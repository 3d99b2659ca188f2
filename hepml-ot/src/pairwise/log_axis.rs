//! Bins of equal ratios.

use hepml_core::Error as CoreError;

use crate::error::Result;

/// The bins that an axis may have: a number of memory-filling size is a mistake.
const MAX_BINS: usize = 100_000;

/// An axis of bins whose edges have equal ratios.
///
/// Bin k holds the values from edge k up to but without edge k + 1.
#[derive(Debug, Clone, PartialEq)]
pub struct LogAxis {
    edges: Vec<f64>,
}

impl LogAxis {
    /// `bins` bins from `lowest` to `highest`.
    ///
    /// # Errors
    /// An axis other than 0 < `lowest` < `highest` < infinity with at least one and at most 100000 bins, their edges
    /// different numbers.
    pub fn new(lowest: f64, highest: f64, bins: usize) -> Result<Self> {
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
        let edge = |k: usize| match k {
            0 => lowest,
            k if k == bins => highest,
            k => (lowest.ln() + step * k as f64).exp(),
        };
        let edges: Vec<f64> = (0..=bins).map(edge).collect();
        if edges.windows(2).any(|edge| edge[0] >= edge[1]) || step == 0.0 {
            let allowed = "few enough that their edges are different numbers";
            return Err(CoreError::out_of_range("number of bins", bins as f64, allowed).into());
        }
        Ok(Self { edges })
    }

    /// The edges, one more than there are bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The number of bins.
    pub fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The lower end.
    pub fn lowest(&self) -> f64 {
        self.edges[0]
    }

    /// The upper end.
    pub fn highest(&self) -> f64 {
        self.edges[self.bins()]
    }

    /// ln of the ratio of neighbouring edges.
    pub fn step(&self) -> f64 {
        (self.highest().ln() - self.lowest().ln()) / self.bins() as f64
    }

    /// The number of edges at or below a value: 0 below the axis, k + 1 in bin k, bins + 1 beyond it.
    pub(crate) fn position(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= value)
    }
}
