//! The examination of a ratio by held-out events.

use hepml_core::rand::Rng;
use hepml_core::{Error as CoreError, EventSet, FitReport, LogRatio, Weighted};
use hepml_stats::effective_sample_size;

use super::auc::auc;
use super::calibration_curve::{CalibrationPoint, calibration_curve};
use super::normalisation::{inverse_normalisation, normalisation};
use super::reweighted::weights_of;
use super::scored::Scored;
use super::{FEW_EFFECTIVE, SIGMAS};
use crate::error::Result;
use crate::loss::CLIP;
use crate::split::{Part, SIDES, of_side};
use crate::weight_sum::WeightSum;

/// The AUC above which the sides are disjoint for practical purposes: what r is between them is extrapolated.
const DISJOINT: f64 = 0.9999;
/// Events of each side in a bin of the calibration curve, about, and the most bins.
const EVENTS_A_BIN: usize = 25;
const MOST_BINS: usize = 20;

/// Says that a ratio is one of densities, if that is not said yet.
pub(crate) fn of_densities(report: &mut FitReport) {
    const NAME: &str = "ratio of densities";
    if report.get(NAME).is_none() {
        report.measure(NAME, 1.0, None);
    }
}

/// Adds to a report what held-out events say of a fitted ratio; see the [module](super) for the names.
///
/// Held-out events are events that had no part in the fit. Where a side has none, or weights that do not sum to a positive
/// number (beyond rounding), the report gets a warning instead.
///
/// # Errors
/// Those of the model, naming the side; a z that is NaN, naming side and event.
pub fn examine<E: EventSet, M: LogRatio<E> + ?Sized>(
    model: &M,
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    rng: &mut dyn Rng,
    report: &mut FitReport,
) -> Result<()> {
    of_densities(report);
    if !can_examine(numerator, denominator, report) {
        return Ok(());
    }
    let sides = [numerator, denominator];
    let z = |side: usize| match model.log_ratio(sides[side].events()) {
        Ok(z) => Ok(z.to_vec()),
        Err(error) => Err(of_side(SIDES[side], error)),
    };
    let z = [z(0)?, z(1)?];
    let scored = |side: usize| {
        let scored = Scored::new(&z[side], sides[side].weights());
        scored.map_err(|error| of_side(SIDES[side], error.into()))
    };
    examine_scores(scored(0)?, scored(1)?, rng, report)
}

/// As [`examine`], with held-out events by the numbers that the user knows them by.
///
/// At an event that has no ln r (a ratio of 0 or less) there is nothing wrong with the fit: the report gets a warning that names it.
///
/// # Errors
/// All others, naming side and event.
pub(crate) fn examine_part<E: EventSet, M: LogRatio<E>>(
    model: &M,
    part: &Part<E>,
    rng: &mut dyn Rng,
    report: &mut FitReport,
) -> Result<()> {
    let [numerator, denominator] = &part.sides;
    let examined = examine(model, numerator, denominator, rng, report);
    match examined.map_err(|error| part.named(error.into())) {
        Err(error @ CoreError::OutOfRange { .. }) => {
            report.warn(format!("the ratio is not examined: {error}"));
            Ok(())
        }
        examined => Ok(examined?),
    }
}

/// Whether held-out events can say anything; a warning where they cannot.
pub(crate) fn can_examine<E: EventSet>(
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    report: &mut FitReport,
) -> bool {
    for (name, side) in [("numerator", numerator), ("denominator", denominator)] {
        if side.is_empty() {
            report.warn(format!("no events of the {name} are held out: the ratio is not examined"));
            return false;
        }
        let sum = WeightSum::of(side.weights());
        if !(sum.is_positive() && sum.value().is_finite()) {
            report.warn(format!(
                "the weights of the held-out events of the {name} do not sum to a positive number: the ratio is not examined"
            ));
            return false;
        }
    }
    true
}

