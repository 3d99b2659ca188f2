//! Features brought to mean 0 and standard deviation 1.

use hepml_core::ndarray::Array1;
use hepml_core::{FitReport, Table, Weighted};

/// The mean and standard deviation of each column; a deviation of 0 marks one that tells no events apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standardisation {
    pub(crate) mean: Array1<f64>,
    pub(crate) deviation: Array1<f64>,
}

impl Standardisation {
    /// Over both sides, each counting half, by |w|; neither overflows nor loses digits to an offset.
    pub(crate) fn of(sides: &[Weighted<Table>; 2]) -> Self {
        let shares = sides.each_ref().map(|side| {
            // Relative to the largest first, so that no sum overflows.
            let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
            let size: f64 = side.weights().iter().map(|w| w.abs() / largest).sum();
            side.weights().iter().map(|w| 0.5 * (w.abs() / largest) / size).collect::<Vec<f64>>()
        });
        let columns = sides[0].events().ncols();
        let (mut mean, mut deviation) = (Array1::zeros(columns), Array1::zeros(columns));
        for column in 0..columns {
            let [low, high] = range(sides, column);
            mean[column] = low;
            // Half of the range: the range itself may overflow.
            let half = 0.5 * high - 0.5 * low;
            if half <= 0.0 {
                continue;
            }
            // Places in the range, from 0 to 2.
            let places = || {
                sides.iter().zip(&shares).flat_map(move |(side, shares)| {
                    let values = side.events().column(column).into_iter();
                    values
                        .zip(shares)
                        .filter(|(_, share)| **share > 0.0)
                        .map(move |(&x, &share)| (2.0 * ((0.5 * x - 0.5 * low) / half), share))
                })
            };
            let at: f64 = places().map(|(place, share)| share * place).sum();
            let square: f64 = places().map(|(place, share)| share * (place - at).powi(2)).sum();
            let scale = half * square.sqrt();
            // A spread whose inverse is no number is none.
            if (1.0 / scale).is_finite() {
                mean[column] = low + half * at;
                deviation[column] = scale;
            }
        }
        Self { mean, deviation }
    }

    /// The columns that tell events apart.
    pub(crate) fn used(&self) -> Vec<usize> {
        (0..self.deviation.len()).filter(|&column| self.deviation[column] > 0.0).collect()
    }

    /// Warns of the columns that are not constant, but whose spread has no inverse: they are left out all the same.
    pub(crate) fn warn_of_narrow_columns(&self, sides: &[Weighted<Table>; 2], report: &mut FitReport) {
        for (column, deviation) in self.deviation.iter().enumerate() {
            let [low, high] = range(sides, column);
            if low < high && *deviation == 0.0 {
                report.warn(format!(
                    "the spread of column {column} is too small to divide by: the ratio does not depend on it"
                ));
            }
        }
    }

    /// A number of a column, standardised; 0 for one that tells no events apart.
    pub(crate) fn apply(&self, column: usize, x: f64) -> f64 {
        let (mean, deviation) = (self.mean[column], self.deviation[column]);
        let difference = x - mean;
        if deviation == 0.0 {
            0.0
        } else if difference.is_finite() {
            difference / deviation
        } else {
            x / deviation - mean / deviation
        }
    }

    /// The columns that tell events apart, standardised, row by row.
    pub(crate) fn rows(&self, table: &Table) -> Vec<f64> {
        let used = self.used();
        let rows = table.rows().into_iter();
        rows.flat_map(|row| {
            used.iter().map(move |&column| self.apply(column, row[column])).collect::<Vec<_>>()
        })
        .collect()
    }

    /// Whether the numbers, of a saved model, can be those of a standardisation.
    pub(crate) fn is_sound(&self) -> bool {
        let is_sound =
            |(mean, deviation): (&f64, &f64)| mean.is_finite() && *deviation >= 0.0 && deviation.is_finite();
        self.mean.len() == self.deviation.len() && self.mean.iter().zip(&self.deviation).all(is_sound)
    }
}

