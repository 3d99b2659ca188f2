//! Two Gaussians.

use hepml_core::nalgebra::{DMatrix, DVector};
use hepml_core::ndarray::{Array1, ArrayRef2};
use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, LogRatio, Table, Weighted, check_finite};

use super::likelihood::check;
use super::toy::Toy;
use super::variates::normal;
use crate::error::Result;

/// A normal distribution N(mean, covariance) in d dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    /// Lower triangle L of the covariance L L^T.
    root: DMatrix<f64>,
    /// Inverse of the root.
    inverse: DMatrix<f64>,
    /// ln det L.
    log_volume: f64,
}

impl Gaussian {
    /// A Gaussian of its mean `[d]` and covariance `[d, d]`.
    ///
    /// # Errors
    /// No dimensions; shapes that differ; numbers that are not finite; a covariance that is not symmetric and positive
    /// definite.
    pub fn new(mean: &[f64], covariance: &ArrayRef2<f64>) -> Result<Self> {
        let d = mean.len();
        if d == 0 {
            return Err(CoreError::Empty { what: "mean of a Gaussian".into() }.into());
        }
        for length in [covariance.nrows(), covariance.ncols()] {
            if length != d {
                return Err(CoreError::shape("rows or columns of a covariance", d, length).into());
            }
        }
        for &value in mean {
            hepml_core::finite("mean of a Gaussian", value)?;
        }
        check_finite("covariance", covariance)?;
        for ((row, column), &value) in covariance.indexed_iter() {
            if value != covariance[[column, row]] {
                return Err(CoreError::out_of_range("element of a covariance", value, "symmetric").into());
            }
        }
        let matrix = DMatrix::from_fn(d, d, |row, column| covariance[[row, column]]);
        let not_positive = || CoreError::out_of_range("covariance", f64::NAN, "positive definite");
        let root = matrix.cholesky().ok_or_else(not_positive)?.unpack();
        let inverse = root.solve_lower_triangular(&DMatrix::identity(d, d)).ok_or_else(not_positive)?;
        let log_volume = root.diagonal().iter().map(|entry| entry.ln()).sum();
        Ok(Self { mean: DVector::from_column_slice(mean), root, inverse, log_volume })
    }

    /// The Gaussian of the largest likelihood of a sample: its weighted mean and covariance (over n, not n - 1).
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0; a number that is not finite; events that do not span all dimensions.
    fn maximum_likelihood(side: &'static str, sample: &Weighted<Table>) -> Result<Self> {
        check(side, sample)?;
        check_finite(side, sample.events())?;
        let (d, sum) = (sample.events().ncols(), sample.sum_weights());
        let mut mean = vec![0.0; d];
        for (event, weight) in sample.events().rows().into_iter().zip(sample.weights()) {
            mean.iter_mut().zip(event).for_each(|(mean, x)| *mean += weight / sum * x);
        }
        let mut covariance = Table::zeros((d, d));
        for (event, weight) in sample.events().rows().into_iter().zip(sample.weights()) {
            let difference: Vec<f64> = event.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            for ((i, j), entry) in covariance.indexed_iter_mut() {
                // The same product for (i, j) and (j, i), so that the matrix is symmetric.
                *entry += weight / sum * (difference[i] * difference[j]);
            }
        }
        Self::new(&mean, &covariance)
    }

    /// The logarithm of the density, without its (2 pi)^(-d/2).
    fn log_density(&self, x: &DVector<f64>) -> f64 {
        -0.5 * (&self.inverse * (x - &self.mean)).norm_squared() - self.log_volume
    }
}

/// N(a, A) against N(b, B) in d dimensions.
///
/// ln r = ((x - b)^T B^-1 (x - b) - (x - a)^T A^-1 (x - a) + ln det B - ln det A)/2 and
/// KL = (tr(B^-1 A) + (a - b)^T B^-1 (a - b) - d + ln det B - ln det A)/2.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussians {
    numerator: Gaussian,
    denominator: Gaussian,
}

impl Gaussians {
    /// A toy of two Gaussians of the same dimension.
    ///
    /// # Errors
    /// Dimensions that differ.
    pub fn new(numerator: Gaussian, denominator: Gaussian) -> Result<Self> {
        let (expected, got) = (numerator.mean.len(), denominator.mean.len());
        if expected != got {
            return Err(CoreError::shape("dimensions of the denominator", expected, got).into());
        }
        Ok(Self { numerator, denominator })
    }

    /// The toy of the largest likelihood of two samples: mean and covariance of each side.
    ///
    /// # Errors
    /// No events, negative weights, or none that is not 0, on a side; a number that is not finite; tables of other numbers of
    /// columns, or without; events that do not span all dimensions.
    pub fn maximum_likelihood(numerator: &Weighted<Table>, denominator: &Weighted<Table>) -> Result<Self> {
        let fit = Gaussian::maximum_likelihood;
        Self::new(fit("numerator", numerator)?, fit("denominator", denominator)?)
    }

    /// N(mu, 1) against N(-mu, 1): ln r = 2 mu x, KL = 2 mu^2, SQR minimum 2 e^(-mu^2/2), LSIF minimum -e^(4 mu^2)/2
    /// (arXiv:2305.10500 has mu = 0.1).
    ///
    /// # Errors
    /// mu not finite.
    pub fn shifted(mu: f64) -> Result<Self> {
        let unit = Table::eye(1);
        Self::new(Gaussian::new(&[mu], &unit)?, Gaussian::new(&[-mu], &unit)?)
    }
}

impl LogRatio<Table> for Gaussians {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let d = self.numerator.mean.len();
        if events.ncols() != d {
            return Err(CoreError::shape("columns of the table", d, events.ncols()));
        }
        check_finite("events", events)?;
        Ok(events
            .rows()
            .into_iter()
            .map(|row| {
                let x = DVector::from_iterator(d, row.iter().copied());
                self.numerator.log_density(&x) - self.denominator.log_density(&x)
            })
            .collect())
    }
}

impl Toy<Table> for Gaussians {
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<Table> {
        let gaussian = if numerator { &self.numerator } else { &self.denominator };
        let d = gaussian.mean.len();
        let mut table = Table::zeros((events, d));
        for mut row in table.rows_mut() {
            let standard = DVector::from_fn(d, |_, _| normal(rng));
            let x = &gaussian.root * standard + &gaussian.mean;
            row.iter_mut().zip(x.iter()).for_each(|(entry, &value)| *entry = value);
        }
        Weighted::unit(table)
    }

    fn kl(&self) -> f64 {
        let Self { numerator: a, denominator: b } = self;
        let trace = (&b.inverse * &a.root).norm_squared();
        let distance = (&b.inverse * (&a.mean - &b.mean)).norm_squared();
        0.5 * (trace + distance - a.mean.len() as f64) + b.log_volume - a.log_volume
    }
}
