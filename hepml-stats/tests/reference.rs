//! Closed forms, and values of numpy, SciPy, scikit-learn, ArviZ and pyerrors (tools/stats_reference.py, versions in
//! tests/reference/stats.json).

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use hepml_core::ndarray::Array2;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_stats::*;
use serde_json::Value;

/// Sums of up to 20,000 terms in another order.
const SUMMATION: f64 = 1e-11;

/// Special functions of two libraries.
const SPECIAL: f64 = 1e-11;

/// Symmetric differences with one standard deviation as step: an exact derivative (pyerrors) differs in the third order.
const NUMERICAL_GRADIENT: f64 = 1e-4;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/stats.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn count(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn seed(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

#[track_caller]
fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * expected.abs().max(1e-300),
        "got {got:e}, expected {expected:e}"
    );
}

#[track_caller]
fn assert_all_close(got: &[f64], expected: &[f64], absolute: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= absolute, "entry {i}: got {a:e}, expected {b:e}");
    }
}

/// The generator of the script.
fn uniform(n: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / 4_294_967_296.0
        })
        .collect()
}

fn autoregressive(n: usize, a: f64, seed: u32) -> Vec<f64> {
    let mut x = 0.0;
    uniform(n, seed)
        .into_iter()
        .map(|u| {
            x = a * x + (u - 0.5);
            x
        })
        .collect()
}

/// Standard normal numbers (Box and Muller).
fn gaussians(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n)
        .map(|_| {
            let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        })
        .collect()
}

/// A stationary AR(1) series of unit variance: ρ(t) = a^t.
fn stationary(n: usize, a: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let noise = gaussians(n, rng);
    let mut x = noise[0];
    noise
        .iter()
        .enumerate()
        .map(|(i, noise)| {
            if i > 0 {
                x = a * x + (1.0 - a * a).sqrt() * noise;
            }
            x
        })
        .collect()
}

fn assert_gamma(got: &GammaEstimate, expected: &Value, tolerance: f64) {
    for (name, got) in [
        ("value", got.value),
        ("error", got.error),
        ("error_of_error", got.error_of_error),
        ("tau_int", got.tau_int),
        ("tau_int_error", got.tau_int_error),
    ] {
        assert_close(got, number(&expected[name]), tolerance);
    }
    assert_eq!(got.window, count(&expected["window"]));
    match expected["consistency"].as_f64() {
        Some(q) => assert_close(got.consistency.unwrap(), q, 10.0 * tolerance),
        None => assert!(got.consistency.is_none()),
    }
}

#[test]
fn gamma_method_of_one_chain() {
    for case in reference()["gamma"].as_array().unwrap() {
        let (n, a) = (count(&case["n"]), number(&case["a"]));
        let got = gamma_method(&autoregressive(n, a, seed(&case["seed"])), &GammaConfig::default()).unwrap();
        assert_gamma(&got, &case["wolff"], SUMMATION);
        if a >= 0.0 {
            // pyerrors does not let tau_int fall below 1/2, so that it differs for anti-correlated series.
            let other = &case["pyerrors"];
            assert_close(got.error, number(&other["error"]), SUMMATION);
            assert_close(got.error_of_error, number(&other["error_of_error"]), SUMMATION);
            assert_eq!(got.window, count(&other["window"]));
            // The bias of Γ(0) is 1/N there, 2 τ_int/N in the paper.
            let n = n as f64;
            assert_close(got.tau_int, number(&other["tau_int"]), 2.0 * got.tau_int / n + 1.0 / n);
        }
    }
}

