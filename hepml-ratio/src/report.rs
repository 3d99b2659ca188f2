//! What a fitted ratio says about itself on events that it has not seen.
//!
//! # Conventions
//! All numbers are of densities: a mean E over a side is sum w x / sum w over its events, w of either sign, with the error
//! sqrt(sum w² (x - E)²)/|sum w| of independent weighted events. [`examine`] writes into a [`FitReport`]
//!
//! | measure | what it is |
//! | --- | --- |
//! | `normalisation` | E_den\[r\], 1 for the true ratio |
//! | `normalisation/renormalised` | E_den\[r\] over a random half of the denominator, after [`Renormalised`](crate::Renormalised) on the other half |
//! | `inverse normalisation` | E_num\[1/r\], 1 for the true ratio where the numerator covers the denominator |
//! | `tail index/denominator`, `tail index/numerator` | k-hat of the weights w r of the denominator, and w/r of the numerator |
//! | `effective sample size/numerator`, `.../denominator`, `.../reweighted denominator` | (sum w)²/sum w² of w, w, w r |
//! | `clipped events` | held-out events with abs(z) above [`CLIP`], where losses are clipped |
//! | `auc` | how well z separates the two sides |
//! | `closure auc` | the same for the numerator against the reweighted denominator: 1/2 if the reweighting by r is right as a function of z |
//! | `bins of negative net weight` | bins of the calibration curve in which the weights of a side do not sum to a positive number |
//!
//! and the curves `largest weights` (the ten largest abs(w r) of the denominator over sum w r) and `calibration/estimated`,
//! `calibration/observed`, `calibration/error` (see [`calibration_curve`]).
//!
//! # Tail index
//! The weights w r have a finite variance only if the index k of their tail is below 1/2 (Vehtari, Simpson, Gelman, Yao and
//! Gabry, arXiv:1507.02646, section 3). Above, the spread of the events at hand says nothing of the error of their mean: where
//! k-hat > 1/2, [`examine`] gives E_den\[r\], E_num\[1/r\] and the closure AUC without errors, and a warning.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{EventSet, FitReport, Item, LogRatio, Observer, RatioEstimator, Weighted};
use hepml_stats::{
    Estimate, Roc, effective_sample_size, effective_sample_size_log, tail_index_log, weighted_quantiles,
};

use crate::error::{Error, Result};
use crate::loss::CLIP;

/// The tail index from which on the variance is infinite.
const FINITE_VARIANCE: f64 = 0.5;
/// Events below which no tail can be fitted.
const FEWEST_FOR_A_TAIL: usize = 25;
/// Standard deviations from which on a number that should be 1 or positive is warned of: beyond chance in any number of fits.
const SIGMAS: f64 = 5.0;
/// The share of all weight from which on a single event is warned of.
const LARGE_SHARE: f64 = 0.1;
/// The effective share of the reweighted denominator below which the sides hardly overlap.
const SMALL_OVERLAP: f64 = 0.01;
/// The AUC above which the sides are disjoint for practical purposes: what r is between them is extrapolated.
const DISJOINT: f64 = 0.9999;
/// Events of each side in a bin of the calibration curve, about, and the most bins.
const EVENTS_A_BIN: usize = 25;
const MOST_BINS: usize = 20;
/// The weights that the report lists.
const LARGEST_WEIGHTS: usize = 10;

/// The z = ln r and weights of the events of one side.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    z: &'a [f64],
    weights: &'a [f64],
}

impl<'a> Scored<'a> {
    /// One z and one weight an event; z may be infinite (r = 0 or infinite).
    ///
    /// # Errors
    /// No events; other numbers of weights than of events; a z that is NaN, a weight that is not finite, naming the event; weights
    /// that do not sum to a positive number.
    pub fn new(z: &'a [f64], weights: &'a [f64]) -> Result<Self> {
        if z.is_empty() {
            return Err(hepml_core::Error::Empty { what: "list of log ratios".into() }.into());
        }
        if weights.len() != z.len() {
            return Err(hepml_core::Error::shape("weights", z.len(), weights.len()).into());
        }
        for (event, (&z, &weight)) in z.iter().zip(weights).enumerate() {
            for (what, value, is_bad) in
                [("log ratio", z, z.is_nan()), ("weight", weight, !weight.is_finite())]
            {
                if is_bad {
                    let item = Item::event(event);
                    return Err(hepml_core::Error::NotFinite { what: what.into(), item, value }.into());
                }
            }
        }
        let sum: f64 = weights.iter().sum();
        if sum > 0.0 && sum.is_finite() {
            Ok(Self { z, weights })
        } else {
            Err(hepml_stats::Error::NonPositiveSum { what: "weights", sum }.into())
        }
    }

