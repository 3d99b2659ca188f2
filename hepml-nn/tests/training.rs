//! Training: closed forms, weights, threads, resuming, what is reported and what is refused.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;
use std::sync::Arc;

use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{FitReport, Load, Progress, Save};
use hepml_nn::{
    Dense, Dropout, Error, Function, Initial, Inputs, Loss, Matrix, Network, Objective, Optimiser,
    ParameterId, Parameters, Pass, Result, Scalar, Schedule, Segments, SetVars, Sets, SimdLevel, Supervised,
    Trained, TrainingConfig, TrainingState, Var,
};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(11)
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut dyn Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn column<T: Scalar>(values: &[f64]) -> Matrix<T> {
    let values: Vec<T> = values.iter().map(|x| T::from_f64(*x)).collect();
    Matrix::from_rows(values.len(), 1, &values).unwrap()
}

fn curve<'a>(report: &'a FitReport, name: &str) -> &'a [f64] {
    &report.curves.iter().find(|(curve, _)| curve == name).unwrap().1
}

/// x W + b.
struct Linear {
    layer: Dense,
}

impl Linear {
    fn new<T: Scalar>(inputs: usize, outputs: usize) -> (Self, Parameters<T>) {
        let mut parameters = Parameters::new();
        let layer =
            Dense::new(&mut parameters, "linear", [inputs, outputs], None, Initial::Zeros, &mut rng())
                .unwrap();
        (Self { layer }, parameters)
    }
}

impl<T: Scalar> Network<T> for Linear {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, input: &Var) -> Result<Var> {
        self.layer.forward(pass, *input)
    }
}

/// Weight and bias of a [`Linear`] of one output.
fn solution<T: Scalar>(parameters: &Parameters<T>) -> Vec<f64> {
    let ids: Vec<ParameterId> = parameters.ids().collect();
    let mut numbers: Vec<f64> = parameters.value(ids[0]).unwrap().to_array().into_iter().collect();
    numbers.push(parameters.value(ids[1]).unwrap().row(0)[0].to_f64());
    numbers
}

/// Gradient descent with all events in each step.
fn descent(epochs: usize, rate: f64) -> TrainingConfig {
    let config = TrainingConfig::new().epochs(epochs).batch_size(usize::MAX).rate(rate);
    config.optimiser(Optimiser::sgd(0.0))
}

fn fit<O: Objective<f64>>(
    config: &TrainingConfig,
    parameters: Parameters<f64>,
    objective: &O,
) -> Trained<f64> {
    config.train(parameters, objective, None, &mut rng(), &mut ()).unwrap()
}

#[test]
fn linear_regression_reaches_the_normal_equations() {
    let mut rng = rng();
    let x: Vec<f64> = (0..200).map(|_| normal(&mut rng)).collect();
    let y: Vec<f64> = x.iter().map(|x| 0.7 * x - 0.3 + 0.5 * normal(&mut rng)).collect();
    let w: Vec<f64> = (0..200).map(|_| rng.random::<f64>() * 2.0 - 0.3).collect();
    // Sums of w, w x, w x², w y, w x y.
    let sum = |f: &dyn Fn(usize) -> f64| (0..200).map(|i| w[i] * f(i)).sum::<f64>();
    let (s, sx, sxx) = (sum(&|_| 1.0), sum(&|i| x[i]), sum(&|i| x[i] * x[i]));
    let (sy, sxy) = (sum(&|i| y[i]), sum(&|i| x[i] * y[i]));
    let slope = (s * sxy - sx * sy) / (s * sxx - sx * sx);
    let offset = (sy - slope * sx) / s;

    let (inputs, targets) = (column::<f64>(&x), column(&y));
    let (network, parameters) = Linear::new(1, 1);
    let objective = Supervised::new(&network, &inputs, &targets, &w, Loss::MeanSquared).unwrap();
    let by_descent = fit(&descent(400, 0.2), parameters.clone(), &objective);
    let config = TrainingConfig::new().epochs(60).batch_size(20).rate(0.05).schedule(Schedule::cosine());
    let by_adam = fit(&config, parameters, &objective);
    // Full batches converge to rounding; mini-batches to where the falling rate leaves them.
    for (trained, tolerance) in [(by_descent, 1e-10), (by_adam, 1e-3)] {
        let got = solution(&trained.parameters);
        assert!((got[0] - slope).abs() < tolerance, "{got:?} {slope}");
        assert!((got[1] - offset).abs() < tolerance, "{got:?} {offset}");
    }
}

