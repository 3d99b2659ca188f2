//! Kernel logistic regression against dense solutions, exact ratios, and bad input.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;

use hepml_core::nalgebra::{Cholesky, DMatrix, DVector};
use hepml_core::ndarray::{Array2, s};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Error as CoreError, Fitted, Load, LogRatio, Progress, RatioEstimator, Save, Table, Weighted,
};
use hepml_ratio::{CentreSampling, Error, FalkonConfig, FalkonRatio, KernelWidth};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Box-Muller.
fn normal(rng: &mut impl Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Unit Gaussians about `mean` in every dimension.
fn gaussian(count: usize, dimension: usize, mean: f64, seed: u64) -> Table {
    let mut rng = rng(seed);
    Table::from_shape_fn((count, dimension), |_| mean + normal(&mut rng))
}

fn fit(
    config: &FalkonConfig,
    numerator: &Weighted<Table>,
    denominator: &Weighted<Table>,
) -> Fitted<FalkonRatio> {
    config.fit(numerator, denominator, &mut rng(99), &mut ()).unwrap()
}

/// To nearly the rounding floor of the decrement: the rounding of gradients, 1e-16, over sqrt(jitter) = 1e-6, squared, over lambda.
fn precise() -> FalkonConfig {
    FalkonConfig::default()
        .width(KernelWidth::Fixed(1.0))
        .lambda(1e-4)
        .newton(40, 1e-13)
        .conjugate_gradients(500, 1e-6)
        .examination(0.0)
}

/// J over the span of a model's centres, with dense matrices and kernels from differences.
struct Dense {
    /// K_nM.
    kernel: DMatrix<f64>,
    /// K_MM + epsilon.
    penalty: DMatrix<f64>,
    omega: Vec<f64>,
    numerators: usize,
    lambda: f64,
}

impl Dense {
    fn new(
        fitted: &Fitted<FalkonRatio>,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        lambda: f64,
    ) -> Self {
        let model = &fitted.model;
        let jitter = fitted.report.get("jitter").unwrap().value;
        let standardised = |x: &Table| (x - &model.means()) / model.deviations();
        let (a, b) = (standardised(numerator.events()), standardised(denominator.events()));
        let points: Vec<Vec<f64>> = a.rows().into_iter().chain(b.rows()).map(|row| row.to_vec()).collect();
        let centres: Vec<Vec<f64>> = model.centres().rows().into_iter().map(|row| row.to_vec()).collect();
        let k = |x: &[f64], c: &[f64]| {
            let square: f64 = x.iter().zip(c).map(|(x, c)| (x - c).powi(2)).sum();
            (-0.5 * square / model.width().powi(2)).exp()
        };
        let shares = |sample: &Weighted<Table>| {
            let sum = sample.sum_weights();
            sample.weights().iter().map(|w| 0.5 * w / sum).collect::<Vec<_>>()
        };
        Self {
            kernel: DMatrix::from_fn(points.len(), centres.len(), |i, m| k(&points[i], &centres[m])),
            penalty: DMatrix::from_fn(centres.len(), centres.len(), |i, m| {
                k(&centres[i], &centres[m]) + if i == m { jitter } else { 0.0 }
            }),
            omega: [shares(numerator), shares(denominator)].concat(),
            numerators: numerator.len(),
            lambda,
        }
    }

    /// J's gradient in alpha, and the z of the events.
    fn gradient(&self, alpha: &DVector<f64>) -> (DVector<f64>, DVector<f64>) {
        let z = &self.kernel * alpha;
        let slopes = DVector::from_fn(z.len(), |i, _| {
            let label = if i < self.numerators { 1.0 } else { 0.0 };
            self.omega[i] * (1.0 / (1.0 + (-z[i]).exp()) - label)
        });
        (self.kernel.transpose() * slopes + self.lambda * (&self.penalty * alpha), z)
    }

    /// The z of the events at the minimum: Newton's method with dense Hessians, in beta = L^T alpha.
    fn minimum(&self) -> DVector<f64> {
        let lower = Cholesky::new(self.penalty.clone()).unwrap().unpack();
        let inverse = lower.clone().try_inverse().unwrap();
        let features = &self.kernel * inverse.transpose();
        let mut beta = DVector::zeros(lower.nrows());
        for _ in 0..60 {
            let (gradient, z) = self.gradient(&(inverse.transpose() * &beta));
            let gradient = &inverse * gradient;
            let curvatures = DVector::from_fn(z.len(), |i, _| {
                let s = 1.0 / (1.0 + (-z[i]).exp());
                self.omega[i] * s * (1.0 - s)
            });
            let mut weighted = features.clone();
            for (mut row, curvature) in weighted.row_iter_mut().zip(&curvatures) {
                row *= *curvature;
            }
            let hessian =
                features.transpose() * weighted + DMatrix::identity(beta.len(), beta.len()) * self.lambda;
            let step = Cholesky::new(hessian).unwrap().solve(&gradient);
            let change = (&features * &step).amax();
            // No z changes by more than 1: undamped, the first steps may go ever farther.
            beta -= step / change.max(1.0);
            if change < 0.5 * SAME {
                return features * beta;
            }
        }
        panic!("the dense reference has not converged");
    }
}

/// Two equivalent problems differ by rounding only: of kernels, 1e-14 (exponents of order 50 cancel), which T^-1 amplifies by up to
/// 1/sqrt(jitter) = 1e5, summed over some hundred centres and times |beta| of order 30.
const SAME: f64 = 1e-6;

fn compare_with_dense(config: &FalkonConfig, numerator: &Weighted<Table>, denominator: &Weighted<Table>) {
    let fitted = fit(config, numerator, denominator);
    assert_eq!(fitted.report.warnings, Vec::<String>::new());
    let dense = Dense::new(&fitted, numerator, denominator, 1e-4);
    let alpha = DVector::from_iterator(
        fitted.model.coefficients().len(),
        fitted.model.coefficients().iter().copied(),
    );
    // Its largest possible component is 1/2, that of z = +-infinity.
    let (gradient, z) = dense.gradient(&alpha);
    assert!(gradient.amax() < 1e-10, "{}", gradient.amax());
    let expected = dense.minimum();
    assert!((z - &expected).amax() < SAME);
    let first = fitted.model.log_ratio(numerator.events()).unwrap();
    for (got, expected) in first.iter().zip(&expected) {
        assert!((got - expected).abs() < SAME, "{got} and {expected}");
    }
    // It is not a comparison of zeros.
    assert!(expected.amax() > 0.5);
}

fn weighted(count: usize, mean: f64, seed: u64) -> Weighted<Table> {
    let mut random = rng(seed + 1000);
    let weights = (0..count).map(|_| 0.2 + 3.0 * random.random::<f64>()).collect();
    Weighted::new(gaussian(count, 2, mean, seed), weights).unwrap()
}

#[test]
fn with_all_events_as_centres_it_is_kernel_logistic_regression() {
    let (numerator, denominator) = (weighted(90, 0.5, 1), weighted(70, -0.5, 2));
    compare_with_dense(&precise().centres(160), &numerator, &denominator);
}

#[test]
fn with_fewer_centres_it_is_the_minimum_over_their_span() {
    let (numerator, denominator) = (weighted(700, 0.5, 3), weighted(500, -0.5, 4));
    compare_with_dense(&precise().centres(80), &numerator, &denominator);
    compare_with_dense(&precise().centres(80).sampling(CentreSampling::ByWeight), &numerator, &denominator);
}

#[test]
fn gaussian_and_exponential_ratios() {
    // N(+-mu, 1): ln r = 2 mu x; exponentials: ln r = ln(a/b) - (a - b) x.
    let (mu, count) = (0.5, 10_000);
    let (a, b) = (2.0, 1.0);
    let exponential = |rate: f64, seed: u64| {
        let mut random = rng(seed);
        Table::from_shape_fn((count, 1), |_| -(1.0 - random.random::<f64>()).ln() / rate)
    };
    let gaussians = [mu, -mu].map(|mean| gaussian(count, 1, mean, if mean > 0.0 { 5 } else { 6 }));
    let exponentials = [exponential(a, 7), exponential(b, 8)];
    let ratio_of_gaussians = |x: f64| 2.0 * mu * x;
    let ratio_of_exponentials = |x: f64| (a / b).ln() - (a - b) * x;
    // Central ranges of the denominator, and the mean |error of ln r| in them: the exact parametric family with one parameter has about
    // sqrt(2/count) = 0.014, a smooth function with the few parameters of the effective dimension a few times that.
    let cases: [(_, &dyn Fn(f64) -> f64, _); 2] =
        [(gaussians, &ratio_of_gaussians, [-2.5, 1.5]), (exponentials, &ratio_of_exponentials, [0.02, 2.0])];
    for ([numerator, denominator], exact, [low, high]) in cases {
        let config = FalkonConfig::default();
        let fitted = fit(&config, &Weighted::unit(numerator), &Weighted::unit(denominator));
        let iteration = |warning: &String| warning.contains("Newton") || warning.contains("jitter");
        assert!(!fitted.report.warnings.iter().any(iteration), "{:?}", fitted.report.warnings);
        // E_den[r] of the held-out tenth, within 4 of its errors.
        let normalisation = fitted.report.get("normalisation").unwrap();
        assert!((normalisation.value - 1.0).abs() < 4.0 * normalisation.error.unwrap(), "{normalisation:?}");
        let grid = Table::from_shape_fn((41, 1), |(i, _)| low + (high - low) * i as f64 / 40.0);
        let z = fitted.model.log_ratio(&grid).unwrap();
        let error = z.iter().zip(&grid).map(|(z, &x)| (z - exact(x)).abs()).sum::<f64>() / 41.0;
        println!("mean |error of ln r| {error:.4}, {:?}", fitted.report.get("effective dimension"));
        assert!(error < 0.06, "{error}");
    }
}

#[test]
fn only_relative_weights_within_a_side_matter() {
    let (numerator, denominator) = (weighted(200, 0.5, 9), weighted(200, -0.5, 10));
    let times = |sample: &Weighted<Table>, factor: f64| {
        sample.reweighted(sample.weights().iter().map(|w| factor * w).collect()).unwrap()
    };
    let expected = fit(&precise(), &numerator, &denominator).model;
    // A power of two is exact.
    let twice = fit(&precise(), &times(&numerator, 2.0), &denominator).model;
    assert_eq!(twice.coefficients(), expected.coefficients());
    let thrice = fit(&precise(), &numerator, &times(&denominator, 3e100)).model;
    let z = expected.log_ratio(numerator.events()).unwrap() - thrice.log_ratio(numerator.events()).unwrap();
    assert!(z.iter().all(|z| z.abs() < SAME));
}

#[test]
fn an_event_twice_is_an_event_of_weight_two() {
    let (numerator, denominator) = (gaussian(60, 2, 0.5, 11), Weighted::unit(gaussian(50, 2, -0.5, 12)));
    let mut weights = vec![1.0; 60];
    weights[..20].fill(2.0);
    let config = precise().centres(110);
    let heavy = fit(&config, &Weighted::new(numerator.clone(), weights).unwrap(), &denominator);
    let repeated = Weighted::unit(hepml_core::ndarray::concatenate![
        hepml_core::ndarray::Axis(0),
        numerator,
        numerator.slice(s![..20, ..])
    ]);
    let twice = fit(&config, &repeated, &denominator);
    assert_eq!(twice.model.coefficients().len(), 110);
    let z = heavy.model.log_ratio(&numerator).unwrap() - twice.model.log_ratio(&numerator).unwrap();
    assert!(z.iter().all(|z| z.abs() < SAME));
    // Asked for more centres than there are different events, it says what it did.
    let all = fit(&precise().centres(130), &repeated, &denominator);
    assert!(all.report.warnings.iter().any(|warning| warning.starts_with("110 centres instead of 130")));
}

#[test]
fn swapping_the_labels_changes_the_sign() {
    let (numerator, denominator) = (weighted(80, 0.5, 13), weighted(80, -0.5, 14));
    let config = precise().centres(160);
    let there = fit(&config, &numerator, &denominator).model.log_ratio(numerator.events()).unwrap();
    let back = fit(&config, &denominator, &numerator).model.log_ratio(numerator.events()).unwrap();
    assert!((there + back).iter().all(|sum| sum.abs() < SAME));
}

#[cfg(feature = "rayon")]
#[test]
fn numbers_do_not_depend_on_threads() {
    let (numerator, denominator) = (weighted(3000, 0.5, 15), weighted(2000, -0.5, 16));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = fit(&FalkonConfig::default(), &numerator, &denominator).model;
            let z = model.log_ratio(numerator.events()).unwrap();
            (model.to_bytes().unwrap(), z)
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn what_is_saved_is_read_back() {
    let (numerator, denominator) = (weighted(300, 0.5, 17), weighted(300, -0.5, 18));
    let model = fit(&FalkonConfig::default(), &numerator, &denominator).model;
    let bytes = model.to_bytes().unwrap();
    let read = FalkonRatio::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.log_ratio(numerator.events()).unwrap(), model.log_ratio(numerator.events()).unwrap());
    for length in [0, 7, 100, bytes.len() - 1] {
        assert!(FalkonRatio::from_bytes(&bytes[..length]).is_err());
    }
    let config = FalkonConfig::default().centres(7).lambda(1e-3);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<FalkonConfig>(&text).unwrap(), config);
    assert_eq!(serde_json::from_str::<FalkonConfig>("{}").unwrap(), FalkonConfig::default());
}

