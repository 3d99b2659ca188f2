//! What the denominator is worth after reweighting.

use hepml_core::FitReport;
use hepml_stats::effective_sample_size;

use super::scored::Scored;
use super::{FEWEST_FOR_A_TAIL, LARGE_SHARE};
use crate::error::Result;

/// The effective share of the reweighted denominator below which the sides hardly overlap.
const SMALL_OVERLAP: f64 = 0.01;
/// The weights that the report lists.
const LARGEST_WEIGHTS: usize = 10;

/// Adds the effective sample size and the largest of the weights w r, given up to a factor.
pub(super) fn weights_of(denominator: Scored<'_>, weights: &[f64], report: &mut FitReport) -> Result<()> {
    const NAME: &str = "effective sample size/reweighted denominator";
    if weights.iter().all(|weight| *weight == 0.0) {
        report.measure(NAME, 0.0, None);
        report.warn("r is 0 at all held-out events of the denominator");
        return Ok(());
    }
    let effective = effective_sample_size(weights)?;
    report.measure(NAME, effective, None);
    let events = effective_sample_size(denominator.weights)?;
    if effective < SMALL_OVERLAP * events {
        report.warn(format!(
            "the reweighted denominator is worth {effective:.1} events of {events:.1}: the two sides hardly overlap"
        ));
    }
    warn_of_weights("held-out reweighted denominator", weights, report);
    let mut sizes: Vec<f64> = weights.iter().map(|weight| weight.abs()).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    // By the largest first, so that no sum overflows.
    let sum: f64 = sizes.iter().map(|size| size / sizes[0]).sum();
    let shares = sizes.iter().take(LARGEST_WEIGHTS).map(|size| size / sizes[0] / sum);
    report.curve("largest weights", shares.collect());
    Ok(())
}

/// Warns of a single event that carries much of the weight of what is called `name`.
pub(crate) fn warn_of_weights(name: &str, weights: &[f64], report: &mut FitReport) {
    report.warnings.extend(heavy_event(name, weights));
}

/// Warns of a single event that carries much of the weight of a side that a fit was given; what a fit was given may be a part of
/// what the user has, and then its events have other numbers.
pub(crate) fn warn_of_side(name: &str, weights: &[f64], report: &mut FitReport) {
    let warning = heavy_event(name, weights);
    let count = weights.len();
    report.warnings.extend(warning.map(|text| format!("{text} (of the {count} events given to this fit)")));
}

/// Says of a single event that it carries much of the weight, if one does.
fn heavy_event(name: &str, weights: &[f64]) -> Option<String> {
    let sizes = weights.iter().map(|weight| weight.abs()).enumerate();
    let (event, largest) = sizes.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let share = 1.0 / weights.iter().map(|weight| weight.abs() / largest).sum::<f64>();
    (weights.len() >= FEWEST_FOR_A_TAIL && share > LARGE_SHARE)
        .then(|| format!("event {event} of the {name} carries {:.0} % of its weight", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_sizes_of_the_weights() {
        let mut report = FitReport::new();
        // Weights that sum to a negative number, and whose sizes overflow.
        let weights = [3e307, -6e307, 1e307, -1e308];
        let side = Scored::new(&[0.0; 4], &[1.0; 4]).unwrap();
        weights_of(side, &weights, &mut report).unwrap();
        let shares = &report.curves[0].1;
        for (share, expected) in shares.iter().zip([0.5, 0.3, 0.15, 0.05]) {
            assert!((share - expected).abs() < 1e-15, "{shares:?}");
        }
        // In units of 1e307: (3 - 6 + 1 - 10)^2/(9 + 36 + 1 + 100).
        let effective = report.get("effective sample size/reweighted denominator").unwrap().value;
        assert!((effective - 144.0 / 146.0).abs() < 1e-15, "{effective}");
    }

    #[test]
    fn heavy_events_are_named() {
        let mut weights = vec![-1.0; 100];
        let mut report = FitReport::new();
        warn_of_weights("numerator", &weights, &mut report);
        warn_of_weights("numerator", &[], &mut report);
        warn_of_weights("numerator", &[0.0; 100], &mut report);
        // A large share is no surprise among few.
        warn_of_weights("numerator", &[1.0; 5], &mut report);
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        weights[7] = -33.0;
        warn_of_weights("numerator", &weights, &mut report);
        assert_eq!(report.warnings, ["event 7 of the numerator carries 25 % of its weight"]);
        warn_of_side("numerator", &weights, &mut report);
        let of_fit =
            "event 7 of the numerator carries 25 % of its weight (of the 100 events given to this fit)";
        assert_eq!(report.warnings[1], of_fit);
    }
}