#[test]
fn logistic_regression_of_two_gaussians_learns_their_ratio() {
    // ln N(x; mu, 1)/N(x; -mu, 1) = 2 mu x.
    let (mu, n) = (0.8, 4000);
    let mut rng = rng();
    let labels: Vec<f64> = (0..n).map(|i| f64::from(i % 2)).collect();
    let x: Vec<f64> = labels.iter().map(|label| (2.0 * label - 1.0) * mu + normal(&mut rng)).collect();
    let (inputs, targets) = (column::<f64>(&x), column(&labels));
    let (network, parameters) = Linear::new(1, 1);
    let weights = vec![1.0; x.len()];
    let objective = Supervised::new(&network, &inputs, &targets, &weights, Loss::BinaryCrossEntropy).unwrap();
    let trained = fit(&descent(300, 2.0), parameters, &objective);
    let got = solution(&trained.parameters);
    // The Fisher information of slope and offset, and the score, which vanishes at the maximum of the likelihood.
    let (mut information, mut score) = ([0.0; 3], [0.0; 2]);
    for (x, label) in x.iter().zip(&labels) {
        let s = 1.0 / (1.0 + (-(got[0] * x + got[1])).exp());
        for (sum, power) in information.iter_mut().zip([1.0, *x, x * x]) {
            *sum += s * (1.0 - s) * power;
        }
        score[0] += label - s;
        score[1] += (label - s) * x;
    }
    let [a, b, c] = information;
    let determinant = a * c - b * b;
    let (slope_error, offset_error) = ((a / determinant).sqrt(), (c / determinant).sqrt());
    assert!(score.iter().all(|s| s.abs() < 1e-6 * f64::from(n)), "{score:?}");
    // 3 standard deviations with a fixed seed.
    assert!((got[0] - 2.0 * mu).abs() < 3.0 * slope_error, "{got:?} +- {slope_error}");
    assert!(got[1].abs() < 3.0 * offset_error, "{got:?} +- {offset_error}");
}

/// A step of full-batch descent of a linear regression over events (x, y, w).
fn regression(events: &[(f64, f64, f64)], epochs: usize, rate: f64) -> Vec<f64> {
    let list = |f: fn(&(f64, f64, f64)) -> f64| events.iter().map(f).collect::<Vec<f64>>();
    let (inputs, targets) = (column::<f64>(&list(|e| e.0)), column(&list(|e| e.1)));
    let (network, parameters) = Linear::new(1, 1);
    let objective = Supervised::new(&network, &inputs, &targets, &list(|e| e.2), Loss::MeanSquared).unwrap();
    solution(&fit(&descent(epochs, rate), parameters, &objective).parameters)
}

#[test]
fn weights_count_events() {
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    let twice = regression(&[(1.0, 0.5, 1.0), (1.0, 0.5, 1.0), (-0.4, 2.0, 1.0)], 30, 0.1);
    let weighted = regression(&[(1.0, 0.5, 2.0), (-0.4, 2.0, 1.0)], 30, 0.1);
    assert!(close(&twice, &weighted), "{twice:?} {weighted:?}");
    // The unit of weights does not matter, however large or small.
    for unit in [1e-300, 1e300] {
        let scaled = regression(&[(1.0, 0.5, 2.0 * unit), (-0.4, 2.0, unit)], 30, 0.1);
        assert!(close(&weighted, &scaled), "{weighted:?} {scaled:?}");
    }
    // An event of weight 1 and the same of weight -1 are none. The mean of |w| is 1 whatever the signs: of the 5 units of
    // weight 3 are left, so that the rate is 5/3 of that of the sample without.
    let signed = [(1.0, 0.5, 2.0), (-0.4, 2.0, 1.0), (5.0, -9.0, 1.0), (5.0, -9.0, -1.0)];
    let signed = regression(&signed, 30, 0.1 * 5.0 / 3.0);
    assert!(close(&weighted, &signed), "{weighted:?} {signed:?}");
    // The order of events within a batch is that of the epoch, and only rounding depends on it.
    assert!(!close(&weighted, &regression(&[(1.0, 0.5, 1.0), (-0.4, 2.0, 1.0)], 30, 0.1)));
}

