//! Estimators are put together through the traits of the core alone.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use hepml_core::ndarray::{Array1, Array2};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    DynRatioEstimator, Erased, EventSet, FitReport, Fitted, FourMomentum, LogRatio, ObserveWith, Observer,
    OnObservables, ParticleSets, RatioEstimator, Result, Table, Weighted,
};
use hepml_nn::{MlpConfig, StackConfig, TrainingConfig};
use hepml_ratio::report::closure;
use hepml_ratio::{
    CalibratedEstimator, CrossFitConfig, EnsembleConfig, EnsembleMean, FalkonConfig, HistogramConfig,
    LinearConfig, NetworkConfig, PlattCalibration, RatioOf, Renormalised, SignedPartsConfig, TreesConfig,
    YieldRatioConfig,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// N(+1/2, 1) against N(-1/2, 1): ln r = x.
fn gaussians(events: usize, seed: u64) -> [Weighted<Table>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [0.5, -0.5]
        .map(|mean| Weighted::unit(Array2::from_shape_simple_fn((events, 1), || normal(&mut rng) + mean)))
}

fn network() -> NetworkConfig<MlpConfig> {
    NetworkConfig::new(MlpConfig::new(1).hidden(StackConfig::new([12])))
        .training(TrainingConfig::new().epochs(8).rate(1e-2))
}

/// A learner of one's own: linear discriminant of the first column, ln r = (a - b)/s² (x - (a + b)/2) for means a, b and a
/// common standard deviation s.
#[derive(Clone)]
struct Discriminant;

#[derive(Debug, Clone)]
struct Linear {
    slope: f64,
    centre: f64,
}

impl LogRatio<Table> for Linear {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
        Ok(events.column(0).mapv(|x| self.slope * (x - self.centre)))
    }
}

impl RatioEstimator<Table> for Discriminant {
    type Model = Linear;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        _: &mut dyn Rng,
        _: &mut dyn Observer,
    ) -> Result<Fitted<Linear>> {
        let moments = |side: &Weighted<Table>| {
            let sum = side.sum_weights();
            let x = side.events().column(0);
            let mean = x.iter().zip(side.weights()).map(|(x, w)| w * x).sum::<f64>() / sum;
            let square = x.iter().zip(side.weights()).map(|(x, w)| w * (x - mean).powi(2)).sum::<f64>() / sum;
            (mean, square)
        };
        let ((a, s), (b, t)) = (moments(numerator), moments(denominator));
        let model = Linear { slope: (a - b) / (0.5 * (s + t)), centre: 0.5 * (a + b) };
        Ok(Fitted { model, report: FitReport::new() })
    }
}

fn mean_abs_error(model: &dyn LogRatio<Table>) -> f64 {
    let places = Table::from_shape_fn((41, 1), |(i, _)| 0.1 * i as f64 - 2.0);
    let z = model.log_ratio(&places).unwrap();
    z.iter().zip(places.column(0)).map(|(z, x)| (z - x).abs()).sum::<f64>() / 41.0
}

/// What a thousand events of each side leave open to any of the learners, a few times over.
const REACH: f64 = 0.4;

