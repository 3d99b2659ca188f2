//! Calibrations of an overconfident learner, and their algebra.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::ops::ControlFlow;

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Error as CoreError, FitReport, Fitted, Load, LogRatio, ModelFile, Observer, RatioEstimator, Save, Table,
    Weighted,
};
use hepml_ratio::report::CalibrationPoint;
use hepml_ratio::{
    Calibrated, CalibratedEstimator, Calibration, Error, HistogramCalibration, IsotonicCalibration,
    PlattCalibration, Reliability,
};
use hepml_stats::Roc;
use proptest::prelude::*;

/// Half the distance of the toy's Gaussians N(+MU, 1) and N(-MU, 1), whose exact ln r is 2 MU x.
const MU: f64 = 0.5;
const EVENTS: usize = 20_000;
/// Rounding of sums over a few dozen weights.
const ROUNDING: f64 = 1e-12;

/// z = slope x of the first column.
#[derive(Debug, Clone, PartialEq)]
struct Slope(f64);

impl LogRatio<Table> for Slope {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>, CoreError> {
        Ok(events.column(0).mapv(|x| self.0 * x))
    }
}

impl Save for Slope {
    fn save(&self, writer: &mut dyn Write) -> Result<(), CoreError> {
        ModelFile::new("test/slope", 1, &self.0)?.save(writer)
    }
}

impl Load for Slope {
    fn load(reader: &mut dyn Read) -> Result<Self, CoreError> {
        Ok(Self(ModelFile::load(reader)?.header()?))
    }
}

fn gaussian(mean: f64, n: usize, rng: &mut dyn Rng) -> Table {
    Table::from_shape_simple_fn((n, 1), || {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        mean + (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    })
}

fn toy(seed: u64) -> (Weighted<Table>, Weighted<Table>) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    (Weighted::unit(gaussian(MU, EVENTS, rng)), Weighted::unit(gaussian(-MU, EVENTS, rng)))
}