#[test]
fn gamma_method_of_chains_and_ratios() {
    let reference = &reference()["gamma_chains"];
    let lengths: Vec<usize> = reference["lengths"].as_array().unwrap().iter().map(count).collect();
    let tables: Vec<Array2<f64>> = lengths
        .iter()
        .zip(0..)
        .map(|(&n, i)| {
            let (a, b) = (autoregressive(n, 0.8, 10 + i), autoregressive(n, 0.6, 20 + i));
            Array2::from_shape_fn(
                (n, 2),
                |(row, column)| if column == 0 { 2.0 + a[row] } else { 1.0 + b[row] },
            )
        })
        .collect();
    let config = GammaConfig::default();

    let columns: Vec<Vec<f64>> = tables.iter().map(|table| table.column(0).to_vec()).collect();
    let chains: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let first = gamma_method_chains(&chains, &config).unwrap();
    assert_gamma(&first, &reference["first"], SUMMATION);
    assert!(first.bias.abs() < 1e-15);

    let ratio = |a: &[f64]| a[0] / a[1];
    let views: Vec<_> = tables.iter().map(|table| table.view()).collect();
    let got = gamma_method_derived(&views, ratio, &config).unwrap();
    assert_gamma(&got, &reference["ratio"], SUMMATION);
    assert_close(got.bias, number(&reference["ratio"]["bias"]), 1e-9);

    let whole = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
    let got = gamma_method_derived(&[whole.view()], ratio, &config).unwrap();
    assert_gamma(&got, &reference["ratio_one_chain"], SUMMATION);
    let other = &reference["ratio_one_chain_pyerrors"];
    assert_close(got.value, number(&other["value"]), SUMMATION);
    assert_close(got.error, number(&other["error"]), NUMERICAL_GRADIENT);
}

/// AR(1) with ρ(t) = a^t: τ_int = (1 + a)/(2(1 − a)), and the variance of the mean is exactly
/// [1 + 2 Σ_{t=1}^{n−1} (1 − t/n) a^t]/n.
#[test]
fn gamma_method_has_the_right_error_on_an_autoregressive_series() {
    const CHAINS: usize = 1000;
    const N: usize = 5000;
    for (a, number) in [(0.0, 1), (0.5, 2), (0.8, 3)] {
        let rng = &mut ChaCha8Rng::seed_from_u64(number);
        let exact_tau = (1.0 + a) / (2.0 * (1.0 - a));
        let estimates: Vec<GammaEstimate> = (0..CHAINS)
            .map(|_| gamma_method(&stationary(N, a, rng), &GammaConfig::default()).unwrap())
            .collect();
        let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
        let errors: Vec<f64> = estimates.iter().map(|e| e.error).collect();
        check_pulls(&values, &vec![0.0; CHAINS], &errors).unwrap();
        // An error of √(2 τ_int) less, as for independent samples, is found out.
        if a > 0.0 {
            let naive: Vec<f64> = estimates.iter().map(|e| e.error / (2.0 * e.tau_int).sqrt()).collect();
            assert!(check_pulls(&values, &vec![0.0; CHAINS], &naive).is_err());
        }
        let n = N as f64;
        let variance = (1..N).fold(1.0, |sum, t| sum + 2.0 * (1.0 - t as f64 / n) * a.powf(t as f64)) / n;
        let error = mean(&errors).unwrap();
        // The window leaves a part exp(−W/τ) of order 1 % of the autocorrelation out.
        assert!(
            (error.value / variance.sqrt() - 1.0).abs() < 0.015,
            "a = {a}: {error}, exact {}",
            variance.sqrt()
        );
        // The quoted errors of the error and of τ_int are their spread over the chains; (42) is the leading order in τ_int/W.
        let spread = |values: &[f64]| mean(values).unwrap().error * (CHAINS as f64).sqrt();
        let quoted = |read: &dyn Fn(&GammaEstimate) -> f64| {
            mean(&estimates.iter().map(read).collect::<Vec<_>>()).unwrap().value
        };
        let tau: Vec<f64> = estimates.iter().map(|e| e.tau_int).collect();
        let ratio = quoted(&|e| e.tau_int_error) / spread(&tau);
        assert!((ratio - 1.0).abs() < 0.2, "a = {a}: the error of τ_int is off by the factor {ratio}");
        let ratio = quoted(&|e| e.error_of_error) / spread(&errors);
        assert!((ratio - 1.0).abs() < 0.15, "a = {a}: the error of the error is off by the factor {ratio}");
        let bias = quoted(&|e| e.tau_int) / exact_tau - 1.0;
        assert!(bias.abs() < 0.03, "a = {a}: τ_int is off by {bias}");
    }
}