#[test]
fn different_learners_in_one_collection() {
    let [numerator, denominator] = gaussians(1500, 1);
    let calibrated = CalibratedEstimator {
        estimator: network(),
        calibration: PlattCalibration::new(),
        held_out: 0.25,
        examination: 0.1,
    };
    let learners: Vec<(&str, Box<dyn DynRatioEstimator<Table>>)> = vec![
        ("own", Box::new(Erased(Discriminant))),
        ("network", Box::new(Erased(network()))),
        ("trees", Box::new(Erased(TreesConfig::new()))),
        ("kernels", Box::new(Erased(FalkonConfig::default()))),
        ("linear", Box::new(Erased(LinearConfig::default()))),
        ("histogram", Box::new(Erased(HistogramConfig::default()))),
        ("calibrated", Box::new(Erased(calibrated))),
        ("trees in folds", Box::new(Erased(CrossFitConfig::new(TreesConfig::new(), 3)))),
        ("ensemble", Box::new(Erased(EnsembleConfig::new(network(), 3).mean(EnsembleMean::Geometric)))),
        ("ensemble of own", Box::new(Erased(EnsembleConfig::new(Discriminant, 5).bootstrap(true)))),
        ("cross-fit", Box::new(Erased(CrossFitConfig::new(network(), 3)))),
        ("signed parts", Box::new(Erased(SignedPartsConfig::new(network())))),
        (
            "ensemble of cross-fits",
            Box::new(Erased(EnsembleConfig::new(CrossFitConfig::new(Discriminant, 2), 2))),
        ),
    ];
    for (name, learner) in &learners {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let fitted = learner.fit(&numerator, &denominator, rng, &mut ()).unwrap();
        let error = mean_abs_error(&fitted.model);
        assert!(error < REACH, "{name}: {error}");
        // What they learned is a ratio like any other: it can be renormalised, and judged by another learner.
        let model = Renormalised::new(fitted.model, &denominator).unwrap();
        let [a, b] = gaussians(3000, 3);
        let judged = closure(&model, &Discriminant, &a, &b, rng, &mut ()).unwrap();
        assert!((judged.value - 0.5).abs() < 0.1, "{name}: {judged:?}");
    }
    // Boxes are learners, for whatever is built on learners.
    let boxed: Box<dyn DynRatioEstimator<Table>> = Box::new(Erased(network()));
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let fitted = EnsembleConfig::new(boxed, 2).fit(&numerator, &denominator, rng, &mut ()).unwrap();
    let spread = fitted.model.spread(denominator.events()).unwrap();
    assert!(spread.deviation.iter().all(|s| *s > 0.0 && *s < 2.0));
    assert!(mean_abs_error(&fitted.model) < REACH);
}

/// Sets of 0 to 5 particles along x, with pt that sum to |x| + 1 and the sign of x in a feature.
fn sets(table: &Table) -> ParticleSets {
    let (mut momenta, mut features, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for (event, x) in table.column(0).iter().enumerate() {
        let count = 1 + event % 5;
        for _ in 0..count {
            let pt = (x.abs() + 1.0) / count as f64;
            momenta.push(FourMomentum::new(pt, pt, 0.0, 0.0));
            features.push(x.signum());
        }
        offsets.push(momenta.len());
    }
    let features = Array2::from_shape_vec((features.len(), 1), features).unwrap();
    ParticleSets::new(momenta, features, vec!["sign".to_owned()], offsets).unwrap()
}

/// x, from the particles.
#[expect(clippy::unnecessary_wraps, reason = "observables may fail")]
fn observe(events: &ParticleSets) -> Result<Table> {
    Ok(Table::from_shape_fn((events.event_count(), 1), |(event, _)| {
        let set = events.event(event);
        let pt: f64 = set.momenta().iter().map(|p| p.px).sum();
        set.features()[[0, 0]] * (pt - 1.0)
    }))
}

#[test]
fn a_learner_of_tables_learns_particle_sets() {
    let tables = gaussians(1500, 5);
    let [numerator, denominator] = tables.clone().map(|side| Weighted::unit(sets(side.events())));
    let seen = observe(numerator.events()).unwrap();
    assert!(seen.iter().zip(tables[0].events()).all(|(a, b)| (a - b).abs() < 1e-12));
    let learner = OnObservables { observables: ObserveWith(observe), inner: network() };
    // Whole, in an ensemble, in folds, and in a box.
    let boxed: Box<dyn DynRatioEstimator<ParticleSets>> = Box::new(Erased(learner.clone()));
    let rng = || ChaCha8Rng::seed_from_u64(6);
    let fitted = boxed.fit(&numerator, &denominator, &mut rng(), &mut ()).unwrap();
    let on_sets = fitted.model.log_ratio(numerator.events()).unwrap();
    let seen_sides = [&numerator, &denominator].map(|side| Weighted::unit(observe(side.events()).unwrap()));
    let plain = network().fit(&seen_sides[0], &seen_sides[1], &mut rng(), &mut ()).unwrap();
    assert_eq!(on_sets, plain.model.log_ratio(seen_sides[0].events()).unwrap());
    let folds = CrossFitConfig::new(learner.clone(), 3);
    let fitted = folds.fit(&numerator, &denominator, &mut rng(), &mut ()).unwrap();
    let error = |z: &Array1<f64>, side: &Weighted<Table>| {
        z.iter().zip(side.events().column(0)).map(|(z, x)| (z - x).abs()).sum::<f64>() / z.len() as f64
    };
    for (scored, side) in [(fitted.model.numerator(), &tables[0]), (fitted.model.denominator(), &tables[1])] {
        assert!(error(&scored.log_ratio, side) < REACH);
    }
    let fitted = EnsembleConfig::new(learner, 2).fit(&numerator, &denominator, &mut rng(), &mut ()).unwrap();
    assert!(error(&fitted.model.log_ratio(numerator.events()).unwrap(), &tables[0]) < REACH);
}

#[cfg(feature = "rayon")]
#[test]
fn the_number_of_threads_changes_no_bit() {
    let [numerator, denominator] = gaussians(600, 7);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let boxed: Box<dyn DynRatioEstimator<Table>> = Box::new(Erased(network()));
            let folds = CrossFitConfig::new(boxed, 4);
            let rng = &mut ChaCha8Rng::seed_from_u64(8);
            let fitted = folds.fit(&numerator, &denominator, rng, &mut ()).unwrap();
            let ensemble = EnsembleConfig::new(network(), 3).bootstrap(true);
            let of_ensemble = ensemble.fit(&numerator, &denominator, rng, &mut ()).unwrap();
            let (model, report) = (fitted.model, fitted.report);
            let z = [
                model.numerator().log_ratio.clone(),
                model.denominator().log_ratio.clone(),
                of_ensemble.model.log_ratio(numerator.events()).unwrap(),
            ];
            (z, report, of_ensemble.report)
        })
    };
    let one = run(1);
    assert_eq!(run(3), one);
    assert_eq!(run(2), one);
}

