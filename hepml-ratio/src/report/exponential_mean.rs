//! Means of ratios that are given by their logarithms.

use hepml_stats::Estimate;

use super::scored::shift;
use crate::error::Result;

/// E\[s e^x\] over weighted events with signs s, as e^shift times an estimate that neither overflows nor underflows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExponentialMean {
    pub(crate) shift: f64,
    pub(crate) scaled: Estimate,
}

impl ExponentialMean {
    /// E\[e^x\], for x below infinity and weights that sum to a positive number beyond rounding.
    pub(crate) fn new(exponents: impl Iterator<Item = f64> + Clone, weights: &[f64]) -> Result<Self> {
        Self::signed(exponents.zip(weights.iter().copied()), weights)
    }

    /// E\[s e^x\] from x and s w of each event, for x below infinity and weights w that sum to a positive number beyond rounding.
    pub(super) fn signed(terms: impl Iterator<Item = (f64, f64)> + Clone, weights: &[f64]) -> Result<Self> {
        let shift = shift(terms.clone());
        // Relative to the largest weight, so that no square overflows.
        let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        // w and s e^(x - shift); s w/w is s.
        let terms = terms.zip(weights).filter(|(_, w)| **w != 0.0);
        let terms = terms.map(|((x, signed), w)| (w / largest, signed / w * (x - shift).exp()));
        let (sum, total) = terms.clone().fold((0.0, 0.0), |(sum, total), (w, x)| (sum + w * x, total + w));
        let value = sum / total;
        let squares: f64 = terms.map(|(w, x)| (w * (x - value)).powi(2)).sum();
        Ok(Self { shift, scaled: Estimate::new(value, squares.sqrt() / total.abs())? })
    }

    /// The mean, if it is within the range of numbers.
    pub(crate) fn estimate(self) -> Option<Estimate> {
        let factor = self.shift.exp();
        Estimate::new(factor * self.scaled.value, factor * self.scaled.error).ok()
    }

    /// The error over the value.
    pub(super) fn relative_error(self) -> f64 {
        self.scaled.error / self.scaled.value
    }
}

#[cfg(test)]
mod tests {
    use hepml_stats::weighted_mean;

    use super::*;

    #[test]
    fn errors_are_those_of_weighted_means() {
        let weights = [0.5, 2.0, 1.0, 3.0];
        let z = [0.1_f64, -0.7, 800.0, 0.2];
        let mean = ExponentialMean::new(z.iter().map(|z| z / 400.0), &weights).unwrap().estimate().unwrap();
        let values: Vec<f64> = z.iter().map(|z| (z / 400.0).exp()).collect();
        let expected = weighted_mean(&values, &weights).unwrap();
        // A few roundings.
        assert!((mean.value / expected.value - 1.0).abs() < 1e-14);
        assert!((mean.error / expected.error - 1.0).abs() < 1e-14);
        // e^800 is no number; its logarithm is.
        let mean = ExponentialMean::new(z.iter().copied(), &weights).unwrap();
        assert!(mean.estimate().is_none());
        assert!((mean.shift + mean.scaled.value.ln() - (800.0 - 6.5_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn ratios_and_weights_may_be_negative() {
        // r = 2, -1, 4 with weights 3, 1, -1: (6 - 1 - 4)/3, and sqrt(9 (5/3)^2 + (4/3)^2 + (11/3)^2)/3.
        let terms = [(2.0_f64.ln(), 3.0), (0.0, -1.0), (4.0_f64.ln(), -1.0)];
        let mean = ExponentialMean::signed(terms.into_iter(), &[3.0, 1.0, -1.0]).unwrap().estimate().unwrap();
        assert!((mean.value - 1.0 / 3.0).abs() < 1e-14, "{mean}");
        let error = (25.0 + 16.0 / 9.0 + 121.0 / 9.0_f64).sqrt() / 3.0;
        assert!((mean.error - error).abs() < 1e-14, "{mean}");
    }
}