#[test]
fn a_penalty_counts_once_an_epoch() {
    /// A linear network that asks for strength w².
    struct Ridge(Linear, ParameterId, f64);
    impl Network<f64> for Ridge {
        type Input = Matrix<f64>;

        fn forward(&self, pass: &mut Pass<'_, f64>, input: &Var) -> Result<Var> {
            let w = pass.parameter(self.1)?;
            let square = pass.mul(w, w)?;
            let term = pass.affine(square, self.2, 0.0)?;
            pass.add_penalty(term);
            self.0.forward(pass, input)
        }
    }
    let x = [1.0, -0.5, 2.0, 0.3, -1.8, 0.9, -0.2, 0.6];
    let y = [0.8, -0.1, 1.1, 0.9, -1.0, 0.2, 0.1, 0.4];
    let (linear, parameters) = Linear::new::<f64>(1, 1);
    let id = parameters.ids().next().unwrap();
    let strength = 3.0;
    let network = Ridge(linear, id, strength);
    let (inputs, targets) = (column(&x), column(&y));
    let objective = Supervised::new(&network, &inputs, &targets, &[1.0; 8], Loss::MeanSquared).unwrap();
    // The minimum of (sum (y - s x - b)² + strength s²)/n, whatever micro-batches are.
    let n = 8.0;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let cxy: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let cxx: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
    let slope = cxy / (cxx + strength);
    for micro_rows in [2, 3, usize::MAX] {
        let trained = fit(&descent(600, 0.2).micro_rows(micro_rows), parameters.clone(), &objective);
        let got = solution(&trained.parameters);
        assert!((got[0] - slope).abs() < 1e-12, "{got:?} {slope}");
        assert!((got[1] - (my - slope * mx)).abs() < 1e-12);
        let penalty = curve(&trained.report, "penalty/train").last().unwrap();
        assert!((penalty - strength * slope * slope / n).abs() < 1e-12);
        let loss: f64 = x.iter().zip(&y).map(|(x, y)| (y - got[0] * x - got[1]).powi(2)).sum();
        assert!((curve(&trained.report, "loss/train").last().unwrap() - loss / n).abs() < 1e-12);
    }
}

/// Sets through a layer with dropout, summed, and through another.
struct NoisySets {
    first: Dense,
    second: Dense,
    dropout: Dropout,
}

impl NoisySets {
    fn new<T: Scalar>() -> (Self, Parameters<T>) {
        let (mut parameters, mut rng) = (Parameters::new(), rng());
        let relu = Some(Function::Relu);
        let mut dense = |name, shape, activation| {
            Dense::new(&mut parameters, name, shape, activation, Initial::HeUniform, &mut rng).unwrap()
        };
        let (first, second) = (dense("first", [3, 20], relu), dense("second", [20, 2], None));
        (Self { first, second, dropout: Dropout::new(0.2).unwrap() }, parameters)
    }
}

impl<T: Scalar> Network<T> for NoisySets {
    type Input = Sets<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, input: &SetVars) -> Result<Var> {
        let x = self.first.forward(pass, input.rows)?;
        let x = self.dropout.forward(pass, x)?;
        let x = pass.segment_sum(x, &input.segments)?;
        self.second.forward(pass, x)
    }
}

/// Two classes of sets of 0 to 8 particles.
fn sets<T: Scalar>(events: usize, rng: &mut dyn Rng) -> (Sets<T>, Matrix<T>, Vec<f64>) {
    let (mut rows, mut offsets, mut targets, mut weights) = (Vec::new(), vec![0], Vec::new(), Vec::new());
    for _ in 0..events {
        let signal = rng.random_range(0..2);
        for _ in 0..rng.random_range(0..9) {
            rows.extend((0..3).map(|_| T::from_f64(normal(rng) + 0.4 * f64::from(signal))));
        }
        offsets.push(rows.len() / 3);
        targets.extend([signal, 1 - signal].map(|y| T::from_f64(f64::from(y))));
        weights.push(rng.random::<f64>() * 2.0 - 0.2);
    }
    let particles = rows.len() / 3;
    let sets = Sets {
        rows: Matrix::from_rows(particles, 3, &rows).unwrap(),
        weights: Matrix::zeros(particles, 0),
        globals: Matrix::zeros(events, 0),
        segments: Segments::new(offsets).unwrap(),
    };
    assert_eq!(sets.count(), events);
    (sets, Matrix::from_rows(events, 2, &targets).unwrap(), weights)
}

/// Everything at once: batches of several parts, clipping, an average, a plateau, noise.
fn elaborate() -> TrainingConfig {
    TrainingConfig::new()
        .epochs(6)
        .batch_size(700)
        .micro_rows(150)
        .rate(0.01)
        .optimiser(Optimiser::adam_w(0.01))
        .schedule(Schedule::Plateau { factor: 0.5, patience: 0, threshold: 0.05, least: 0.01 })
        .warm_up(3)
        .clip_norm(0.3)
        .average(0.9)
}

