//! Divergences from samples, through a log ratio.
//!
//! # Conventions
//! Each number is a mean over the numerator plus a mean over the denominator, the negative of a loss whose minimum over all z
//! is at z = ln p_num/p_den. Whatever z is, as long as it was fitted on other events, the expectation is therefore *at most*
//! the divergence, and equal to it for the exact z: a lower bound without bias. A ratio that is not normalised lowers the
//! first two most; renormalise it before. Natural logarithms.
//!
//! | number | estimate | at the exact z |
//! |---|---|---|
//! | KL(num, den) | 1 + E_num\[z\] - E_den\[e^z\] | E_num\[ln r\] |
//! | KL(den, num) | 1 - E_den\[z\] - E_num\[e^-z\] | -E_den\[ln r\] |
//! | Jensen-Shannon | ln 2 - (E_num\[ln(1 + e^-z)\] + E_den\[ln(1 + e^z)\])/2 | between 0 and ln 2 |
//! | squared Hellinger | 1 - (E_num\[e^(-z/2)\] + E_den\[e^(z/2)\])/2 | 1 - int sqrt(p_num p_den) |
//! | total variation, from below | P_num(z > 0) - P_den(z > 0) | (1/2) int abs(p_num - p_den) |
//!
//! Total variation is at most sqrt(H^2 (2 - H^2)) (Le Cam), which holds for the true H^2; from the estimate, itself a lower
//! bound, it is an upper bound only as far as z is exact.

use hepml_core::rand::Rng;
use hepml_core::{EventSet, FitReport, Item, LogRatio, Measure, Weighted};
use hepml_stats::{BootstrapConfig, bootstrap_joint};

use crate::RatioLoss;
use crate::calibration::{HeldOut, HeldOutSide};
use crate::error::Result;
use crate::report::Tail;

/// Divergences of two samples, each with its bootstrap error; see the module for what bounds what.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergences {
    /// KL(num, den), from below; without an error where the variance of e^z is not known to be finite.
    pub kl_forward: Measure,
    /// KL(den, num), from below; without an error where the variance of e^-z is not known to be finite.
    pub kl_reverse: Measure,
    /// The Jensen-Shannon divergence, from below.
    pub jensen_shannon: Measure,
    /// The squared Hellinger distance 1 - int sqrt(p_num p_den), from below.
    pub hellinger_squared: Measure,
    /// The total variation, from below.
    pub total_variation_lower: Measure,
    /// Le Cam's bound on the total variation, from above if z is exact; none where the estimate of H^2 is not positive.
    pub total_variation_upper: Option<Measure>,
    /// Effective sample sizes, the tail indices of e^z in the denominator and e^-z in the numerator, warnings.
    pub report: FitReport,
}