#[test]
fn gamma_method_of_a_nonlinear_function_has_the_right_error() {
    const CHAINS: usize = 1000;
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for _ in 0..CHAINS {
        let tables: Vec<Array2<f64>> = [1200, 800]
            .iter()
            .map(|&n| {
                let (a, b) = (stationary(n, 0.7, rng), stationary(n, 0.4, rng));
                // Correlated observables with means 3 and 2.
                Array2::from_shape_fn(
                    (n, 2),
                    |(i, j)| if j == 0 { 3.0 + a[i] } else { 2.0 + 0.5 * a[i] + 0.5 * b[i] },
                )
            })
            .collect();
        let views: Vec<_> = tables.iter().map(|table| table.view()).collect();
        let product = gamma_method_derived(&views, |a| a[0].powi(2) / a[1], &GammaConfig::default()).unwrap();
        values.push(product.value);
        errors.push(product.error);
    }
    check_pulls(&values, &[4.5; CHAINS], &errors).unwrap();
}

#[test]
fn anti_correlated_series_follow_the_paper() {
    // τ_int(1) = 1/2 + a + O(1/√N) < 1/2 closes the window at 1, for which the variance is Γ(0)(1 + 2a).
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let series = stationary(20_000, -0.3, rng);
    let got = gamma_method(&series, &GammaConfig::default()).unwrap();
    assert_eq!(got.window, 1);
    assert!((got.tau_int - 0.2).abs() < 4.0 * 0.01);
    // A window by hand gives the exact (1 + a)/(2(1 − a)).
    let fixed = gamma_method(&series, &GammaConfig { window: Some(10), ..GammaConfig::default() }).unwrap();
    assert!(fixed.autocorrelation_time().pull(0.7 / 2.6).abs() < 4.0);
}

#[test]
fn madras_sokal_has_the_right_error_on_an_autoregressive_series() {
    const CHAINS: usize = 1000;
    for (a, number) in [(0.0, 5), (0.6, 6)] {
        let rng = &mut ChaCha8Rng::seed_from_u64(number);
        let exact = (1.0 + a) / (2.0 * (1.0 - a));
        let estimates: Vec<MadrasSokalEstimate> = (0..CHAINS)
            .map(|_| madras_sokal(&stationary(5000, a, rng), &MadrasSokalConfig::default()).unwrap())
            .collect();
        let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
        let errors: Vec<f64> = estimates.iter().map(|e| e.error).collect();
        check_pulls(&values, &vec![0.0; CHAINS], &errors).unwrap();
        let tau = mean(&estimates.iter().map(|e| e.tau_int).collect::<Vec<_>>()).unwrap();
        let spread = tau.error * (CHAINS as f64).sqrt();
        let quoted = mean(&estimates.iter().map(|e| e.tau_int_error).collect::<Vec<_>>()).unwrap().value;
        assert!((tau.value / exact - 1.0).abs() < 0.02, "{tau} against {exact}");
        // The formula is the leading order for M ≫ τ_int; c = 6 leaves about 10 %.
        assert!((quoted / spread - 1.0).abs() < 0.2, "{quoted} against {spread}");
    }
}

#[test]
fn madras_sokal_is_the_truncated_sum() {
    let series = autoregressive(3000, 0.8, 7);
    let got = madras_sokal(&series, &MadrasSokalConfig { c: 5.0 }).unwrap();
    let rho = autocorrelation(&series, got.window).unwrap();
    let tau = |window: usize| 0.5 + rho[1..=window].iter().sum::<f64>();
    assert_close(got.tau_int, tau(got.window), 1e-13);
    assert!(got.window as f64 >= 5.0 * got.tau_int);
    assert!((1..got.window).all(|m| (m as f64) < 5.0 * tau(m)));
}

#[test]
fn quantiles_of_numpy() {
    let reference = &reference()["quantiles"];
    let values: Vec<f64> = uniform(200, 31).iter().map(|u| (u * 50.0).floor() / 7.0).collect();
    let weights: Vec<f64> = uniform(200, 32).iter().map(|u| (u * 6.0).floor() / 4.0).collect();
    let q = numbers(&reference["q"]);
    // Always one of the values: equality.
    assert_eq!(weighted_quantiles(&values, Some(&weights), &q).unwrap(), numbers(&reference["weighted"]));
    assert_eq!(weighted_quantiles(&values, None, &q).unwrap(), numbers(&reference["unweighted"]));
}

