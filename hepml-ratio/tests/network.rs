//! Ratios by networks against exact ones, and what they refuse.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;

use hepml_core::ndarray::{Array1, Array2};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Fitted, FourMomentum, Load, LogRatio, ParticleSets, Progress, RatioEstimator, Save, Table, Weighted,
};
use hepml_nn::{
    Architecture, DeepSetsConfig, EfnConfig, EncodedOf, Function, MlpConfig, Network, ParticleInput,
    PfnConfig, Scalar, Schedule, StackConfig, TrainingConfig,
};
use hepml_ratio::{
    EnsembleConfig, EnsembleRatio, Error, NetworkConfig, NetworkRatio, RatioLoss, Renormalised,
    SignedPartsConfig, SignedRatio,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// N(+mu, 1) against N(-mu, 1), whose ln r is 2 mu x; with a second column of noise.
fn gaussians(mu: f64, events: usize, seed: u64) -> [Weighted<Table>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [mu, -mu].map(|mean| {
        Weighted::unit(Array2::from_shape_fn((events, 2), |(_, column)| {
            normal(&mut rng) + if column == 0 { mean } else { 0.0 }
        }))
    })
}

fn learner(loss: RatioLoss) -> NetworkConfig<MlpConfig> {
    let architecture = MlpConfig::new(1).hidden(StackConfig::new([24]).activation(Function::Silu));
    let training = TrainingConfig::new().epochs(20).batch_size(200).rate(1e-2).schedule(Schedule::cosine());
    NetworkConfig::new(architecture).loss(loss).training(training)
}

fn fit<T: Scalar>(
    learner: &NetworkConfig<MlpConfig, T>,
    sides: &[Weighted<Table>; 2],
    seed: u64,
) -> hepml_core::Result<Fitted<NetworkRatio<MlpConfig, T>>> {
    learner.fit(&sides[0], &sides[1], &mut ChaCha8Rng::seed_from_u64(seed), &mut ())
}

/// The mean |z - 2 mu x| over the central 95% of other events of both sides.
fn mean_abs_error(model: &impl LogRatio<Table>, mu: f64) -> f64 {
    let sides = gaussians(mu, 2000, 999);
    let events = Weighted::concat(&[&sides[0], &sides[1]]).unwrap();
    let exact = events.events().column(0).mapv(|x| 2.0 * mu * x);
    let z = model.log_ratio(events.events()).unwrap();
    let mut pairs: Vec<(f64, f64)> = exact.into_iter().zip(z).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let central = &pairs[pairs.len() / 40..pairs.len() - pairs.len() / 40];
    central.iter().map(|(exact, z)| (z - exact).abs()).sum::<f64>() / central.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What some thousand events of each side leave open to a network, about four times over.
const REACH: f64 = 0.2;

#[test]
fn every_loss_finds_the_ratio_of_gaussians() {
    const MU: f64 = 0.3;
    // Averaged parameters: the noise of single steps is not what losses are compared by.
    let training = TrainingConfig::new().epochs(20).batch_size(200).rate(1e-2).average(0.99);
    let training = training.schedule(Schedule::cosine());
    let error_of = |loss: RatioLoss| {
        let learner = learner(loss).training(training.clone());
        median(
            (0..3)
                .map(|seed| {
                    let fitted = fit(&learner, &gaussians(MU, 10_000, seed), 100 + seed).unwrap();
                    let report = &fitted.report;
                    for name in ["normalisation", "closure auc", "clipped losses", "best loss/validation"] {
                        assert!(report.get(name).is_some(), "{loss:?}: no {name}");
                    }
                    mean_abs_error(&fitted.model, MU)
                })
                .collect(),
        )
    };
    let bce = error_of(RatioLoss::Bce);
    assert!(bce < REACH, "BCE: {bce}");
    for loss in [
        RatioLoss::Mlc,
        RatioLoss::Sqr,
        RatioLoss::Mse,
        RatioLoss::PMse(1.5),
        RatioLoss::PSqr(0.5),
        RatioLoss::Lsif,
    ] {
        let error = error_of(loss);
        assert!(error < REACH, "{loss:?}: {error}");
        if matches!(loss, RatioLoss::Mlc | RatioLoss::Sqr) {
            assert!(error < 1.5 * bce, "{loss:?}: {error}, BCE: {bce}");
        }
    }
}

#[test]
fn the_report_speaks_of_events_that_nothing_saw() {
    let fitted = fit(&learner(RatioLoss::Bce), &gaussians(0.3, 8000, 1), 2).unwrap();
    let report = &fitted.report;
    // 800 events of each side: the fit's own error is smaller than theirs.
    for (name, truth) in [("normalisation", 1.0), ("normalisation/renormalised", 1.0), ("closure auc", 0.5)] {
        let measure = report.get(name).unwrap();
        let pull = (measure.value - truth) / measure.error.unwrap();
        assert!(pull.abs() < 4.0, "{name}: {measure:?}");
    }
    assert_eq!(report.get("effective sample size/denominator").unwrap().value, 800.0);
    assert_eq!(report.get("events").unwrap().value, 12_800.0);
    let summary = fitted.model.model().summary();
    assert_eq!(summary.measures["closure auc"], report.get("closure auc").unwrap().value);
}

fn bits(z: &Array1<f64>) -> Vec<u64> {
    z.iter().map(|z| z.to_bits()).collect()
}

fn same_bits<T: Scalar>(learner: &NetworkConfig<MlpConfig, T>) {
    let weights = |factor: f64| (0..1500).map(|event| factor * (1.0 + 0.1 * f64::from(event % 7))).collect();
    let sides = gaussians(0.5, 1500, 3).map(|side| side.reweighted(weights(1.0)).unwrap());
    let events = sides[0].events();
    let first = fit(learner, &sides, 4).unwrap();
    let z = bits(&first.model.log_ratio(events).unwrap());
    // Weights are relative to their sum: powers of 2 round nothing.
    let scaled = [(&sides[0], 4.0), (&sides[1], 0.125)];
    let scaled = scaled.map(|(side, factor)| side.reweighted(weights(factor)).unwrap());
    assert_eq!(bits(&fit(learner, &scaled, 4).unwrap().model.log_ratio(events).unwrap()), z);
    let training = TrainingConfig::new().epochs(20).batch_size(200).rate(1e-2);
    for threads in [1, 2] {
        let learner =
            learner.clone().training(training.clone().schedule(Schedule::cosine()).threads(threads));
        assert_eq!(bits(&fit(&learner, &sides, 4).unwrap().model.log_ratio(events).unwrap()), z);
    }
    let bytes = first.model.to_bytes().unwrap();
    let loaded = NetworkRatio::<MlpConfig, T>::from_bytes(&bytes).unwrap();
    assert_eq!(bits(&loaded.log_ratio(events).unwrap()), z);
    assert_eq!(loaded.to_bytes().unwrap(), bytes);
    assert_eq!(loaded.loss(), first.model.loss());
    for length in [0, 100, bytes.len() - 1] {
        assert!(NetworkRatio::<MlpConfig, T>::from_bytes(&bytes[..length]).is_err());
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    same_bits(&learner(RatioLoss::Bce));
    // With an output that is scaled, and in f64.
    same_bits(&learner(RatioLoss::PMse(1.5)).precision::<f64>());
    let bytes = fit(&learner(RatioLoss::Bce), &gaussians(0.5, 300, 3), 4).unwrap().model.to_bytes().unwrap();
    let error = NetworkRatio::<MlpConfig, f64>::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("f32"), "{error}");
    let error = NetworkRatio::<DeepSetsConfig>::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("hepml-nn/mlp"), "{error}");
    let error = SignedRatio::<NetworkRatio<MlpConfig>>::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("hepml-ratio/network"), "{error}");
}

