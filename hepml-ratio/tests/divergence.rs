//! Divergences, reweighting and the two-sample test against closed forms.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, FourMomentum, LogRatio, Measure, Observer, ParticleSets,
    RatioEstimator, Table, Weighted,
};
use hepml_ratio::{ClassifierTest, Reweighting, TreesConfig, TwoSamplePValue, divergences};
use hepml_stats::{BootstrapConfig, ks_one_sample, p_value};

/// Half the distance of the toy's Gaussians N(+MU, 1) and N(-MU, 1), whose exact ln r is 2 MU x.
const MU: f64 = 0.5;
const EVENTS: usize = 20_000;

/// z = slope x + offset of the first column.
#[derive(Debug, Clone, Copy)]
struct Line(f64, f64);

impl LogRatio<Table> for Line {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>, CoreError> {
        Ok(events.column(0).mapv(|x| self.0 * x + self.1))
    }
}

fn normal(rng: &mut dyn Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn gaussian(mean: f64, n: usize, rng: &mut dyn Rng) -> Weighted<Table> {
    Weighted::unit(Table::from_shape_simple_fn((n, 1), || mean + normal(rng)))
}

fn weighted(values: &[f64], weights: &[f64]) -> Weighted<Table> {
    Weighted::new(Table::from_shape_vec((values.len(), 1), values.to_vec()).unwrap(), weights.to_vec())
        .unwrap()
}

fn bootstrap(replicas: usize) -> BootstrapConfig {
    BootstrapConfig { replicas, block: 1 }
}

fn pull(measure: Measure, expected: f64) -> f64 {
    (measure.value - expected) / measure.error.unwrap()
}

/// ln 2 minus the cross-entropy of the exact ratio, by the trapezoidal rule on [-12, 12].
fn exact_jensen_shannon(mu: f64) -> f64 {
    let step = 1e-3;
    let entropy: f64 = (-12_000..=12_000)
        .map(|i| {
            let x = f64::from(i) * step;
            let density = |mean: f64| (-0.5 * (x - mean).powi(2)).exp() / std::f64::consts::TAU.sqrt();
            let z = 2.0 * mu * x;
            0.5 * step * (density(mu) * (-z).exp().ln_1p() + density(-mu) * z.exp().ln_1p())
        })
        .sum();
    std::f64::consts::LN_2 - entropy
}

#[test]
fn the_exact_ratio_gives_the_closed_forms() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (numerator, denominator) = (gaussian(MU, EVENTS, rng), gaussian(-MU, EVENTS, rng));
    let got = divergences(&Line(2.0 * MU, 0.0), &numerator, &denominator, &bootstrap(300), rng).unwrap();
    let total_variation = 1.0 - 2.0 * p_value(MU).unwrap();
    let pulls = [
        pull(got.kl_forward, 2.0 * MU * MU),
        pull(got.kl_reverse, 2.0 * MU * MU),
        pull(got.jensen_shannon, exact_jensen_shannon(MU)),
        pull(got.hellinger_squared, 1.0 - (-0.5 * MU * MU).exp()),
        pull(got.total_variation_lower, total_variation),
    ];
    println!("{got:?}\npulls {pulls:?}");
    // 3 sigma, five correlated numbers, a fixed seed.
    assert!(pulls.iter().all(|pull| pull.abs() < 3.0), "{pulls:?}");
    // Var z = 4 MU^2 and Var_den e^z = e^(4 MU^2) - 1; the error of 300 replicas is known to 4 %.
    let error = ((4.0 * MU * MU + (4.0 * MU * MU).exp() - 1.0) / EVENTS as f64).sqrt();
    assert!((got.kl_forward.error.unwrap() / error - 1.0).abs() < 0.15);
    // The bounds enclose it.
    let upper = got.total_variation_upper.unwrap();
    assert!(upper.value > total_variation + 3.0 * upper.error.unwrap());
    assert!(got.report.warnings.is_empty(), "{:?}", got.report.warnings);
}