/// Estimates the divergences of two samples through a model that was fitted on others.
///
/// The bootstrap resamples events with their weights, each side by itself.
///
/// # Errors
/// An empty side, or one whose weights do not sum to a positive number (also in a replica, for signed weights); a log ratio
/// that is not finite, or so large that e^z overflows in an event with a weight, naming side and event; what the model returns.
pub fn divergences<E, M>(
    model: &M,
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    bootstrap: &BootstrapConfig,
    rng: &mut dyn Rng,
) -> Result<Divergences>
where
    E: EventSet,
    M: LogRatio<E> + ?Sized,
{
    let scored = HeldOut::new(model, numerator, denominator)?;
    let mut report = FitReport::new();
    scored.report(&mut report);
    let num = side_terms("numerator", &scored.numerator, true, bootstrap, rng)?;
    let den = side_terms("denominator", &scored.denominator, false, bootstrap, rng)?;
    let constant = [1.0, 1.0, std::f64::consts::LN_2, 1.0, 0.0];
    let mut measures = [Measure { value: 0.0, error: None }; TERMS];
    for (k, measure) in measures.iter_mut().enumerate() {
        let error = num[k].1.hypot(den[k].1);
        *measure = Measure { value: constant[k] + num[k].0 + den[k].0, error: Some(error) };
    }
    let [mut kl_forward, mut kl_reverse, jensen_shannon, hellinger_squared, total_variation_lower] = measures;
    let log_weights = |side: &HeldOutSide, sign: f64| -> Vec<f64> {
        side.iter().filter(|(_, w)| *w != 0.0).map(|(z, w)| sign * z + w.abs().ln()).collect()
    };
    for (name, kl, tail) in [
        (
            "tail index/e^z in the denominator",
            &mut kl_forward,
            Tail::new(&log_weights(&scored.denominator, 1.0)),
        ),
        (
            "tail index/e^-z in the numerator",
            &mut kl_reverse,
            Tail::new(&log_weights(&scored.numerator, -1.0)),
        ),
    ] {
        if !tail.is_finite() {
            kl.error = None;
        }
        match &tail {
            Tail::None => {}
            Tail::Index(k) => {
                report.measure(name, *k, None);
                if !tail.is_finite() {
                    report
                        .warn(format!("{name} is {k:.2}: the variance is infinite, and the KL has no error"));
                }
            }
            Tail::Unknown(reason) => {
                report.warn(format!("the KL has no error, for want of a {name}: {reason}"));
            }
        }
    }
    let h = hellinger_squared.value.min(1.0);
    let total_variation_upper = (h > 0.0).then(|| {
        let value = (h * (2.0 - h)).sqrt();
        Measure { value, error: hellinger_squared.error.map(|error| error * (1.0 - h) / value) }
    });
    Ok(Divergences {
        kl_forward,
        kl_reverse,
        jensen_shannon,
        hellinger_squared,
        total_variation_lower,
        total_variation_upper,
        report,
    })
}

/// The number of estimates that are sums of a mean over each side.
const TERMS: usize = 5;

/// One side's mean of each estimate's term, with its bootstrap error.
fn side_terms(
    name: &str,
    side: &HeldOutSide,
    numerator: bool,
    bootstrap: &BootstrapConfig,
    rng: &mut dyn Rng,
) -> Result<[(f64, f64); TERMS]> {
    let sign = if numerator { 1.0 } else { -1.0 };
    let mut events = Vec::with_capacity(side.log_ratios().len());
    for (event, (z, weight)) in side.iter().enumerate() {
        let forward = if numerator { z } else { -z.exp() };
        let reverse = if numerator { -(-z).exp() } else { -z };
        let bce = -0.5 * RatioLoss::Bce.terms(numerator, z)[0];
        let root = -0.5 * (-0.5 * sign * z).exp();
        let above = if z > 0.0 { sign } else { 0.0 };
        // Without a weight an event adds nothing, even where its terms are no numbers.
        let terms = if weight == 0.0 { [0.0; TERMS] } else { [forward, reverse, bce, root, above] };
        if terms.iter().any(|term| !term.is_finite()) {
            let what = format!("exponential of the log ratio {z} in the {name}").into();
            return Err(hepml_core::Error::NotFinite {
                what,
                item: Item::event(event),
                value: f64::INFINITY,
            }
            .into());
        }
        events.push((terms, weight));
    }
    let estimates = bootstrap_joint(&events, bootstrap, rng, |events| {
        let sum: f64 = events.iter().map(|(_, weight)| weight).sum();
        let mean = |k: usize| {
            if sum > 0.0 {
                events.iter().map(|(terms, weight)| weight * terms[k]).sum::<f64>() / sum
            } else {
                f64::NAN
            }
        };
        (0..TERMS).map(mean).collect()
    })?;
    let mut terms = [(0.0, 0.0); TERMS];
    for (k, term) in terms.iter_mut().enumerate() {
        let estimate = estimates.estimate(k)?;
        *term = (estimate.value, estimate.error);
    }
    Ok(terms)
}
