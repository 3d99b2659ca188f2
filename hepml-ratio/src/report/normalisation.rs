//! E_den\[r\] and E_num\[1/r\].

use hepml_core::FitReport;
use hepml_core::rand::Rng;

use super::SIGMAS;
use super::exponential_mean::ExponentialMean;
use super::scored::Scored;
use super::tail::Tail;
use crate::error::Result;
use crate::split::shuffled;
use crate::weight_sum::WeightSum;

/// Adds E_den\[r\] before and after renormalisation; whether the variance of the weights w r is finite.
pub(super) fn normalisation(
    denominator: Scored<'_>,
    rng: &mut dyn Rng,
    report: &mut FitReport,
) -> Result<bool> {
    // The halves of a renormalisation are drawn whatever comes of them.
    let order = shuffled(denominator.z.len(), rng);
    if denominator.has(f64::INFINITY) {
        report.warn("r is infinite at events of the denominator: E_den[r] is left out");
        return Ok(false);
    }
    let mean = ExponentialMean::signed(denominator.terms(), denominator.weights)?;
    let tail = Tail::new(&denominator.log_weights(1.0));
    tail.report("E_den[r]", "denominator", report);
    add("normalisation", "E_den[r]", mean, tail.is_finite(), report);

    let terms: Vec<(f64, f64)> = denominator.terms().collect();
    let half = |events: &[usize]| {
        let weights: Vec<f64> = events.iter().map(|event| denominator.weights[*event]).collect();
        let terms = events.iter().map(|event| terms[*event]);
        let mean = WeightSum::of(&weights).is_positive().then(|| ExponentialMean::signed(terms, &weights));
        Ok::<_, crate::Error>(mean.transpose()?.filter(|mean| mean.scaled.value > 0.0))
    };
    let (first, second) = order.split_at(order.len() / 2);
    let (Some(first), Some(second)) = (half(first)?, half(second)?) else {
        report.warn(
            "the weighted sum of r is not positive on a half of the held-out denominator: no renormalisation",
        );
        return Ok(tail.is_finite());
    };
    let value = (second.shift - first.shift + second.scaled.value.ln() - first.scaled.value.ln()).exp();
    let error = value * first.relative_error().hypot(second.relative_error());
    if value.is_finite() && error.is_finite() {
        report.measure("normalisation/renormalised", value, tail.is_finite().then_some(error));
    } else {
        report.warn("E_den[r] after renormalisation is beyond the range of numbers");
    }
    Ok(tail.is_finite())
}

/// Adds E_num\[1/r\], where the supports allow it.
pub(super) fn inverse_normalisation(
    numerator: Scored<'_>,
    denominator: Scored<'_>,
    report: &mut FitReport,
) -> Result<()> {
    if numerator.has(f64::INFINITY) {
        report.warn(
            "r is infinite at events of the numerator: the denominator does not cover it, and E_den[r] is 1 for no r",
        );
    }
    if numerator.has(f64::NEG_INFINITY) || denominator.has(f64::NEG_INFINITY) {
        report.warn(
            "r is 0 at some events: the numerator does not cover the denominator, and E_num[1/r] is left out",
        );
        return Ok(());
    }
    let negative = numerator.negative_count() + denominator.negative_count();
    if negative > 0 {
        report.warn(format!(
            "r is negative at {negative} held-out events: where it passes 0, 1/r has no mean, and E_num[1/r] is left out"
        ));
        return Ok(());
    }
    let mean = ExponentialMean::new(numerator.z.iter().map(|z| -z), numerator.weights)?;
    let tail = Tail::new(&numerator.log_weights(-1.0));
    tail.report("E_num[1/r]", "numerator", report);
    add("inverse normalisation", "E_num[1/r]", mean, tail.is_finite(), report);
    Ok(())
}