fn table(values: &[f64]) -> Table {
    Table::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

fn weighted(values: &[f64], weights: &[f64]) -> Weighted<Table> {
    Weighted::new(table(values), weights.to_vec()).unwrap()
}

/// The cross-entropy of z = slope x on the toy, by the trapezoidal rule on [-12, 12].
fn exact_cross_entropy(slope: f64) -> f64 {
    let step = 1e-3;
    (-12_000..=12_000)
        .map(|i| {
            let x = f64::from(i) * step;
            let density = |mean: f64| (-0.5 * (x - mean).powi(2)).exp() / std::f64::consts::TAU.sqrt();
            let z = slope * x;
            0.5 * step * (density(MU) * (-z).exp().ln_1p() + density(-MU) * z.exp().ln_1p())
        })
        .sum()
}

fn mends(method: &impl Calibration, z_error: f64) {
    let (numerator, denominator) = toy(1);
    let Fitted { model, report } = method.calibrate(Slope(6.0 * MU), &numerator, &denominator).unwrap();
    let (numerator, denominator) = toy(2);
    let before = Reliability::measure(model.model(), &numerator, &denominator, 20).unwrap();
    let after = Reliability::measure(&model, &numerator, &denominator, 20).unwrap();
    let pull = |point: &CalibrationPoint| ((point.estimated - point.observed) / point.error).abs();
    let worst = |got: &Reliability| got.curve.points.iter().map(pull).fold(0.0, f64::max);
    println!(
        "{:?}: cross-entropy {:.4} -> {:.4}, KL bound {:.2} -> {:.3}, worst bin {:.1} -> {:.1} sigma",
        std::any::type_name_of_val(method),
        before.cross_entropy,
        after.cross_entropy,
        before.kl_bound,
        after.kl_bound,
        worst(&before),
        worst(&after)
    );
    // Overconfident as the closed form says; E e^z is heavy-tailed, 1 + 3 KL - e^(12 MU^2) = -17.6 in the mean.
    assert!((before.cross_entropy - exact_cross_entropy(6.0 * MU)).abs() < 0.02);
    assert!(before.kl_bound < -5.0 && worst(&before) > 10.0, "{before:?}");
    // Mended: the cross-entropy and KL = 2 MU^2 of the exact ratio, within a percent or so on events not seen.
    let excess = after.cross_entropy
        - Reliability::measure(&Slope(2.0 * MU), &numerator, &denominator, 20).unwrap().cross_entropy;
    assert!((-0.001..0.003).contains(&excess), "{excess}");
    assert!((after.cross_entropy - exact_cross_entropy(2.0 * MU)).abs() < 0.01);
    assert!((after.kl_bound - 2.0 * MU * MU).abs() < 0.05, "{}", after.kl_bound);
    // A fit on as many events adds its own fluctuations to those of the 20 bins.
    assert!(worst(&after) < 5.0, "{after:?}");
    // The same in the report of the fit.
    let get = |name: &str| report.get(name).unwrap().value;
    assert!(get("cross-entropy/after") < get("cross-entropy/before") - 0.05);
    assert!(get("kl bound/after") > get("kl bound/before") + 5.0);
    assert!(
        report.curves.iter().any(|(name, curve)| name == "calibration/after/observed" && curve.len() > 5)
    );
    // The exact ln r is 2 MU x, over the central 95 %.
    let x = Array1::linspace(-MU - 1.5, MU + 1.5, 101).to_vec();
    let z = model.log_ratio(&table(&x)).unwrap();
    let error = x.iter().zip(&z).map(|(x, z)| (z - 2.0 * MU * x).abs()).sum::<f64>() / 101.0;
    println!("mean |error of z| = {error:.4}");
    assert!(error < z_error, "{error}");
}

#[test]
fn every_method_mends_an_overconfident_learner() {
    mends(&IsotonicCalibration::new(), 0.1);
    mends(&HistogramCalibration::new(), 0.15);
    mends(&PlattCalibration::new(), 0.03);
    mends(&PlattCalibration::temperature(), 0.03);
}

#[test]
fn temperature_and_platt_keep_the_auc_exactly() {
    let (numerator, denominator) = toy(3);
    let auc = |model: &dyn LogRatio<Table>| {
        let scores: Vec<f64> = [numerator.events(), denominator.events()]
            .iter()
            .flat_map(|events| model.log_ratio(events).unwrap())
            .collect();
        let labels: Vec<bool> = (0..scores.len()).map(|event| event < EVENTS).collect();
        Roc::new(&scores, &labels, None).unwrap().auc()
    };
    let before = auc(&Slope(3.0));
    for method in [PlattCalibration::new(), PlattCalibration::temperature()] {
        let calibrated = method.calibrate(Slope(3.0), &numerator, &denominator).unwrap();
        assert!(calibrated.report.get("slope").unwrap().value > 0.0);
        assert_eq!(auc(&calibrated.model), before);
    }
}

#[test]
fn platt_is_stationary_in_slope_and_offset() {
    // Also from z of many hundreds, where the cross-entropy of the untouched z is flat.
    for scale in [1.0, 1e3, 1e-6] {
        let (num, den) = ([0.3, 1.0, 2.0, -0.5], [-1.0, 0.4, -2.0]);
        let (num_weights, den_weights) = ([1.0, 2.0, 0.5, 1.0], [3.0, 1.0, 1.0]);
        let (numerator, denominator) = (weighted(&num, &num_weights), weighted(&den, &den_weights));
        let model = PlattCalibration::new().calibrate(Slope(scale), &numerator, &denominator).unwrap().model;
        let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
        let z = |x: &[f64]| model.log_ratio(&table(x)).unwrap();
        for power in [0, 1] {
            let pull = |x: &[f64], w: &[f64], sign: f64| {
                let total: f64 = w.iter().sum();
                let terms =
                    x.iter().zip(w).zip(z(x)).map(|((x, w), z)| w / total * sigma(sign * z) * x.powi(power));
                terms.sum::<f64>()
            };
            let gradient = pull(&den, &den_weights, 1.0) - pull(&num, &num_weights, -1.0);
            // The gain of the last step, 1e-15, is quadratic in the gradient.
            assert!(gradient.abs() < 1e-7, "{scale} {power}: {gradient}");
        }
    }
}

/// The isotonic fit by the min-max formula: max over i <= k of min over j >= k of the label mean of points i..=j.
fn min_max(points: &[(f64, f64, f64)]) -> Vec<f64> {
    (0..points.len())
        .map(|k| {
            (0..=k)
                .map(|i| {
                    (k..points.len())
                        .map(|j| {
                            let sum =
                                |f: fn(&(f64, f64, f64)) -> f64| points[i..=j].iter().map(f).sum::<f64>();
                            sum(|p| p.1) / (sum(|p| p.1) + sum(|p| p.2))
                        })
                        .fold(f64::INFINITY, f64::min)
                })
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .collect()
}

fn sample() -> impl Strategy<Value = Vec<(i32, f64)>> {
    prop::collection::vec((-8..8, 0.1..10.0), 2..25)
}

proptest! {
    #[test]
    fn isotonic_is_monotone_mean_preserving_idempotent_and_the_min_max_solution(num in sample(), den in sample()) {
        let side = |events: &[(i32, f64)]| {
            let z: Vec<f64> = events.iter().map(|(z, _)| f64::from(*z)).collect();
            weighted(&z, &events.iter().map(|(_, w)| *w).collect::<Vec<f64>>())
        };
        let (numerator, denominator) = (side(&num), side(&den));
        let fitted = match IsotonicCalibration::new().calibrate(Slope(1.0), &numerator, &denominator) {
            Ok(fitted) => fitted,
            Err(error) => {
                prop_assert!(matches!(error, Error::Calibration { .. }), "{error}");
                return Ok(());
            }
        };
        let z = |model: &dyn LogRatio<Table>, side: &Weighted<Table>| model.log_ratio(side.events()).unwrap();
        // Monotone, between the points and beyond them.
        let grid: Vec<f64> = (-1000..1000).map(|i| f64::from(i) * 0.01).collect();
        prop_assert!(fitted.model.log_ratio(&table(&grid)).unwrap().to_vec().is_sorted());
        // E_den[r] = 1 and the sum of the label fractions is that of the labels.
        let (z_num, z_den) = (z(&fitted.model, &numerator), z(&fitted.model, &denominator));
        let mean = |z: &Array1<f64>, side: &Weighted<Table>, f: fn(f64) -> f64| {
            z.iter().zip(side.weights()).map(|(z, w)| w * f(*z)).sum::<f64>() / side.sum_weights()
        };
        let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
        prop_assert!((mean(&z_den, &denominator, f64::exp) - 1.0).abs() < ROUNDING);
        let fractions = mean(&z_num, &numerator, sigma) + mean(&z_den, &denominator, sigma);
        prop_assert!((fractions - 1.0).abs() < ROUNDING);
        // Idempotent.
        let again = IsotonicCalibration::new().calibrate(&fitted.model, &numerator, &denominator).unwrap();
        for side in [&numerator, &denominator] {
            for (once, twice) in z(&fitted.model, side).iter().zip(&z(&again.model, side)) {
                prop_assert!((once - twice).abs() < ROUNDING * 100.0, "{once} {twice}");
            }
        }
        // The solution, where it is not that of a pure block.
        let mut points: Vec<(f64, f64, f64)> = Vec::new();
        for value in -8..8 {
            let sum = |events: &[(i32, f64)], total: f64| {
                events.iter().filter(|(z, _)| *z == value).map(|(_, w)| w / total).sum::<f64>()
            };
            let (n, d) = (sum(&num, numerator.sum_weights()), sum(&den, denominator.sum_weights()));
            if n + d > 0.0 {
                points.push((f64::from(value), n, d));
            }
        }
        let solution = min_max(&points);
        let pure = solution.iter().any(|y| *y < ROUNDING || *y > 1.0 - ROUNDING);
        prop_assert_eq!(pure, fitted.report.get("events in pure ends").unwrap().value > 0.0);
        if !pure {
            for (point, y) in points.iter().zip(&solution) {
                let got = sigma(fitted.model.log_ratio(&table(&[point.0])).unwrap()[0]);
                prop_assert!((got - y).abs() < ROUNDING, "{got} {y}");
            }
        }
    }
}

#[test]
fn pure_ends_are_joined_with_the_nearest_event_of_the_other_side() {
    let numerator = weighted(&[1.0, 2.0, 3.0, 9.0], &[1.0; 4]);
    let denominator = weighted(&[-9.0, 0.0, 1.5, 2.5], &[1.0; 4]);
    let fitted = IsotonicCalibration::new().calibrate(Slope(1.0), &numerator, &denominator).unwrap();
    // In z: d d n d | n d n n, where d d joins the first n, and n n the last d: 1/3 and 3/1.
    let z = fitted.model.log_ratio(&table(&[-100.0, -9.0, 1.5, 2.0, 9.0, 100.0])).unwrap().to_vec();
    let third = (1.0_f64 / 3.0).ln();
    for (got, expected) in z.iter().zip([third, third, third, -third, -third, -third]) {
        assert!((got - expected).abs() < ROUNDING, "{z:?}");
    }
    assert_eq!(fitted.report.get("events in pure ends").unwrap().value, 4.0);
}

#[test]
fn disjoint_samples_are_an_error() {
    let (high, low) = (weighted(&[1.0, 2.0], &[1.0; 2]), weighted(&[-1.0, 0.0], &[1.0; 2]));
    for (numerator, denominator) in [(&high, &low), (&low, &high)] {
        let isotonic = IsotonicCalibration::new().calibrate(Slope(1.0), numerator, denominator);
        let histogram = HistogramCalibration::new().calibrate(Slope(1.0), numerator, denominator);
        let platt = PlattCalibration::new().calibrate(Slope(1.0), numerator, denominator);
        for error in [isotonic.unwrap_err(), histogram.unwrap_err(), platt.unwrap_err()] {
            assert!(error.to_string().contains("do not overlap"), "{error}");
        }
    }
}

#[test]
fn signed_weights() {
    // A fifth of the events at weight -1, whatever x: the ratio of densities stays.
    let (numerator, denominator) = toy(4);
    let signed = |side: &Weighted<Table>| {
        let weights = (0..side.len()).map(|event| if event % 5 == 4 { -1.0 } else { 1.0 });
        side.reweighted(weights.collect()).unwrap()
    };
    let (numerator, denominator) = (signed(&numerator), signed(&denominator));
    let error = IsotonicCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap_err();
    assert!(
        error.to_string().contains("in the numerator") && error.to_string().contains("event 4"),
        "{error}"
    );
    let histogram =
        HistogramCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap().model;
    let platt = PlattCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap().model;
    for x in [-1.0, 0.0, 1.0] {
        // The variance is (1/0.6)^2 that of unit weights.
        assert!((platt.log_ratio(&table(&[x])).unwrap()[0] - x).abs() < 0.06);
        assert!((histogram.log_ratio(&table(&[x])).unwrap()[0] - x).abs() < 0.3);
    }
    // Bins of a negative sum are joined with a neighbour: no NaN.
    let numerator = weighted(&[0.0, 1.0, 2.0, 3.0], &[1.0, -1.0, 2.0, 2.0]);
    let denominator = weighted(&[0.5, 1.5, 2.5, 3.5], &[2.0, 1.0, -0.5, 1.0]);
    let fitted = HistogramCalibration::new().bins(4).calibrate(Slope(1.0), &numerator, &denominator).unwrap();
    assert!(fitted.report.get("bins").unwrap().value < 4.0);
    let z = fitted.model.log_ratio(numerator.events()).unwrap();
    assert!(z.iter().all(|z| z.is_finite()), "{z}");
}

#[test]
fn bad_input() {
    let good = weighted(&[0.0, 1.0, 2.0], &[1.0; 3]);
    let other = weighted(&[0.5, 1.5, 2.5], &[1.0; 3]);
    let empty: Weighted<Table> = Weighted::unit(Table::zeros((0, 1)));
    let zero = other.reweighted(vec![0.0; 3]).unwrap();
    let negative = other.reweighted(vec![1.0, -2.0, 0.5]).unwrap();
    let not_a_number = weighted(&[0.0, f64::NAN], &[1.0; 2]);
    let calibrate = |num: &Weighted<Table>, den: &Weighted<Table>| {
        let isotonic = IsotonicCalibration::new().calibrate(Slope(1.0), num, den).unwrap_err().to_string();
        assert_eq!(
            PlattCalibration::new().calibrate(Slope(1.0), num, den).unwrap_err().to_string(),
            isotonic
        );
        assert_eq!(
            HistogramCalibration::new().calibrate(Slope(1.0), num, den).unwrap_err().to_string(),
            isotonic
        );
        isotonic
    };
    assert_eq!(calibrate(&empty, &good), "numerator is empty");
    assert_eq!(calibrate(&good, &empty), "denominator is empty");
    assert!(calibrate(&good, &zero).contains("denominator weights is 0"));
    assert!(calibrate(&good, &negative).contains("denominator weights is -0.5"));
    assert_eq!(calibrate(&not_a_number, &good), "log ratio in the numerator of event 1 is not finite (NaN)");
    assert!(Reliability::measure(&Slope(1.0), &good, &other, 0).is_err());
    assert!(HistogramCalibration::new().bins(1).calibrate(Slope(1.0), &good, &other).is_err());
    assert!(PlattCalibration::new().max_iterations(1).calibrate(Slope(1.0), &good, &other).is_err());
    assert!(PlattCalibration::new().calibrate(Slope(0.0), &good, &other).is_err());
    // A weight of 1e12 carries its side: the report says so.
    let heavy = good.reweighted(vec![1.0, 1e12, 1.0]).unwrap();
    let report = IsotonicCalibration::new().calibrate(Slope(1.0), &heavy, &other).unwrap().report;
    assert!(report.warnings.iter().any(|warning| warning.contains("numerator")), "{report:?}");
    // A constant z orders nothing.
    let constant = IsotonicCalibration::new().calibrate(Slope(0.0), &good, &other).unwrap();
    assert_eq!(constant.model.log_ratio(good.events()).unwrap()[0], 0.0);
    assert!(constant.report.warnings.iter().any(|warning| warning.contains("one block")));
    // And a calibrated model names the event that it cannot take.
    let error = constant.model.log_ratio(not_a_number.events()).unwrap_err().to_string();
    assert!(error.contains("event 1"), "{error}");
}

#[test]
fn saved_models_come_back_bit_for_bit() {
    let (numerator, denominator) = toy(5);
    let held_out = |fitted: Fitted<Calibrated<Slope>>| {
        let bytes = fitted.model.to_bytes().unwrap();
        assert_eq!(Calibrated::<Slope>::from_bytes(&bytes).unwrap(), fitted.model);
        for length in [0, 7, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(Calibrated::<Slope>::from_bytes(&bytes[..length]).is_err());
        }
    };
    held_out(IsotonicCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap());
    held_out(HistogramCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap());
    held_out(PlattCalibration::new().calibrate(Slope(3.0), &numerator, &denominator).unwrap());
    // A file of another kind, and one whose map is broken.
    assert!(Calibrated::<Slope>::from_bytes(&Slope(1.0).to_bytes().unwrap()).is_err());
    let mut broken = ModelFile::new("hepml-ratio/calibrated", 1, &"Piecewise").unwrap();
    broken.insert_f64("map/x", &Array1::from(vec![1.0, 0.0])).unwrap();
    broken.insert_f64("map/values", &Array1::from(vec![1.0, 2.0])).unwrap();
    broken.insert_model("model", &Slope(1.0)).unwrap();
    let error = Calibrated::<Slope>::from_bytes(&broken.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("knot 1 of a calibration map"), "{error}");
}

/// Fits nothing: three times the exact answer.
#[derive(Clone)]
struct Overconfident;

impl RatioEstimator<Table> for Overconfident {
    type Model = Slope;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        _: &Weighted<Table>,
        _: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Slope>, CoreError> {
        let mut report = FitReport::new();
        report.measure("events", numerator.len() as f64, None);
        report.warn("slope made up");
        let progress = hepml_core::Progress { stage: "", step: 1, total: None, measures: &[] };
        report.stopped = observer.step(&progress).is_break();
        Ok(Fitted { model: Slope(6.0 * MU), report })
    }
}

#[test]
fn an_estimator_keeps_events_aside_for_its_calibration() {
    let (numerator, denominator) = toy(6);
    let estimator = CalibratedEstimator {
        estimator: Overconfident,
        calibration: PlattCalibration::temperature(),
        held_out: 0.25,
        examination: 0.1,
    };
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let fitted = estimator.fit(&numerator, &denominator, rng, &mut ()).unwrap();
    assert_eq!(fitted.report.parts[0].1.get("events").unwrap().value, 13_000.0);
    let slope = fitted.report.parts[1].1.get("slope").unwrap().value;
    // The slope's Fisher information is at least 0.15 an event of each side.
    assert!((slope - 1.0 / 3.0).abs() < 0.02, "{slope}");
    // What it is worth is measured on a tenth that neither fit has seen, and the warnings of both are there.
    let report = &fitted.report;
    assert_eq!(report.get("effective sample size/numerator").unwrap().value, 2000.0);
    assert_eq!(report.get("ratio of densities").unwrap().value, 1.0);
    let normalisation = report.get("normalisation").unwrap();
    assert!((normalisation.value - 1.0).abs() < 5.0 * normalisation.error.unwrap(), "{normalisation:?}");
    assert!(report.warnings.contains(&"fit: slope made up".to_owned()), "{:?}", report.warnings);
    let mut stopping = |progress: &hepml_core::Progress<'_>| {
        assert_eq!(progress.stage, "fit");
        ControlFlow::Break(())
    };
    assert!(estimator.fit(&numerator, &denominator, rng, &mut stopping).unwrap().report.stopped);
    for (held_out, examination, text) in [
        (1.0, 0.0, "calibration"),
        (0.0, 0.1, "calibration"),
        (0.5, 0.5, "examination"),
        (0.5, -0.1, "examination"),
    ] {
        let estimator = CalibratedEstimator { held_out, examination, ..estimator.clone() };
        let error = estimator.fit(&numerator, &denominator, rng, &mut ()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