/// A training on sets: `run` gets the configuration, network parameters, and the two objectives.
fn on_sets<T: Scalar, R>(
    run: impl FnOnce(Parameters<T>, &Supervised<'_, T, NoisySets>, &Supervised<'_, T, NoisySets>) -> R,
) -> R {
    let (network, parameters) = NoisySets::new::<T>();
    let mut rng = rng();
    let (x, y, w) = sets(2000, &mut rng);
    let (held_x, held_y, held_w) = sets(500, &mut rng);
    let training = Supervised::new(&network, &x, &y, &w, Loss::CrossEntropy).unwrap();
    let validation = Supervised::new(&network, &held_x, &held_y, &held_w, Loss::CrossEntropy).unwrap();
    run(parameters, &training, &validation)
}

fn threads_do_not_matter<T: Scalar>() {
    on_sets::<T, ()>(|parameters, training, validation| {
        let train = |config: TrainingConfig| {
            config.train(parameters.clone(), training, Some(validation), &mut rng(), &mut ()).unwrap()
        };
        let one = train(elaborate().threads(1));
        let losses = curve(&one.report, "loss/validation");
        assert!(losses[5] < losses[0], "{losses:?}");
        assert!(one.report.get("clipped steps").unwrap().value > 0.0);
        for threads in [2, 3, 16] {
            let many = train(elaborate().threads(threads));
            assert_eq!(one.parameters, many.parameters, "{threads} threads");
            assert_eq!(one.report, many.report, "{threads} threads");
            assert_eq!(one.state.to_bytes().unwrap(), many.state.to_bytes().unwrap(), "{threads} threads");
        }
        assert_ne!(one.parameters, train(elaborate().epochs(5)).parameters);
        let levels = SimdLevel::available();
        let at = |level: SimdLevel| train(elaborate().simd(level)).parameters;
        if levels.contains(&SimdLevel::Avx2) {
            // All levels that fuse products and sums agree.
            assert_eq!(at(SimdLevel::Avx2), one.parameters);
        }
        // The portable level rounds once more, which 18 steps of Adam amplify.
        let portable = at(SimdLevel::Portable);
        let bound = 1e5 * T::EPSILON.to_f64();
        for id in portable.ids() {
            let (a, b) =
                (portable.value(id).unwrap().to_array(), one.parameters.value(id).unwrap().to_array());
            let off = (a - b).iter().fold(0.0_f64, |off, d| off.max(d.abs()));
            assert!(off < bound, "{off}");
        }
    });
}

#[test]
fn results_do_not_depend_on_threads() {
    threads_do_not_matter::<f32>();
    threads_do_not_matter::<f64>();
}

fn resumes_bit_for_bit<T: Scalar>() {
    on_sets::<T, ()>(|parameters, training, validation| {
        let straight =
            elaborate().train(parameters.clone(), training, Some(validation), &mut rng(), &mut ()).unwrap();
        // 3 steps an epoch: within the first epoch, at its end before and after evaluation, and later.
        for (stage, stop) in [("training", 2), ("training", 3), ("epoch", 1), ("epoch", 4), ("training", 14)]
        {
            let mut observer = |progress: &Progress<'_>| {
                let stop = (progress.stage, progress.step) == (stage, stop);
                if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let part = elaborate()
                .train(parameters.clone(), training, Some(validation), &mut rng(), &mut observer)
                .unwrap();
            assert!(part.report.stopped);
            let bytes = part.state.to_bytes().unwrap();
            assert_ne!(bytes, straight.state.to_bytes().unwrap());
            let state = TrainingState::<T>::from_bytes(&bytes).unwrap();
            assert_eq!(state.to_bytes().unwrap(), bytes);
            let rest = elaborate()
                .threads(2)
                .resume(state, &parameters, training, Some(validation), &mut ())
                .unwrap();
            assert_eq!(rest.parameters, straight.parameters, "{stage} {stop}");
            assert_eq!(rest.report, straight.report, "{stage} {stop}");
            assert_eq!(rest.state.to_bytes().unwrap(), straight.state.to_bytes().unwrap(), "{stage} {stop}");
        }
        // A training that is over stays as it is, and can be made longer.
        let over = elaborate()
            .resume(straight.state.clone(), &parameters, training, Some(validation), &mut ())
            .unwrap();
        assert_eq!(over.parameters, straight.parameters);
        let longer = elaborate().epochs(8);
        let more =
            longer.resume(straight.state.clone(), &parameters, training, Some(validation), &mut ()).unwrap();
        let all = longer.train(parameters.clone(), training, Some(validation), &mut rng(), &mut ()).unwrap();
        assert_eq!(more.state.to_bytes().unwrap(), all.state.to_bytes().unwrap());
    });
}

