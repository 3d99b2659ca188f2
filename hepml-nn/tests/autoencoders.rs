//! Autoencoders against what is known exactly.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use hepml_core::nalgebra::DMatrix;
use hepml_core::ndarray::{Array1, Axis, array};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;
use hepml_core::{Load, Observables, Sampler, Save, Table, Weighted};
use hepml_nn::{
    Architecture, AutoencoderConfig, DecoderDeviation, Encoder, Function, Gradients, Head, LatentPrior,
    Matrix, Model, Objective, Parameters, Pass, Schedule, StackConfig, TableConfig, Tape, TrainingConfig,
    UnsupervisedConfig, UnsupervisedLoss, VariationalAutoencoderConfig,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

const COLUMNS: usize = 5;
const LATENT: usize = 2;
const DEVIATION: f64 = 0.5;

/// A x = A z + 0.5 epsilon with a fixed A [2, 5].
fn mixing() -> Table {
    array![[1.5, -0.5, 0.3, 0.8, -1.0], [0.2, 1.1, -0.9, 0.4, 0.6]]
}

fn linear_gaussian(count: usize, seed: u64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let latents = Table::from_shape_simple_fn((count, LATENT), || normal(&mut rng));
    let noise = Table::from_shape_simple_fn((count, COLUMNS), || DEVIATION * normal(&mut rng));
    latents.dot(&mixing()) + noise
}

/// ln N(x; 0, A^T A + s² 1) of each event.
fn exact_log_density(table: &Table) -> Array1<f64> {
    let a = mixing();
    let covariance = DMatrix::from_fn(COLUMNS, COLUMNS, |i, j| {
        a.column(i).dot(&a.column(j)) + if i == j { DEVIATION * DEVIATION } else { 0.0 }
    });
    let cholesky = covariance.cholesky().unwrap();
    let log_determinant = 2.0 * cholesky.l().diagonal().map(f64::ln).sum();
    table
        .rows()
        .into_iter()
        .map(|x| {
            let x = hepml_core::nalgebra::DVector::from_iterator(COLUMNS, x.iter().copied());
            let pull = cholesky.l().solve_lower_triangular(&x).unwrap().norm_squared();
            -0.5 * (pull + log_determinant + COLUMNS as f64 * std::f64::consts::TAU.ln())
        })
        .collect()
}

fn linear() -> StackConfig {
    StackConfig::new([])
}

fn training(epochs: usize, batch: usize) -> TrainingConfig {
    TrainingConfig::new().epochs(epochs).batch_size(batch).rate(2e-2).schedule(Schedule::Cosine { last: 0.0 })
}

#[test]
fn a_linear_autoencoder_finds_the_principal_components() {
    let table = linear_gaussian(500, 1);
    let config = AutoencoderConfig::new(LATENT).encoder(linear()).decoder(linear());
    let learner =
        UnsupervisedConfig::new(config).training(training(3000, 500)).validation(0.0).precision::<f64>();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let model = learner.fit(&Weighted::unit(table.clone()), &mut rng, &mut ()).unwrap().model;

    let prepared = model.encoder().encode::<f64>(&table).unwrap().to_array();
    let matrix = DMatrix::from_fn(500, COLUMNS, |i, j| prepared[[i, j]]);
    let svd = matrix.svd(false, true);
    let (values, axes) = (svd.singular_values, svd.v_t.unwrap());
    // The mean squared error of the best rank: the singular values that are left.
    let least = values.rows(LATENT, COLUMNS - LATENT).norm_squared() / (500 * COLUMNS) as f64;
    let reached = model.observe(&table).unwrap().mean().unwrap();
    assert!((reached / least - 1.0).abs() < TRAINED, "{reached} {least}");
    assert!(reached >= least * (1.0 - 1e-12), "no plane is nearer than that of the principal components");

    // What the decoder spans lies in that plane: steps along each latent axis.
    let mut latents = Table::zeros((LATENT + 1, LATENT));
    for axis in 0..LATENT {
        latents[[axis + 1, axis]] = 1.0;
    }
    let points = model.encoder().encode::<f64>(&model.decode(&latents).unwrap()).unwrap().to_array();
    for axis in 0..LATENT {
        let step = &points.row(axis + 1) - &points.row(0);
        let step = DMatrix::from_fn(1, COLUMNS, |_, j| step[j]);
        let inside = &step * axes.rows(0, LATENT).transpose();
        let sine = (1.0 - (inside.norm() / step.norm()).powi(2)).max(0.0).sqrt();
        assert!(sine < TRAINED.sqrt(), "{sine}");
    }
    let error = (&model.reconstruct(&table).unwrap() - &table).mapv(|d| d * d).mean().unwrap();
    assert!(error > 0.0 && error < 2.0 * DEVIATION * DEVIATION);
}

/// How near to its optimum 3000 steps of Adam with a falling rate bring the error; angles go as its root.
const TRAINED: f64 = 1e-4;

#[test]
fn the_bound_of_a_linear_model_approaches_its_likelihood_from_below() {
    let table = linear_gaussian(6000, 3);
    let config = VariationalAutoencoderConfig::new(LatentPrior::Gaussian { dimensions: LATENT })
        .encoder(linear())
        .decoder(linear())
        .table(TableConfig::default().standardise(false));
    let learner = UnsupervisedConfig::new(config).training(training(40, 100)).precision::<f64>();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let model = learner.fit(&Weighted::unit(table), &mut rng, &mut ()).unwrap().model;

    let fresh = linear_gaussian(20_000, 5);
    let bound = -model.observe(&fresh).unwrap().sum_axis(Axis(1));
    let difference = &bound - &exact_log_density(&fresh);
    let (mean, error) = (difference.mean().unwrap(), difference.std(1.0) / (20_000_f64).sqrt());
    // Below by the divergence of the model from the truth: about half its 32 numbers over the 5400 training events, and what
    // noisy steps leave.
    assert!(mean < 4.0 * error, "{mean} ± {error}");
    assert!(mean > -0.02 - 4.0 * error, "{mean} ± {error}");
    // Those of single columns are known less well: what one column has alone, and what it shares with a factor, differ little in
    // the likelihood.
    for deviation in model.deviations() {
        assert!((deviation / DEVIATION - 1.0).abs() < 0.15, "{deviation}");
    }

    // The cubature rule is exact for a linear decoder: draws agree within their error.
    let few = fresh.slice(hepml_core::ndarray::s![..400, ..]).to_owned();
    let exact = model.observe(&few).unwrap();
    let drawn = model.elbo_terms(&few, 100, &mut rng).unwrap();
    let pulls = &drawn.column(0) - &exact.column(0);
    assert!(pulls.mean().unwrap().abs() < 4.0 * pulls.std(1.0) / 20.0);
    assert!(pulls.std(1.0) > 0.0);
    let largest = (&drawn.column(1) - &exact.column(1)).fold(0.0_f64, |m, d| m.max(d.abs()));
    assert!(largest < 1e-12, "the divergence has a closed form: {largest}");

    // Draws have the covariance of the data: 20,000 events, 5 standard deviations of each entry.
    let sampled = model.sample(20_000, &mut rng).unwrap();
    let a = mixing();
    for i in 0..COLUMNS {
        for j in 0..COLUMNS {
            let variance = |i: usize, j: usize| {
                a.column(i).dot(&a.column(j)) + if i == j { DEVIATION * DEVIATION } else { 0.0 }
            };
            let product = sampled.column(i).dot(&sampled.column(j)) / 20_000.0;
            let sigma = (variance(i, i) * variance(j, j) + variance(i, j).powi(2)).sqrt();
            // Of the draws and of the training sample, and 2% for what is left of the training.
            let error = sigma * (5.0 * (1.0 / 20_000.0_f64 + 1.0 / 5400.0).sqrt() + 0.02);
            assert!((product - variance(i, j)).abs() < error, "{i} {j}: {product} {}", variance(i, j));
        }
    }
}

fn priors() -> [LatentPrior; 3] {
    [
        LatentPrior::Gaussian { dimensions: 3 },
        LatentPrior::Mixture { dimensions: 3, components: 2 },
        LatentPrior::Dirichlet { alphas: vec![0.5, 1.0, 2.0] },
    ]
}

fn small(prior: LatentPrior) -> VariationalAutoencoderConfig {
    let hidden = StackConfig::new([6]).activation(Function::Tanh);
    VariationalAutoencoderConfig::new(prior).encoder(hidden.clone()).decoder(hidden)
}

fn untrained(prior: LatentPrior, table: &Table) -> Model<VariationalAutoencoderConfig, f64> {
    let config = small(prior);
    let encoder = config.fit_encoder(&Weighted::unit(table.clone())).unwrap();
    Model::untrained(config, encoder, Head::Identity, &mut ChaCha8Rng::seed_from_u64(6)).unwrap()
}

#[test]
fn divergences_agree_with_draws() {
    let table = linear_gaussian(4, 7);
    for prior in
        [LatentPrior::Gaussian { dimensions: 3 }, LatentPrior::Dirichlet { alphas: vec![0.5, 1.0, 2.0] }]
    {
        // Mean and variance of the prior of z, as arXiv:1703.01488 has them; 1/alpha sum to 3.5.
        let (prior_means, prior_variances): ([f64; 3], [f64; 3]) = match prior {
            LatentPrior::Dirichlet { .. } => {
                // (1 - 2/3)/alpha + 3.5/9; ln 0.5 + ln 1 + ln 2 = 0.
                let variance = |alpha: f64| 1.0 / (3.0 * alpha) + 3.5 / 9.0;
                ([-2.0_f64.ln(), 0.0, 2.0_f64.ln()], [variance(0.5), variance(1.0), variance(2.0)])
            }
            _ => ([0.0; 3], [1.0; 3]),
        };
        let model = untrained(prior, &table);
        let posterior = model.posterior(&table).unwrap();
        let closed = model.observe(&table).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let count = 40_000;
        for event in 0..4 {
            let draws: Array1<f64> = (0..count)
                .map(|_| {
                    (0..3)
                        .map(|i| {
                            let (mean, log_variance) = (posterior[[event, i]], posterior[[event, 3 + i]]);
                            let epsilon = normal(&mut rng);
                            let z = mean + (0.5 * log_variance).exp() * epsilon;
                            let log_q = -0.5 * (epsilon * epsilon + log_variance);
                            let pull = (z - prior_means[i]).powi(2) / prior_variances[i];
                            log_q + 0.5 * (pull + prior_variances[i].ln())
                        })
                        .sum::<f64>()
                })
                .collect();
            let error = draws.std(1.0) / f64::from(count).sqrt();
            let mean = draws.mean().unwrap();
            assert!(
                (closed[[event, 1]] - mean).abs() < 4.0 * error,
                "{} {mean} ± {error}",
                closed[[event, 1]]
            );
        }
    }
}

#[test]
fn a_mixture_of_one_is_a_gaussian() {
    let table = linear_gaussian(300, 9);
    let model = untrained(LatentPrior::Mixture { dimensions: 3, components: 1 }, &table);
    let mut parameters = Parameters::clone(model.parameters());
    let means = [0.7, -0.2, 1.1];
    let id = parameters.ids().find(|id| parameters.name(*id).unwrap() == "prior/means").unwrap();
    parameters.set(id, &Matrix::from_rows(1, 3, &means).unwrap()).unwrap();
    let (architecture, encoder, network) =
        (model.architecture().clone(), model.encoder().clone(), model.network().clone());
    let model = Model::new(architecture, encoder, network, parameters, Head::Identity).unwrap();
    let posterior = model.posterior(&table).unwrap();
    // KL(N(mu, sigma²) || N(m, 1)): a polynomial of second degree in z, for which the cubature is exact.
    let divergences = model.observe(&table).unwrap();
    for event in 0..300 {
        let exact: f64 = (0..3)
            .map(|i| {
                let log_variance = posterior[[event, 3 + i]];
                let distance = posterior[[event, i]] - means[i];
                0.5 * (distance * distance + log_variance.exp() - 1.0 - log_variance)
            })
            .sum();
        assert!((divergences[[event, 1]] - exact).abs() < 1e-12 * (1.0 + exact));
    }
}

#[test]
fn the_dirichlet_prior_is_that_of_the_authors_code() {
    // alpha = (0.9, 0.9): mean 0, variance 0.5556 each (printed to 8 digits in the notebook of arXiv:2104.08291's code), so that
    // z_1 - z_2 has variance 2 · 0.5556. Drawn: the variance of 40,000 logits, 5 standard deviations.
    let table = linear_gaussian(10, 10);
    let model = untrained(LatentPrior::Dirichlet { alphas: vec![0.9, 0.9] }, &table);
    let latents = model.sample_latents(40_000, &mut ChaCha8Rng::seed_from_u64(11));
    let logits: Array1<f64> = latents.rows().into_iter().map(|r| (r[0] / r[1]).ln()).collect();
    let (variance, exact) = (logits.var(1.0), 2.0 * 0.555_555_56);
    assert!((variance / exact - 1.0).abs() < 5.0 * (2.0_f64 / 40_000.0).sqrt(), "{variance}");
    assert!(latents.rows().into_iter().all(|r| (r.sum() - 1.0).abs() < 1e-14));
    let encoded = model.encode(&table).unwrap();
    assert!(encoded.rows().into_iter().all(|r| (r.sum() - 1.0).abs() < 1e-14 && r.iter().all(|x| *x > 0.0)));
}

/// What a central difference with extrapolation leaves, relative to the largest entry of the gradient.
const GRADIENT: f64 = 1e-8;

#[test]
fn gradients_of_all_bounds_are_derivatives() {
    let table = linear_gaussian(7, 12);
    for prior in priors() {
        for seed in [None, Some(13)] {
            let config = small(prior.clone());
            let encoder = config.fit_encoder(&Weighted::unit(table.clone())).unwrap();
            let inputs = encoder.encode::<f64>(&table).unwrap();
            let mut parameters = Parameters::new();
            let network =
                config.build(&encoder, &mut parameters, &mut ChaCha8Rng::seed_from_u64(14)).unwrap();
            let weights = [1.0, -0.5, 2.0, 1.0, 0.3, 1.0, 1.0];
            let objective = UnsupervisedLoss::new(&network, &inputs, &weights).unwrap();
            let ids: Vec<_> = parameters.ids().collect();
            let flat = |view: hepml_nn::View<'_, f64>| view.to_array().into_iter().collect::<Vec<f64>>();
            let start: Vec<f64> = ids.iter().flat_map(|id| flat(parameters.value(*id).unwrap())).collect();
            let at = |theta: &[f64]| {
                let mut parameters = parameters.clone();
                let mut rest = theta;
                for id in &ids {
                    let (rows, columns) = parameters.value(*id).unwrap().shape();
                    let (value, after) = rest.split_at(rows * columns);
                    parameters.set(*id, &Matrix::from_rows(rows, columns, value).unwrap()).unwrap();
                    rest = after;
                }
                let parameters = Arc::new(parameters);
                let mut gradients = Gradients::zeros(&parameters);
                let mut tape = Tape::new();
                tape.begin(&parameters);
                // The same noise each time.
                let mut rng = ChaCha8Rng::seed_from_u64(seed.unwrap_or(0));
                let mut pass = match seed {
                    Some(_) => Pass::training(&mut tape, &mut rng),
                    None => Pass::evaluation(&mut tape),
                };
                let all: Vec<usize> = (0..7).collect();
                let loss = objective.loss(&mut pass, &mut Default::default(), &all).unwrap();
                let value = pass.value(loss).unwrap().scalar().unwrap();
                pass.backward(loss, &mut gradients).unwrap();
                let gradient: Vec<f64> =
                    ids.iter().flat_map(|id| flat(gradients.value(&parameters, *id).unwrap())).collect();
                (value, gradient)
            };
            let (_, gradient) = at(&start);
            let scale = gradient.iter().fold(1.0_f64, |m, g| m.max(g.abs()));
            check_gradient(
                |theta| Ok::<f64, hepml_nn::Error>(at(theta).0),
                &gradient,
                &start,
                0.005,
                GRADIENT * scale,
            )
            .unwrap_or_else(|error| panic!("{prior:?}: {error}"));
        }
    }
}

#[test]
fn saved_autoencoders_give_the_same_bits() {
    let table = linear_gaussian(600, 15);
    for prior in priors() {
        let learner = UnsupervisedConfig::new(small(prior)).training(training(2, 100));
        let mut rng = ChaCha8Rng::seed_from_u64(16);
        let fitted = learner.fit(&Weighted::unit(table.clone()), &mut rng, &mut ()).unwrap();
        let model = fitted.model;
        let loaded = Model::<VariationalAutoencoderConfig>::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded.observe(&table).unwrap(), model.observe(&table).unwrap());
        assert_eq!(loaded.summary(), model.summary());
        let sample = |model: &Model<VariationalAutoencoderConfig>| {
            model.sample(300, &mut ChaCha8Rng::seed_from_u64(17)).unwrap()
        };
        assert_eq!(sample(&loaded), sample(&model));
        assert_eq!(sample(&model).dim(), (300, COLUMNS));
        // An event's draws do not depend on the others.
        let terms = |table: &Table| model.elbo_terms(table, 5, &mut ChaCha8Rng::seed_from_u64(18)).unwrap();
        let first = table.slice(hepml_core::ndarray::s![..3, ..]).to_owned();
        assert_eq!(terms(&first), terms(&table).slice(hepml_core::ndarray::s![..3, ..]));
        assert_eq!(model.observe(&Table::zeros((0, COLUMNS))).unwrap().dim(), (0, 2));
        assert_eq!(model.sample(0, &mut rng).unwrap().dim(), (0, COLUMNS));
    }
}