#[test]
fn negative_weights_are_fitted_or_refused() {
    let denominator = Weighted::unit(gaussian(400, 1, 0.0, 20));
    // A tenth of negative weights everywhere: the sum is positive everywhere.
    let events = gaussian(2000, 1, 0.5, 21);
    let mixed = (0..2000).map(|i| if i % 10 == 0 { -1.0 } else { 1.0 }).collect();
    let fitted = fit(
        &FalkonConfig::default().lambda(1e-4).centres(50).examination(0.0),
        &Weighted::new(events.clone(), mixed).unwrap(),
        &denominator,
    );
    assert!(
        fitted.report.warnings.iter().any(|warning| warning.contains("10.0 % of the numerator's weights"))
    );
    let z = fitted.model.log_ratio(&Table::from_elem((1, 1), 0.0)).unwrap()[0];
    // ln r(0) = -1/8, with the error of 400 events in one place.
    assert!((z + 0.125).abs() < 0.15, "{z}");
    // All events above 1 negative: there is no ratio there.
    let negative = events.column(0).iter().map(|x| if *x > 1.0 { -1.5 } else { 1.0 }).collect();
    let error = FalkonConfig::default()
        .fit(&Weighted::new(events, negative).unwrap(), &denominator, &mut rng(1), &mut ())
        .unwrap_err();
    assert!(
        matches!(error.downcast_ref::<Error>(), Some(Error::NotConvex { curvature, .. }) if *curvature <= 0.0),
        "{error}"
    );
}

