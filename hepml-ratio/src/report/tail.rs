//! What the tail of weights says of their variance.

use hepml_core::FitReport;
use hepml_stats::tail_index_log;

use super::{FEWEST_FOR_A_TAIL, LARGE_SHARE};

/// The index from which on the variance is infinite (arXiv:1507.02646).
const INFINITE_VARIANCE: f64 = 0.5;

/// What the tail of weights says of their variance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tail {
    /// There is none: at the upper end, weights are equal.
    None,
    /// A tail with this index.
    Index(f64),
    /// It cannot be told, and why.
    Unknown(String),
}

impl Tail {
    /// The tail of weights given by their logarithms.
    pub(crate) fn new(log_weights: &[f64]) -> Self {
        let count = log_weights.len();
        if count < FEWEST_FOR_A_TAIL {
            return Self::Unknown(format!("{count} events are too few for a tail index"));
        }
        match tail_index_log(log_weights) {
            Ok(tail) => Self::Index(tail.k),
            // Fewer than five weights stand out from equal ones: a sum is safe unless one of them makes it.
            Err(hepml_stats::Error::TooFew { .. }) => {
                let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let share = 1.0 / log_weights.iter().map(|weight| (weight - largest).exp()).sum::<f64>();
                if share > LARGE_SHARE {
                    let percent = 100.0 * share;
                    Self::Unknown(format!(
                        "one event makes {percent:.0}% of the sum, too few a tail to judge"
                    ))
                } else {
                    Self::None
                }
            }
            Err(error) => Self::Unknown(error.to_string()),
        }
    }

    /// Whether a mean with these weights has an error: their variance is known to be finite.
    pub(crate) fn is_finite(&self) -> bool {
        match self {
            Self::None => true,
            Self::Index(k) => *k < INFINITE_VARIANCE,
            Self::Unknown(_) => false,
        }
    }

    /// Adds what is known of the weights of `what` on a side to a report.
    pub(super) fn report(&self, what: &str, side: &str, report: &mut FitReport) {
        match self {
            Self::None => {}
            Self::Index(k) => {
                report.measure(format!("tail index/{side}"), *k, None);
                if !self.is_finite() {
                    report.warn(format!(
                        "the tail index of the weights of {what} is {k:.2}, not below 1/2: their variance is infinite, and no error is given"
                    ));
                }
            }
            Self::Unknown(reason) => report.warn(format!("{what} has no error: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of a Pareto distribution with index k.
    fn pareto(k: f64) -> Vec<f64> {
        (0..2000).map(|i| -k * ((f64::from(i) + 0.5) / 2000.0).ln()).collect()
    }

    #[test]
    fn errors_need_a_finite_variance() {
        assert!(Tail::new(&pareto(0.3)).is_finite());
        assert!(!Tail::new(&pareto(0.7)).is_finite());
        // At 1/2 itself the variance is infinite.
        assert!(!Tail::Index(0.5).is_finite() && Tail::Index(0.4999).is_finite());
    }

    #[test]
    fn equal_weights_have_no_tail_unless_one_event_stands_out() {
        let mut weights = vec![0.0; 500];
        assert_eq!(Tail::new(&weights), Tail::None);
        // Three of twice the weight are no matter, one of 1e12 is all there is.
        weights[..3].fill(2.0_f64.ln());
        assert_eq!(Tail::new(&weights), Tail::None);
        weights[7] = 1e12_f64.ln();
        let tail = Tail::new(&weights);
        assert!(matches!(&tail, Tail::Unknown(reason) if reason.contains("100%")), "{tail:?}");
        assert!(!Tail::new(&weights[..24]).is_finite());
    }
}