#[test]
fn histogram_of_numpy() {
    let reference = &reference()["histogram"];
    let values: Vec<f64> = uniform(500, 41).iter().map(|u| u * 1.2 - 0.1).collect();
    let weights: Vec<f64> = uniform(500, 42).iter().map(|u| u - 0.2).collect();
    let mut histogram = Histogram::new(Binning::uniform(10, 0.0, 1.0).unwrap());
    histogram.fill_many(&values, Some(&weights)).unwrap();
    // numpy takes differences of a running sum over all entries.
    assert_all_close(histogram.sum_weights(), &numbers(&reference["sum_weights"]), SUMMATION);
    assert_all_close(histogram.sum_squared_weights(), &numbers(&reference["sum_squared_weights"]), SUMMATION);
    let density: Vec<f64> = histogram.density().unwrap().iter().map(|bin| bin.value).collect();
    assert_all_close(&density, &numbers(&reference["density"]), SUMMATION);
}

#[test]
fn roc_of_scikit_learn() {
    let reference = &reference()["roc"];
    let n = 400;
    let labels: Vec<bool> = uniform(n, 51).iter().map(|u| *u < 0.4).collect();
    let scores: Vec<f64> = uniform(n, 52)
        .iter()
        .zip(&labels)
        .map(|(u, &s)| (20.0 * (u + 0.3 * f64::from(s))).floor() / 8.0)
        .collect();
    let weights: Vec<f64> = uniform(n, 53).iter().map(|u| (8.0 * u).floor() / 4.0 + 0.25).collect();
    let signed: Vec<f64> =
        uniform(n, 54).iter().zip(&weights).map(|(u, w)| if *u < 0.15 { -0.5 * w } else { *w }).collect();
    let roc = Roc::new(&scores, &labels, None).unwrap();
    let weighted = Roc::new(&scores, &labels, Some(&weights)).unwrap();
    assert_close(roc.auc(), number(&reference["auc"]), 1e-13);
    assert_close(roc.auc(), number(&reference["mann_whitney"]), 1e-13);
    assert_close(weighted.auc(), number(&reference["auc_weighted"]), 1e-13);
    let auc_signed = Roc::new(&scores, &labels, Some(&signed)).unwrap().auc();
    assert_close(auc_signed, number(&reference["auc_signed"]), 1e-12);
    let points: Vec<RocPoint> = roc.points().collect();
    let signal: Vec<f64> = points.iter().map(|p| p.signal_efficiency).collect();
    let background: Vec<f64> = points.iter().map(|p| p.background_efficiency).collect();
    assert_all_close(&signal, &numbers(&reference["signal_efficiency"]), 1e-15);
    assert_all_close(&background, &numbers(&reference["background_efficiency"]), 1e-15);
    let efficiencies = numbers(&reference["efficiencies"]);
    for (roc, name) in [(&roc, "background_efficiency_at"), (&weighted, "background_efficiency_at_weighted")]
    {
        let got: Vec<f64> = efficiencies.iter().map(|&s| roc.background_efficiency(s).unwrap()).collect();
        assert_all_close(&got, &numbers(&reference[name]), 1e-14);
        for &s in &efficiencies {
            // The curve read the other way, and the SIC by its definition.
            let b = roc.background_efficiency(s).unwrap();
            if b == 0.0 {
                assert!(roc.background_rejection(s).is_err());
                continue;
            }
            assert_close(roc.background_rejection(s).unwrap(), 1.0 / b, 1e-15);
            assert_close(roc.sic(s).unwrap(), s / b.sqrt(), 1e-14);
            assert_close(roc.signal_efficiency(b).unwrap(), s, 1e-12);
        }
    }
    let best = roc.max_sic(25.0).unwrap();
    let exact = points
        .iter()
        .filter(|p| p.background_efficiency * labels.iter().filter(|s| !**s).count() as f64 >= 24.999)
        .map(|p| p.signal_efficiency / p.background_efficiency.sqrt())
        .fold(0.0, f64::max);
    assert_close(best.value, exact, 1e-13);
}