/// The mean |z| of two models' difference, on events of both sides.
fn difference(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    (a - b).mapv(f64::abs).mean().unwrap()
}

#[test]
fn exchanged_sides_permuted_columns_and_other_numbers_give_about_the_same() {
    let sides = gaussians(0.5, 5000, 31);
    let judges = gaussians(0.5, 1000, 32)[0].events().clone();
    let learner = learner(RatioLoss::Bce);
    let z = |sides: &[Weighted<Table>; 2], seed| {
        fit(&learner, sides, seed).unwrap().model.log_ratio(&judges).unwrap()
    };
    let plain = z(&sides, 33);
    let exchanged = z(&[sides[1].clone(), sides[0].clone()], 34);
    assert!(difference(&plain, &-exchanged) < REACH);
    let swap = |table: &Table| table.select(hepml_core::ndarray::Axis(1), &[1, 0]);
    let swapped = sides.clone().map(|side| Weighted::unit(swap(side.events())));
    let model = fit(&learner, &swapped, 35).unwrap().model;
    assert!(difference(&plain, &model.log_ratio(&swap(&judges)).unwrap()) < REACH);
    // The same random numbers in f64: training magnifies the rounding of f32, and stays far below what the events leave open.
    let wide = fit(&learner.clone().precision::<f64>(), &sides, 33).unwrap().model;
    let rounding = difference(&plain, &wide.log_ratio(&judges).unwrap());
    assert!(rounding > 0.0 && rounding < 0.1 * REACH, "{rounding}");
}

