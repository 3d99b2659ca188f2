//! χ² tests.

use hepml_core::nalgebra::{DMatrix, DVector};
use hepml_core::ndarray::ArrayRef2;
use hepml_core::{Error as CoreError, Item};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::sample::{check_finite, check_values};

/// How far a covariance matrix may be from symmetric, relative to √(V_ii V_jj): rounding of a product of matrices.
const ASYMMETRY: f64 = 1e-10;

/// A χ² with its degrees of freedom and p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chi2Test {
    /// χ².
    pub chi2: f64,
    /// The degrees of freedom.
    pub degrees_of_freedom: usize,
    /// The probability of a χ² this large or larger.
    pub p_value: f64,
}

impl Chi2Test {
    /// The test of a χ² with this many degrees of freedom.
    ///
    /// # Errors
    /// A χ² that is negative or not finite; no degrees of freedom.
    pub fn new(chi2: f64, degrees_of_freedom: usize) -> Result<Self> {
        hepml_core::finite("chi2", chi2)?;
        if chi2 < 0.0 {
            return Err(CoreError::out_of_range("chi2", chi2, "0 or more").into());
        }
        if degrees_of_freedom == 0 {
            return Err(Error::TooFew { what: "degrees of freedom".into(), needed: 1, got: 0 });
        }
        let distribution =
            ChiSquared::new(degrees_of_freedom as f64).expect("at least one degree of freedom");
        Ok(Self { chi2, degrees_of_freedom, p_value: distribution.sf(chi2) })
    }

    /// χ² per degree of freedom.
    pub fn reduced(&self) -> f64 {
        self.chi2 / self.degrees_of_freedom as f64
    }
}

/// χ² = Σ((observed − expected)/error)² with `constraints` degrees of freedom fewer than values (fitted parameters, a fixed
/// sum).
///
/// ```
/// let test = hepml_stats::chi2_errors(&[1.0, 2.0], &[1.5, 2.0], &[0.5, 0.5], 0)?;
/// assert_eq!((test.chi2, test.degrees_of_freedom), (1.0, 2));
/// assert!((test.p_value - (-0.5_f64).exp()).abs() < 1e-15);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// No values, lists of different lengths, a number that is not finite, an error that is not positive, or no degree of
/// freedom left.
pub fn chi2_errors(
    observed: &[f64],
    expected: &[f64],
    errors: &[f64],
    constraints: usize,
) -> Result<Chi2Test> {
    check_values("observed value", observed, 1)?;
    check_len("expected values", observed, expected)?;
    check_len("errors", observed, errors)?;
    check_finite("expected value", expected)?;
    check_finite("error", errors)?;
    if let Some(bin) = errors.iter().position(|&error| error <= 0.0) {
        let (what, item, value) = ("error".into(), Item::event(bin), errors[bin]);
        return Err(CoreError::OutOfRange { what, item, value, allowed: "positive" }.into());
    }
    let chi2 =
        observed.iter().zip(expected).zip(errors).map(|((o, e), error)| ((o - e) / error).powi(2)).sum();
    Chi2Test::new(chi2, freedom(observed.len(), constraints)?)
}

/// χ² = dᵀ V⁻¹ d for d = observed − expected and their covariance V `[n, n]`, with `constraints` degrees of freedom fewer
/// than values.
///
/// # Errors
/// As [`chi2_errors`]; a covariance that is not n × n, not symmetric or not positive definite.
pub fn chi2_covariance(
    observed: &[f64],
    expected: &[f64],
    covariance: &ArrayRef2<f64>,
    constraints: usize,
) -> Result<Chi2Test> {
    check_values("observed value", observed, 1)?;
    check_len("expected values", observed, expected)?;
    check_finite("expected value", expected)?;
    let n = observed.len();
    for (what, got) in
        [("rows of the covariance", covariance.nrows()), ("columns of the covariance", covariance.ncols())]
    {
        if got != n {
            return Err(CoreError::shape(what, n, got).into());
        }
    }
    hepml_core::check_finite("covariance", covariance)?;
    if (0..n).any(|i| covariance[[i, i]] <= 0.0) {
        return Err(Error::NotPositiveDefinite);
    }
    // Divided by the errors first: a correlation matrix is what floating point likes to factorise.
    let errors: Vec<f64> = (0..n).map(|i| covariance[[i, i]].sqrt()).collect();
    let correlation = DMatrix::from_fn(n, n, |i, j| covariance[[i, j]] / errors[i] / errors[j]);
    for row in 0..n {
        for column in 0..row {
            let (a, b): (f64, f64) = (correlation[(row, column)], correlation[(column, row)]);
            if (a - b).abs() > ASYMMETRY {
                return Err(Error::NotSymmetric { row, column });
            }
        }
    }
    let factor = correlation.cholesky().ok_or(Error::NotPositiveDefinite)?;
    let pulls = DVector::from_fn(n, |i, _| (observed[i] - expected[i]) / errors[i]);
    let whitened = factor.l().solve_lower_triangular(&pulls).ok_or(Error::NotPositiveDefinite)?;
    Chi2Test::new(whitened.norm_squared(), freedom(n, constraints)?)
}

/// Whether two weighted histograms agree in every bin, normalisation included: χ² = Σ(a − b)²/(s_a² + s_b²).
///
/// Bins that are empty in both count neither in χ² nor in the degrees of freedom. Underflow and overflow are not looked
/// at. χ² is distributed as such where bins hold some ten (effective) entries or more.
///
/// # Errors
/// Different bins; no bin with entries.
pub fn chi2_histograms(a: &Histogram, b: &Histogram) -> Result<Chi2Test> {
    compare(a, b, 1.0, 1.0, 0)
}