/// As [`examine`], from the z of the events.
///
/// # Errors
/// Weights so large that no statistic of them is a number.
pub fn examine_scores(
    numerator: Scored<'_>,
    denominator: Scored<'_>,
    rng: &mut dyn Rng,
    report: &mut FitReport,
) -> Result<()> {
    of_densities(report);
    for (name, side) in SIDES.into_iter().zip([numerator, denominator]) {
        let effective = effective_sample_size(side.weights)?;
        report.measure(format!("effective sample size/{name}"), effective, None);
        if effective < FEW_EFFECTIVE {
            report.warn(format!(
                "the {} held-out events of the {name} are worth {effective:.2} events: what they say of the ratio is uncertain",
                side.z.len()
            ));
        }
    }
    let (sides, events) = ([numerator, denominator], numerator.z.len() + denominator.z.len());
    let clipped = sides.iter().flat_map(|side| side.z).filter(|z| z.abs() > CLIP).count();
    report.measure("clipped events", clipped as f64, None);
    if clipped > 0 {
        report.warn(format!(
            "{clipped} of {events} held-out events have |ln r| > {CLIP}, where losses are clipped"
        ));
    }
    let is_known = normalisation(denominator, rng, report)?;
    inverse_normalisation(numerator, denominator, report)?;
    // Weights that cancel can leave an AUC undefined: that is a warning, not the end of a fit.
    match auc(numerator, denominator) {
        Ok(auc) => {
            report.measure("auc", auc.value, Some(auc.error));
            if auc.value > DISJOINT {
                report.warn("the two sides do not overlap: between them, the ratio is extrapolated");
            }
        }
        Err(error) => report.warn(format!("the AUC is left out: {error}")),
    }
    if !denominator.has(f64::INFINITY) {
        let weights = denominator.reweighted();
        weights_of(denominator, &weights, report)?;
        closure_auc(numerator, denominator, &weights, is_known, report);
    }
    let bins = (numerator.z.len().min(denominator.z.len()) / EVENTS_A_BIN).min(MOST_BINS);
    if bins > 0 {
        calibration(numerator, denominator, bins, report);
    } else {
        report.warn(format!(
            "fewer than {EVENTS_A_BIN} held-out events on a side: no calibration curve, and regions of negative net weight are not looked for"
        ));
    }
    Ok(())
}

/// Adds the AUC of r between the numerator and the denominator with the weights w r.
fn closure_auc(
    numerator: Scored<'_>,
    denominator: Scored<'_>,
    weights: &[f64],
    is_known: bool,
    report: &mut FitReport,
) {
    match denominator.with_weights(weights).and_then(|side| auc(numerator, side)) {
        Ok(auc) => {
            report.measure("closure auc", auc.value, is_known.then_some(auc.error));
            if is_known && (auc.value - 0.5).abs() > SIGMAS * auc.error.max(f64::EPSILON) {
                report.warn(format!(
                    "the closure AUC is {auc}, not 1/2: the reweighted denominator is not the numerator"
                ));
            }
        }
        Err(error) => report.warn(format!("the closure AUC is left out: {error}")),
    }
}