#[test]
fn a_training_that_diverges_names_the_side_and_the_users_event() {
    let sides = gaussians(0.5, 300, 36);
    // Steps that take every parameter beyond the numbers of f32.
    let training = TrainingConfig::new().epochs(3).rate(1e38);
    let error = fit(&learner(RatioLoss::Mlc).training(training), &sides, 37).unwrap_err();
    let Some(Error::Diverged { event, divergence }) = error.downcast_ref() else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.contains("not finite in epoch 1"), "{text}");
    assert!(divergence.state::<f32>().is_some());
    if let Some((side, event)) = event {
        assert!(*event < 300 && text.contains(&format!("at event {event} of the {side}")), "{text}");
    }
}

#[test]
fn configurations_are_serialised() {
    let config = learner(RatioLoss::PMse(1.5)).validation(0.2);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<NetworkConfig<MlpConfig>>(&text).unwrap(), config);
}

/// Each side with events of a Gaussian of some width that cancel in pairs: a fifth of all weights is negative.
fn with_cancelling_pairs(sides: &[Weighted<Table>; 2], width: f64, seed: u64) -> [Weighted<Table>; 2] {
    sides.clone().map(|side| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = side.len() / 3;
        let noise = |rng: &mut ChaCha8Rng, weight: f64| {
            let events = Array2::from_shape_simple_fn((count, 2), || width * normal(rng));
            Weighted::new(events, vec![weight; count]).unwrap()
        };
        Weighted::concat(&[&side, &noise(&mut rng, 1.0), &noise(&mut rng, -1.0)]).unwrap()
    })
}

#[test]
fn negative_weights_that_cancel_change_nothing_but_the_error() {
    const MU: f64 = 0.5;
    let sides = with_cancelling_pairs(&gaussians(MU, 6000, 5), 1.5, 6);
    for loss in [RatioLoss::Bce, RatioLoss::Mse] {
        let fitted = fit(&learner(loss), &sides, 7).unwrap();
        let negative = fitted.report.get("negative weight fraction").unwrap().value;
        assert!((negative - 0.2).abs() < 0.01, "{negative}");
        let error = mean_abs_error(&fitted.model, MU);
        assert!(error < 2.0 * REACH, "{loss:?}: {error}");
    }
}