/// N(+μ, 1) against N(−μ, 1): AUC = Φ(√2 μ), ε_B(ε_S) = 1 − Φ(2μ + Φ⁻¹(1 − ε_S)).
#[test]
fn roc_of_two_gaussians_and_its_bootstrap_error() {
    const MU: f64 = 0.7;
    const SAMPLES: usize = 300;
    const EVENTS: usize = 400;
    let exact_auc = p_value(-(2.0_f64.sqrt()) * MU).unwrap();
    let exact_background = p_value(2.0 * MU + significance(0.6).unwrap()).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(21);
    let labels: Vec<bool> = (0..EVENTS).map(|i| i % 2 == 0).collect();
    let (mut aucs, mut errors, mut differences, mut difference_errors) = (vec![], vec![], vec![], vec![]);
    let (mut backgrounds, mut background_errors, mut independent) = (vec![], vec![], 0.0);
    for _ in 0..SAMPLES {
        let x: Vec<f64> =
            gaussians(EVENTS, rng).iter().zip(&labels).map(|(g, &s)| g + if s { MU } else { -MU }).collect();
        // A second classifier with the same power, strongly correlated with the first: noise of equal size is shared.
        let y: Vec<f64> = x.iter().zip(gaussians(EVENTS, rng)).map(|(x, g)| x + 0.3 * g).collect();
        let z: Vec<f64> = x.iter().zip(gaussians(EVENTS, rng)).map(|(x, g)| x + 0.3 * g).collect();
        let curves = [&x, &y, &z].map(|scores| Roc::new(scores, &labels, None).unwrap());
        let auc = roc_bootstrap(&[&curves[0], &curves[1], &curves[2]], RocMeasure::Auc, 200, rng).unwrap();
        aucs.push(auc.estimate(0).unwrap().value);
        errors.push(auc.estimate(0).unwrap().error);
        differences.push(auc.difference(1, 2).unwrap().value);
        difference_errors.push(auc.difference(1, 2).unwrap().error);
        independent += auc.estimate(1).unwrap().independent_difference(auc.estimate(2).unwrap()).error;
        let measure = RocMeasure::BackgroundEfficiency { signal_efficiency: 0.6 };
        let background = roc_bootstrap(&[&curves[0]], measure, 200, rng).unwrap().estimate(0).unwrap();
        backgrounds.push(background.value);
        background_errors.push(background.error);
    }
    let zeros = vec![0.0; SAMPLES];
    check_pulls(&aucs, &vec![exact_auc; SAMPLES], &errors).unwrap();
    check_pulls(&differences, &zeros, &difference_errors).unwrap();
    // Unpaired errors would be far too large.
    let independent = vec![independent / SAMPLES as f64; SAMPLES];
    assert!(check_pulls(&differences, &zeros, &independent).is_err());
    // A quantile-like quantity: its bootstrap error is some 10 % too large at this size, so no check of the full shape.
    let report = PullReport::new(&backgrounds, &vec![exact_background; SAMPLES], &background_errors).unwrap();
    assert!((report.width.value - 1.0).abs() < 0.2, "{report}");
    assert!(report.mean.value.abs() < 0.3, "{report}");
}

#[test]
fn a_rejection_has_the_relative_error_of_its_efficiency() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let labels: Vec<bool> = (0..2000).map(|i| i % 2 == 0).collect();
    let scores: Vec<f64> = gaussians(2000, rng).iter().zip(&labels).map(|(g, &s)| g + f64::from(s)).collect();
    let roc = Roc::new(&scores, &labels, None).unwrap();
    let run = |measure| {
        roc_bootstrap(&[&roc], measure, 100, &mut ChaCha8Rng::seed_from_u64(9)).unwrap().estimate(0).unwrap()
    };
    let efficiency = run(RocMeasure::BackgroundEfficiency { signal_efficiency: 0.3 });
    let rejection = run(RocMeasure::BackgroundRejection { signal_efficiency: 0.3 });
    assert_close(rejection.value, 1.0 / efficiency.value, 1e-13);
    assert_close(rejection.error / rejection.value, efficiency.error / efficiency.value, 1e-12);
}