#[test]
fn an_interrupted_training_goes_on_bit_for_bit() {
    resumes_bit_for_bit::<f32>();
    resumes_bit_for_bit::<f64>();
}

#[test]
fn a_state_of_something_else_is_refused() {
    on_sets::<f32, ()>(|parameters, training, validation| {
        let config = elaborate().epochs(1);
        let state =
            config.train(parameters.clone(), training, Some(validation), &mut rng(), &mut ()).unwrap().state;
        let bytes = state.to_bytes().unwrap();
        for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(TrainingState::<f32>::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        let error = TrainingState::<f64>::from_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("f64") && error.contains("f32"), "{error}");

        let resume = |config: &TrainingConfig, parameters: &Parameters<f32>| {
            let resumed = config.resume(state.clone(), parameters, training, Some(validation), &mut ());
            resumed.unwrap_err().to_string()
        };
        let (_, other) = Linear::new::<f32>(3, 2);
        let error = resume(&config, &other);
        assert!(error.contains("first/weight") && error.contains("linear/weight"), "{error}");
        let mut more = parameters.clone();
        more.add("another", &Matrix::zeros(1, 1)).unwrap();
        let error = resume(&config, &more);
        assert!(error.contains("4 parameters, but the network 5"), "{error}");
        let error = resume(&config.clone().optimiser(Optimiser::sgd(0.9)), &parameters);
        assert!(error.contains("moments are those of adam"), "{error}");
        let (network, _) = NoisySets::new::<f32>();
        let (x, y, w) = sets(300, &mut rng());
        let fewer = Supervised::new(&network, &x, &y, &w, Loss::CrossEntropy).unwrap();
        let error = config.resume(state.clone(), &parameters, &fewer, None, &mut ()).unwrap_err().to_string();
        assert!(error.contains("2000 training events, but there are 300"), "{error}");
        let without_average = TrainingConfig::new();
        assert!(resume(&without_average, &parameters).contains("average of the parameters"));
    });
}

/// One parameter p; the loss of event i is a/2 (p - target_i)².
struct Wells {
    parameter: ParameterId,
    curvature: f64,
    targets: Vec<f64>,
}

impl Wells {
    fn new(start: f64, curvature: f64, targets: Vec<f64>) -> (Self, Parameters<f64>) {
        let mut parameters = Parameters::new();
        let parameter = parameters.add("p", &column(&[start])).unwrap();
        (Self { parameter, curvature, targets }, parameters)
    }
}

impl Objective<f64> for Wells {
    type Workspace = ();

    fn count(&self) -> usize {
        self.targets.len()
    }

    fn cost(&self, _: usize) -> usize {
        1
    }

    fn loss(&self, pass: &mut Pass<'_, f64>, (): &mut (), events: &[usize]) -> Result<Var> {
        let targets: Vec<f64> = events.iter().map(|event| self.targets[*event]).collect();
        let (targets, p) = (pass.constant(column(&targets).view()), pass.parameter(self.parameter)?);
        let difference = pass.sub(targets, p)?;
        let square = pass.mul(difference, difference)?;
        let sum = pass.sum(square)?;
        pass.affine(sum, 0.5 * self.curvature, 0.0)
    }
}

fn number(parameters: &Parameters<f64>) -> f64 {
    parameters.value(parameters.ids().next().unwrap()).unwrap().scalar().unwrap()
}