/// Adds the calibration curve.
fn calibration(numerator: Scored<'_>, denominator: Scored<'_>, bins: usize, report: &mut FitReport) {
    let curve = match calibration_curve(numerator, denominator, bins) {
        Ok(curve) => curve,
        Err(error) => return report.warn(format!("the calibration curve is left out: {error}")),
    };
    report.measure("bins of negative net weight", curve.negative as f64, None);
    if let Some((side, z, sigmas)) = curve.most_negative {
        report.warn(format!(
            "the net weight of the {side} is negative by {sigmas:.1} sigma about ln r = {z:.3}: \
             there is no ln r there, and losses may be unbounded"
        ));
    }
    let column = |of: fn(&CalibrationPoint) -> f64| curve.points.iter().map(of).collect();
    report.curve("calibration/estimated", column(|point| point.estimated));
    report.curve("calibration/observed", column(|point| point.observed));
    report.curve("calibration/error", column(|point| point.error));
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::super::fixtures::{Line, SIGMA, examined, gaussians, pull};
    use super::*;

    #[test]
    fn the_true_ratio_passes() {
        let sides = gaussians(0.3, 4000, 1);
        let report = examined(&Line { scale: 0.6, shift: 0.0 }, &sides, 2);
        for (name, truth) in [
            ("normalisation", 1.0),
            ("normalisation/renormalised", 1.0),
            ("inverse normalisation", 1.0),
            // Phi(sqrt(2) mu).
            ("auc", 1.0 - hepml_stats::p_value(2.0_f64.sqrt() * 0.3).unwrap()),
            ("closure auc", 0.5),
        ] {
            assert!(pull(&report, name, truth).abs() < SIGMA, "{name}: {report:?}");
        }
        // (sum w)^2/sum w^2 of e^(2 mu x): n e^(-4 mu^2).
        let effective = report.get("effective sample size/reweighted denominator").unwrap().value;
        assert!((effective / (4000.0 * (-0.36_f64).exp()) - 1.0).abs() < 0.1, "{effective}");
        assert_eq!(report.get("ratio of densities").unwrap().value, 1.0);
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let curve = |name: &str| &report.curves.iter().find(|(n, _)| n == name).unwrap().1;
        let (estimated, observed, error) =
            (curve("calibration/estimated"), curve("calibration/observed"), curve("calibration/error"));
        assert_eq!(estimated.len(), MOST_BINS);
        for ((estimated, observed), error) in estimated.iter().zip(observed).zip(error) {
            assert!((estimated - observed).abs() < SIGMA * error, "{estimated} {observed} {error}");
        }
        let largest = curve("largest weights");
        assert!(largest.windows(2).all(|pair| pair[0] >= pair[1]) && largest.len() == 10, "{largest:?}");
    }

    #[test]
    fn an_overconfident_ratio_is_found_out() {
        let sides = gaussians(0.3, 4000, 3);
        let report = examined(&Line { scale: 1.2, shift: 0.0 }, &sides, 5);
        assert!(pull(&report, "closure auc", 0.5) < -5.0, "{report:?}");
        assert!(report.warnings.iter().any(|w| w.contains("closure AUC")), "{:?}", report.warnings);
    }

    #[test]
    fn negative_weights_that_cancel_are_no_matter_and_others_are_named() {
        let [above, below] = gaussians(0.3, 4000, 8);
        // Each side, plus events of N(0, 1) that cancel in pairs.
        let noise = gaussians(0.0, 1000, 9);
        let signed = |side: &Weighted<Table>| {
            let negative = noise[1].reweighted(vec![-1.0; 1000]).unwrap();
            Weighted::concat(&[side, &noise[0], &negative]).unwrap()
        };
        let sides = [signed(&above), signed(&below)];
        let report = examined(&Line { scale: 0.6, shift: 0.0 }, &sides, 10);
        assert!(pull(&report, "normalisation", 1.0).abs() < SIGMA);
        assert!(pull(&report, "closure auc", 0.5).abs() < SIGMA);
        // A corner in which the numerator is negative beyond chance.
        let corner = Weighted::new(Table::from_elem((600, 1), 3.0), vec![-1.0; 600]).unwrap();
        let sides = [Weighted::concat(&[&above, &corner]).unwrap(), below];
        let report = examined(&Line { scale: 0.6, shift: 0.0 }, &sides, 11);
        assert!(report.warnings.iter().any(|w| w.contains("negative by")), "{:?}", report.warnings);
        assert!(report.get("bins of negative net weight").unwrap().value >= 1.0);
    }

    #[test]
    fn disjoint_sides_and_heavy_events_are_warned_of() {
        let sides = gaussians(20.0, 500, 13);
        let report = examined(&Line { scale: 40.0, shift: 0.0 }, &sides, 14);
        assert!(report.warnings.iter().any(|w| w.contains("do not overlap")), "{:?}", report.warnings);
        assert!(report.get("clipped events").unwrap().value > 900.0);
        let sides = gaussians(0.3, 500, 15);
        let mut weights = vec![1.0; 500];
        weights[3] = 1e12;
        let sides = [sides[0].clone(), sides[1].reweighted(weights).unwrap()];
        let report = examined(&Line { scale: 0.6, shift: 0.0 }, &sides, 16);
        assert!(
            report.warnings.iter().any(|w| w.contains("event 3 of the held-out reweighted")),
            "{:?}",
            report.warnings
        );
        // One event has no spread to take an error from.
        assert!(report.get("normalisation").unwrap().error.is_none());
    }

    #[test]
    fn few_and_equal_events() {
        let rng = &mut ChaCha8Rng::seed_from_u64(20);
        let side = Scored::new(&[0.0, 1.0], &[1.0, 1.0]).unwrap();
        let mut report = FitReport::new();
        examine_scores(side, side, rng, &mut report).unwrap();
        for text in ["too few", "are worth 2.00 events", "no calibration curve"] {
            assert!(report.warnings.iter().any(|w| w.contains(text)), "{text}: {:?}", report.warnings);
        }
        let (z, weights) = (vec![0.0; 100], vec![1.0; 100]);
        let side = Scored::new(&z, &weights).unwrap();
        let mut report = FitReport::new();
        examine_scores(side, side, rng, &mut report).unwrap();
        assert_eq!(report.get("normalisation").unwrap().error, Some(0.0));
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        // Disjoint samples in the binned limit: every r is 0 or infinite.
        let (none, all) = (vec![f64::NEG_INFINITY; 100], vec![f64::INFINITY; 100]);
        let mut report = FitReport::new();
        let (above, below) = (Scored::new(&all, &weights).unwrap(), Scored::new(&none, &weights).unwrap());
        examine_scores(above, below, rng, &mut report).unwrap();
        for text in ["do not overlap", "does not cover", "calibration curve is left out", "r is 0 at all"] {
            assert!(report.warnings.iter().any(|w| w.contains(text)), "{text}: {:?}", report.warnings);
        }
        for (sides, text) in [(0, "held out"), (10, "positive number")] {
            let side = Weighted::new(Table::zeros((sides, 1)), vec![-1.0; sides]).unwrap();
            let mut report = FitReport::new();
            examine(&Line { scale: 1.0, shift: 0.0 }, &side, &side, rng, &mut report).unwrap();
            assert!(report.warnings[0].contains(text), "{:?}", report.warnings);
        }
    }

    #[test]
    fn ratios_of_either_sign_are_examined() {
        // The numerator is 3/2 of N(0.3, 1) less 1/2 of N(-1, 1/2), the denominator N(0, 1).
        let [above, _] = gaussians(0.3, 4000, 30);
        let [below, dent] = [31, 32].map(|seed| gaussians(0.0, 4000, seed)[0].clone());
        let dent = Weighted::new(dent.events().mapv(|x| 0.5 * x - 1.0), vec![-1.0 / 3.0; 4000]).unwrap();
        let numerator = Weighted::concat(&[&above, &dent]).unwrap();
        let ratio = |x: f64| {
            let positive = 1.5 * (0.3 * x - 0.045).exp();
            positive - 0.5 * 2.0 * (0.5 * x * x - 2.0 * (x + 1.0).powi(2)).exp()
        };
        let scores = |side: &Weighted<Table>| -> (Vec<f64>, Vec<bool>) {
            side.events().iter().map(|x| (ratio(*x).abs().ln(), ratio(*x) < 0.0)).unzip()
        };
        let ((a, s), (b, t)) = (scores(&numerator), scores(&below));
        assert!(t.iter().filter(|negative| **negative).count() > 100);
        let mut report = FitReport::new();
        let numerator = Scored::signed(&a, &s, numerator.weights()).unwrap();
        let denominator = Scored::signed(&b, &t, below.weights()).unwrap();
        examine_scores(numerator, denominator, &mut ChaCha8Rng::seed_from_u64(33), &mut report).unwrap();
        for (name, truth) in
            [("normalisation", 1.0), ("normalisation/renormalised", 1.0), ("closure auc", 0.5)]
        {
            assert!(pull(&report, name, truth).abs() < SIGMA, "{name}: {report:?}");
        }
        assert!(report.get("inverse normalisation").is_none());
        assert!(report.warnings.iter().any(|w| w.contains("r is negative at")), "{:?}", report.warnings);
        // Without its sign it would not pass.
        let mut report = FitReport::new();
        let unsigned = Scored::new(&b, below.weights()).unwrap();
        examine_scores(numerator, unsigned, &mut ChaCha8Rng::seed_from_u64(33), &mut report).unwrap();
        assert!(pull(&report, "normalisation", 1.0) > 5.0, "{report:?}");
    }
}