#[test]
fn errors_cover_the_closed_forms_over_many_samples() {
    let mut squares = [0.0; 2];
    for seed in 0..60 {
        let rng = &mut ChaCha8Rng::seed_from_u64(1000 + seed);
        let (numerator, denominator) = (gaussian(MU, 500, rng), gaussian(-MU, 700, rng));
        let got = divergences(&Line(2.0 * MU, 0.0), &numerator, &denominator, &bootstrap(100), rng).unwrap();
        squares[0] += pull(got.jensen_shannon, exact_jensen_shannon(MU)).powi(2);
        squares[1] += pull(got.hellinger_squared, 1.0 - (-0.5 * MU * MU).exp()).powi(2);
    }
    for chi2 in squares {
        // 4 sigma of a chi2 with 60 degrees of freedom.
        assert!((chi2 - 60.0).abs() < 4.0 * 120.0_f64.sqrt(), "{chi2}");
    }
}

#[test]
fn a_wrong_ratio_lies_below() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let (numerator, denominator) = (gaussian(MU, EVENTS, rng), gaussian(-MU, EVENTS, rng));
    let mut run = |line| divergences(&line, &numerator, &denominator, &bootstrap(50), rng).unwrap();
    let exact = run(Line(2.0 * MU, 0.0));
    for wrong in [run(Line(0.5 * MU, 0.0)), run(Line(4.0 * MU, 0.0)), run(Line(2.0 * MU, 0.7))] {
        assert!(wrong.kl_forward.value < exact.kl_forward.value - 0.05);
        assert!(wrong.kl_reverse.value < exact.kl_reverse.value - 0.05);
        assert!(wrong.jensen_shannon.value < exact.jensen_shannon.value - 0.01);
        assert!(wrong.hellinger_squared.value < exact.hellinger_squared.value - 0.01);
        assert!(wrong.total_variation_lower.value <= exact.total_variation_lower.value + 0.005);
    }
}

#[test]
fn an_infinite_variance_has_no_error() {
    // e^z is log-normal with a width of 4: no 2000 events know its mean.
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let (numerator, denominator) = (gaussian(2.0, 2000, rng), gaussian(-2.0, 2000, rng));
    let got = divergences(&Line(4.0, 0.0), &numerator, &denominator, &bootstrap(20), rng).unwrap();
    assert!(got.kl_forward.error.is_none() && got.kl_reverse.error.is_none());
    assert!(got.jensen_shannon.error.is_some());
    assert_eq!(got.report.warnings.len(), 2);
}

#[test]
fn weights_count_as_events() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let doubled = weighted(&[0.5, 0.5, 1.0, -0.2], &[1.0; 4]);
    let weights = weighted(&[0.5, 1.0, -0.2], &[6.0, 3.0, 3.0]);
    let denominator = weighted(&[-0.5, 0.4], &[1.0; 2]);
    let mut run =
        |numerator| divergences(&Line(1.0, 0.0), numerator, &denominator, &bootstrap(5), rng).unwrap();
    let (a, b) = (run(&doubled), run(&weights));
    assert!((a.kl_forward.value - b.kl_forward.value).abs() < 1e-14);
    assert!((a.jensen_shannon.value - b.jensen_shannon.value).abs() < 1e-14);
}

#[test]
fn divergences_of_bad_input() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let good = weighted(&[0.0, 1.0], &[1.0; 2]);
    let empty: Weighted<Table> = Weighted::unit(Table::zeros((0, 1)));
    let nan = weighted(&[0.0, f64::NAN], &[1.0; 2]);
    let far = weighted(&[0.0, 800.0], &[1.0; 2]);
    let negative = weighted(&[0.0, 1.0], &[1.0, -1.0]);
    let mut run = |num: &Weighted<Table>, den: &Weighted<Table>, replicas| {
        divergences(&Line(1.0, 0.0), num, den, &bootstrap(replicas), rng).map_err(|error| error.to_string())
    };
    assert_eq!(run(&empty, &good, 9).unwrap_err(), "numerator is empty");
    assert_eq!(run(&good, &empty, 9).unwrap_err(), "denominator is empty");
    assert!(run(&good, &nan, 9).unwrap_err().contains("in the denominator of event 1"));
    assert!(run(&good, &far, 9).unwrap_err().contains("in the denominator of event 1"));
    let mut weights = vec![1.0; 20];
    weights[7] = 0.0;
    let weightless = weighted(&weights.iter().map(|w| 800.0 * (1.0 - w)).collect::<Vec<_>>(), &weights);
    assert!(run(&good, &weightless, 9).is_ok());
    assert!(run(&negative, &good, 9).unwrap_err().contains("numerator weights is 0"));
    assert!(run(&good, &good, 1).is_err());
    let heavy = run(&weighted(&[0.0, 1.0, 2.0], &[1.0, 1e12, 1.0]), &good, 9).unwrap();
    assert!(heavy.report.warnings.iter().any(|warning| warning.contains("numerator")));
}

