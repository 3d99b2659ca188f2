//! Features brought to mean 0 and standard deviation 1.

use hepml_core::ndarray::{Array1, ArrayRef2};

use super::problem::Side;

/// The means and standard deviations of the columns; 0 for those of constant columns, which are left out of distances.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standardisation {
    pub(super) mean: Array1<f64>,
    pub(super) deviation: Array1<f64>,
}

impl Standardisation {
    /// Over both sides, each with the half of the weight, by |w|.
    pub(super) fn of(sides: &[Side<'_>; 2]) -> Self {
        let columns = sides[0].table.ncols();
        let (mut means, mut deviations) = (Array1::zeros(columns), Array1::zeros(columns));
        for column in 0..columns {
            let values =
                || sides.iter().flat_map(|side| side.table.column(column).into_iter().zip(side.absolute()));
            let (low, high) = values()
                .filter(|(_, share)| *share > 0.0)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (&x, _)| (x.min(low), x.max(high)));
            if low == high {
                means[column] = low;
                continue;
            }
            // In units of the largest number, so that squares neither overflow nor underflow.
            let unit = low.abs().max(high.abs());
            let mean: f64 = values().map(|(x, share)| share * (x / unit)).sum();
            let square: f64 = values().map(|(x, share)| share * (x / unit - mean).powi(2)).sum();
            means[column] = mean * unit;
            deviations[column] = square.sqrt() * unit;
        }
        Self { mean: means, deviation: deviations }
    }

    /// The columns that tell events apart.
    pub(super) fn used(&self) -> Vec<usize> {
        (0..self.deviation.len()).filter(|&column| self.deviation[column] > 0.0).collect()
    }

    /// The used columns, standardised, row by row.
    pub(super) fn apply(&self, table: &ArrayRef2<f64>) -> Vec<f64> {
        let used = self.used();
        let rows = table.rows().into_iter();
        rows.flat_map(|row| {
            let used = &used;
            used.iter()
                // Divided first: the difference of two finite numbers may overflow.
                .map(move |&column| {
                    let deviation = self.deviation[column];
                    row[column] / deviation - self.mean[column] / deviation
                })
                .collect::<Vec<_>>()
        })
        .collect()
    }
}
