//! Permutation tests.

use hepml_core::rand::{Rng, RngExt};

use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::sample::check_values;

/// Statistics that agree to this relative accuracy are equal: a permutation that only reorders a sum must count.
const TIE: f64 = 64.0 * f64::EPSILON;

/// The p-value of an observed statistic among `null` statistics of permutations (or toys): p = (1 + b)/(1 + n), where
/// b of the n are at least as large as the observed one (up to rounding, 64 ε relative).
///
/// The observed arrangement counts as one of the permutations, so that p is never 0 and P(p ≤ α) ≤ α holds exactly under
/// exchangeability. The error is binomial, √(p(1 − p)/(n + 1)), and tells whether more permutations are needed.
///
/// # Errors
/// No null statistics; a statistic that is not finite.
pub fn permutation_p_value(observed: f64, null: &[f64]) -> Result<Estimate> {
    hepml_core::finite("observed statistic", observed)?;
    check_values("statistic of the permutation", null, 1)?;
    let threshold = observed - TIE * observed.abs();
    let larger = null.iter().filter(|&&statistic| statistic >= threshold).count();
    let n = null.len() as f64 + 1.0;
    let p = (larger as f64 + 1.0) / n;
    Estimate::new(p, (p * (1.0 - p) / n).sqrt())
}

/// What a permutation test found.
#[derive(Debug, Clone, PartialEq)]
pub struct PermutationTest {
    /// The statistic of the two samples as they are.
    pub statistic: f64,
    /// The p-value with its error; see [`permutation_p_value`].
    pub p_value: Estimate,
    /// The statistic of each permutation.
    pub null: Vec<f64>,
}

/// Whether two samples come from the same distribution, by the statistic of random exchanges between them.
///
/// Large values of the statistic speak against it; it must not depend on the order within a sample. Under the null hypothesis the samples must be exchangeable: weights
/// travel with their events (make them part of `T`), and if they are distributed differently in the two samples the test
/// is not exact.
///
/// ```
/// use hepml_stats::{permutation_test, rand::SeedableRng};
/// use hepml_core::rand_chacha::ChaCha8Rng;
///
/// let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
/// let rng = &mut ChaCha8Rng::seed_from_u64(1);
/// let test = permutation_test(&[1.0, 2.0, 3.0, 4.0], &[11.0, 12.0, 13.0, 14.0], 999, rng, |a, b| {
///     (mean(a) - mean(b)).abs()
/// })?;
/// // 2 of the 70 ways to split eight numbers in halves are as extreme.
/// assert!(test.p_value.pull(2.0 / 70.0).abs() < 3.0);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// An empty sample; no permutations; a statistic that is not finite.
pub fn permutation_test<T: Clone>(
    first: &[T],
    second: &[T],
    permutations: usize,
    rng: &mut dyn Rng,
    mut statistic: impl FnMut(&[T], &[T]) -> f64,
) -> Result<PermutationTest> {
    for (what, sample) in [("first sample", first), ("second sample", second)] {
        if sample.is_empty() {
            return Err(hepml_core::Error::Empty { what: what.into() }.into());
        }
    }
    if permutations == 0 {
        return Err(Error::TooFew { what: "permutations".into(), needed: 1, got: 0 });
    }
    let observed = hepml_core::finite("observed statistic", statistic(first, second))?;
    let mut pooled: Vec<T> = first.iter().chain(second).cloned().collect();
    let mut null = Vec::with_capacity(permutations);
    for permutation in 0..permutations {
        // A partial Fisher-Yates shuffle: only who is in the first sample matters.
        for i in 0..first.len() {
            let other = rng.random_range(i..pooled.len());
            pooled.swap(i, other);
        }
        let (a, b) = pooled.split_at(first.len());
        let value = hepml_core::finite("statistic", statistic(a, b))
            .map_err(|error| Error::from(error).in_replica(permutation))?;
        null.push(value);
    }
    Ok(PermutationTest { statistic: observed, p_value: permutation_p_value(observed, &null)?, null })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    #[test]
    fn the_observed_one_counts() {
        assert_eq!(permutation_p_value(3.0, &[1.0, 2.0, 3.0, 4.0]).unwrap().value, 0.6);
        // √(0.6 · 0.4/5)
        assert!(
            (permutation_p_value(3.0, &[1.0, 2.0, 3.0, 4.0]).unwrap().error - 0.048_f64.sqrt()).abs() < 1e-15
        );
        assert_eq!(permutation_p_value(9.0, &[1.0; 99]).unwrap().value, 0.01);
        assert_eq!(permutation_p_value(0.0, &[1.0; 99]).unwrap().value, 1.0);
    }

    #[test]
    fn bad_input() {
        assert!(permutation_p_value(f64::NAN, &[1.0]).is_err());
        assert!(permutation_p_value(1.0, &[]).is_err());
        assert!(permutation_p_value(1.0, &[f64::NAN]).is_err());
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        assert!(permutation_test(&[1.0], &[], 9, rng, |_, _| 0.0).is_err());
        assert!(permutation_test(&[1.0], &[2.0], 0, rng, |_, _| 0.0).is_err());
        assert!(permutation_test(&[1.0], &[2.0], 9, rng, |_, _| f64::NAN).is_err());
    }
}