#[test]
fn reweighting_moves_the_denominator_onto_the_numerator() {
    let rng = &mut ChaCha8Rng::seed_from_u64(6);
    let denominator = gaussian(-MU, EVENTS, rng);
    let got = Reweighting::new().apply(&Line(2.0 * MU, 0.0), &denominator).unwrap();
    let value = |name: &str| got.report.get(name).unwrap().value;
    // E_den[r] = 1 with variance e^(4 MU^2) - 1; the mean of x is MU with variance E_den[r^2 (x - MU)^2]
    // = e^(4 MU^2) (1 + 4 MU^2), for r^2 p_den is e^(4 MU^2) times a Gaussian at 3 MU.
    let n = EVENTS as f64;
    let grown = (4.0 * MU * MU).exp();
    assert!((value("normalisation") - 1.0).abs() < 4.0 * ((grown - 1.0) / n).sqrt());
    // Its error is that of the closed form, up to the fluctuation of r^2.
    let error = got.report.get("normalisation").unwrap().error.unwrap();
    assert!((error / ((grown - 1.0) / n).sqrt() - 1.0).abs() < 0.15, "{error}");
    let x = got.events.events().column(0).to_vec();
    let mean = x.iter().zip(got.events.weights()).map(|(x, w)| x * w).sum::<f64>() / got.events.sum_weights();
    assert!((mean - MU).abs() < 4.0 * (grown * (1.0 + 4.0 * MU * MU) / n).sqrt(), "{mean}");
    // The effective sample size falls by E r^2 = e^(4 MU^2).
    assert!((value("effective sample size/after") / n * grown - 1.0).abs() < 0.1);
    assert_eq!(value("clipped"), 0.0);
    // The events are shared, not copied.
    assert!(std::ptr::eq(got.events.events(), denominator.events()));

    let clipped =
        Reweighting::new().clip(1.0).total(100.0).apply(&Line(2.0 * MU, 0.0), &denominator).unwrap();
    let beyond = x.iter().filter(|x| (2.0 * MU * **x).abs() > 1.0).count();
    assert_eq!(clipped.report.get("clipped").unwrap().value, beyond as f64);
    assert_eq!(clipped.report.get("largest log ratio").unwrap().value, 1.0);
    assert!((clipped.events.sum_weights() - 100.0).abs() < 1e-9);
    assert!(clipped.report.warnings.iter().any(|warning| warning.contains("clipped")));
}

#[test]
fn ragged_sets_are_reweighted_alike() {
    struct Multiplicity;
    impl LogRatio<ParticleSets> for Multiplicity {
        fn log_ratio(&self, events: &ParticleSets) -> Result<Array1<f64>, CoreError> {
            Ok(events.events().map(|set| set.len() as f64 * 2.0_f64.ln()).collect())
        }
    }
    let p = FourMomentum::new(5.0, 3.0, 0.0, 4.0);
    let sets = ParticleSets::from_events([vec![p, p], vec![], vec![p]]).unwrap();
    let sets = Weighted::new(sets, vec![1.0, 2.0, -1.0]).unwrap();
    let got = Reweighting::new().apply(&Multiplicity, &sets).unwrap();
    for (got, expected) in got.events.weights().iter().zip([4.0, 2.0, -2.0]) {
        assert!((got - expected).abs() < 1e-14);
    }
}

#[test]
fn reweighting_of_bad_input() {
    let run = |config: Reweighting, values: &[f64], weights: &[f64]| {
        config.apply(&Line(1.0, 0.0), &weighted(values, weights)).map_err(|error| error.to_string())
    };
    let plain = Reweighting::new();
    assert_eq!(run(plain, &[], &[]).unwrap_err(), "denominator is empty");
    assert!(run(plain, &[0.0, f64::NAN], &[1.0; 2]).unwrap_err().contains("event 1"));
    assert!(run(plain, &[0.0, f64::INFINITY], &[1.0; 2]).unwrap_err().contains("event 1"));
    assert!(run(plain, &[0.0, 800.0], &[1.0; 2]).unwrap_err().contains("event 1"));
    assert!(run(plain.clip(700.0), &[0.0, 800.0], &[1.0; 2]).is_ok());
    assert!(run(plain.clip(0.0), &[0.0], &[1.0]).is_err());
    assert!(run(plain.total(f64::NAN), &[0.0], &[1.0]).is_err());
    assert!(run(plain.total(1.0), &[0.0, 1.0], &[1.0, -1.0]).unwrap_err().contains("reweighted"));
    let unnormalised = run(plain, &[0.0, 0.0], &[1.0, -1.0]).unwrap();
    assert!(unnormalised.report.get("normalisation").is_none() && !unnormalised.report.warnings.is_empty());
}