#[test]
fn kolmogorov_of_scipy() {
    let reference = reference();
    let (lambda, sf) = (numbers(&reference["kolmogorov"]["lambda"]), numbers(&reference["kolmogorov"]["sf"]));
    for (lambda, sf) in lambda.iter().zip(sf) {
        assert_close(kolmogorov_sf(*lambda), sf, SPECIAL);
    }
    let ks = &reference["ks"];
    let a: Vec<f64> = uniform(150, 61).iter().map(|u| u.powf(1.3)).collect();
    let b = uniform(220, 62);
    let (ties_a, ties_b): (Vec<f64>, Vec<f64>) =
        (a.iter().map(|x| (x * 12.0).floor()).collect(), b.iter().map(|x| (x * 12.0).floor()).collect());
    let (wa, wb) = (uniform(150, 63), uniform(220, 64));
    let two = |wa, wb| ks_two_sample(&ties_a, wa, &ties_b, wb).unwrap().statistic;
    assert_close(ks_one_sample(&a, None, |x| x).unwrap().statistic, number(&ks["one_sample"]), SUMMATION);
    assert_close(
        ks_one_sample(&a, Some(&wa), |x| x).unwrap().statistic,
        number(&ks["one_sample_weighted"]),
        SUMMATION,
    );
    assert_close(two(None, None), number(&ks["two_sample_ties"]), SUMMATION);
    assert_close(two(Some(&wa), Some(&wb)), number(&ks["two_sample_weighted"]), SUMMATION);
    let test = ks_two_sample(&a, None, &b, None).unwrap();
    assert_close(test.statistic, number(&ks["two_sample"]), SUMMATION);
    // Two finite samples of 150 and 220: D is discrete, which the approximation does not know.
    let exact = number(&ks["two_sample_p_exact"]);
    assert!((test.p_value - exact).abs() < 0.02, "{} for {exact}", test.p_value);
}

/// The approximate p-value against the exact distribution of D, to the accuracy that the module states.
#[test]
fn ks_p_values_are_good_at_any_size() {
    for case in reference()["ks_exact"].as_array().unwrap() {
        let (n, statistic, p) = (count(&case["n"]), number(&case["statistic"]), number(&case["p_value"]));
        // A sample of n equal steps whose distance from the uniform distribution is `statistic`: i/n + 1/n − D, at least 0.
        let sample: Vec<f64> = (0..n).map(|i| ((i + 1) as f64 / n as f64 - statistic).max(0.0)).collect();
        let test = ks_one_sample(&sample, None, |x| x).unwrap();
        assert_close(test.statistic, statistic, 1e-12);
        assert!((test.p_value - p).abs() < 0.025 / n as f64, "n = {n}: {} for {p}", test.p_value);
    }
}

#[test]
fn chi2_of_scipy() {
    let reference = reference();
    for case in reference["chi2_sf"].as_array().unwrap() {
        let test = Chi2Test::new(number(&case["chi2"]), count(&case["dof"])).unwrap();
        assert_close(test.p_value, number(&case["p_value"]), SPECIAL);
    }
    let root = Array2::from_shape_vec((6, 6), uniform(36, 71)).unwrap() - 0.5;
    let covariance = root.dot(&root.t()) + Array2::<f64>::eye(6) * 0.1;
    let difference: Vec<f64> = uniform(6, 72).iter().map(|u| u - 0.5).collect();
    let test = chi2_covariance(&difference, &[0.0; 6], &covariance, 0).unwrap();
    assert_close(test.chi2, number(&reference["chi2_covariance"]["chi2"]), SUMMATION);
    assert_close(test.p_value, number(&reference["chi2_covariance"]["p_value"]), SPECIAL);
}