    /// The logarithms of |w| e^(sign z).
    fn log_weights(self, sign: f64) -> Vec<f64> {
        let of = |(z, weight): (&f64, &f64)| {
            if *weight == 0.0 { f64::NEG_INFINITY } else { weight.abs().ln() + sign * z }
        };
        self.z.iter().zip(self.weights).map(of).collect()
    }

    /// w e^(z - shift), with the shift that makes the largest e^z that counts 1.
    fn reweighted(self) -> (Vec<f64>, f64) {
        let shift = shift(self.z.iter().copied(), self.weights);
        (
            self.z
                .iter()
                .zip(self.weights)
                .map(|(z, w)| if *w == 0.0 { 0.0 } else { w * (z - shift).exp() })
                .collect(),
            shift,
        )
    }
}

/// The mean of exponentials, as e^shift times an estimate that neither overflows nor underflows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExponentialMean {
    pub(crate) shift: f64,
    pub(crate) scaled: Estimate,
}

impl ExponentialMean {
    /// E\[e^x\] over weighted events, for exponents below infinity and weights that sum to a positive number.
    pub(crate) fn new(exponents: impl Iterator<Item = f64> + Clone, weights: &[f64]) -> Result<Self> {
        let shift = shift(exponents.clone(), weights);
        // Relative to the largest weight, so that no square overflows.
        let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        let terms =
            exponents.zip(weights).filter(|(_, w)| **w != 0.0).map(|(x, w)| (w / largest, (x - shift).exp()));
        let (sum, total) = terms.clone().fold((0.0, 0.0), |(sum, total), (w, x)| (sum + w * x, total + w));
        let value = sum / total;
        let squares: f64 = terms.map(|(w, x)| (w * (x - value)).powi(2)).sum();
        Ok(Self { shift, scaled: Estimate::new(value, squares.sqrt() / total.abs())? })
    }

    /// The mean, if it is within the range of numbers.
    fn estimate(self) -> Option<Estimate> {
        let factor = self.shift.exp();
        Estimate::new(factor * self.scaled.value, factor * self.scaled.error).ok()
    }
}

/// The largest finite exponent of an event that counts; 0 without one.
fn shift(exponents: impl Iterator<Item = f64>, weights: &[f64]) -> f64 {
    let counting = exponents.zip(weights).filter(|(x, w)| **w != 0.0 && x.is_finite()).map(|(x, _)| x);
    let largest = counting.fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() { largest } else { 0.0 }
}