/// ln r of Gaussians of one width at the weighted means of the samples.
struct Linear;

impl RatioEstimator<Table> for Linear {
    type Model = Line;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        _: &mut dyn Rng,
        _: &mut dyn Observer,
    ) -> Result<Fitted<Line>, CoreError> {
        let mean = |side: &Weighted<Table>| {
            let sum: f64 = side.events().column(0).iter().zip(side.weights()).map(|(x, w)| x * w).sum();
            sum / side.sum_weights()
        };
        let (a, b) = (mean(numerator), mean(denominator));
        Ok(Fitted { model: Line(a - b, -0.5 * (a * a - b * b)), report: FitReport::new() })
    }
}

/// The p-values of many pairs of samples.
fn p_values(
    method: TwoSamplePValue,
    tests: u64,
    pair: impl Fn(&mut dyn Rng) -> (Weighted<Table>, Weighted<Table>),
) -> Vec<f64> {
    (0..tests)
        .map(|seed| {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let (first, second) = pair(rng);
            let test = ClassifierTest::new().p_value(method);
            test.run(&Linear, &first, &second, rng, &mut ()).unwrap().p_value.value
        })
        .collect()
}

fn uniform(p: &[f64]) -> f64 {
    let p = ks_one_sample(p, None, |p| p.clamp(0.0, 1.0)).unwrap().p_value;
    println!("KS p-value of the p-values: {p:.3}");
    p
}

#[test]
fn p_values_are_uniform_under_the_null_hypothesis() {
    let null = |rng: &mut dyn Rng| (gaussian(0.0, 120, rng), gaussian(0.0, 160, rng));
    assert!(uniform(&p_values(TwoSamplePValue::Analytic, 300, null)) > 0.01);
    assert!(uniform(&p_values(TwoSamplePValue::Permutations(199), 300, null)) > 0.01);
    // Weights that travel with their events, the same function of x in both samples.
    let weights = |rng: &mut dyn Rng| {
        let side = |n: usize, scale: f64, rng: &mut dyn Rng| {
            let events = gaussian(0.0, n, rng);
            let weights = events.events().column(0).mapv(|x| scale * (0.8 * x).exp()).to_vec();
            events.reweighted(weights).unwrap()
        };
        (side(200, 1.0, rng), side(300, 1e9, rng))
    };
    assert!(uniform(&p_values(TwoSamplePValue::Permutations(199), 300, weights)) > 0.01);
    assert!(uniform(&p_values(TwoSamplePValue::Analytic, 300, weights)) > 0.01);
}

#[test]
fn weights_can_make_different_samples_agree() {
    // The second sample is drawn at 0.5 and weighted to 0.
    let pair = |rng: &mut dyn Rng| {
        let second = gaussian(0.5, 500, rng);
        let weights = second.events().column(0).mapv(|x| (-0.5 * x + 0.125).exp()).to_vec();
        (gaussian(0.0, 500, rng), second.reweighted(weights).unwrap())
    };
    assert!(uniform(&p_values(TwoSamplePValue::Analytic, 300, pair)) > 0.01);
    // Without the weights the difference is plain.
    let unweighted = |rng: &mut dyn Rng| (gaussian(0.0, 500, rng), gaussian(0.5, 500, rng));
    let p = p_values(TwoSamplePValue::Analytic, 20, unweighted);
    assert!(p.iter().all(|&p| p < 0.01), "{p:?}");
}