/// Adds a mean that should be 1.
fn add(name: &str, what: &str, mean: ExponentialMean, is_known: bool, report: &mut FitReport) {
    let Some(estimate) = mean.estimate() else {
        report.warn(format!("{what} is beyond the range of numbers"));
        return;
    };
    report.measure(name, estimate.value, is_known.then_some(estimate.error));
    if is_known && (estimate.value - 1.0).abs() > SIGMAS * estimate.error.max(f64::EPSILON) {
        report
            .warn(format!("{what} is {estimate}, not 1: the ratio is not normalised, or wrong in its tails"));
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::{Table, Weighted};

    use super::super::fixtures::{Line, SIGMA, Step, examined, gaussians, pull, uniforms};

    #[test]
    fn a_wrong_normalisation_is_seen_warned_of_and_mended() {
        let sides = gaussians(0.3, 4000, 3);
        let report = examined(&Line { scale: 0.6, shift: 0.5 }, &sides, 4);
        assert!(pull(&report, "normalisation", 1.0) > 10.0);
        assert!(pull(&report, "normalisation", 0.5_f64.exp()).abs() < SIGMA);
        assert!(pull(&report, "normalisation/renormalised", 1.0).abs() < SIGMA);
        for what in ["E_den[r] is 1.6", "E_num[1/r] is 0.6"] {
            assert!(report.warnings.iter().any(|w| w.starts_with(what)), "{:?}", report.warnings);
        }
    }

    #[test]
    fn no_error_where_the_variance_is_infinite() {
        // E_den[r] of e^(0.8 x)/5 over x = -ln(u) (density e^-x): the tail index is 0.8.
        let logarithms = |seed| Weighted::unit(uniforms(4000, seed).mapv_into(|u: f64| -(1.0 - u).ln()));
        let sides = [logarithms(6), logarithms(7)];
        let report = examined(&Line { scale: 0.8, shift: 0.2_f64.ln() }, &sides, 7);
        let tail = report.get("tail index/denominator").unwrap().value;
        assert!((tail - 0.8).abs() < 0.3, "{tail}");
        assert!(report.get("normalisation").unwrap().error.is_none());
        assert!(report.get("normalisation/renormalised").unwrap().error.is_none());
        assert!(report.get("closure auc").unwrap().error.is_none());
        assert!(report.get("inverse normalisation").unwrap().error.is_some());
        assert!(report.warnings.iter().any(|w| w.contains("infinite")), "{:?}", report.warnings);
    }

    /// Weights of +-w0, as of MC@NLO: halves in which they cancel leave no mean, but the fit is there.
    #[test]
    fn halves_that_cancel_but_for_rounding_are_warned_of() {
        // Six of 0.1, five of -0.1, one of 0: sums of halves may be 0, and come out as 1e-17.
        let [above, below] = gaussians(0.3, 12, 31);
        let mut missing = 0;
        for seed in 0..40 {
            let signs = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.0];
            let below = below.reweighted(signs.map(|sign| 0.1 * sign).to_vec()).unwrap();
            // r = 1: the weighted sum is that of the weights.
            let report = examined(&Line { scale: 0.0, shift: 0.0 }, &[above.clone(), below], seed);
            assert!((report.get("normalisation").unwrap().value - 1.0).abs() < 1e-12);
            if report.get("normalisation/renormalised").is_none() {
                assert!(report.warnings.iter().any(|w| w.contains("no renormalisation")), "{report:?}");
                missing += 1;
            }
            // 0.1 of a weight sum of 0.1, over that of 1.1: (1/11)^2 of 11 events.
            let effective = report.get("effective sample size/denominator").unwrap().value;
            assert!((effective - 1.0 / 11.0).abs() < 1e-12, "{effective}");
            assert!(report.warnings.iter().any(|w| w.contains("worth 0.09 events")), "{:?}", report.warnings);
        }
        // One of the halves has the sum 0.1 or more, and the other none.
        assert_eq!(missing, 40);
    }

    #[test]
    fn exchanging_the_sides_inverts_the_ratio() {
        let [above, below] = gaussians(0.4, 2000, 21);
        let report = examined(&Line { scale: 0.7, shift: 0.1 }, &[above.clone(), below.clone()], 22);
        let exchanged = examined(&Line { scale: -0.7, shift: -0.1 }, &[below, above], 22);
        for (name, other) in [
            ("normalisation", "inverse normalisation"),
            ("inverse normalisation", "normalisation"),
            ("tail index/numerator", "tail index/denominator"),
            ("clipped events", "clipped events"),
        ] {
            assert_eq!(report.get(name).unwrap(), exchanged.get(other).unwrap(), "{name}");
        }
        let auc = [&report, &exchanged].map(|report| report.get("auc").unwrap().value);
        assert!((auc[0] - auc[1]).abs() < 1e-12);
    }

    #[test]
    fn supports_that_do_not_cover_each_other_are_named() {
        let [above, below] = gaussians(0.3, 4000, 8);
        let report = examined(&Step, &[above.clone(), below.clone()], 12);
        assert!(report.get("inverse normalisation").is_none() && report.get("normalisation").is_some());
        assert!(report.warnings.iter().any(|w| w.contains("does not cover")), "{:?}", report.warnings);
        // An event of infinite r, without a weight and with one, on either side.
        let model = Line { scale: 0.6, shift: 0.0 };
        let far = Table::from_elem((1, 1), f64::INFINITY);
        let with = |side: &Weighted<Table>, weight: f64| {
            Weighted::concat(&[side, &Weighted::new(far.clone(), vec![weight]).unwrap()]).unwrap()
        };
        let report = examined(&model, &[with(&above, 0.0), with(&below, 0.0)], 13);
        assert!(report.get("normalisation").unwrap().error.is_some());
        let report = examined(&model, &[with(&above, 1.0), below.clone()], 13);
        let warned = |text: &str| report.warnings.iter().any(|w| w.contains(text));
        assert!(warned("denominator does not cover"), "{:?}", report.warnings);
        let report = examined(&model, &[above, with(&below, 1.0)], 13);
        assert!(report.get("normalisation").is_none() && report.get("closure auc").is_none());
        let warned = |text: &str| report.warnings.iter().any(|w| w.contains(text));
        assert!(warned("infinite at events of the denominator"), "{:?}", report.warnings);
    }
}
