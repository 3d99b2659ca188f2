//! Sums of the weights of a side.

use hepml_core::Error as CoreError;

use crate::error::Result;

/// A sum of weights of either sign, in units of the largest of them, so that it does not overflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightSum {
    /// The largest |w|.
    pub(crate) largest: f64,
    /// sum w/largest; 0 where all weights are.
    pub(crate) scaled: f64,
    /// What rounding may leave of `scaled` where the weights cancel: n eps sum |w|/largest.
    rounding: f64,
}

impl WeightSum {
    /// The sum of finite weights.
    pub(crate) fn of(weights: &[f64]) -> Self {
        let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        if largest == 0.0 {
            return Self { largest, scaled: 0.0, rounding: 0.0 };
        }
        let sums = weights.iter().map(|w| w / largest).fold((0.0, 0.0), |(s, a), w| (s + w, a + w.abs()));
        Self { largest, scaled: sums.0, rounding: weights.len() as f64 * f64::EPSILON * sums.1 }
    }

    /// The sum; it may be infinite.
    pub(crate) fn value(self) -> f64 {
        self.scaled * self.largest
    }

    /// Whether the sum is above what rounding leaves of weights that cancel.
    pub(crate) fn is_positive(self) -> bool {
        self.scaled > self.rounding
    }

    /// The same sum, if it [is positive](Self::is_positive); an error about what is summed otherwise.
    pub(crate) fn positive(self, what: impl FnOnce() -> String) -> Result<Self> {
        if self.is_positive() {
            return Ok(self);
        }
        let allowed = if self.scaled > 0.0 { "positive by more than rounding" } else { "positive" };
        Err(CoreError::out_of_range(format!("sum of the {}", what()), self.value(), allowed).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_cancel_have_no_sum_in_any_unit() {
        let weights = [0.1, 0.1, 0.1, -0.1, -0.1, -0.1];
        assert!(weights.iter().sum::<f64>() > 0.0);
        for unit in [1.0, 3.7, 1e-300, 1e300] {
            let scaled = weights.map(|w| w * unit);
            assert!(!WeightSum::of(&scaled).is_positive(), "{unit}");
            // A thousandth of one weight is a sum.
            let mut more = scaled;
            more[0] *= 1.001;
            assert!(WeightSum::of(&more).is_positive(), "{unit}");
        }
        // 1/3 + 1/3 - 2/3 and the like, many times over, in which rounding adds up.
        let many: Vec<f64> = (0..30_000).map(|i| [0.1, 0.7, -0.8][i % 3]).collect();
        assert!(!WeightSum::of(&many).is_positive());
        let error = WeightSum::of(&[1.0, f64::EPSILON - 1.0]).positive(|| "weights of the numerator".into());
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("sum of the weights of the numerator is") && error.contains("rounding"),
            "{error}"
        );
        let error = WeightSum::of(&[1.0, -2.0]).positive(|| "weights".into()).unwrap_err().to_string();
        assert_eq!(error, "sum of the weights is -1, but must be positive");
        assert!(!WeightSum::of(&[]).is_positive() && !WeightSum::of(&[0.0; 2]).is_positive());
        assert!((WeightSum::of(&[f64::MAX; 2]).scaled - 2.0).abs() < 1e-15);
    }
}