#[test]
fn signed_parts_find_the_ratio_without_a_negative_weight() {
    const MU: f64 = 0.5;
    let [numerator, denominator] = with_cancelling_pairs(&gaussians(MU, 6000, 22), 1.5, 23);
    let rng = &mut ChaCha8Rng::seed_from_u64(24);
    let learner = SignedPartsConfig::new(learner(RatioLoss::Bce)).examination(0.0);
    let fitted = learner.fit(&numerator, &denominator, rng, &mut ()).unwrap();
    assert_eq!(fitted.report.parts.len(), 3);
    let coefficient = fitted.report.get("coefficient/numerator, negative").unwrap().value;
    assert!((coefficient - 1.0 / 3.0).abs() < 1e-12, "{coefficient}");
    // Where there are enough events; in the tails differences of the parts may be negative.
    let places = Table::from_shape_fn((21, 2), |(i, j)| if j == 0 { 0.1 * i as f64 - 1.0 } else { 0.0 });
    let ratio = fitted.model.ratio(&places).unwrap();
    let error = places.column(0).iter().zip(&ratio).map(|(x, r)| (r.ln() - 2.0 * MU * x).abs()).sum::<f64>();
    assert!(error / 21.0 < 2.0 * REACH, "{}", error / 21.0);
    let bytes = fitted.model.to_bytes().unwrap();
    let loaded = SignedRatio::<NetworkRatio<MlpConfig>>::from_bytes(&bytes).unwrap();
    assert_eq!(bits(&loaded.ratio(&places).unwrap()), bits(&ratio));
}

#[test]
fn signed_parts_are_examined() {
    // Pairs as wide as the sides would leave a difference of equals in the tails, whose ratio has no variance.
    let [numerator, denominator] = with_cancelling_pairs(&gaussians(0.5, 6000, 22), 0.7, 23);
    let rng = &mut ChaCha8Rng::seed_from_u64(24);
    let learner = SignedPartsConfig::new(learner(RatioLoss::Bce));
    let fitted = learner.fit(&numerator, &denominator, rng, &mut ()).unwrap();
    for (name, truth) in [("normalisation", 1.0), ("closure auc", 0.5)] {
        let measure = fitted.report.get(name).unwrap_or_else(|| panic!("{name} in {:?}", fitted.report));
        // 1000 events of a side, worth 360: known to 0.05, three times over.
        assert!((measure.value - truth).abs() < 0.15, "{name}: {measure:?}");
    }
    let coefficient = fitted.report.get("coefficient/numerator, negative").unwrap().value;
    // Those of nine tenths of the events, of which about as many are negative.
    assert!((coefficient - 1.0 / 3.0).abs() < 0.02, "{coefficient}");
}

#[test]
fn ensembles_of_networks_are_saved() {
    let [numerator, denominator] = gaussians(0.5, 1000, 25);
    let rng = &mut ChaCha8Rng::seed_from_u64(26);
    let ensemble = EnsembleConfig::new(learner(RatioLoss::Sqr), 3);
    let model = ensemble.fit(&numerator, &denominator, rng, &mut ()).unwrap().model;
    let loaded = EnsembleRatio::<NetworkRatio<MlpConfig>>::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let z = model.log_ratio(numerator.events()).unwrap();
    assert_eq!(bits(&loaded.log_ratio(numerator.events()).unwrap()), bits(&z));
    let renormalised = Renormalised::new(model, &denominator).unwrap();
    let loaded =
        Renormalised::<EnsembleRatio<NetworkRatio<MlpConfig>>>::from_bytes(&renormalised.to_bytes().unwrap())
            .unwrap();
    let z = renormalised.log_ratio(numerator.events()).unwrap();
    assert_eq!(bits(&loaded.log_ratio(numerator.events()).unwrap()), bits(&z));
}

