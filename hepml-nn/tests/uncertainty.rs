//! Bayesian networks and ensembles: posteriors against closed forms, spreads against the theory of least squares, pulls.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;
use std::sync::Mutex;

use hepml_core::nalgebra::{Matrix3, Vector3};
use hepml_core::ndarray::{Array2, Axis};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{Fitted, Load, Observables, Observer, Progress, Save, Table, Weighted};
use hepml_nn::{
    BayesianMlpConfig, Ensemble, EnsembleConfig, Function, LearnerConfig, Loss, MlpConfig, Model, Prior,
    Schedule, StackConfig, TableConfig, TrainingConfig, Uncertainty,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn error_of<T>(result: Result<T, impl Into<hepml_core::Error>>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.into().to_string(),
    }
}

/// Mean and standard deviation.
fn moments(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    (mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

fn column(table: &Table) -> Vec<f64> {
    assert_eq!(table.ncols(), 1);
    table.iter().copied().collect()
}

/// The parameter of that name of a model, number by number.
fn parameter(model: &Model<BayesianMlpConfig, f64>, name: &str) -> Vec<f64> {
    let parameters = model.parameters();
    let id = parameters.ids().find(|id| parameters.name(*id).unwrap() == name).unwrap();
    parameters.value(id).unwrap().to_array().into_iter().collect()
}

/// A line in two correlated inputs with Gaussian noise, and the prior of its three weights.
struct LinearModel {
    events: Table,
    targets: Table,
}

const NOISE: f64 = 0.5;
const PRIOR: f64 = 0.8;
const LINE: [f64; 3] = [0.7, -0.4, 0.3];

impl LinearModel {
    fn new(count: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut events = Array2::zeros((count, 2));
        for mut row in events.rows_mut() {
            row[0] = normal(&mut rng);
            row[1] = 0.8 * row[0] + 0.6 * normal(&mut rng);
        }
        let line = |event: usize| LINE[0] * events[[event, 0]] + LINE[1] * events[[event, 1]] + LINE[2];
        let targets = Table::from_shape_fn((count, 1), |(event, _)| line(event) + NOISE * normal(&mut rng));
        Self { events, targets }
    }

    fn row(&self, event: usize) -> Vector3<f64> {
        Vector3::new(self.events[[event, 0]], self.events[[event, 1]], 1.0)
    }

    /// sum x x^T f(event).
    fn moments(&self, f: impl Fn(usize) -> f64) -> Matrix3<f64> {
        (0..self.events.nrows()).map(|i| self.row(i) * self.row(i).transpose() * f(i)).sum()
    }

    /// sum x y.
    fn products(&self) -> Vector3<f64> {
        (0..self.events.nrows()).map(|i| self.row(i) * self.targets[[i, 0]]).sum()
    }

    /// The posterior for a likelihood to the power of `share`: its mean m = L^-1 sum x y share/noise² with the precision
    /// L = sum x x^T share/noise² + 1/prior²; and the variances 1/L_ii, which minimise the divergence of independent Gaussians from
    /// N(m, L^-1) (Bishop 2006, equation 10.15).
    fn posterior(&self, share: f64) -> (Vector3<f64>, Vector3<f64>) {
        let share = share / (NOISE * NOISE);
        let precision = self.moments(|_| share) + Matrix3::identity() / (PRIOR * PRIOR);
        let mean = precision.try_inverse().unwrap() * self.products() * share;
        (mean, precision.diagonal().map(|l| 1.0 / l))
    }

    /// The variational posterior that training finds where the divergence counts `factor` times what it should.
    fn fit(&self, factor: f64) -> (Model<BayesianMlpConfig, f64>, Vector3<f64>, Vector3<f64>) {
        // The squared error is 2 noise² times -ln p.
        let prior = Prior::new(PRIOR).factor(2.0 * NOISE * NOISE * factor);
        let config = BayesianMlpConfig::new(1)
            .widths([])
            .prior(prior)
            .table(TableConfig::default().standardise(false));
        // Batches of several micro-batches, the last of them smaller: each has its share of the divergence.
        let training = TrainingConfig::new()
            .epochs(500)
            .batch_size(70)
            .micro_rows(32)
            .rate(0.02)
            .schedule(Schedule::cosine());
        let learner = LearnerConfig::new(config, Loss::MeanSquared)
            .precision::<f64>()
            .validation(0.0)
            .standardise_targets(false)
            .training(training);
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let events = Weighted::unit(self.events.clone());
        let Fitted { model, report } = learner.fit(&events, &self.targets, &mut rng, &mut ()).unwrap();
        assert!(report.curves.iter().any(|(name, values)| name == "penalty/train" && values[0] > 0.0));
        let three = |name: &str| {
            let numbers = [
                parameter(&model, &format!("mlp/output/weight{name}")),
                parameter(&model, &format!("mlp/output/bias{name}")),
            ];
            Vector3::from_iterator(numbers.concat())
        };
        let (mean, variance) = (three(""), three("_log_variance").map(f64::exp));
        (model, mean, variance)
    }
}

/// Means within 0.1 of their standard deviation, and variances within 6%: what is left of the noise of training after 1500
/// steps (measured: 0.04 and 2.5%).
fn check_posterior(got: (Vector3<f64>, Vector3<f64>), expected: (Vector3<f64>, Vector3<f64>)) {
    for k in 0..3 {
        let (pull, ratio) = ((got.0[k] - expected.0[k]) / expected.1[k].sqrt(), got.1[k] / expected.1[k]);
        assert!(pull.abs() < 0.1, "mean {k} is {pull} standard deviations off");
        assert!((ratio - 1.0).abs() < 0.06, "variance {k} is {ratio} of what it should be");
    }
}

#[test]
fn the_posterior_of_a_linear_model_is_the_exact_one() {
    const EVENTS: usize = 200;
    let linear = LinearModel::new(EVENTS, 1);
    let (model, mean, variance) = linear.fit(1.0);
    check_posterior((mean, variance), linear.posterior(1.0));

    // The spread of draws, sqrt(x² v + v_b), with 4 standard deviations of 300 draws.
    let draws = 300;
    let spread =
        model.draws(draws, &mut ChaCha8Rng::seed_from_u64(9)).unwrap().spread(&linear.events).unwrap();
    for event in 0..20 {
        let x = linear.row(event);
        let expected = x.component_mul(&x).dot(&variance).sqrt();
        let ratio = spread.deviation[[event, 0]] / expected;
        assert!((ratio - 1.0).abs() < 4.0 / (2.0 * (draws - 1) as f64).sqrt(), "{ratio}");
        let pull = (spread.mean[[event, 0]] - x.dot(&mean)) / (expected / (draws as f64).sqrt());
        assert!(pull.abs() < 4.0, "{pull}");
    }

    // Without the 1/N, all events together would count as one: variances 50 times too large, and more.
    let (_, mean, wrong) = linear.fit(EVENTS as f64);
    check_posterior((mean, wrong), linear.posterior(1.0 / EVENTS as f64));
    assert!((0..3).all(|k| wrong[k] > 50.0 * variance[k]), "{wrong} {variance}");
}

/// Many lines with weights drawn from the prior, one an output: the mean-field posterior is exact where inputs are
/// uncorrelated, and pulls of the weights are then N(0, 1).
#[test]
fn weights_drawn_from_the_prior_are_within_their_posterior() {
    let (count, lines) = (64, 100);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    // Orthogonal to each other and to the constant.
    let events = Table::from_shape_fn((count, 2), |(i, k)| {
        let phase = std::f64::consts::TAU * (i as f64 + 0.5) / count as f64;
        std::f64::consts::SQRT_2 * if k == 0 { phase.cos() } else { (2.0 * phase).sin() }
    });
    let truth = Table::from_shape_simple_fn((3, lines), || PRIOR * normal(&mut rng));
    let targets = Table::from_shape_fn((count, lines), |(i, k)| {
        let line = events[[i, 0]] * truth[[0, k]] + events[[i, 1]] * truth[[1, k]] + truth[[2, k]];
        line + NOISE * normal(&mut rng)
    });
    // The loss is the mean over targets of 2 noise² times -ln p.
    let prior = Prior::new(PRIOR).factor(2.0 * NOISE * NOISE / lines as f64);
    let config = BayesianMlpConfig::new(lines).widths([]).prior(prior);
    let training = TrainingConfig::new().epochs(900).batch_size(32).rate(0.02).schedule(Schedule::cosine());
    let learner =
        LearnerConfig::new(config.table(TableConfig::default().standardise(false)), Loss::MeanSquared)
            .precision::<f64>()
            .validation(0.0)
            .standardise_targets(false)
            .training(training);
    let fitted = learner.fit(&Weighted::unit(events), &targets, &mut rng, &mut ()).unwrap();
    let numbers = |name: &str| {
        let names = [format!("mlp/output/weight{name}"), format!("mlp/output/bias{name}")];
        names.map(|name| parameter(&fitted.model, &name)).concat()
    };
    let (means, log_variances) = (numbers(""), numbers("_log_variance"));
    let pulls: Vec<f64> = truth
        .iter()
        .zip(means.iter().zip(&log_variances))
        .map(|(truth, (mean, log_variance))| (truth - mean) / (0.5 * log_variance).exp())
        .collect();
    assert_eq!(pulls.len(), 3 * lines);
    let (mean, width) = moments(&pulls);
    let n = pulls.len() as f64;
    assert!(mean.abs() < 3.0 / n.sqrt(), "{mean}");
    assert!((width - 1.0).abs() < 3.0 / (2.0 * n).sqrt(), "{width}");
}

/// The noise of a toy, as a function of x.
fn toy_noise(x: f64) -> f64 {
    0.1 + 0.1 * x.abs()
}

/// sin 2x with that noise.
fn toy(count: usize, rng: &mut ChaCha8Rng) -> (Table, Table) {
    let events = Table::from_shape_simple_fn((count, 1), || 4.0 * rng.random::<f64>() - 2.0);
    let targets = events.mapv(|x| (2.0 * x).sin() + toy_noise(x) * normal(rng));
    (events, targets)
}

const TRAINING_EVENTS: usize = 1500;
const TEST_EVENTS: usize = 4000;

/// Pulls (y - m)/sqrt(v_a + v_e) of held-out events. Training and test events both leave an error of 1/sqrt(N) in the mean and
/// 1/sqrt(2 N) in the width; 3 standard deviations of them together are allowed. Beyond these, the width may lie below 1 by what
/// the epistemic variance is too large: it was estimated for one member, not for their mean; and in a variational fit, where
/// the noise is fitted at drawn weights, it may count twice (`counts`). The aleatoric part is the noise of the toy, the
/// epistemic part smaller, but not by more than is possible.
fn check_pulls(what: &str, counts: f64, uncertainty: &Uncertainty, events: &Table, targets: &Table) {
    let total = uncertainty.total();
    let pulls: Vec<f64> = targets
        .iter()
        .zip(uncertainty.mean.iter().zip(&total))
        .map(|(y, (mean, deviation))| (y - mean) / deviation)
        .collect();
    let (mean, width) = moments(&pulls);
    let error = (1.0 / TRAINING_EVENTS as f64 + 1.0 / TEST_EVENTS as f64).sqrt();
    assert!(mean.abs() < 3.0 * error, "{what}: mean {mean}");
    let root_mean_square =
        |numbers: &[f64]| (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt();
    let noise = root_mean_square(&column(&events.mapv(toy_noise)));
    let aleatoric = root_mean_square(&column(&uncertainty.aleatoric));
    let epistemic = root_mean_square(&column(&uncertainty.epistemic));
    assert!((aleatoric / noise - 1.0).abs() < 0.1, "{what}: aleatoric {aleatoric}, noise {noise}");
    let narrowest = 1.0 / (1.0 + counts * (epistemic / noise).powi(2)).sqrt();
    let allowed = narrowest - 3.0 * error / 2.0_f64.sqrt()..1.0 + 3.0 * error / 2.0_f64.sqrt();
    assert!(allowed.contains(&width), "{what}: width {width}, not in {allowed:?}");
    // A fit of a handful of numbers to N events is wrong by more than one of them, and by less than all of the noise.
    let least = noise / (TRAINING_EVENTS as f64).sqrt();
    assert!(epistemic > least && epistemic < 0.5 * noise, "{what}: epistemic {epistemic}, at least {least}");
}

#[test]
fn pulls_are_standard_normal() {
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let (events, targets) = toy(TRAINING_EVENTS, &mut rng);
    let (test, truth) = toy(TEST_EVENTS, &mut rng);
    let events = Weighted::unit(events);
    let training = TrainingConfig::new().epochs(120).batch_size(50).rate(1e-2).schedule(Schedule::cosine());

    let config = BayesianMlpConfig::new(2).widths([24]).activation(Function::Tanh);
    let learner = LearnerConfig::new(config, Loss::Gaussian).validation(0.0).training(training.clone());
    let model = learner.fit(&events, &targets, &mut rng, &mut ()).unwrap().model;
    let draws = model.draws(40, &mut rng).unwrap();
    check_pulls("Bayesian network", 2.0, &draws.uncertainty(&test).unwrap(), &test, &truth);

    let config = MlpConfig::new(2).hidden(StackConfig::new([24]).activation(Function::Tanh));
    let learner = LearnerConfig::new(config, Loss::Gaussian).training(training.epochs(60));
    let ensemble = EnsembleConfig::new(4).bootstrap(true);
    let ensemble = ensemble.fit(&learner, &events, &targets, &mut rng, &mut ()).unwrap().model;
    check_pulls("ensemble", 1.0, &ensemble.uncertainty(&test).unwrap(), &test, &truth);
}

/// A learner of lines by least squares.
fn least_squares() -> LearnerConfig<MlpConfig, f64> {
    let training = TrainingConfig::new().epochs(400).batch_size(1000).rate(0.05).schedule(Schedule::cosine());
    LearnerConfig::new(MlpConfig::new(1).hidden(StackConfig::new([])), Loss::MeanSquared)
        .precision::<f64>()
        .validation(0.0)
        .training(training)
}

/// Least squares has one solution: members of the same events agree, and a bootstrap has the variance of White's sandwich
/// x^T A^-1 (sum x x^T r²) A^-1 x with A = sum x x^T and the residuals r.
#[test]
fn a_bootstrap_spreads_as_least_squares_do() {
    let linear = LinearModel::new(150, 3);
    let events = Weighted::unit(linear.events.clone());
    let fit = |config: EnsembleConfig| {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        config.fit(&least_squares(), &events, &linear.targets, &mut rng, &mut ()).unwrap().model
    };
    let members = 120;
    let bootstrap = fit(EnsembleConfig::new(members).bootstrap(true)).spread(&linear.events).unwrap();
    let same = fit(EnsembleConfig::new(3)).spread(&linear.events).unwrap();

    let inverse = linear.moments(|_| 1.0).try_inverse().unwrap();
    let line = inverse * linear.products();
    let residual = |event: usize| linear.targets[[event, 0]] - linear.row(event).dot(&line);
    let covariance = inverse * linear.moments(|event| residual(event).powi(2)) * inverse;
    let mut ratios = Vec::new();
    for event in 0..150 {
        let x = linear.row(event);
        let expected = (x.transpose() * covariance * x)[0].sqrt();
        let pull = (bootstrap.mean[[event, 0]] - x.dot(&line)) / (expected / (members as f64).sqrt());
        assert!(pull.abs() < 4.0, "{pull}");
        ratios.push((bootstrap.deviation[[event, 0]] / expected).powi(2));
        // What training leaves: measured, 0.001.
        assert!((same.mean[[event, 0]] - x.dot(&line)).abs() < 0.01 * expected);
        assert!(same.deviation[[event, 0]] < 0.01 * expected);
    }
    // 3 standard deviations of a variance from as many members, for weights that are all strongly correlated.
    let (ratio, _) = moments(&ratios);
    assert!((ratio - 1.0).abs() < 3.0 * (2.0 / (members - 1) as f64).sqrt(), "{ratio}");
}

fn small_learner() -> LearnerConfig<MlpConfig> {
    let training = TrainingConfig::new().epochs(3).batch_size(50);
    LearnerConfig::new(MlpConfig::new(2).hidden(StackConfig::new([8])), Loss::Gaussian).training(training)
}

#[test]
fn ensembles_do_not_depend_on_the_threads() {
    let (events, targets) = toy(200, &mut ChaCha8Rng::seed_from_u64(30));
    let events = Weighted::unit(events);
    for bootstrap in [false, true] {
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut rng = ChaCha8Rng::seed_from_u64(31);
            let config = EnsembleConfig::new(5).bootstrap(bootstrap);
            let fitted =
                pool.install(|| config.fit(&small_learner(), &events, &targets, &mut rng, &mut ())).unwrap();
            (fitted.model.to_bytes().unwrap(), fitted.report, rng.next_u64())
        };
        let (one, two, three) = (fit(1), fit(2), fit(3));
        assert!(one == two && two == three);
        let ensemble = Ensemble::<Model<MlpConfig>>::from_bytes(&one.0).unwrap();
        let members: Vec<_> =
            ensemble.members().iter().map(|m| m.observe(events.events()).unwrap()).collect();
        assert!((1..5).all(|k| members[k] != members[0]));
        let mean = members.iter().fold(Table::zeros((200, 2)), |sum, table| sum + table) / 5.0;
        assert_eq!(ensemble.observe(events.events()).unwrap(), mean);
        assert_eq!(one.1.parts.len(), 5);
        assert_eq!((one.1.parts[3].0.as_str(), one.1.get("members").unwrap().value), ("member 3", 5.0));
        // Members warn of what they would warn of by themselves.
        let warnings = one.1.parts.iter().map(|(_, report)| report.warnings.len()).sum::<usize>();
        assert_eq!(one.1.warnings.len(), warnings);
        // A bootstrap holds (1 - 1/n)^n = 37% of the events back from a member, which its weights say.
        let effective = one.1.parts[0].1.get("effective sample size").unwrap().value;
        assert!(if bootstrap { effective > 70.0 && effective < 110.0 } else { effective == 180.0 });
    }
}

#[test]
fn ensembles_of_classifiers_give_mean_probabilities() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    let events = Table::from_shape_simple_fn((200, 2), || normal(&mut rng));
    let labels: Vec<usize> = events.rows().into_iter().map(|x| usize::from(x[0] > 0.0)).collect();
    let learner = LearnerConfig::classifier(MlpConfig::new(2).hidden(StackConfig::new([8])))
        .training(TrainingConfig::new().epochs(20).rate(1e-2));
    let events = Weighted::unit(events);
    let config = EnsembleConfig::new(3).bootstrap(true);
    let fitted = config.fit_classes(&learner, &events, &labels, &mut rng, &mut ()).unwrap();
    let probabilities = fitted.model.observe(events.events()).unwrap();
    assert!(probabilities.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
    let right = (0..200).filter(|&i| (probabilities[[i, 1]] > 0.5) == (labels[i] == 1)).count();
    assert!(right > 180, "{right}");
    // The label that is wrong is named as it is called outside.
    let mut labels = labels;
    labels[77] = 2;
    let error = error_of(config.fit_classes(&learner, &events, &labels, &mut rng, &mut ()));
    assert!(error.contains("event 77"), "{error}");
}

#[test]
fn a_stopped_ensemble_keeps_the_members_that_are_finished() {
    let (events, targets) = toy(100, &mut ChaCha8Rng::seed_from_u64(35));
    let events = Weighted::unit(events);
    let fit = |observer: &mut dyn Observer| {
        // One after another, so that it is known which are finished.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(36);
        pool.install(|| EnsembleConfig::new(4).fit(&small_learner(), &events, &targets, &mut rng, observer))
    };
    let all = fit(&mut ()).unwrap();
    assert!(!all.report.stopped);
    let stages = Mutex::new(Vec::new());
    let mut stop = |progress: &Progress<'_>| {
        stages.lock().unwrap().push(progress.stage.to_owned());
        if progress.stage == "member 2/training" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let some = fit(&mut stop).unwrap();
    assert!(some.report.stopped);
    assert_eq!(some.model.members().len(), 2);
    assert!(some.report.warnings.iter().any(|warning| warning == "stopped with 2 of 4 members"));
    for (all, some) in all.model.members().iter().zip(some.model.members()) {
        assert_eq!(all.parameters(), some.parameters());
    }
    let stages = stages.into_inner().unwrap();
    assert!(stages.contains(&"member 0/epoch".to_owned()));
    assert!(stages.iter().all(|stage| !stage.starts_with("member 3")));
    let error = error_of(fit(&mut |_: &Progress<'_>| ControlFlow::Break(())));
    assert_eq!(error, "stopped by the observer during the first members of an ensemble");
}

#[test]
fn an_ensemble_fails_as_its_first_failing_member_does() {
    let events = Weighted::unit(Table::zeros((10, 1)));
    let fit = |config: EnsembleConfig, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(37);
        let count = Mutex::new(0);
        let fitted = pool.install(|| {
            config.fit_with(&events, &mut rng, &mut (), |_, rng, _| {
                *count.lock().unwrap() += 1;
                // Each member has a generator of its own: about half of them fail.
                match rng.random::<f64>() {
                    u if u < 0.5 => Err(hepml_core::Error::Model(format!("{u}")).into()),
                    u => Ok(Fitted { model: u, report: hepml_core::FitReport::new() }),
                }
            })
        });
        (error_of(fitted), count.into_inner().unwrap())
    };
    let (error, count) = fit(EnsembleConfig::new(20), 1);
    assert!(error.contains("saved model: 0.") && count < 20, "{error}, {count}");
    assert_eq!(fit(EnsembleConfig::new(20), 4).0, error);
    assert!(fit(EnsembleConfig::new(0), 1).0.contains("number of members"));
    let (events, targets) = toy(20, &mut ChaCha8Rng::seed_from_u64(38));
    let mut targets = targets;
    targets[[13, 0]] = f64::NAN;
    let mut rng = ChaCha8Rng::seed_from_u64(39);
    let config = EnsembleConfig::new(3).bootstrap(true);
    let error = error_of(config.fit(&small_learner(), &Weighted::unit(events), &targets, &mut rng, &mut ()));
    assert!(error.contains("event 13"), "{error}");
    let none = Weighted::unit(Table::zeros((0, 1)));
    let error = error_of(config.fit(&small_learner(), &none, &Table::zeros((0, 1)), &mut rng, &mut ()));
    assert!(error.contains("empty"), "{error}");
    assert!(error_of(Ensemble::<f64>::new(Vec::new())).contains("ensemble is empty"));
}

#[test]
fn bayesian_networks_and_ensembles_are_saved_and_loaded() {
    let (events, targets) = toy(100, &mut ChaCha8Rng::seed_from_u64(40));
    let events = Weighted::unit(events);
    // Only the last two of three layers are Bayesian.
    let config =
        BayesianMlpConfig::new(2).widths([5, 4]).bayesian_layers(2).prior(Prior::new(0.7).factor(0.5));
    let learner = LearnerConfig::new(config, Loss::Gaussian).training(TrainingConfig::new().epochs(2));
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let model = learner.fit(&events, &targets, &mut rng, &mut ()).unwrap().model;
    let names: Vec<&str> = model.parameters().ids().map(|id| model.parameters().name(id).unwrap()).collect();
    assert!(!names.contains(&"mlp/0/weight_log_variance"));
    assert!(names.contains(&"mlp/1/weight_log_variance") && names.contains(&"mlp/output/bias_log_variance"));
    let bytes = model.to_bytes().unwrap();
    let loaded = Model::<BayesianMlpConfig>::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.to_bytes().unwrap(), bytes);
    assert_eq!(loaded.architecture(), model.architecture());
    // Evaluation has no noise; draws from the same generator are the same.
    assert_eq!(loaded.observe(events.events()).unwrap(), model.observe(events.events()).unwrap());
    let draws = |model: &Model<BayesianMlpConfig>| model.draws(3, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    let bytes = draws(&loaded).to_bytes().unwrap();
    assert_eq!(draws(&model).to_bytes().unwrap(), bytes);

    let ensemble = Ensemble::<Model<BayesianMlpConfig>>::from_bytes(&bytes).unwrap();
    assert_eq!(ensemble.members().len(), 3);
    assert_eq!(
        ensemble.uncertainty(events.events()).unwrap(),
        draws(&model).uncertainty(events.events()).unwrap()
    );
    let wrong = error_of(Ensemble::<Model<MlpConfig>>::from_bytes(&bytes));
    assert!(wrong.contains("hepml-nn/mlp") && wrong.contains("hepml-nn/bayesian-mlp"), "{wrong}");
    let wrong = error_of(Model::<BayesianMlpConfig>::from_bytes(&bytes));
    assert!(wrong.contains("hepml-nn/ensemble"), "{wrong}");
    for cut in [0, 7, 100, bytes.len() - 1] {
        assert!(Ensemble::<Model<BayesianMlpConfig>>::from_bytes(&bytes[..cut]).is_err());
    }
    let one = model.draws(1, &mut rng).unwrap();
    assert!(error_of(one.spread(events.events())).contains("at least 2"));
    assert!(error_of(model.draws(0, &mut rng)).contains("ensemble is empty"));
    assert!(error_of(ensemble.spread(&Table::zeros((3, 2)))).contains("expected 1, got 2"));
}

#[test]
fn bayesian_configurations_are_checked() {
    let (events, targets) = toy(50, &mut ChaCha8Rng::seed_from_u64(42));
    let events = Weighted::unit(events);
    let fit = |config: BayesianMlpConfig| {
        let learner = LearnerConfig::new(config, Loss::Gaussian).training(TrainingConfig::new().epochs(1));
        error_of(learner.fit(&events, &targets, &mut ChaCha8Rng::seed_from_u64(43), &mut ()))
    };
    let config = || BayesianMlpConfig::new(2).widths([4]);
    assert!(fit(config().bayesian_layers(0)).contains("number of Bayesian layers"));
    assert!(fit(config().bayesian_layers(3)).contains("number of Bayesian layers"));
    assert!(fit(config().widths([4, 0])).contains("width of layer 1"));
    assert!(fit(config().prior(Prior::new(f64::INFINITY))).contains("deviation of a prior"));
}