/// p-values of true hypotheses are uniform: Kolmogorov-Smirnov over 1000 pairs of weighted histograms and samples.
#[test]
fn p_values_are_uniform_under_the_null_hypothesis() {
    let rng = &mut ChaCha8Rng::seed_from_u64(77);
    let (mut contents, mut shapes, mut one, mut two, mut two_weighted) =
        (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..1000 {
        // A Poisson number of events: those of a process of rate 1 in a time `expected`.
        let mut sample = |expected: f64| -> (Vec<f64>, Vec<f64>) {
            let (mut values, mut weights, mut time) = (vec![], vec![], 0.0);
            loop {
                time -= (1.0 - rng.random::<f64>()).ln();
                if time > expected {
                    return (values, weights);
                }
                values.push(rng.random::<f64>());
                weights.push(0.5 + rng.random::<f64>());
            }
        };
        let ((a, wa), (b, wb), (c, wc)) = (sample(600.0), sample(600.0), sample(1500.0));
        let histogram = |values: &[f64], weights: &[f64]| {
            let mut histogram = Histogram::new(Binning::uniform(8, 0.0, 1.0).unwrap());
            histogram.fill_many(values, Some(weights)).unwrap();
            histogram
        };
        contents.push(chi2_histograms(&histogram(&a, &wa), &histogram(&b, &wb)).unwrap().p_value);
        shapes.push(chi2_shapes(&histogram(&a, &wa), &histogram(&c, &wc)).unwrap().p_value);
        one.push(ks_one_sample(&c, Some(&wc), |x| x).unwrap().p_value);
        two.push(ks_two_sample(&a, None, &b, None).unwrap().p_value);
        two_weighted.push(ks_two_sample(&a, Some(&wa), &b, Some(&wb)).unwrap().p_value);
    }
    for (name, p_values) in [
        ("contents", contents),
        ("shapes", shapes),
        ("one sample", one),
        ("two samples", two),
        ("two weighted samples", two_weighted),
    ] {
        let test = ks_one_sample(&p_values, None, |p| p).unwrap();
        assert!(test.p_value > 1e-3, "{name}: p-values of the p-values {}", test.p_value);
    }
}

#[test]
fn significance_of_scipy() {
    for case in reference()["significance"].as_array().unwrap() {
        let (z, p) = (number(&case["z"]), number(&case["p_value"]));
        assert_close(p_value(z).unwrap(), p, SPECIAL);
        assert!((significance(p).unwrap() - z).abs() < SPECIAL * z.abs().max(1.0), "{z}");
    }
}

#[test]
fn tail_index_of_arviz() {
    let reference = &reference()["tail_index"];
    for case in reference["pareto"].as_array().unwrap() {
        let (n, k) = (count(&case["n"]), number(&case["k"]));
        let weights: Vec<f64> = uniform(n, seed(&case["seed"])).iter().map(|u| (1.0 - u).powf(-k)).collect();
        let fit = tail_index(&weights).unwrap();
        assert_close(fit.k, number(&case["khat"]), 1e-10);
        let largest = weights.iter().copied().fold(0.0, f64::max);
        assert_close(fit.scale / largest, number(&case["sigma"]), 1e-10);
        assert_eq!(fit.tail, count(&case["tail"]));
    }
    let logs: Vec<f64> =
        uniform(24_000, 87).chunks(12).map(|u| 1.5 * (u.iter().sum::<f64>() - 6.0)).collect();
    assert_close(tail_index_log(&logs).unwrap().k, number(&reference["lognormal"]), 1e-9);
}

/// Pareto weights u^(−k) have the tail index k, exponential weights 0.
#[test]
fn tail_index_of_known_tails() {
    let rng = &mut ChaCha8Rng::seed_from_u64(31);
    for k in [0.0, 0.3, 0.6, 1.0] {
        let estimates: Vec<f64> = (0..200)
            .map(|_| {
                let weights: Vec<f64> = (0..20_000)
                    .map(|_| {
                        let u = 1.0 - rng.random::<f64>();
                        if k == 0.0 { -u.ln() } else { u.powf(-k) }
                    })
                    .collect();
                tail_index(&weights).unwrap().k
            })
            .collect();
        let k_hat = mean(&estimates).unwrap();
        // The prior pulls towards 1/2 with the weight of 10 in 435 tail events, and the spread is (1 + k)/√435.
        let expected = (425.0 * k + 10.0 * 0.5) / 435.0;
        assert!((k_hat.value - expected).abs() < 0.02, "k = {k}: {k_hat}");
        let spread = k_hat.error * 200.0_f64.sqrt();
        assert!((spread * 425.0_f64.sqrt() / (1.0 + k) - 1.0).abs() < 0.2, "k = {k}: {spread}");
    }
}

#[test]
fn the_bootstrap_of_the_mean_is_its_standard_error() {
    let samples = gaussians(400, &mut ChaCha8Rng::seed_from_u64(41));
    let exact = mean(&samples).unwrap();
    let config = BootstrapConfig { replicas: 4000, block: 1 };
    let got =
        bootstrap(&samples, &config, &mut ChaCha8Rng::seed_from_u64(1), |x| mean(x).unwrap().value).unwrap();
    // The plug-in variance has n, not n − 1; the error of the error is 1/√(2 · 4000) = 1.1 %.
    let plug_in = exact.error * (399.0_f64 / 400.0).sqrt();
    assert!((got.error / plug_in - 1.0).abs() < 4.0 * 0.0112);
    assert!(got.bias.abs() < 4.0 * exact.error / 4000.0_f64.sqrt());
    let (low, high) = got.interval(0.6827).unwrap();
    assert!(((high - low) / (2.0 * exact.error) - 1.0).abs() < 0.08);
}

#[test]
fn blocks_see_the_autocorrelation() {
    const CHAINS: usize = 300;
    let rng = &mut ChaCha8Rng::seed_from_u64(51);
    let average = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mut values, mut blocked, mut single, mut jackknifed) = (vec![], vec![], vec![], vec![]);
    for _ in 0..CHAINS {
        let series = stationary(4000, 0.6, rng);
        values.push(average(&series));
        let mut error = |block| {
            bootstrap(&series, &BootstrapConfig { replicas: 150, block }, rng, average).unwrap().error
        };
        blocked.push(error(80));
        single.push(error(1));
        jackknifed.push(jackknife(&series, 50, average).unwrap().error);
    }
    let zeros = vec![0.0; CHAINS];
    check_pulls(&values, &zeros, &blocked).unwrap();
    check_pulls(&values, &zeros, &jackknifed).unwrap();
    assert!(check_pulls(&values, &zeros, &single).is_err());
}