#[test]
fn runaway_losses_are_clipped_and_counted() {
    // A corner in which the denominator's net weight is negative: z runs to infinity.
    let [numerator, denominator] = gaussians(0.5, 2000, 8);
    let corner = |weight: f64| Weighted::new(Table::from_elem((600, 2), 4.0), vec![weight; 600]).unwrap();
    let sides = [
        Weighted::concat(&[&numerator, &corner(1.0)]).unwrap(),
        Weighted::concat(&[&denominator, &corner(-1.0)]).unwrap(),
    ];
    let training = TrainingConfig::new().epochs(30).batch_size(200).rate(3e-2);
    let learner = |loss| learner(loss).training(training.clone()).validation(0.0);
    // In f32 the loss may end beyond all numbers, which is an error of the training.
    let fitted = fit(&learner(RatioLoss::Mlc).precision::<f64>(), &sides, 9).unwrap();
    assert!(fitted.report.get("clipped losses").unwrap().value > 0.0);
    assert!(fitted.report.warnings.iter().any(|w| w.contains("clipped")), "{:?}", fitted.report);
    let unbounded = fit(&learner(RatioLoss::Bce), &sides, 9).unwrap();
    let warnings = &unbounded.report.warnings;
    assert!(warnings.iter().any(|w| w.contains("fell below 0")), "{warnings:?}");
    let saturates = fit(&learner(RatioLoss::Mse), &sides, 9).unwrap();
    assert_eq!(saturates.report.get("clipped losses").unwrap().value, 0.0);
    assert!(
        saturates.report.warnings.iter().any(|w| w.contains("net weight of the denominator is negative")),
        "{:?}",
        saturates.report.warnings
    );
}

/// Poisson point processes of rates nu p(x) on [0, 1]: p = 2x and nu = 4 against p = 1 and nu = 3.
fn point_processes(events: usize, seed: u64) -> [Weighted<ParticleSets>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [4.0_f64, 3.0].map(|rate| {
        let (mut times, mut offsets) = (Vec::new(), vec![0]);
        for _ in 0..events {
            // Knuth: uniform numbers until their product is below e^-rate.
            let mut product: f64 = rng.random();
            while product > (-rate).exp() {
                product *= rng.random::<f64>();
                let u: f64 = rng.random();
                times.push(if rate > 3.5 { u.sqrt() } else { u });
            }
            offsets.push(times.len());
        }
        let count = times.len();
        let features = Array2::from_shape_vec((count, 1), times).unwrap();
        let names = vec!["time".to_owned()];
        Weighted::unit(ParticleSets::new(vec![FourMomentum::ZERO; count], features, names, offsets).unwrap())
    })
}

/// -(nu_A - nu_B) + sum_i ln(nu_A p_A(x_i)/(nu_B p_B(x_i))).
fn exact(events: &ParticleSets) -> Array1<f64> {
    use hepml_core::EventSet;
    Array1::from_shape_fn(events.event_count(), |event| {
        let set = events.event(event);
        let of_hits: f64 = set.features().column(0).iter().map(|x| (4.0 * 2.0 * x / 3.0).ln()).sum();
        of_hits - 1.0
    })
}

#[test]
fn deep_sets_find_the_ratio_of_point_processes() {
    let sides = point_processes(4000, 10);
    let architecture = DeepSetsConfig::new(vec![ParticleInput::Feature("time".into())], 1)
        .phi(StackConfig::new([32, 16]).activation(Function::Silu))
        .f(StackConfig::new([16]).activation(Function::Silu));
    let training = TrainingConfig::new().epochs(20).rate(5e-3).schedule(Schedule::cosine());
    let learner = NetworkConfig::new(architecture).training(training);
    let fitted = learner.fit(&sides[0], &sides[1], &mut ChaCha8Rng::seed_from_u64(11), &mut ()).unwrap();
    let [above, below] = point_processes(1000, 12);
    let (mut sum, mut count, mut spread) = (0.0, 0.0, 0.0);
    for side in [above, below] {
        let z = fitted.model.log_ratio(side.events()).unwrap();
        for (z, exact) in z.iter().zip(exact(side.events())) {
            // Rare hits near 0, where ln 2x falls without end, are beyond what events can teach.
            if exact.abs() < 4.0 {
                sum += (z - exact).abs();
                spread += exact.abs();
                count += 1.0;
            }
        }
    }
    assert!(count > 1800.0);
    assert!(sum / count < 0.3 && sum / count < 0.25 * spread / count, "{}", sum / count);
    // Set by set, in any order and company.
    let [above, _] = point_processes(300, 13);
    let z = fitted.model.log_ratio(above.events()).unwrap();
    let one = above.select(&[17]).unwrap();
    assert_eq!(fitted.model.log_ratio(one.events()).unwrap()[0].to_bits(), z[17].to_bits());
    let bytes = fitted.model.to_bytes().unwrap();
    let loaded = NetworkRatio::<DeepSetsConfig>::from_bytes(&bytes).unwrap();
    assert_eq!(bits(&loaded.log_ratio(above.events()).unwrap()), bits(&z));
}