#[test]
fn the_best_epoch_is_restored_and_patience_ends() {
    // p falls from 1 by a factor 0.9 a step; the held-out well is at 0.5: the best epoch is that of 0.9^7 = 0.478.
    let (training, parameters) = Wells::new(1.0, 1.0, vec![0.0; 4]);
    let validation = Wells { targets: vec![0.5; 3], ..training };
    let config = descent(50, 0.1).patience(3);
    let trained =
        config.train(parameters.clone(), &training, Some(&validation), &mut rng(), &mut ()).unwrap();
    let expected = 0.9_f64.powi(7);
    assert!((number(&trained.parameters) - expected).abs() < 1e-15);
    let get = |name: &str| trained.report.get(name).unwrap().value;
    assert_eq!((get("best epoch"), get("epochs"), get("steps")), (7.0, 10.0, 10.0));
    assert!((get("best loss/validation") - 0.5 * (expected - 0.5).powi(2)).abs() < 1e-15);
    assert_eq!(curve(&trained.report, "loss/validation").len(), 10);
    assert_eq!(config.evaluate(&trained.parameters, &validation).unwrap(), get("best loss/validation"));
    assert!((number(trained.state.parameters()) - 0.9_f64.powi(10)).abs() < 1e-15);
    assert!(trained.report.warnings.iter().any(|w| w.contains("stopped early after epoch 10")));
    assert!(!trained.report.stopped);
    // Resuming does not begin anew what patience has ended.
    let again = config.resume(trained.state, &parameters, &training, Some(&validation), &mut ()).unwrap();
    assert_eq!(again.report.get("epochs").unwrap().value, 10.0);

    let longer =
        descent(5, 0.1).train(parameters.clone(), &training, Some(&validation), &mut rng(), &mut ()).unwrap();
    assert!(longer.report.warnings.iter().any(|w| w.contains("longer training")), "{:?}", longer.report);
    let away = Wells { targets: vec![2.0], ..validation };
    let worse = descent(5, 0.1).train(parameters, &training, Some(&away), &mut rng(), &mut ()).unwrap();
    assert!(worse.report.warnings.iter().any(|w| w.contains("never became better")), "{:?}", worse.report);
    assert!((number(&worse.parameters) - 0.9).abs() < 1e-15);
}

#[test]
fn averages_and_clipping_are_what_they_say() {
    let (wells, parameters) = Wells::new(1.0, 1.0, vec![0.0; 2]);
    // p_t = 0.9^t, and the average's decay min(d, (1 + t)/(10 + t)).
    let mut average = 1.0;
    for step in 1..=20_i32 {
        let decay = ((1.0 + f64::from(step)) / (10.0 + f64::from(step))).min(0.5);
        average = decay * average + (1.0 - decay) * 0.9_f64.powi(step);
    }
    let trained = fit(&descent(20, 0.1).average(0.5), parameters.clone(), &wells);
    assert!((number(&trained.parameters) - average).abs() < 1e-14);
    // A gradient of p is shortened to 0.3 until p is below: from 1 in steps of 0.03.
    let trained = fit(&descent(30, 0.1).clip_norm(0.3), parameters, &wells);
    let (mut p, mut clipped) = (1.0_f64, 0.0);
    for _ in 0..30 {
        clipped += f64::from(p > 0.3);
        p -= 0.1 * p.min(0.3);
    }
    assert!((number(&trained.parameters) - p).abs() < 1e-14);
    assert_eq!(trained.report.get("clipped steps").unwrap().value, clipped);
    assert!(trained.report.warnings.iter().any(|w| w.contains("clipped")), "{:?}", trained.report.warnings);
}

#[test]
fn divergence_is_an_error_that_loses_nothing() {
    // Each step takes p to -9 p; the held-out loss is best after the first epoch.
    let (training, parameters) = Wells::new(1.0, 1.0, vec![0.0; 2]);
    let validation = Wells { targets: vec![-8.0], ..training };
    let error = descent(1000, 10.0)
        .train(parameters.clone(), &training, Some(&validation), &mut rng(), &mut ())
        .unwrap_err();
    let Error::Diverged(divergence) = &error else { panic!("{error}") };
    let (epoch, step) = (divergence.epoch(), divergence.step());
    assert!(error.to_string().contains(&format!("is not finite in epoch {epoch}, step {step}")), "{error}");
    // 9^t overflows when squared after ln(1.8e308)/2/ln 9 = 161 steps.
    assert!((150..200).contains(&epoch), "{epoch}");
    let state = divergence.state::<f64>().unwrap();
    assert!(divergence.state::<f32>().is_none());
    let (best, _, at_best) = state.best().unwrap();
    assert_eq!(best, 1);
    assert!((number(at_best) + 9.0).abs() < 1e-12);
    // It can be saved, and training begun again from the best parameters, at a lower rate.
    let state = TrainingState::<f64>::from_bytes(&state.to_bytes().unwrap()).unwrap();
    let (_, _, best) = state.best().unwrap();
    let again = descent(100, 0.5).train(best.clone(), &training, None, &mut rng(), &mut ()).unwrap();
    assert!(number(&again.parameters).abs() < 1e-12);
    let core = hepml_core::Error::from(error);
    assert!(matches!(core.downcast_ref::<Error>(), Some(Error::Diverged(_))));
}