#[test]
fn any_number_of_steps_may_be_allowed() {
    let (numerator, denominator) = (weighted(100, 0.5, 22), weighted(100, -0.5, 23));
    let report = fit(&precise().newton(usize::MAX, 1e-9), &numerator, &denominator).report;
    assert!(report.warnings.iter().all(|warning| !warning.contains("not converged")), "{report:?}");
}

#[test]
fn the_observer_sees_steps_and_stops_them() {
    let (numerator, denominator) = (weighted(200, 0.5, 22), weighted(200, -0.5, 23));
    let mut losses = Vec::new();
    let mut observer = |progress: &Progress<'_>| {
        assert_eq!(progress.stage, "Newton");
        losses.push(progress.measures[0].1);
        if progress.step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let fitted = FalkonConfig::default().fit(&numerator, &denominator, &mut rng(1), &mut observer).unwrap();
    assert!(fitted.report.stopped);
    assert!(fitted.report.warnings.iter().any(|warning| warning.contains("not converged")));
    assert_eq!(losses.len(), 3);
    assert!(losses[2] < losses[0] && losses[0] < 2.0_f64.ln());
    // The third step is at 1e-4: of the effective dimension at 1e-6 nothing is known yet.
    assert!(fitted.report.get("effective dimension").is_none());
    // One step of one iteration is not enough, and the report says so.
    let hasty = FalkonConfig::default().path(1e-6, 0.5, 1).conjugate_gradients(1, 0.01).newton(1, 1e-9);
    let report = fit(&hasty, &numerator, &denominator).report;
    assert!(report.get("effective dimension").unwrap().value > 0.0);
    assert!(!report.stopped && report.warnings.iter().any(|warning| warning.contains("not converged")));
}