/// Jets of 1 to 5 particles about an axis, wider ones in the numerator; every fifth has a single particle.
fn jets(events: usize, seed: u64) -> [Weighted<ParticleSets>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [0.4, 0.1].map(|width| {
        let (mut momenta, mut offsets) = (Vec::new(), vec![0]);
        for event in 0..events {
            for _ in 0..=event % 5 {
                let pt = 1.0 + 9.0 * rng.random::<f64>();
                let (y, phi) = (width * normal(&mut rng), width * normal(&mut rng));
                momenta.push(FourMomentum::new(pt * y.cosh(), pt * phi.cos(), pt * phi.sin(), pt * y.sinh()));
            }
            offsets.push(momenta.len());
        }
        let features = Array2::zeros((momenta.len(), 0));
        Weighted::unit(ParticleSets::new(momenta, features, Vec::new(), offsets).unwrap())
    })
}

/// Fits jets, and checks what holds for every network of sets.
fn learns_jets<A>(architecture: &A)
where
    A: Architecture,
    NetworkConfig<A>: RatioEstimator<ParticleSets, Model = NetworkRatio<A>>,
    NetworkRatio<A>: LogRatio<ParticleSets>,
    A::Network: Network<f32, Input = EncodedOf<A, f32>>,
{
    let [numerator, denominator] = jets(1500, 40);
    let learner = |threads| {
        let training = TrainingConfig::new().epochs(8).rate(5e-3).threads(threads);
        NetworkConfig::new(architecture.clone()).training(training)
    };
    let fit = |threads| {
        let rng = &mut ChaCha8Rng::seed_from_u64(41);
        learner(threads).fit(&numerator, &denominator, rng, &mut ()).unwrap()
    };
    let (fitted, other) = (fit(1), fit(2));
    let z = fitted.model.log_ratio(numerator.events()).unwrap();
    assert_eq!(bits(&other.model.log_ratio(numerator.events()).unwrap()), bits(&z));
    assert!(z.iter().all(|z| z.is_finite()));
    // Jets of one particle look alike, wherever it is: the others are told apart.
    assert!(fitted.report.get("auc").unwrap().value > 0.8, "{:?}", fitted.report.get("auc"));
    let one = numerator.select(&[5]).unwrap();
    assert_eq!(one.events().momenta().len(), 1);
    assert_eq!(fitted.model.log_ratio(one.events()).unwrap()[0].to_bits(), z[5].to_bits());
    let bytes = fitted.model.to_bytes().unwrap();
    let loaded = NetworkRatio::<A>::from_bytes(&bytes).unwrap();
    assert_eq!(bits(&loaded.log_ratio(numerator.events()).unwrap()), bits(&z));
    for length in [0, 100, bytes.len() - 1] {
        assert!(NetworkRatio::<A>::from_bytes(&bytes[..length]).is_err());
    }
}

#[test]
fn networks_of_sets_learn_jets_of_any_multiplicity() {
    let layers = |width: usize| StackConfig::new([width]).activation(Function::Silu);
    learns_jets(&PfnConfig::new(1).phi(layers(16)).f(layers(8)));
    learns_jets(&EfnConfig::new(1).phi(layers(16)).f(layers(8)));
}