#[test]
fn an_event_that_is_not_finite_is_named() {
    let x: Vec<f64> = (0..100).map(|i| if i == 37 { f64::NAN } else { f64::from(i) }).collect();
    let (network, parameters) = Linear::new(1, 1);
    let (inputs, targets) = (column::<f64>(&x), column(&[0.0; 100]));
    let objective = Supervised::new(&network, &inputs, &targets, &[1.0; 100], Loss::MeanSquared).unwrap();
    let config = descent(3, 1e-5).micro_rows(10);
    let error = config.train(parameters.clone(), &objective, None, &mut rng(), &mut ()).unwrap_err();
    let Error::Diverged(divergence) = &error else { panic!("{error}") };
    assert_eq!((divergence.epoch(), divergence.step(), divergence.event()), (1, 1, Some(37)));
    assert!(divergence.events().contains(&37) && divergence.events().len() == 10);
    assert!(error.to_string().contains("at event 37"), "{error}");
    let error = config.evaluate(&parameters, &objective).unwrap_err().to_string();
    assert!(error.contains("event 37"), "{error}");
    let good = column::<f64>(&[1.0; 100]);
    let training = Supervised::new(&network, &good, &targets, &[1.0; 100], Loss::MeanSquared).unwrap();
    let error =
        config.train(parameters, &training, Some(&objective), &mut rng(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("held-out events") && error.contains("event 37"), "{error}");
}

#[test]
fn the_observer_sees_steps_and_epochs_and_may_stop() {
    let (wells, parameters) = Wells::new(1.0, 1.0, vec![0.0; 10]);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = |progress: &Progress<'_>| {
        let names: Vec<&str> = progress.measures.iter().map(|(name, _)| *name).collect();
        let line =
            format!("{} {}/{} {}", progress.stage, progress.step, progress.total.unwrap(), names.join(" "));
        seen.lock().unwrap().push(line);
        ControlFlow::Continue(())
    };
    // 10 events in batches of at most 4 are 3 batches of 3 or 4.
    let config = TrainingConfig::new().epochs(2).batch_size(4).schedule(Schedule::cosine());
    let trained =
        config.train(parameters.clone(), &wells, Some(&wells), &mut rng(), &mut record.clone()).unwrap();
    let lines = seen.lock().unwrap();
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0], "training 1/6 loss gradient rate");
    assert_eq!(lines[3], "epoch 1/2 loss/train rate loss/validation");
    assert_eq!(lines[7], "epoch 2/2 loss/train rate loss/validation");
    let rates = curve(&trained.report, "rate");
    assert!((rates[0] - 1e-3 * 0.5 * (1.0 + (std::f64::consts::PI / 3.0).cos())).abs() < 1e-18);

    let mut stop = |progress: &Progress<'_>| {
        if progress.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = config.train(parameters.clone(), &wells, None, &mut rng(), &mut stop).unwrap();
    assert!(stopped.report.stopped);
    assert!(stopped.report.warnings.iter().any(|w| w.contains("not all events have been seen")));
    assert_eq!(stopped.state.steps(), 2);
    assert_ne!(stopped.parameters, parameters);
    // At the very end there is nothing left to stop.
    let mut late = |progress: &Progress<'_>| {
        let last = progress.stage == "epoch" && progress.step == 2;
        if last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    assert!(!config.train(parameters, &wells, None, &mut rng(), &mut late).unwrap().report.stopped);
}

#[test]
fn reports_know_the_weights() {
    let (network, parameters) = Linear::new(1, 1);
    let (inputs, targets) = (column::<f64>(&[1.0, 2.0, 3.0, 4.0]), column(&[0.0; 4]));
    let report = |weights: &[f64]| {
        let objective = Supervised::new(&network, &inputs, &targets, weights, Loss::MeanSquared).unwrap();
        fit(&descent(1, 1e-3), parameters.clone(), &objective).report
    };
    let plain = report(&[3.0; 4]);
    let get = |report: &FitReport, name: &str| report.get(name).unwrap().value;
    assert_eq!((get(&plain, "events"), get(&plain, "effective sample size")), (4.0, 4.0));
    assert_eq!(get(&plain, "negative weight fraction"), 0.0);
    assert!(plain.warnings.is_empty(), "{:?}", plain.warnings);
    // (2 + 2 + 2 - 1)²/(4 + 4 + 4 + 1)
    let signed = report(&[2.0, 2.0, 2.0, -1.0]);
    assert!((get(&signed, "effective sample size") - 25.0 / 13.0).abs() < 1e-14);
    assert_eq!(get(&signed, "negative weight fraction"), 0.25);
    let mostly = report(&[1.0, -2.0, 2.0, -1.0]);
    assert!(
        mostly.warnings.iter().any(|w| w.contains("50% of the training events")),
        "{:?}",
        mostly.warnings
    );
    assert!(mostly.warnings.iter().any(|w| w.contains("do not sum to a positive")), "{:?}", mostly.warnings);
}

