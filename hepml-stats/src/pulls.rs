//! Whether quoted errors are right: pulls against N(0, 1).

use std::fmt;

use hepml_core::{Error as CoreError, Item};

use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::kolmogorov_smirnov::ks_one_sample;
use crate::mean::{mean, root_of_squares};
use crate::sample::check_values;
use crate::significance::{p_value, significance};

/// The number of sigmas from which [`check_pulls`] fails.
///
/// Three numbers are checked, so that right errors fail in about 2 of 10,000 cases; errors that are wrong by 20 % are
/// 7 sigmas away for 1000 pulls.
pub const PULL_SIGMAS: f64 = 4.0;

/// How pulls (value − truth)/error compare with a standard normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PullReport {
    /// The number of pulls.
    pub count: usize,
    /// The mean, which should be 0; its error 1/√n is that of a standard normal distribution.
    pub mean: Estimate,
    /// The standard deviation around the mean, which should be 1; its error is 1/√(2(n − 1)).
    pub width: Estimate,
    /// The p-value of the Kolmogorov-Smirnov test against N(0, 1).
    pub ks_p_value: f64,
}

impl PullReport {
    /// The pulls of `values` with `errors` against `truths`.
    ///
    /// # Errors
    /// Fewer than two values; lists of different lengths; a number that is not finite; an error that is not positive.
    pub fn new(values: &[f64], truths: &[f64], errors: &[f64]) -> Result<Self> {
        check_values("value", values, 2)?;
        for (what, item, list) in [("truths", "truth", truths), ("errors", "error", errors)] {
            if list.len() != values.len() {
                return Err(CoreError::shape(what, values.len(), list.len()).into());
            }
            crate::sample::check_finite(item, list)?;
        }
        if let Some(event) = errors.iter().position(|&error| error <= 0.0) {
            let (what, item, value) = ("error".into(), Item::event(event), errors[event]);
            return Err(CoreError::OutOfRange { what, item, value, allowed: "positive" }.into());
        }
        let pulls: Vec<f64> = values
            .iter()
            .zip(truths)
            .zip(errors)
            .map(|((value, truth), error)| (value - truth) / error)
            .collect();
        crate::sample::check_finite("pull", &pulls)?;
        let n = pulls.len() as f64;
        let centre = mean(&pulls)?.value;
        let width = root_of_squares(pulls.iter().map(|pull| pull - centre)) / (n - 1.0).sqrt();
        // Φ(x) from the tail function, which never exceeds 1.
        let normal = |x: f64| p_value(-x).unwrap_or(f64::NAN);
        Ok(Self {
            count: pulls.len(),
            mean: Estimate::new(centre, n.sqrt().recip())?,
            width: Estimate::new(width, (2.0 * (n - 1.0)).sqrt().recip())?,
            ks_p_value: ks_one_sample(&pulls, None, normal)?.p_value,
        })
    }

    /// The largest deviation in sigmas: of the mean, of the width, or of the Kolmogorov-Smirnov test (two-sided).
    pub fn sigmas(&self) -> f64 {
        let ks = if self.ks_p_value >= 1.0 {
            0.0
        } else {
            // p may underflow to 0, far beyond any threshold.
            significance(0.5 * self.ks_p_value).unwrap_or(f64::INFINITY)
        };
        self.mean.pull(0.0).abs().max(self.width.pull(1.0).abs()).max(ks)
    }
}

impl fmt::Display for PullReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pulls have mean {}, width {}, Kolmogorov-Smirnov p = {:.2e}: {:.1} sigmas",
            self.count,
            self.mean,
            self.width,
            self.ks_p_value,
            self.sigmas()
        )
    }
}

/// Fails unless the pulls (value − truth)/error of independent values follow N(0, 1) within [`PULL_SIGMAS`].
///
/// For tests: an error that is wrong by 20 % is found with 1000 values.
///
/// # Errors
/// [`Error::Pulls`] with the report; as [`PullReport::new`].
pub fn check_pulls(values: &[f64], truths: &[f64], errors: &[f64]) -> Result<PullReport> {
    let report = PullReport::new(values, truths, errors)?;
    if report.sigmas() < PULL_SIGMAS { Ok(report) } else { Err(Error::Pulls(report)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of the standard normal distribution.
    fn normal(n: u32) -> Vec<f64> {
        (0..n).map(|i| -significance((f64::from(i) + 0.5) / f64::from(n)).unwrap()).collect()
    }

    #[test]
    fn twenty_percent_are_found_either_way_and_so_is_a_bias() {
        let values = normal(1000);
        let truths = vec![0.0; 1000];
        let report = check_pulls(&values, &truths, &[1.0; 1000]).unwrap();
        assert!(report.sigmas() < 0.5, "{report}");
        for error in [0.8, 1.2, 1.0 / 1.2] {
            let failed = check_pulls(&values, &truths, &vec![error; 1000]).unwrap_err();
            assert!(matches!(failed, Error::Pulls(report) if report.sigmas() > 6.0), "{failed}");
        }
        assert!(check_pulls(&values, &[0.2; 1000], &[1.0; 1000]).is_err());
    }

    #[test]
    fn the_shape_is_looked_at() {
        // Mean 0 and width 1, but two-valued.
        let values: Vec<f64> = (0..1000).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(check_pulls(&values, &[0.0; 1000], &[1.0; 1000]).is_err());
    }

    #[test]
    fn bad_input() {
        assert!(PullReport::new(&[1.0], &[1.0], &[1.0]).is_err());
        assert!(PullReport::new(&[1.0, 2.0], &[1.0], &[1.0, 1.0]).is_err());
        assert!(
            PullReport::new(&[1.0, 2.0], &[1.0, 1.0], &[1.0, 0.0])
                .unwrap_err()
                .to_string()
                .contains("event 1")
        );
        assert!(PullReport::new(&[1.0, f64::NAN], &[1.0, 1.0], &[1.0, 1.0]).is_err());
        assert!(PullReport::new(&[1.0, 1e300], &[0.0, 0.0], &[1.0, 1e-300]).is_err());
    }
}