#[test]
fn a_shift_is_found() {
    for method in [TwoSamplePValue::Analytic, TwoSamplePValue::Permutations(199)] {
        // AUC = Phi(0.4/sqrt 2) = 0.611 on 500 and 500 events: 0.018 is one sigma, so 6 of them in the mean.
        let p = p_values(method, 20, |rng| (gaussian(0.0, 1000, rng), gaussian(0.4, 1000, rng)));
        assert!(p.iter().all(|&p| p < 0.02), "{p:?}");
    }
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let (first, second) = (gaussian(0.4, 4000, rng), gaussian(0.0, 4000, rng));
    let got =
        ClassifierTest::new().p_value(TwoSamplePValue::Analytic).run(&Linear, &first, &second, rng, &mut ());
    let got = got.unwrap();
    let expected = 1.0 - p_value(0.4 / 2.0_f64.sqrt()).unwrap();
    // Mann and Whitney: sqrt((1/n + 1/m)/12) of unit weights.
    assert!((got.null_error / (2.0_f64 / 2000.0 / 12.0).sqrt() - 1.0).abs() < 0.01, "{}", got.null_error);
    assert!((got.auc - expected).abs() < 4.0 * got.null_error, "{}", got.auc);
}

#[test]
fn trees_find_a_difference_of_widths() {
    // Both means are 0: nothing that a linear classifier could see.
    let rng = &mut ChaCha8Rng::seed_from_u64(10);
    let first = gaussian(0.0, 4000, rng);
    let second = Weighted::unit(gaussian(0.0, 4000, rng).events().mapv(|x| 1.5 * x));
    let test = ClassifierTest::new().p_value(TwoSamplePValue::Analytic);
    let trees = test.run(&TreesConfig::new(), &first, &second, rng, &mut ()).unwrap();
    let linear = test.run(&Linear, &first, &second, rng, &mut ()).unwrap();
    println!(
        "trees: AUC {:.3}, p = {:.1e}; linear: p = {:.2}",
        trees.auc, trees.p_value.value, linear.p_value.value
    );
    assert!(trees.p_value.value < 1e-6 && linear.p_value.value > 1e-3);
}

#[test]
fn tests_of_bad_input() {
    let rng = &mut ChaCha8Rng::seed_from_u64(9);
    let good = weighted(&[0.0, 1.0, 2.0, 3.0], &[1.0; 4]);
    let mut run = |test: ClassifierTest, first: &Weighted<Table>, second: &Weighted<Table>| {
        test.run(&Linear, first, second, rng, &mut ()).map_err(|error| error.to_string())
    };
    let test = ClassifierTest::new();
    let empty: Weighted<Table> = Weighted::unit(Table::zeros((0, 1)));
    assert!(run(test, &empty, &good).unwrap_err().contains("numerator is empty"));
    assert!(run(test, &good, &empty).unwrap_err().contains("denominator is empty"));
    assert!(run(test.held_out(0.0), &good, &good).is_err());
    assert!(run(test.held_out(0.9), &good, &good).unwrap_err().contains("to fit is empty"));
    assert!(run(test.p_value(TwoSamplePValue::Permutations(0)), &good, &good).is_err());
    let nan = weighted(&[f64::NAN; 4], &[1.0; 4]);
    assert!(run(test, &good, &nan).unwrap_err().contains("not finite"));
    let zero = good.reweighted(vec![0.0; 4]).unwrap();
    assert!(run(test, &good, &zero).is_err());
    // Events that are all the same: nothing to tell apart.
    let constant = weighted(&[1.0; 8], &[1.0; 8]);
    let same = run(test, &constant, &constant).unwrap();
    assert_eq!((same.auc, same.p_value.value), (0.5, 1.0));
    assert!(same.report.warnings.iter().any(|warning| warning.contains("equal")));
    // One weight of 1e12 carries its side where it is held out, and the report says so.
    let mut weights = vec![1.0; 64];
    weights[20] = 1e12;
    let heavy = Weighted::new(Table::from_shape_fn((64, 1), |(i, _)| i as f64), weights).unwrap();
    let light = Weighted::unit(heavy.shared_events());
    let warned = (0..20)
        .filter(|_| {
            let got = run(test.p_value(TwoSamplePValue::Analytic), &heavy, &light).unwrap();
            // A sum of one event has no distribution but its own: never a discovery.
            assert!(got.p_value.value > 1e-3, "{got:?}");
            got.report.warnings.iter().any(|warning| warning.contains("numerator"))
        })
        .count();
    // Held out in half of the splits: 10, 2.2 in one sigma.
    assert!((2..=18).contains(&warned), "{warned}");
}