#[test]
fn weighted_means_have_the_right_error() {
    let rng = &mut ChaCha8Rng::seed_from_u64(61);
    let (mut values, mut errors) = (vec![], vec![]);
    for _ in 0..1000 {
        // Importance sampling of N(0, 1) from a flat distribution on [−5, 5]: E[x²] = 1.
        let x: Vec<f64> = (0..500).map(|_| 10.0 * rng.random::<f64>() - 5.0).collect();
        let weights: Vec<f64> = x.iter().map(|x| (-0.5 * x * x).exp()).collect();
        let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
        let estimate = weighted_mean(&squares, &weights).unwrap();
        values.push(estimate.value);
        errors.push(estimate.error);
    }
    let report = PullReport::new(&values, &[1.0; 1000], &errors).unwrap();
    // A ratio of sums of 500 events: skewed, with a bias of a tenth of the error.
    assert!((report.width.value - 1.0).abs() < 0.1 && report.mean.value.abs() < 0.25, "{report}");
}

#[test]
fn permutation_p_values_are_uniform_under_exchangeability() {
    let rng = &mut ChaCha8Rng::seed_from_u64(71);
    let average = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let p_values: Vec<f64> = (0..400)
        .map(|_| {
            let (a, b) = (gaussians(12, rng), gaussians(17, rng));
            permutation_test(&a, &b, 199, rng, |a, b| (average(a) - average(b)).abs()).unwrap().p_value.value
        })
        .collect();
    // p takes the values 1/200, ..., 1: uniform up to the step.
    assert!(ks_one_sample(&p_values, None, |p| p).unwrap().p_value > 1e-3);
    let small = p_values.iter().filter(|p| **p <= 0.05).count() as f64;
    assert!((small - 20.0).abs() < 4.0 * 19.0_f64.sqrt());
}

/// Value stability: a change here is a change of every seeded result and belongs into the changelog.
#[test]
fn seeded_results_are_stable() {
    let rng = &mut ChaCha8Rng::seed_from_u64(20_261_122);
    let samples: Vec<f64> = (0..10).map(f64::from).collect();
    let average = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let config = BootstrapConfig { replicas: 3, block: 2 };
    let replicas = bootstrap(&samples, &config, rng, average).unwrap().replicas;
    let null = permutation_test(&samples[..4], &samples[4..], 3, rng, |a, _| average(a)).unwrap().null;
    assert_eq!((replicas, null), (vec![7.7, 4.3, 3.3], vec![5.5, 4.75, 3.0]));
}