/// Adds to a report what held-out events say of a fitted ratio; see the [module](self) for the names.
///
/// Held-out events are events that had no part in the fit. Where a side has none, or weights that do not sum to a positive
/// number, the report gets a warning instead.
///
/// # Errors
/// Those of the model; a z that is NaN, naming the event.
pub fn examine<E: EventSet, M: LogRatio<E> + ?Sized>(
    model: &M,
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    rng: &mut dyn Rng,
    report: &mut FitReport,
) -> Result<()> {
    for (name, side) in [("numerator", numerator), ("denominator", denominator)] {
        if side.is_empty() {
            report.warn(format!("no events of the {name} are held out: the ratio is not examined"));
            return Ok(());
        }
        if side.sum_weights().is_nan() || side.sum_weights() <= 0.0 {
            report.warn(format!(
                "the weights of the held-out events of the {name} do not sum to a positive number: the ratio is not examined"
            ));
            return Ok(());
        }
    }
    let z = [model.log_ratio(numerator.events())?.to_vec(), model.log_ratio(denominator.events())?.to_vec()];
    let scored = [Scored::new(&z[0], numerator.weights())?, Scored::new(&z[1], denominator.weights())?];
    examine_scores(scored[0], scored[1], rng, report)
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
    report.measure("effective sample size/numerator", effective_sample_size(numerator.weights)?, None);
    report.measure("effective sample size/denominator", effective_sample_size(denominator.weights)?, None);
    let clipped = |side: Scored<'_>| side.z.iter().filter(|z| z.abs() > CLIP).count();
    let (clipped, events) =
        (clipped(numerator) + clipped(denominator), numerator.z.len() + denominator.z.len());
    report.measure("clipped events", clipped as f64, None);
    if clipped > 0 {
        report.warn(format!(
            "{clipped} of {events} held-out events have |ln r| > {CLIP}, where losses are clipped"
        ));
    }

    let order = shuffled(denominator.z.len(), rng);
    let mut is_known = false;
    if denominator.z.contains(&f64::INFINITY) {
        report.warn("r is infinite at events of the denominator: E_den[r] is left out");
    } else {
        is_known = normalisation(denominator, &order, report)?;
        weights_of(denominator, report)?;
    }
    if numerator.z.contains(&f64::NEG_INFINITY) || denominator.z.contains(&f64::NEG_INFINITY) {
        report.warn(
            "r is 0 at some events: the numerator does not cover the denominator, and E_num[1/r] is left out",
        );
    } else {
        inverse_normalisation(numerator, report)?;
    }

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
    if !denominator.z.contains(&f64::INFINITY) {
        let (weights, _) = denominator.reweighted();
        match Scored::new(denominator.z, &weights).and_then(|side| auc(numerator, side)) {
            Ok(auc) => report.measure("closure auc", auc.value, is_known.then_some(auc.error)),
            Err(error) => report.warn(format!("the closure AUC is left out: {error}")),
        }
    }

    let bins = (numerator.z.len().min(denominator.z.len()) / EVENTS_A_BIN).min(MOST_BINS);
    if bins > 0 {
        let curve = calibration_curve(numerator, denominator, bins)?;
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
    Ok(())
}

/// E_den[r] before and after renormalisation; whether the variance of the weights w r is finite.
fn normalisation(denominator: Scored<'_>, order: &[usize], report: &mut FitReport) -> Result<bool> {
    let mean = ExponentialMean::new(denominator.z.iter().copied(), denominator.weights)?;
    let is_known = has_finite_variance("E_den[r]", "denominator", &denominator.log_weights(1.0), report);
    let Some(estimate) = mean.estimate() else {
        report.warn("E_den[r] is beyond the range of numbers");
        return Ok(is_known);
    };
    report.measure("normalisation", estimate.value, is_known.then_some(estimate.error));
    if is_known && (estimate.value - 1.0).abs() > SIGMAS * estimate.error {
        report.warn(format!("E_den[r] is {estimate}, not 1: renormalise"));
    }
    let (first, second) = order.split_at(order.len() / 2);
    let half = |events: &[usize]| {
        let weights: Vec<f64> = events.iter().map(|event| denominator.weights[*event]).collect();
        let sum: f64 = weights.iter().sum();
        let z = events.iter().map(|event| denominator.z[*event]);
        let mean = (sum > 0.0).then(|| ExponentialMean::new(z, &weights)).transpose()?;
        Ok::<_, Error>(mean.filter(|mean| mean.scaled.value > 0.0))
    };
    match (half(first)?, half(second)?) {
        (Some(a), Some(b)) => {
            let value = (b.shift - a.shift).exp() * b.scaled.value / a.scaled.value;
            let relative = |mean: ExponentialMean| mean.scaled.error / mean.scaled.value;
            let error = value * relative(a).hypot(relative(b));
            if value.is_finite() {
                report.measure(
                    "normalisation/renormalised",
                    value,
                    is_known.then_some(error).filter(|e| e.is_finite()),
                );
            }
        }
        _ => report.warn(
            "the weighted sum of r is not positive on a half of the held-out denominator: no renormalisation",
        ),
    }
    Ok(is_known)
}

/// E_num[1/r].
fn inverse_normalisation(numerator: Scored<'_>, report: &mut FitReport) -> Result<()> {
    let mean = ExponentialMean::new(numerator.z.iter().map(|z| -z), numerator.weights)?;
    let is_known = has_finite_variance("E_num[1/r]", "numerator", &numerator.log_weights(-1.0), report);
    match mean.estimate() {
        Some(estimate) => {
            report.measure("inverse normalisation", estimate.value, is_known.then_some(estimate.error));
        }
        None => report.warn("E_num[1/r] is beyond the range of numbers"),
    }
    Ok(())
}

/// Whether the weights with these logarithms have a mean with an error, as far as their tail tells.
fn has_finite_variance(what: &str, side: &str, log_weights: &[f64], report: &mut FitReport) -> bool {
    if log_weights.len() < FEWEST_FOR_A_TAIL {
        report.warn(format!(
            "{} events are too few for a tail index: {what} has no error that could be trusted",
            log_weights.len()
        ));
        return false;
    }
    match tail_index_log(log_weights) {
        Ok(tail) => {
            report.measure(format!("tail index/{side}"), tail.k, None);
            if tail.k > FINITE_VARIANCE {
                report.warn(format!(
                    "the tail index of the weights of {what} is {:.2}, above 1/2: their variance is infinite, and no error is given",
                    tail.k
                ));
            }
            tail.k <= FINITE_VARIANCE
        }
        // Equal weights have no tail.
        Err(hepml_stats::Error::TooFew { .. }) => true,
        Err(error) => {
            report.warn(format!("{what} has no error: {error}"));
            false
        }
    }
}

/// What the denominator is worth after reweighting.
fn weights_of(denominator: Scored<'_>, report: &mut FitReport) -> Result<()> {
    const NAME: &str = "effective sample size/reweighted denominator";
    let (all, _) = denominator.reweighted();
    let mut weights = all.clone();
    let sum: f64 = weights.iter().sum();
    if weights.iter().all(|weight| *weight == 0.0) {
        report.measure(NAME, 0.0, None);
        report.warn("r is 0 at all held-out events of the denominator");
        return Ok(());
    }
    // The logarithms lose the signs that make weights cancel; they reach further.
    let effective = if denominator.weights.iter().any(|weight| *weight < 0.0) {
        effective_sample_size(&weights)?
    } else {
        effective_sample_size_log(&denominator.log_weights(1.0))?
    };
    report.measure(NAME, effective, None);
    let events = effective_sample_size(denominator.weights)?;
    if effective < SMALL_OVERLAP * events {
        report.warn(format!(
            "the reweighted denominator is worth {effective:.1} events of {events:.1}: the two sides hardly overlap"
        ));
    }
    weights.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    weights.truncate(LARGEST_WEIGHTS);
    let shares: Vec<f64> =
        weights.into_iter().map(|weight| weight.abs() / sum).filter(|w| w.is_finite()).collect();
    report.curve("largest weights", shares);
    warn_of_weights("reweighted denominator", &all, report);
    Ok(())
}

/// Warns of a single event that carries much of the weight of what is called `name`.
pub(crate) fn warn_of_weights(name: &str, weights: &[f64], report: &mut FitReport) {
    let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    let share = 1.0 / weights.iter().map(|w| w.abs() / largest).sum::<f64>();
    if weights.len() >= FEWEST_FOR_A_TAIL && share > LARGE_SHARE {
        report.warn(format!("one event carries {:.0}% of the weight of the {name}", 100.0 * share));
    }
}

/// The AUC of z between two sides, A = P(z_num > z_den) + P(z_num = z_den)/2, with its error.
///
/// The error is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44 (1988) 837) for weights w of either sign, which sum to 1 on each
/// side: the square root of sum_num w² (P(z_den < z) - A)² + sum_den w² (P(z_num > z) - A)², where ties count half.
///
/// # Errors
/// Those of [`Roc::new`]; sums of weights that cancel until no number is left.
pub fn auc(numerator: Scored<'_>, denominator: Scored<'_>) -> Result<Estimate> {
    let scores = [numerator.z, denominator.z].concat();
    let is_numerator: Vec<bool> = (0..scores.len()).map(|event| event < numerator.z.len()).collect();
    let roc = Roc::new(&scores, &is_numerator, Some(&[numerator.weights, denominator.weights].concat()))?;
    let (auc, points) = (roc.auc(), roc.points().collect::<Vec<_>>());
    let mut variance = 0.0;
    for (side, is_numerator) in [(numerator, true), (denominator, false)] {
        let sum: f64 = side.weights.iter().sum();
        for (z, weight) in side.z.iter().zip(side.weights) {
            // The first point at which the event passes, and the last one at which it does not.
            let passes = points.partition_point(|point| point.threshold > *z).clamp(1, points.len() - 1);
            let (before, at) = (points[passes - 1], points[passes]);
            let right = if is_numerator {
                1.0 - 0.5 * (before.background_efficiency + at.background_efficiency)
            } else {
                0.5 * (before.signal_efficiency + at.signal_efficiency)
            };
            variance += (weight / sum * (right - auc)).powi(2);
        }
    }
    Ok(Estimate::new(auc, variance.sqrt())?)
}

/// The AUC with which a classifier of one's own tells the numerator from the denominator reweighted by r: 1/2 where r is right in
/// all that the classifier can see.
///
/// The classifier is any ratio estimator; it learns on a random half of the events and is judged on the other. An AUC above 1/2 by
/// several errors is a failure of r; one that is compatible with 1/2 may be one of the classifier.
///
/// # Errors
/// Those of model and classifier; r that is infinite at an event of the denominator, naming it; reweighted halves whose weights
/// do not sum to a positive number.
pub fn closure<E, M, R>(
    model: &M,
    classifier: &R,
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<Estimate>
where
    E: EventSet,
    M: LogRatio<E> + ?Sized,
    R: RatioEstimator<E> + ?Sized,
{
    let z = model.log_ratio(denominator.events())?.to_vec();
    let scored = Scored::new(&z, denominator.weights())?;
    if let Some(event) = z.iter().position(|z| *z == f64::INFINITY) {
        return Err(hepml_core::Error::not_finite("log ratio", z[event]).at_event(event).into());
    }
    let reweighted = denominator.reweighted(scored.reweighted().0)?;
    let (numerator, held_out_numerator) = numerator.split(0.5, rng)?;
    let (denominator, held_out_denominator) = reweighted.split(0.5, rng)?;
    let fitted = classifier.fit(&numerator, &denominator, rng, observer)?;
    let z = |side: &Weighted<E>| Ok::<_, Error>(fitted.model.log_ratio(side.events())?.to_vec());
    let (z_num, z_den) = (z(&held_out_numerator)?, z(&held_out_denominator)?);
    auc(
        Scored::new(&z_num, held_out_numerator.weights())?,
        Scored::new(&z_den, held_out_denominator.weights())?,
    )
}

/// A bin of z in a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationPoint {
    /// What the model says: ln E_den\[r | bin\], which is what the ratio of a bin should be, however wide it is.
    pub estimated: f64,
    /// What the events say: ln (share of the numerator's weight/share of the denominator's).
    pub observed: f64,
    /// One standard deviation of `observed`.
    pub error: f64,
}

/// A calibration curve: its points in order of z, and what its bins say of negative weights.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationCurve {
    /// The bins in which there is a ratio.
    pub points: Vec<CalibrationPoint>,
    /// Bins with events in which the weights of a side do not sum to a positive number.
    pub negative: usize,
    /// The side, place and significance of the most negative net weight, where it is beyond chance (5 sigma).
    pub most_negative: Option<(&'static str, f64, f64)>,
}

/// Estimated against observed ln r in bins of z, which hold about the same share of the two sides together.
///
/// # Errors
/// No bins; z that are all infinite.
pub fn calibration_curve(
    numerator: Scored<'_>,
    denominator: Scored<'_>,
    bins: usize,
) -> Result<CalibrationCurve> {
    if bins == 0 {
        return Err(hepml_core::Error::out_of_range("number of bins", 0.0, "at least 1").into());
    }
    let (mut pooled, mut shares) = (Vec::new(), Vec::new());
    for side in [numerator, denominator] {
        let largest = side.weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        let size: f64 = side.weights.iter().map(|w| w.abs() / largest).sum();
        for (&z, w) in side.z.iter().zip(side.weights).filter(|(z, _)| z.is_finite()) {
            pooled.push(z);
            shares.push(w.abs() / largest / size);
        }
    }
    let levels: Vec<f64> = (1..bins).map(|k| k as f64 / bins as f64).collect();
    let mut edges = weighted_quantiles(&pooled, Some(&shares), &levels)?;
    edges.dedup();
    let sums = [numerator, denominator].map(|side| side.weights.iter().sum::<f64>());
    // Of each bin and side: events, sum of shares, sum of their squares, sum of shares times r.
    let mut contents = vec![[[0.0_f64; 4]; 2]; edges.len() + 1];
    for (index, side) in [numerator, denominator].into_iter().enumerate() {
        for (&z, weight) in side.z.iter().zip(side.weights).filter(|(_, w)| **w != 0.0) {
            let share = weight / sums[index];
            let content = &mut contents[edges.partition_point(|edge| *edge < z)][index];
            content[0] += 1.0;
            content[1] += share;
            content[2] += share * share;
            content[3] += share * z.exp();
        }
    }
    let mut curve = CalibrationCurve { points: Vec::new(), negative: 0, most_negative: None };
    for (bin, sides) in contents.iter().enumerate() {
        let place = edges.get(bin).or(edges.last()).copied().unwrap_or(0.0);
        let mut is_negative = false;
        for (side, [events, sum, squares, _]) in ["numerator", "denominator"].into_iter().zip(sides) {
            is_negative |= *events > 0.0 && *sum <= 0.0;
            let sigmas = -sum / squares.sqrt();
            if sigmas > curve.most_negative.map_or(SIGMAS, |(_, _, most)| most) {
                curve.most_negative = Some((side, place, sigmas));
            }
        }
        curve.negative += usize::from(is_negative);
        let [[_, above, above_squares, _], [_, below, below_squares, reweighted]] = *sides;
        let point = CalibrationPoint {
            estimated: (reweighted / below).ln(),
            observed: above.ln() - below.ln(),
            error: (above_squares.sqrt() / above).hypot(below_squares.sqrt() / below),
        };
        if [above, below, reweighted].iter().all(|sum| *sum > 0.0) && point.estimated.is_finite() {
            curve.points.push(point);
        }
    }
    Ok(curve)
}

/// The indices below `len` in random order (Fisher-Yates).
fn shuffled(len: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::Array1;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{Result as CoreResult, Table};
    use hepml_stats::{RocMeasure, roc_bootstrap, weighted_mean};

    use super::*;
    use crate::Renormalised;

    /// z = scale * x + shift.
    #[derive(Debug)]
    struct Line {
        scale: f64,
        shift: f64,
    }

    impl LogRatio<Table> for Line {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            Ok(events.column(0).mapv(|x| self.scale * x + self.shift))
        }
    }

    /// r = 2 above 0, and 0 below.
    struct Step;

    impl LogRatio<Table> for Step {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            Ok(events.column(0).mapv(|x| if x < 0.0 { f64::NEG_INFINITY } else { 2.0_f64.ln() }))
        }
    }

    /// N(+mu, 1) against N(-mu, 1): ln r = 2 mu x.
    fn gaussians(mu: f64, events: usize, seed: u64) -> [Weighted<Table>; 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || {
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        [mu, -mu].map(|mean| Weighted::unit(Table::from_shape_simple_fn((events, 1), || normal() + mean)))
    }

    fn examined(model: &dyn LogRatio<Table>, sides: &[Weighted<Table>; 2], seed: u64) -> FitReport {
        let mut report = FitReport::new();
        examine(model, &sides[0], &sides[1], &mut ChaCha8Rng::seed_from_u64(seed), &mut report).unwrap();
        report
    }

    /// Beyond this many standard deviations a fixed seed would be bad luck of 1 in 16,000.
    const SIGMA: f64 = 4.0;

    fn pull(report: &FitReport, name: &str, truth: f64) -> f64 {
        let measure = report.get(name).unwrap_or_else(|| panic!("{name} in {report:?}"));
        (measure.value - truth) / measure.error.unwrap_or_else(|| panic!("an error of {name} in {report:?}"))
    }

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
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let curve = |name: &str| &report.curves.iter().find(|(n, _)| n == name).unwrap().1;
        let (estimated, observed, error) =
            (curve("calibration/estimated"), curve("calibration/observed"), curve("calibration/error"));
        assert_eq!(estimated.len(), MOST_BINS);
        for ((estimated, observed), error) in estimated.iter().zip(observed).zip(error) {
            assert!((estimated - observed).abs() < SIGMA * error, "{estimated} {observed} {error}");
        }
        assert!(estimated.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn wrong_ratios_are_found_out() {
        let sides = gaussians(0.3, 4000, 3);
        // A wrong normalisation: seen, warned of, and mended.
        let report = examined(&Line { scale: 0.6, shift: 0.5 }, &sides, 4);
        assert!(pull(&report, "normalisation", 1.0) > 10.0);
        assert!(pull(&report, "normalisation", 0.5_f64.exp()).abs() < SIGMA);
        assert!(pull(&report, "normalisation/renormalised", 1.0).abs() < SIGMA);
        assert!(report.warnings.iter().any(|w| w.contains("renormalise")), "{:?}", report.warnings);
        // An overconfident one: the closure sees it, as does the calibration.
        let report = examined(&Line { scale: 1.2, shift: 0.0 }, &sides, 5);
        assert!(pull(&report, "closure auc", 0.5) < -5.0, "{report:?}");
    }

    #[test]
    fn no_error_where_the_variance_is_infinite() {
        // E_den[r] of e^(2x) over x = -ln(u) (density e^-x): the tail index of e^(0.8 x) is 0.8, its mean 1/(1 - 0.8).
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut side =
            || Weighted::unit(Table::from_shape_simple_fn((4000, 1), || -(1.0 - rng.random::<f64>()).ln()));
        let sides = [side(), side()];
        let report = examined(&Line { scale: 0.8, shift: 0.2_f64.ln() }, &sides, 7);
        let tail = report.get("tail index/denominator").unwrap().value;
        assert!((tail - 0.8).abs() < 0.3, "{tail}");
        assert!(report.get("normalisation").unwrap().error.is_none());
        assert!(report.get("normalisation/renormalised").unwrap().error.is_none());
        assert!(report.get("closure auc").unwrap().error.is_none());
        assert!(report.get("inverse normalisation").unwrap().error.is_some());
        assert!(report.warnings.iter().any(|w| w.contains("infinite")), "{:?}", report.warnings);
    }

    /// Against a bootstrap of 400 replicas, which knows an error to 1/sqrt(2 * 400) = 3.5%.
    #[test]
    fn errors_of_an_auc_are_those_of_a_bootstrap() {
        let [above, below] = gaussians(0.4, 500, 23);
        let mut rng = ChaCha8Rng::seed_from_u64(24);
        // Rounded, so that there are ties; and a tenth of the weights is negative.
        let z = [&above, &below]
            .map(|side| side.events().mapv(|x| (4.0 * x).round()).into_raw_vec_and_offset().0);
        let mut weights = || -> Vec<f64> {
            (0..500).map(|i| if i % 10 == 0 { -0.5 } else { 0.5 + rng.random::<f64>() }).collect()
        };
        let (a, b) = (weights(), weights());
        let estimate = auc(Scored::new(&z[0], &a).unwrap(), Scored::new(&z[1], &b).unwrap()).unwrap();
        let is_numerator: Vec<bool> = (0..1000).map(|event| event < 500).collect();
        let roc = Roc::new(&z.concat(), &is_numerator, Some(&[a, b].concat())).unwrap();
        let expected = roc_bootstrap(&[&roc], RocMeasure::Auc, 400, &mut rng).unwrap().estimate(0).unwrap();
        assert_eq!(estimate.value, expected.value);
        assert!((estimate.error / expected.error - 1.0).abs() < 4.0 * 0.035, "{estimate} {expected}");
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
    fn errors_are_those_of_weighted_means() {
        let weights = [0.5, 2.0, 1.0, 3.0];
        let z = [0.1_f64, -0.7, 800.0, 0.2];
        let mean = ExponentialMean::new(z.iter().map(|z| z / 400.0), &weights).unwrap().estimate().unwrap();
        let values: Vec<f64> = z.iter().map(|z| (z / 400.0).exp()).collect();
        let expected = weighted_mean(&values, &weights).unwrap();
        assert!((mean.value / expected.value - 1.0).abs() < 1e-14);
        assert!((mean.error / expected.error - 1.0).abs() < 1e-14);
        // e^800 is no number; its logarithm is.
        let mean = ExponentialMean::new(z.iter().copied(), &weights).unwrap();
        assert!(mean.estimate().is_none());
        assert!((mean.shift + mean.scaled.value.ln() - (800.0 - 6.5_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn signed_weights_and_supports() {
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
        let corner = Weighted::unit(Table::from_elem((600, 1), 3.0)).reweighted(vec![-1.0; 600]).unwrap();
        let sides = [Weighted::concat(&[&above, &corner]).unwrap(), below.clone()];
        let report = examined(&Line { scale: 0.6, shift: 0.0 }, &sides, 11);
        assert!(report.warnings.iter().any(|w| w.contains("negative by")), "{:?}", report.warnings);
        assert!(report.get("bins of negative net weight").unwrap().value >= 1.0);

        let report = examined(&Step, &[above, below], 12);
        assert!(report.get("inverse normalisation").is_none() && report.get("normalisation").is_some());
        assert!(report.warnings.iter().any(|w| w.contains("does not cover")), "{:?}", report.warnings);
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
        assert!(report.warnings.iter().any(|w| w.contains("carries 100%")), "{:?}", report.warnings);
    }

    #[test]
    fn renormalised_ratios_have_mean_one() {
        let [_, below] = gaussians(0.3, 1000, 17);
        let model = Renormalised::new(Line { scale: 0.6, shift: 700.0 }, &below).unwrap();
        let mean = model.log_ratio(below.events()).unwrap().mapv(f64::exp).mean().unwrap();
        assert!((mean - 1.0).abs() < 1e-12);
        let mut weights = vec![0.1; 1000];
        let largest =
            (0..1000).max_by(|a, b| below.events()[[*a, 0]].total_cmp(&below.events()[[*b, 0]])).unwrap();
        weights[largest] = -90.0;
        let negative = below.reweighted(weights).unwrap();
        let error = Renormalised::new(Line { scale: 5.0, shift: 0.0 }, &negative).unwrap_err().to_string();
        assert!(error.contains("not positive"), "{error}");
        let error = Renormalised::new(Line { scale: f64::NAN, shift: 0.0 }, &below).unwrap_err().to_string();
        assert!(error.contains("event 0"), "{error}");
    }

    /// Fits nothing: its z is x.
    struct Looks;

    impl RatioEstimator<Table> for Looks {
        type Model = Line;

        fn fit(
            &self,
            _: &Weighted<Table>,
            _: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<hepml_core::Fitted<Line>> {
            let model = Line { scale: 1.0, shift: 0.0 };
            Ok(hepml_core::Fitted { model, report: FitReport::new() })
        }
    }

    #[test]
    fn a_classifier_of_ones_own_judges_the_closure() {
        let [above, below] = gaussians(0.3, 4000, 18);
        let judged = |scale: f64| {
            let model = Line { scale, shift: 0.0 };
            closure(&model, &Looks, &above, &below, &mut ChaCha8Rng::seed_from_u64(19), &mut ()).unwrap()
        };
        assert!(judged(0.6).pull(0.5).abs() < SIGMA);
        assert!(judged(0.0).pull(0.5) > 5.0);
    }

    #[test]
    fn bad_input() {
        let rng = &mut ChaCha8Rng::seed_from_u64(20);
        assert!(Scored::new(&[], &[]).unwrap_err().to_string().contains("empty"));
        assert!(Scored::new(&[0.0], &[1.0, 2.0]).is_err());
        assert!(Scored::new(&[0.0, f64::NAN], &[1.0; 2]).unwrap_err().to_string().contains("event 1"));
        assert!(Scored::new(&[0.0, 0.0], &[1.0, f64::NAN]).unwrap_err().to_string().contains("event 1"));
        assert!(Scored::new(&[0.0], &[0.0]).unwrap_err().to_string().contains("not positive"));
        let side = Scored::new(&[0.0, 1.0], &[1.0, 1.0]).unwrap();
        assert!(calibration_curve(side, side, 0).is_err());
        // Few events, and equal ones: warnings.
        let mut report = FitReport::new();
        examine_scores(side, side, rng, &mut report).unwrap();
        assert!(report.warnings.iter().any(|w| w.contains("too few")), "{:?}", report.warnings);
        let (z, weights) = (vec![0.0; 100], vec![1.0; 100]);
        let side = Scored::new(&z, &weights).unwrap();
        let mut report = FitReport::new();
        examine_scores(side, side, rng, &mut report).unwrap();
        assert_eq!(report.get("normalisation").unwrap().error, Some(0.0));
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let mut report = FitReport::new();
        let empty = Weighted::unit(Table::zeros((0, 1)));
        examine(&Line { scale: 1.0, shift: 0.0 }, &empty, &empty, rng, &mut report).unwrap();
        assert!(report.warnings[0].contains("held out"));
    }
}