/// The z of a ratio of yields, at places and with the weights of both sides times so much.
fn yield_ratio(learner: &dyn DynRatioEstimator<Table>, factors: [f64; 2]) -> (Array1<f64>, FitReport) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let [numerator, denominator] = gaussians(600, 10);
    let scaled = |side: &Weighted<Table>, factor: f64| {
        let weights = (0..side.len()).map(|event| factor * (1.0 + 0.5 * (event % 3) as f64)).collect();
        side.reweighted(weights).unwrap()
    };
    let (numerator, denominator) = (scaled(&numerator, factors[0]), scaled(&denominator, factors[1]));
    let fitted = learner.fit_dyn(&numerator, &denominator, &mut rng, &mut ()).unwrap();
    let places = Table::from_shape_fn((9, 1), |(i, _)| 0.25 * i as f64 - 1.0);
    (fitted.model.log_ratio(&places).unwrap(), fitted.report)
}

#[test]
fn weights_times_a_constant_shift_ratios_of_yields_by_its_logarithm() {
    /// Powers of two leave every ratio of densities as it is, bit for bit: what is left is the rounding of the logarithms.
    const ROUNDING: f64 = 1e-14;
    let ensemble = EnsembleConfig::new(LinearConfig::default(), 2).bootstrap(true);
    let learners: Vec<(&str, Box<dyn DynRatioEstimator<Table>>)> = vec![
        ("discriminant", Box::new(Erased(YieldRatioConfig::new(Discriminant)))),
        ("linear", Box::new(Erased(YieldRatioConfig::new(LinearConfig::default())))),
        ("trees", Box::new(Erased(YieldRatioConfig::new(TreesConfig::new())))),
        ("network", Box::new(Erased(YieldRatioConfig::new(network())))),
        ("ensemble", Box::new(Erased(YieldRatioConfig::new(ensemble)))),
        ("folds", Box::new(Erased(YieldRatioConfig::new(CrossFitConfig::new(LinearConfig::default(), 3))))),
    ];
    for (name, learner) in learners {
        let (z, report) = yield_ratio(&*learner, [1.0, 1.0]);
        let (shifted, other) = yield_ratio(&*learner, [8.0, 0.5]);
        for (a, b) in z.iter().zip(&shifted) {
            assert!((b - a - 16.0_f64.ln()).abs() < ROUNDING * (1.0 + a.abs()), "{name}: {a} {b}");
        }
        // The same sums on both sides; and 16 times.
        let measures = [report, other].map(|report| report.get("ratio of yields").unwrap());
        for (measure, expected) in measures.into_iter().zip([1.0_f64, 16.0]) {
            assert!((measure.value / expected - 1.0).abs() < 1e-12, "{name}: {measure:?}");
            // Weights of 1, 3/2 and 2 in turn: sqrt(2 (1 + 9/4 + 4)/3 600)/(3/2 600).
            let error = (2.0 * 7.25 / 3.0 * 600.0_f64).sqrt() / 900.0;
            assert!((measure.error.unwrap() / expected - error).abs() < 1e-12, "{name}: {measure:?}");
        }
    }
}