#[test]
fn a_mixture_finds_its_modes() {
    // Two far lumps in one column: a latent mixture of two explains them with a higher bound than one Gaussian can.
    let mut rng = ChaCha8Rng::seed_from_u64(19);
    let table = Table::from_shape_fn((2000, 1), |(event, _)| {
        if event % 2 == 0 { 3.0 + 0.3 * normal(&mut rng) } else { -3.0 + 0.3 * normal(&mut rng) }
    });
    let fit = |prior: LatentPrior, seed: u64| {
        let config = VariationalAutoencoderConfig::new(prior)
            .encoder(StackConfig::new([16]).activation(Function::Tanh))
            .decoder(linear())
            .deviation(DecoderDeviation::Fixed { deviation: 0.08 });
        let learner = UnsupervisedConfig::new(config).training(training(30, 100));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let model = learner.fit(&Weighted::unit(table.clone()), &mut rng, &mut ()).unwrap().model;
        let bound = -model.observe(&table).unwrap().sum() / 2000.0;
        let sampled = model.sample(4000, &mut rng).unwrap();
        let between = sampled.iter().filter(|x| x.abs() < 1.5).count();
        (bound, between)
    };
    // The exact mean log density of the standardised column, -ln 2 - ln(sqrt(2 pi e) 0.3/deviation).
    let deviation = (9.0_f64 + 0.09).sqrt();
    let exact = -(2.0_f64.ln() + (0.3 / deviation).ln() + 0.5 * (1.0 + std::f64::consts::TAU.ln()));
    for seed in [20, 21, 22] {
        let (mixture, between_modes) = fit(LatentPrior::Mixture { dimensions: 1, components: 2 }, seed);
        let (single, between_single) = fit(LatentPrior::Gaussian { dimensions: 1 }, seed);
        // Above by what a sample of 2000 has by chance (4 sqrt(1/2/2000)), below by what the training leaves.
        assert!(mixture < exact + 0.063 && mixture > exact - 0.3, "{mixture} {exact}");
        assert!(single < mixture - 0.2, "{single} {mixture}");
        assert!(between_modes < 100 && between_single > 400, "{between_modes} {between_single}");
    }
}