#[test]
fn bad_input_is_refused() {
    let (network, parameters) = Linear::new(1, 1);
    let (inputs, targets) = (column::<f64>(&[1.0, 2.0]), column(&[0.0, 1.0]));
    let objective = |inputs, targets, weights: &[f64]| {
        Supervised::new(&network, inputs, targets, weights, Loss::MeanSquared).unwrap_err().to_string()
    };
    let none = column(&[]);
    assert!(objective(&none, &none, &[]).contains("empty"));
    assert!(objective(&inputs, &none, &[1.0, 1.0]).contains("rows of targets: expected 2, got 0"));
    assert!(objective(&inputs, &targets, &[1.0]).contains("weights: expected 2, got 1"));
    assert!(objective(&inputs, &targets, &[0.0, 0.0]).contains("all weights are 0"));
    let nan = objective(&inputs, &targets, &[1.0, f64::NAN]);
    assert!(nan.contains("weight of event 1 is not finite"), "{nan}");
    let nan = objective(&inputs, &column(&[f64::INFINITY, 0.0]), &[1.0, 1.0]);
    assert!(nan.contains("target 0 of event 0 is not finite"), "{nan}");

    let good = Supervised::new(&network, &inputs, &targets, &[1.0, 1.0], Loss::MeanSquared).unwrap();
    let train = |config: TrainingConfig, objective: &Supervised<'_, f64, Linear>| {
        let error = config.train(parameters.clone(), objective, None, &mut rng(), &mut ()).unwrap_err();
        error.to_string()
    };
    for (config, what) in [
        (TrainingConfig::new().epochs(0), "number of epochs"),
        (TrainingConfig::new().batch_size(0), "batch size"),
        (TrainingConfig::new().micro_rows(0), "rows of a micro-batch"),
        (TrainingConfig::new().threads(0), "number of threads"),
        (TrainingConfig::new().rate(-1.0), "learning rate"),
        (TrainingConfig::new().clip_norm(f64::NAN), "clip norm"),
        (TrainingConfig::new().average(1.0), "average"),
        (TrainingConfig::new().patience(2), "held-out events"),
        (TrainingConfig::new().schedule(Schedule::Cosine { last: -1.0 }), "cosine"),
        (TrainingConfig::new().optimiser(Optimiser::sgd(2.0)), "momentum"),
    ] {
        let error = train(config, &good);
        assert!(error.contains(what), "{what}: {error}");
    }
    // A network of other inputs, or of other outputs than the targets.
    let wide = Matrix::<f64>::zeros(2, 3);
    let other = Supervised::new(&network, &wide, &targets, &[1.0, 1.0], Loss::MeanSquared).unwrap();
    assert!(train(TrainingConfig::new(), &other).contains("shapes (2, 3) and (1, 1)"));
    let two = Matrix::<f64>::zeros(2, 2);
    let other = Supervised::new(&network, &inputs, &two, &[1.0, 1.0], Loss::MeanSquared).unwrap();
    assert!(train(TrainingConfig::new(), &other).contains("outputs and targets"));
}

#[test]
fn a_misspelt_field_of_a_training_is_an_error() {
    let config = serde_json::to_value(TrainingConfig::new()).unwrap();
    assert_eq!(serde_json::from_value::<TrainingConfig>(config.clone()).unwrap(), TrainingConfig::new());
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut config = config.clone();
        change(&mut config);
        serde_json::from_value::<TrainingConfig>(config).unwrap_err().to_string()
    };
    assert!(with(&|config| config["epoch"] = 3.into()).contains("unknown field `epoch`"));
    assert!(
        with(&|config| config["optimiser"]["Adam"]["beta"] = 0.5.into()).contains("unknown field `beta`")
    );
    let schedule = serde_json::json!({ "Cosine": { "last": 0.0, "first": 1.0 } });
    assert!(with(&|config| config["schedule"] = schedule.clone()).contains("unknown field `first`"));
}

#[test]
fn numbers_without_bounds_are_errors_or_harmless() {
    let most = TrainingConfig::new().epochs(usize::MAX).warm_up(usize::MAX).micro_rows(usize::MAX);
    most.check().unwrap();
    let error = TrainingConfig::new().threads(1025).check().unwrap_err().to_string();
    assert!(error.contains("at most 1024"), "{error}");
}
