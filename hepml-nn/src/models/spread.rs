//! What several models say of an event.
//!
//! # Conventions
//! The spread of K members is the standard deviation with 1/(K - 1), whose square is unbiased for members that are
//! independent draws. It is itself known to a relative 1/sqrt(2 (K - 1)): 11% for 40 members, 35% for 5.

use hepml_core::{Error as CoreError, Table};

use crate::error::{Error, Result};

/// Mean and standard deviation of the observables of several models.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// The mean over the members, [events, observables].
    pub mean: Table,
    /// The standard deviation over the members, [events, observables].
    pub deviation: Table,
}

/// What is uncertain about a Gaussian target, and why (arXiv:1703.04977, 1612.01474; in this field 1904.10004).
///
/// Members k = 1..K predict means m_k and variances v_k. Their mixture has the mean m = sum_k m_k/K and the variance
/// v_a + v_e: v_a = sum_k v_k/K is noise of the target itself (aleatoric), which more training events do not lessen;
/// v_e = sum_k (m_k - m)²/(K - 1) is what is not known of the weights (epistemic), which they do. All are
/// [events, targets]; the deviations are square roots of the variances.
///
/// A Bayesian network learns its v_k at drawn weights: where the spread of weights is larger than the errors that they
/// make, v_a takes up the excess, and v_a + v_e counts it twice. Pulls (y - m)/sqrt(v_a + v_e) then come out a little narrower than 1:
/// 0.95 in the test of this crate, where v_e is 5% of the noise. v_e of an ensemble is that of one member; their mean is
/// better.
#[derive(Debug, Clone, PartialEq)]
pub struct Uncertainty {
    /// The mean m.
    pub mean: Table,
    /// sqrt(v_a).
    pub aleatoric: Table,
    /// sqrt(v_e).
    pub epistemic: Table,
}

impl Spread {
    /// Mean and standard deviation of tables of the same shape.
    pub(super) fn of(tables: impl Iterator<Item = Result<Table>>) -> Result<Self> {
        // Welford's updates: no table but the last is kept, and nothing cancels.
        let mut count = 0_usize;
        let (mut mean, mut squares) = (Table::zeros((0, 0)), Table::zeros((0, 0)));
        for table in tables {
            let table = table?;
            count += 1;
            if count == 1 {
                squares = Table::zeros(table.dim());
                mean = table;
                continue;
            }
            if table.dim() != mean.dim() {
                return Err(Error::Shapes {
                    operation: "observables of members",
                    a: mean.dim(),
                    b: table.dim(),
                });
            }
            for ((mean, squares), x) in mean.iter_mut().zip(&mut squares).zip(&table) {
                let before = x - *mean;
                *mean += before / count as f64;
                *squares += before * (x - *mean);
            }
        }
        if count < 2 {
            let allowed = "at least 2 for a spread";
            return Err(CoreError::out_of_range("number of members", count as f64, allowed).into());
        }
        let deviation = squares.mapv_into(|s| (s / (count - 1) as f64).sqrt());
        Ok(Self { mean, deviation })
    }
}

impl Uncertainty {
    /// From tables of means and ln variances, [events, 2 targets].
    pub(super) fn of(tables: impl Iterator<Item = Result<Table>>) -> Result<Self> {
        // Means and variances: their means are m and v_a, the deviations of the former sqrt(v_e).
        let spread = Spread::of(tables.map(|table| {
            let mut table = table?;
            let columns = table.ncols();
            if columns == 0 || columns % 2 != 0 {
                let what = "observables (means, then ln variances), a multiple of 2,";
                return Err(Error::shape(what, columns.next_multiple_of(2).max(2), columns));
            }
            for (event, mut row) in table.rows_mut().into_iter().enumerate() {
                for x in row.iter_mut().skip(columns / 2) {
                    let variance = x.exp();
                    if !variance.is_finite() {
                        return Err(CoreError::not_finite("variance", variance).at_event(event).into());
                    }
                    *x = variance;
                }
            }
            Ok(table)
        }))?;
        let half = spread.mean.ncols() / 2;
        let columns = |table: &Table, from: usize| {
            Table::from_shape_fn((table.nrows(), half), |(event, column)| table[[event, from + column]])
        };
        Ok(Self {
            mean: columns(&spread.mean, 0),
            aleatoric: columns(&spread.mean, half).mapv_into(f64::sqrt),
            epistemic: columns(&spread.deviation, 0),
        })
    }

    /// The standard deviation of a target about the mean, sqrt(v_a + v_e).
    pub fn total(&self) -> Table {
        let mut total = self.aleatoric.clone();
        total.zip_mut_with(&self.epistemic, |a, e| *a = a.hypot(*e));
        total
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::array;

    use super::*;

    #[test]
    fn spreads_are_those_of_the_formulas() {
        let tables: [Table; 3] = [array![[1.0, 1e8]], array![[2.0, 1e8 + 2.0]], array![[6.0, 1e8 + 4.0]]];
        let spread = Spread::of(tables.into_iter().map(Ok)).unwrap();
        assert_eq!(spread.mean, array![[3.0, 1e8 + 2.0]]);
        // (4 + 1 + 9)/2 and (4 + 0 + 4)/2.
        assert_eq!(spread.deviation, array![[7.0_f64.sqrt(), 2.0]]);
        let one = Spread::of([Ok(array![[1.0]])].into_iter()).unwrap_err().to_string();
        assert!(one.contains("at least 2"), "{one}");
        let other = [Ok(array![[1.0]]), Ok(array![[1.0, 2.0]])];
        assert!(matches!(Spread::of(other.into_iter()), Err(Error::Shapes { .. })));
    }

    #[test]
    fn variances_add_up_to_that_of_the_mixture() {
        let tables: [Table; 2] = [array![[1.0, 4.0_f64.ln()]], array![[3.0, 12.0_f64.ln()]]];
        let uncertainty = Uncertainty::of(tables.into_iter().map(Ok)).unwrap();
        assert_eq!(uncertainty.mean, array![[2.0]]);
        // (4 + 12)/2 and (1 + 1)/1.
        assert!((uncertainty.aleatoric[[0, 0]] - 8.0_f64.sqrt()).abs() < 1e-14);
        assert!((uncertainty.epistemic[[0, 0]] - 2.0_f64.sqrt()).abs() < 1e-14);
        assert!((uncertainty.total()[[0, 0]] - 10.0_f64.sqrt()).abs() < 1e-14);
        let odd = Uncertainty::of([Ok(array![[1.0]])].into_iter()).unwrap_err().to_string();
        assert!(odd.contains("expected 2, got 1"), "{odd}");
        let wild: [Table; 2] = [array![[0.0, 0.0], [0.0, 1e3]], array![[0.0, 0.0], [0.0, 0.0]]];
        let wild = Uncertainty::of(wild.into_iter().map(Ok)).unwrap_err().to_string();
        assert_eq!(wild, "variance of event 1 is not finite (inf)");
    }
}