#[test]
fn every_report_says_what_the_ratio_is_one_of() {
    let [numerator, denominator] = gaussians(400, 11);
    let learners: Vec<Box<dyn DynRatioEstimator<Table>>> = vec![
        Box::new(Erased(network())),
        Box::new(Erased(LinearConfig::default())),
        Box::new(Erased(SignedPartsConfig::new(LinearConfig::default()))),
        Box::new(Erased(EnsembleConfig::new(LinearConfig::default(), 2))),
        Box::new(Erased(CrossFitConfig::new(LinearConfig::default(), 2))),
        Box::new(Erased(CalibratedEstimator {
            estimator: LinearConfig::default(),
            calibration: PlattCalibration::new(),
            held_out: 0.3,
            examination: 0.1,
        })),
    ];
    let rng = &mut ChaCha8Rng::seed_from_u64(12);
    for learner in learners {
        let report = learner.fit(&numerator, &denominator, rng, &mut ()).unwrap().report;
        assert_eq!(report.measures.iter().filter(|(name, _)| name == "ratio of densities").count(), 1);
        for name in ["normalisation", "inverse normalisation", "closure auc", "clipped events"] {
            assert!(report.get(name).is_some(), "{name}: {report:?}");
        }
        let yields = YieldRatioConfig::new(learner).fit(&numerator, &denominator, rng, &mut ()).unwrap();
        assert_eq!(yields.model.of(), RatioOf::Yields);
        assert!(yields.report.get("ratio of densities").is_none());
        assert!(yields.report.parts[0].1.get("ratio of densities").is_some());
    }
    for bad in [vec![0.0; 400], vec![-1.0; 400]] {
        let bad = numerator.reweighted(bad).unwrap();
        let fit = |a: &Weighted<Table>, b: &Weighted<Table>| {
            let rng = &mut ChaCha8Rng::seed_from_u64(13);
            YieldRatioConfig::new(Discriminant).fit(a, b, rng, &mut ()).unwrap_err().to_string()
        };
        assert!(fit(&bad, &denominator).contains("sum of the weights of the numerator"));
        assert!(fit(&numerator, &bad).contains("sum of the weights of the denominator"));
    }
}

#[test]
fn composites_name_the_users_event() {
    let sides = gaussians(60, 14);
    let learner = LinearConfig::default();
    let learners: Vec<(&str, Box<dyn DynRatioEstimator<Table>>)> = vec![
        ("ensemble", Box::new(Erased(EnsembleConfig::new(learner, 2)))),
        ("bootstrap", Box::new(Erased(EnsembleConfig::new(learner, 2).bootstrap(true)))),
        ("folds", Box::new(Erased(CrossFitConfig::new(learner, 3)))),
        ("signed parts", Box::new(Erased(SignedPartsConfig::new(learner)))),
    ];
    for (name, learner) in learners {
        // Wherever the event ends up: among the events of the fit or the held-out ones, of either sign.
        for event in [0, 1, 7, 22, 38, 41, 59] {
            for (side, named) in [(0, "numerator"), (1, "denominator")] {
                let mut bad = sides.clone().map(|side| {
                    let weights = (0..60).map(|event| if event % 3 == 1 { -0.4 } else { 1.0 }).collect();
                    side.reweighted(weights).unwrap()
                });
                let mut table = bad[side].events().clone();
                table[[event, 0]] = f64::NAN;
                bad[side] = Weighted::new(table, bad[side].weights().to_vec()).unwrap();
                let rng = &mut ChaCha8Rng::seed_from_u64(15);
                let error = learner.fit(&bad[0], &bad[1], rng, &mut ()).map(|_| ()).unwrap_err().to_string();
                assert!(error.contains(named), "{name}, {named}, event {event}: {error}");
                assert!(
                    error.contains(&format!("event {event} ")),
                    "{name}, {named}, event {event}: {error}"
                );
            }
        }
    }
}