#[test]
fn bad_configurations_are_named() {
    let table = linear_gaussian(10, 20);
    let error = |config: VariationalAutoencoderConfig| {
        let learner = UnsupervisedConfig::new(config);
        let mut rng = ChaCha8Rng::seed_from_u64(21);
        match learner.fit(&Weighted::unit(table.clone()), &mut rng, &mut ()) {
            Ok(_) => panic!("no error"),
            Err(error) => error.to_string(),
        }
    };
    assert!(error(small(LatentPrior::Gaussian { dimensions: 0 })).contains("latent dimensions"));
    assert!(error(small(LatentPrior::Dirichlet { alphas: vec![1.0] })).contains("latent dimensions"));
    assert!(error(small(LatentPrior::Dirichlet { alphas: vec![1.0, 0.0] })).contains("alpha"));
    let mixture = LatentPrior::Mixture { dimensions: 1, components: 0 };
    assert!(error(small(mixture)).contains("components"));
    let gaussian = || small(LatentPrior::Gaussian { dimensions: 1 });
    assert!(error(gaussian().beta(-1.0)).contains("beta"));
    let fixed = DecoderDeviation::Fixed { deviation: 0.0 };
    assert!(error(gaussian().deviation(fixed)).contains("deviation"));
    let model = untrained(LatentPrior::Gaussian { dimensions: 3 }, &table);
    let message = model.decode(&Table::zeros((2, 2))).unwrap_err().to_string();
    assert_eq!(message, "latent numbers: expected 3, got 2");
    let message = model.decode(&array![[0.0, f64::NAN, 0.0]]).unwrap_err().to_string();
    assert!(message.contains("latent numbers, column 1, of event 0"), "{message}");
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    assert!(model.elbo_terms(&table, 0, &mut rng).unwrap_err().to_string().contains("samples"));
    let empty = Weighted::unit(Table::zeros((0, COLUMNS)));
    let learner = UnsupervisedConfig::new(AutoencoderConfig::new(2));
    assert!(learner.fit(&empty, &mut rng, &mut ()).unwrap_err().to_string().contains("empty"));
    assert!(
        UnsupervisedConfig::new(AutoencoderConfig::new(0))
            .fit(&Weighted::unit(table.clone()), &mut rng, &mut ())
            .unwrap_err()
            .to_string()
            .contains("outputs of \"encoder\"")
    );
}