#[test]
fn bad_input_is_named() {
    let error = |learner: &NetworkConfig<MlpConfig>, sides: &[Weighted<Table>; 2]| {
        fit(learner, sides, 14).unwrap_err().to_string()
    };
    let learner = learner(RatioLoss::Bce);
    let sides = gaussians(0.5, 200, 15);
    // Wherever the event ends up: in training, validation or examination.
    for event in 0..30 {
        for (side, name) in [(0, "numerator"), (1, "denominator")] {
            let mut bad = sides.clone();
            let mut table = bad[side].events().clone();
            table[[event, 1]] = f64::NAN;
            bad[side] = Weighted::unit(table);
            let error = error(&learner, &bad);
            let expected = format!("{name}: column 1 of the table of event {event} is not finite (NaN)");
            assert_eq!(error, expected);
        }
    }
    let empty = Weighted::unit(Table::zeros((0, 2)));
    assert_eq!(error(&learner, &[empty.clone(), sides[1].clone()]), "numerator is empty");
    assert_eq!(error(&learner, &[sides[0].clone(), empty]), "denominator is empty");
    for weights in [vec![0.0; 200], vec![-1.0; 200]] {
        let bad = [sides[0].clone(), sides[1].reweighted(weights).unwrap()];
        let error = error(&learner, &bad);
        assert!(error.contains("weights") && error.contains("denominator"), "{error}");
    }
    let wide = Weighted::unit(Table::zeros((200, 3)));
    assert!(error(&learner, &[sides[0].clone(), wide]).contains("columns of a table: expected 2, got 3"));
    let few = [sides[0].select(&[0, 1]).unwrap(), sides[1].clone()];
    assert!(error(&learner, &few).contains("numerator"));
    let two = NetworkConfig::new(MlpConfig::new(2));
    assert!(error(&two, &sides).contains("outputs"));
    for fraction in [-0.1, 1.0, f64::NAN] {
        assert!(error(&learner.clone().validation(fraction), &sides).contains("validation"));
        assert!(error(&learner.clone().examination(fraction), &sides).contains("examination"));
    }
    assert!(error(&learner.clone().loss(RatioLoss::PMse(1.0)), &sides).contains("p-MSE"));
    let fitted = fit(&learner, &sides, 14).unwrap();
    assert!(fitted.model.log_ratio(&Table::zeros((1, 3))).is_err());
    let error = fitted.model.log_ratio(&Table::from_elem((3, 2), f64::NAN)).unwrap_err().to_string();
    assert!(error.contains("event 0"), "{error}");
}

#[test]
fn strange_input_is_warned_of() {
    let warnings = |sides: &[Weighted<Table>; 2]| {
        fit(&learner(RatioLoss::Bce), sides, 16).unwrap().report.warnings.join("; ")
    };
    let constant = gaussians(0.5, 400, 17).map(|side| {
        let mut table = side.events().clone();
        table.column_mut(1).fill(3.0);
        Weighted::unit(table)
    });
    assert!(warnings(&constant).contains("column 1"), "{}", warnings(&constant));
    let mut sides = gaussians(0.5, 400, 18);
    let mut weights = vec![1.0; 400];
    weights[7] = 1e12;
    sides[0] = sides[0].reweighted(weights).unwrap();
    let warned = warnings(&sides);
    assert!(warned.contains("event 7 of the numerator carries 100 % of its weight"), "{warned}");
    let disjoint = gaussians(10.0, 1000, 19);
    assert!(warnings(&disjoint).contains("do not overlap"), "{}", warnings(&disjoint));
}

#[test]
fn the_observer_stops_a_fit() {
    let sides = gaussians(0.5, 1000, 20);
    let mut epochs = 0;
    let mut observer = |progress: &Progress<'_>| {
        epochs += u32::from(progress.stage == "epoch");
        if epochs == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let rng = &mut ChaCha8Rng::seed_from_u64(21);
    let fitted = learner(RatioLoss::Bce).fit(&sides[0], &sides[1], rng, &mut observer).unwrap();
    assert!(fitted.report.stopped && fitted.report.get("closure auc").is_some());
}