#[test]
fn bad_input_is_named() {
    let good = || Weighted::unit(gaussian(50, 2, 0.0, 30));
    let refused =
        |config: &FalkonConfig, numerator: &Weighted<Table>, denominator: &Weighted<Table>, what: &str| {
            let error = config.fit(numerator, denominator, &mut rng(1), &mut ()).unwrap_err().to_string();
            assert!(error.contains(what), "{error:?} does not say {what:?}");
        };
    let config = FalkonConfig::default();
    let with = |event, column, value| {
        let mut table = gaussian(50, 2, 0.0, 31);
        table[[event, column]] = value;
        Weighted::unit(table)
    };
    refused(&config, &with(7, 1, f64::NAN), &good(), "numerator, column 1, of event 7");
    refused(&config, &good(), &with(3, 0, f64::INFINITY), "denominator, column 0, of event 3");
    let none = Weighted::unit(Table::zeros((0, 2)));
    refused(&config, &none, &good(), "numerator is empty");
    refused(&config, &good(), &none, "denominator is empty");
    refused(&config, &good(), &Weighted::unit(Table::zeros((50, 3))), "columns of the denominator");
    refused(&config, &good().reweighted(vec![0.0; 50]).unwrap(), &good(), "weights of the numerator");
    refused(&config, &good(), &good().reweighted(vec![-1.0; 50]).unwrap(), "weights of the denominator");
    refused(&config.clone().centres(101), &good(), &good(), "number of centres is 101");
    refused(&config.clone().width(KernelWidth::Fixed(0.0)), &good(), &good(), "kernel width is 0");
    let same = Weighted::unit(Table::ones((50, 2)));
    refused(&config, &same, &same, "list of features that are not constant is empty");
    let no_columns = Weighted::unit(Table::zeros((50, 0)));
    refused(&config, &no_columns, &no_columns, "list of features");
    // Nearly all pairs coincide.
    let mut rare = Table::ones((50, 2));
    rare[[0, 0]] = 2.0;
    let low = config.clone().width(KernelWidth::Quantile(0.5));
    refused(&low, &Weighted::unit(rare), &same, "take a higher quantile");
    refused(
        &config.clone().width(KernelWidth::Fixed(1e-6)),
        &good(),
        &good(),
        "in kernel widths, numerator, of event 0",
    );

    // Huge numbers, one constant feature, repeated events, a dominating weight: fitted, and said.
    let mut odd = gaussian(50, 2, 0.0, 32) * 1e300;
    odd.column_mut(1).fill(4.0);
    let copy = odd.row(0).to_owned();
    odd.row_mut(1).assign(&copy);
    let mut weights = vec![1.0; 50];
    weights[5] = 1e12;
    let odd = Weighted::new(odd, weights).unwrap();
    let fitted =
        fit(&config.clone().centres(50).examination(0.0), &odd, &Weighted::unit(odd.events().clone()));
    let warned = |what: &str| {
        assert!(fitted.report.warnings.iter().any(|w| w.contains(what)), "{:?}", fitted.report.warnings);
    };
    warned("column 1 is constant");
    warned("event 5 of the numerator carries 100 % of its weight");
    warned("49 centres instead of 50");
    assert!(fitted.model.log_ratio(odd.events()).unwrap().iter().all(|z| z.is_finite()));
    // Evaluation.
    let error = fitted.model.log_ratio(&Array2::zeros((3, 1))).unwrap_err();
    assert!(matches!(error, CoreError::ShapeMismatch { expected: 2, got: 1, .. }));
    let mut events = Table::zeros((3, 2));
    events[[2, 0]] = f64::NAN;
    assert!(fitted.model.log_ratio(&events).unwrap_err().to_string().contains("column 0, of event 2"));
    assert_eq!(fitted.model.log_ratio(&Table::zeros((0, 2))).unwrap().len(), 0);
}