/// Whether two weighted histograms have the same shape: χ² = Σ(B a − A b)²/(B² s_a² + A² s_b²) with the sums A and B over
/// the bins, and one degree of freedom fewer than bins (N. D. Gagunashvili, physics/0605123).
///
/// # Errors
/// As [`chi2_histograms`]; a sum that is not positive; fewer than two bins with entries.
pub fn chi2_shapes(a: &Histogram, b: &Histogram) -> Result<Chi2Test> {
    let sums = [a.total().value, b.total().value];
    if let Some(&sum) = sums.iter().find(|sum| !(**sum > 0.0 && sum.is_finite())) {
        return Err(Error::NonPositiveSum { what: "bins", sum });
    }
    compare(a, b, sums[0], sums[1], 1)
}

fn compare(a: &Histogram, b: &Histogram, sum_a: f64, sum_b: f64, constraints: usize) -> Result<Chi2Test> {
    if a.binning().edges() != b.binning().edges() {
        return Err(Error::BinningMismatch);
    }
    let (mut chi2, mut bins) = (0.0, 0);
    for bin in 0..a.binning().bins() {
        let (in_a, in_b) = (a.estimate(bin), b.estimate(bin));
        let error = (in_a.error / sum_a).hypot(in_b.error / sum_b);
        if error > 0.0 {
            chi2 += ((in_a.value / sum_a - in_b.value / sum_b) / error).powi(2);
            bins += 1;
        }
    }
    Chi2Test::new(chi2, freedom(bins, constraints)?)
}

fn freedom(values: usize, constraints: usize) -> Result<usize> {
    match values.checked_sub(constraints) {
        Some(freedom) if freedom > 0 => Ok(freedom),
        _ => Err(Error::TooFew {
            what: "values for a chi2".into(),
            needed: constraints.saturating_add(1),
            got: values,
        }),
    }
}

fn check_len(what: &'static str, expected: &[f64], got: &[f64]) -> Result<()> {
    if expected.len() == got.len() {
        Ok(())
    } else {
        Err(CoreError::shape(what, expected.len(), got.len()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Binning;
    use hepml_core::ndarray::{Array2, array};

    #[test]
    fn a_diagonal_covariance_is_a_list_of_errors() {
        let (observed, expected, errors) = ([1.0, 2.0, 3.0], [1.1, 1.5, 4.0], [1e-3, 0.2, 1e3]);
        let covariance = Array2::from_diag(&array![1e-6, 0.04, 1e6]);
        let a = chi2_errors(&observed, &expected, &errors, 1).unwrap();
        let b = chi2_covariance(&observed, &expected, &covariance, 1).unwrap();
        assert!((a.chi2 / b.chi2 - 1.0).abs() < 1e-12);
        assert_eq!(a.degrees_of_freedom, 2);
        assert_eq!(a.reduced(), a.chi2 / 2.0);
    }

    #[test]
    fn shapes_do_not_see_the_normalisation() {
        let binning = Binning::uniform(3, 0.0, 3.0).unwrap();
        let (mut a, mut b) = (Histogram::new(binning.clone()), Histogram::new(binning));
        for (value, weight) in [(0.5, 4.0), (1.5, 2.0), (1.5, 1.0)] {
            a.fill(value, weight).unwrap();
            b.fill(value, 10.0 * weight).unwrap();
        }
        let shapes = chi2_shapes(&a, &b).unwrap();
        assert!(shapes.chi2 < 1e-25 && shapes.degrees_of_freedom == 1 && shapes.p_value > 0.999);
        let contents = chi2_histograms(&a, &b).unwrap();
        assert!(contents.chi2 > 1.0 && contents.degrees_of_freedom == 2);
    }

    #[test]
    fn bad_input() {
        assert!(chi2_errors(&[], &[], &[], 0).is_err());
        assert!(chi2_errors(&[1.0], &[], &[1.0], 0).is_err());
        assert!(chi2_errors(&[1.0], &[1.0], &[], 0).is_err());
        assert!(chi2_errors(&[1.0], &[1.0], &[0.0], 0).is_err());
        assert!(chi2_errors(&[1.0], &[f64::NAN], &[1.0], 0).is_err());
        assert!(chi2_errors(&[1.0], &[1.0], &[1.0], 1).is_err());
        assert!(Chi2Test::new(-1.0, 1).is_err() && Chi2Test::new(f64::NAN, 1).is_err());
        let two = [1.0, 2.0];
        assert!(chi2_covariance(&two, &two, &array![[1.0]], 0).is_err());
        assert!(matches!(
            chi2_covariance(&two, &two, &array![[1.0, 0.1], [0.2, 1.0]], 0),
            Err(Error::NotSymmetric { row: 1, column: 0 })
        ));
        for singular in
            [array![[1.0, 1.0], [1.0, 1.0]], array![[1.0, 2.0], [2.0, 1.0]], array![[1.0, 0.0], [0.0, 0.0]]]
        {
            assert!(matches!(chi2_covariance(&two, &two, &singular, 0), Err(Error::NotPositiveDefinite)));
        }
        let a = Histogram::new(Binning::uniform(3, 0.0, 3.0).unwrap());
        let b = Histogram::new(Binning::uniform(2, 0.0, 3.0).unwrap());
        assert!(matches!(chi2_histograms(&a, &b), Err(Error::BinningMismatch)));
        assert!(chi2_histograms(&a, &a).is_err() && chi2_shapes(&a, &a).is_err());
    }
}