/// Warns of the columns in which all events with a weight have the same number.
pub(crate) fn warn_of_constant_columns(sides: &[Weighted<Table>; 2], report: &mut FitReport) {
    for column in 0..sides[0].events().ncols() {
        let [low, high] = range(sides, column);
        if low >= high {
            report.warn(format!("column {column} is constant: the ratio does not depend on it"));
        }
    }
}

/// The least and the largest number of a column among the events with a weight.
fn range(sides: &[Weighted<Table>; 2], column: usize) -> [f64; 2] {
    let mut range = [f64::INFINITY, f64::NEG_INFINITY];
    for side in sides {
        for (&x, weight) in side.events().column(column).iter().zip(side.weights()) {
            if *weight != 0.0 {
                range = [range[0].min(x), range[1].max(x)];
            }
        }
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::ndarray::array;

    /// Rounding of a sum of four terms.
    const ROUNDING: f64 = 1e-15;

    /// Columns in which three events of either side lie at 0, 1 and 3, in the units and at the offset given.
    fn sides(unit: f64, offset: f64) -> [Weighted<Table>; 2] {
        let table =
            |x: f64| array![[offset + unit * x, 7.1], [offset + unit, 7.1], [offset + 3.0 * unit, 7.1]];
        let first = Weighted::new(table(0.0), vec![1.0, -2.0, 1.0]).unwrap();
        [first, Weighted::unit(table(1.0))]
    }

    #[test]
    fn units_and_offsets_leave_what_is_standardised() {
        // Means 5/4 and 5/3, each of half the weight.
        let mean: f64 = 0.5 * (1.25 + 5.0 / 3.0);
        let square = 0.5 * (0.25 * 0.0 + 0.5 + 0.25 * 9.0) + 0.5 * (1.0 + 1.0 + 9.0) / 3.0;
        let deviation = (square - mean * mean).sqrt();
        // 1e12 and its neighbours at distances of powers of two are numbers without rounding.
        for (unit, offset) in
            [(1.0, 0.0), (1e-300, 0.0), (1e300, 0.0), (5e307, -1e308), (1.0, 1e12), (0.125, -1e12)]
        {
            let sides = sides(unit, offset);
            let standardisation = Standardisation::of(&sides);
            assert_eq!(standardisation.used(), [0]);
            for (event, place) in [0.0, 1.0, 3.0].into_iter().enumerate() {
                let got = standardisation.apply(0, sides[0].events()[[event, 0]]);
                let expected = (place - mean) / deviation;
                // The mean itself is rounded at the offset.
                let rounding = ROUNDING * 10.0 + f64::EPSILON * offset.abs() / (unit * deviation);
                assert!((got - expected).abs() < rounding, "{unit} {offset}: {got} {expected}");
            }
            assert_eq!(standardisation.apply(1, 1e300), 0.0);
            assert!(standardisation.apply(0, f64::MAX).is_finite() || unit < 1.0);
            assert!(!standardisation.apply(0, -f64::MAX).is_nan());
        }
    }

    #[test]
    fn events_without_weight_do_not_count() {
        let side = |other: f64| Weighted::new(array![[1.0], [other]], vec![1.0, 0.0]).unwrap();
        let mut report = FitReport::new();
        warn_of_constant_columns(&[side(5.0), side(1.0)], &mut report);
        assert_eq!(report.warnings.len(), 1);
        assert!(report.warnings[0].contains("column 0 is constant"));
        assert!(Standardisation::of(&[side(5.0), side(1.0)]).used().is_empty());
    }

    #[test]
    fn a_subnormal_spread_is_warned_of() {
        for (unit, said) in [(1e-310, true), (1e-320, true), (5e-324, true), (1e-300, false), (0.0, false)] {
            let sides = [sides(unit, 0.0), sides(unit, 0.0)].map(|[side, _]| side);
            let (standardisation, mut report) = (Standardisation::of(&sides), FitReport::new());
            standardisation.warn_of_narrow_columns(&sides, &mut report);
            assert_eq!(report.warnings.len(), usize::from(said), "{unit} {:?}", report.warnings);
        }
    }
}
