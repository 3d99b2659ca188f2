//! Several estimates from the same events.

use hepml_core::ndarray::{Array1, Array2, Axis};

use crate::error::{Error, Result};
use crate::estimate::Estimate;

/// Values with their covariance matrix, so that differences of correlated estimates have an error.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelatedEstimates {
    values: Vec<f64>,
    covariance: Array2<f64>,
}

impl CorrelatedEstimates {
    /// Values on the full sample and their replicas `[replicas, quantities]`, whose covariance (n − 1 in the
    /// denominator) is taken.
    pub(crate) fn from_replicas(values: Vec<f64>, replicas: &Array2<f64>) -> Result<Self> {
        if replicas.nrows() < 2 {
            return Err(Error::TooFew { what: "replicas".into(), needed: 2, got: replicas.nrows() });
        }
        let mean: Array1<f64> = replicas.mean_axis(Axis(0)).expect("there are replicas");
        let deviations = replicas - &mean;
        let covariance = deviations.t().dot(&deviations) / (replicas.nrows() as f64 - 1.0);
        hepml_core::check_finite("covariance", &covariance)?;
        Ok(Self { values, covariance })
    }

    /// The number of estimates.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The covariance matrix.
    pub fn covariance(&self) -> &Array2<f64> {
        &self.covariance
    }

    /// Estimate `index`.
    ///
    /// # Errors
    /// No such estimate.
    pub fn estimate(&self, index: usize) -> Result<Estimate> {
        self.check(index)?;
        Estimate::new(self.values[index], self.covariance[[index, index]].sqrt())
    }

    /// Estimate `first` minus estimate `second`, with the error √(V₁₁ + V₂₂ − 2V₁₂).
    ///
    /// # Errors
    /// No such estimate.
    pub fn difference(&self, first: usize, second: usize) -> Result<Estimate> {
        self.check(first)?;
        self.check(second)?;
        let v = &self.covariance;
        // Rounding may leave a tiny negative number where the estimates are the same.
        let variance = (v[[first, first]] + v[[second, second]] - 2.0 * v[[first, second]]).max(0.0);
        Estimate::new(self.values[first] - self.values[second], variance.sqrt())
    }

    fn check(&self, index: usize) -> Result<()> {
        if index < self.len() {
            Ok(())
        } else {
            Err(hepml_core::Error::IndexOutOfBounds { what: "estimates".into(), index, len: self.len() }
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_knows_the_correlation() {
        let replicas = Array2::from_shape_vec((3, 2), vec![0.0, 1.0, 1.0, 2.0, 2.0, 3.0]).unwrap();
        let estimates = CorrelatedEstimates::from_replicas(vec![1.0, 2.0], &replicas).unwrap();
        assert_eq!(estimates.estimate(0).unwrap(), Estimate { value: 1.0, error: 1.0 });
        assert_eq!(estimates.difference(1, 0).unwrap(), Estimate { value: 1.0, error: 0.0 });
        let huge = Array2::from_shape_vec((2, 2), vec![0.0, 0.0, 1e200, 1e200]).unwrap();
        assert!(CorrelatedEstimates::from_replicas(vec![1.0, 1.0], &huge).is_err());
        assert!(estimates.estimate(2).is_err() && estimates.difference(0, 2).is_err());
    }
}
