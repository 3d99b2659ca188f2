//! Where a histogram is cut.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, Table, Weighted};
use hepml_stats::weighted_quantiles;

use crate::error::Result;

/// The most bins there may be over all features, and of z: 16 MB of sums, and far more than a sample fills.
pub(crate) const MOST_BINS: usize = 1 << 20;

/// The bins of a histogram ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum RatioBins {
    /// The edges of each feature, at least two, strictly ascending; the outermost bins reach to infinity.
    Edges(Vec<Vec<f64>>),
    /// About so many bins of each feature, with equal shares of the two samples' mean distribution (by |w|). Equal values
    /// share a bin, so there may be fewer.
    Quantiles(usize),
}

impl RatioBins {
    /// The inner edges of each feature.
    pub(super) fn inner_edges(&self, sides: [&Weighted<Table>; 2], features: usize) -> Result<Vec<Vec<f64>>> {
        let edges: Vec<Vec<f64>> = match self {
            Self::Edges(edges) => {
                if edges.len() != features {
                    return Err(CoreError::shape("features with edges", features, edges.len()).into());
                }
                edges.iter().map(|edges| checked_inner(edges)).collect::<Result<_>>()?
            }
            Self::Quantiles(0) => {
                return Err(CoreError::out_of_range("number of bins", 0.0, "at least 1").into());
            }
            Self::Quantiles(count) if *count > MOST_BINS => {
                return Err(too_many_bins(*count as f64).into());
            }
            Self::Quantiles(count) => {
                // Both sides count the same, whatever their yields.
                let weights: Vec<f64> = sides
                    .into_iter()
                    .flat_map(|side| {
                        let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
                        let size: f64 = side.weights().iter().map(|w| w.abs() / largest).sum();
                        side.weights().iter().map(move |w| w.abs() / largest / size)
                    })
                    .collect();
                let levels: Vec<f64> = (1..*count).map(|i| i as f64 / *count as f64).collect();
                (0..features)
                    .map(|feature| {
                        let values: Vec<f64> = sides
                            .into_iter()
                            .flat_map(|side| side.events().column(feature).to_vec())
                            .collect();
                        let mut edges = weighted_quantiles(&values, Some(&weights), &levels)?;
                        edges.dedup();
                        // An edge at the least value would leave the bin below it empty.
                        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                        edges.retain(|&edge| edge > least);
                        Ok(edges)
                    })
                    .collect::<Result<_>>()?
            }
        };
        let bins = edges.iter().map(|edges| edges.len() as f64 + 1.0).product();
        if bins > MOST_BINS as f64 {
            return Err(too_many_bins(bins).into());
        }
        Ok(edges)
    }
}

/// The inner ones of given edges.
fn checked_inner(edges: &[f64]) -> Result<Vec<f64>> {
    if edges.len() < 2 {
        return Err(hepml_stats::Error::TooFew { what: "edges".into(), needed: 2, got: edges.len() }.into());
    }
    for (i, &edge) in edges.iter().enumerate() {
        hepml_core::finite("edge of a bin", edge)?;
        if i > 0 && edge <= edges[i - 1] {
            return Err(CoreError::out_of_range("edge of a bin", edge, "above the edge before it").into());
        }
    }
    Ok(edges[1..edges.len() - 1].to_vec())
}

fn too_many_bins(bins: f64) -> CoreError {
    CoreError::out_of_range("number of bins over all features", bins, "at most 1048576")
}
