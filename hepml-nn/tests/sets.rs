//! Networks of sets: what they take, what they refuse, their gradients, and what they learn.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use hepml_core::ndarray::{Array2, arr2};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;
use hepml_core::{Error, EventSet, FourMomentum, ParticleSets, Weighted};
use hepml_nn::{
    Architecture, DeepSetsConfig, EfnConfig, Encoder, Function, Gradients, Inputs, JetEncoder, LearnerConfig,
    Matrix, Network, Parameters, ParticleInput, Pass, PfnConfig, Pooling, Schedule, Sets, StackConfig, Tape,
    TrainingConfig,
};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn particle(pt: f64, y: f64, phi: f64) -> FourMomentum {
    FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap()
}

/// Jets of 2, 0 and 3 particles, the first of which lies across phi = pi, with particle ids.
fn jets() -> ParticleSets {
    let momenta = vec![
        particle(300.0, 0.4, 3.1),
        particle(100.0, 0.8, -3.1),
        particle(150.0, -1.2, 0.3),
        particle(120.0, -1.0, 0.1),
        particle(50.0, -1.3, 0.6),
    ];
    let ids = arr2(&[[22.0], [-211.0], [2112.0], [-13.0], [-321.0]]);
    ParticleSets::new(momenta, ids, vec!["pdg_id".to_owned()], vec![0, 2, 2, 5]).unwrap()
}

#[test]
fn the_published_sizes() {
    let jets = Weighted::unit(jets());
    let mut pfn = Parameters::<f32>::new();
    let config = PfnConfig::new(2);
    config.build(&config.fit_encoder(&jets).unwrap(), &mut pfn, &mut rng()).unwrap();
    assert_eq!(pfn.size(), 82_458);
    let mut efn = Parameters::<f32>::new();
    let config = EfnConfig::new(2);
    config.build(&config.fit_encoder(&jets).unwrap(), &mut efn, &mut rng()).unwrap();
    assert_eq!(efn.size(), 82_458 - 100);
}

#[test]
fn jets_are_centred_on_the_pt_weighted_axis() {
    use ParticleInput::{Azimuth, Distance, LnPt, LnPtFraction, PtFraction, Rapidity};
    let inputs = vec![PtFraction, Rapidity, Azimuth, Distance, LnPt, LnPtFraction];
    let sets: Sets<f64> = JetEncoder::new(inputs).weighted(true).encode(&jets()).unwrap();
    assert_eq!(sets.segments.offsets(), [0, 2, 2, 5]);
    let around = std::f64::consts::TAU - 6.2;
    let expected = [
        [0.75, -0.1, -0.25 * around, f64::hypot(0.1, 0.25 * around), 300_f64.ln(), 0.75_f64.ln()],
        [0.25, 0.3, 0.75 * around, f64::hypot(0.3, 0.75 * around), 100_f64.ln(), 0.25_f64.ln()],
    ];
    for (row, expected) in expected.iter().enumerate() {
        for (x, expected) in sets.rows.row(row).iter().zip(expected) {
            assert!((x - expected).abs() < 1e-14, "{:?}", sets.rows.row(row));
        }
        assert_eq!(sets.weights.row(row)[0], sets.rows.row(row)[0]);
    }
    for column in 1..3 {
        let centre: f64 = (2..5).map(|i| sets.weights.row(i)[0] * sets.rows.row(i)[column]).sum();
        assert!(centre.abs() < 1e-15);
    }
}

#[test]
fn kinds_of_particles_are_columns() {
    let encoder = JetEncoder::new(vec![
        ParticleInput::Charge,
        ParticleInput::DetectorType,
        ParticleInput::StableSpecies,
        ParticleInput::Feature("pdg_id".into()),
    ]);
    let columns = encoder.columns();
    assert_eq!(columns.len(), 1 + 8 + 14 + 1);
    let rows = encoder.encode::<f64>(&jets()).unwrap().rows;
    let ones = |row: usize| -> Vec<&str> {
        (1..23)
            .filter(|column| rows.row(row)[*column] == 1.0)
            .map(|column| columns[column].as_str())
            .collect()
    };
    let expected: [(f64, [&str; 2]); 5] = [
        (0.0, ["photon", "pdg_id 22"]),
        (-1.0, ["negative hadron", "pdg_id -211"]),
        (0.0, ["neutral hadron", "pdg_id 2112"]),
        (1.0, ["mu+", "pdg_id -13"]),
        (-1.0, ["negative hadron", "pdg_id -321"]),
    ];
    for (row, (charge, kinds)) in expected.into_iter().enumerate() {
        assert_eq!(rows.row(row)[0], charge);
        assert_eq!(ones(row), kinds);
        assert_eq!(rows.row(row).iter().skip(1).take(22).sum::<f64>(), 2.0);
    }
    assert_eq!(rows.row(3)[23], -13.0);
}

#[test]
fn collinear_and_boosted_jets_keep_their_digits() {
    // 1e-9 apart at rapidity 4: differences of rapidities would keep 7 digits.
    let momenta = vec![particle(400.0, 4.0, 2.0), particle(100.0, 4.0 + 3e-9, 2.0 + 1e-9)];
    let exact = [momenta[1].delta_y(&momenta[0]), momenta[1].delta_phi(&momenta[0])];
    let jet = ParticleSets::from_events([momenta]).unwrap();
    let inputs = vec![ParticleInput::Rapidity, ParticleInput::Azimuth];
    let rows = JetEncoder::new(inputs.clone()).encode::<f64>(&jet).unwrap().rows;
    for (column, exact) in exact.into_iter().enumerate() {
        let got = rows.row(1)[column] - rows.row(0)[column];
        assert!((got / exact - 1.0).abs() < 1e-12, "{got} {exact}");
    }
    // As f32 they keep what f32 has, since they are small.
    let rounded = JetEncoder::new(inputs).encode::<f32>(&jet).unwrap().rows;
    for column in 0..2 {
        let ratio = f64::from(rounded.row(1)[column]) / rows.row(1)[column];
        assert!((ratio - 1.0).abs() < 1e-7, "{ratio}");
    }
}

#[test]
fn columns_are_standardised_with_the_training_events() {
    let hits = |values: &[[f64; 2]], offsets: Vec<usize>| {
        let names = vec!["time".to_owned(), "layer".to_owned()];
        ParticleSets::new(vec![FourMomentum::ZERO; values.len()], arr2(values), names, offsets).unwrap()
    };
    let events = hits(&[[1.0, 7.0], [3.0, 7.0], [8.0, 7.0]], vec![0, 2, 3]);
    let inputs = vec![ParticleInput::Feature("time".into()), ParticleInput::Feature("layer".into())];
    let encoder = JetEncoder::new(inputs.clone());
    // The second event weighs two: times 1, 3, 8, 8 have the mean 5 and the variance 38/4. A negative weight counts as positive.
    let fitted =
        encoder.clone().standardised(&Weighted::new(events.clone(), vec![1.0, -2.0]).unwrap()).unwrap();
    let rows = fitted.encode::<f64>(&hits(&[[5.0, 7.0], [6.0, 8.0]], vec![0, 2])).unwrap().rows;
    assert!(rows.row(0)[0].abs() < 1e-15 && rows.row(0)[1] == 0.0);
    assert!((rows.row(1)[0] - 1.0 / 9.5_f64.sqrt()).abs() < 1e-15 && rows.row(1)[1] == 1.0);
    assert_eq!(fitted.notes(), ["particles: \"layer\" does not vary"]);
    // What cannot be standardised.
    let zero = Weighted::new(events.clone(), vec![0.0, 0.0]).unwrap();
    assert!(matches!(encoder.clone().standardised(&zero), Err(hepml_nn::Error::Core(Error::Empty { .. }))));
    let empty = Weighted::unit(events.select_events(&[]).unwrap());
    assert!(matches!(encoder.standardised(&empty), Err(hepml_nn::Error::Core(Error::Empty { .. }))));
}

#[test]
fn jets_without_axis_and_unknown_particles_are_named() {
    let fails = |inputs: Vec<ParticleInput>, sets: &ParticleSets, words: &[&str]| {
        let error = JetEncoder::new(inputs).encode::<f32>(sets).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error}: no {word:?}");
        }
    };
    let sets = |momenta: Vec<FourMomentum>| ParticleSets::from_events([vec![], momenta]).unwrap();
    let angles = || vec![ParticleInput::Rapidity];
    let beam = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
    fails(angles(), &sets(vec![particle(1.0, 0.0, 0.0), beam]), &["rapidity", "event 1", "particle 1"]);
    let opposite = vec![particle(1.0, 0.3, 0.0), particle(1.0, 0.0, std::f64::consts::PI)];
    fails(angles(), &sets(opposite.clone()), &["axis", "event 1", "positive"]);
    fails(angles(), &sets(vec![FourMomentum::ZERO]), &["axis", "event 1"]);
    // Where no axis is asked for, none is needed.
    assert!(JetEncoder::new(vec![ParticleInput::LnPt]).encode::<f32>(&sets(opposite)).is_ok());
    let still = sets(vec![particle(1.0, 0.0, 0.0), FourMomentum::ZERO]);
    fails(vec![ParticleInput::LnPt], &still, &["pt", "event 1", "particle 1", "positive"]);
    fails(vec![ParticleInput::Charge], &still, &["charge", "no particle feature"]);
    fails(vec![ParticleInput::StableSpecies], &still, &["pdg_id", "no particle feature"]);
    let with = |id: f64| still.with_feature("pdg_id", &[22.0, id]).unwrap();
    fails(vec![ParticleInput::DetectorType], &with(12.0), &["12", "event 1", "particle 1", "electron"]);
    fails(vec![ParticleInput::StableSpecies], &with(111.0), &["111", "event 1", "particle 1"]);
    fails(vec![ParticleInput::Charge], &with(21.5), &["21.5", "event 1", "particle 1", "whole"]);
    let huge = still.with_feature("x", &[0.0, 1e39]).unwrap();
    fails(vec![ParticleInput::Feature("x".into())], &huge, &["x", "f32", "event 1", "particle 1", "finite"]);
    // A particle without momentum lies on the axis and has no weight.
    let sets = JetEncoder::new(angles()).weighted(true).encode::<f64>(&still).unwrap();
    assert_eq!((sets.rows.row(1)[0], sets.weights.row(1)[0]), (0.0, 0.0));
}

#[test]
fn what_cannot_be_built_or_does_not_fit_is_an_error() {
    let config = || DeepSetsConfig::new(vec![ParticleInput::LnPt], 1);
    let build = |config: DeepSetsConfig| {
        let encoder = config.fit_encoder(&Weighted::unit(jets()))?;
        let mut parameters = Parameters::<f64>::new();
        let network = config.build(&encoder, &mut parameters, &mut rng())?;
        Ok::<_, hepml_nn::Error>((encoder, network, Arc::new(parameters)))
    };
    assert!(build(DeepSetsConfig::new(vec![], 1).standardise(false)).is_err());
    assert!(build(DeepSetsConfig::new(vec![ParticleInput::LnPt], 0)).is_err());
    assert!(build(config().phi(StackConfig::new([10, 0]))).is_err());
    assert!(build(config().f(StackConfig::new([0]))).is_err());
    let none = jets().select_events(&[]).unwrap();
    assert!(PfnConfig::new(2).fit_encoder(&Weighted::unit(none)).unwrap_err().to_string().contains("empty"));
    // Inputs of another network.
    let (_, network, parameters) = build(config()).unwrap();
    let mut tape = Tape::new();
    tape.begin(&parameters);
    let mut evaluate = |sets: &Sets<f64>| {
        let y = network.evaluate(&mut Pass::evaluation(&mut tape), sets)?;
        tape.value(y).map(|y| y.shape())
    };
    let encode = |inputs: Vec<ParticleInput>| JetEncoder::new(inputs).encode::<f64>(&jets()).unwrap();
    let fits = encode(vec![ParticleInput::LnPt]);
    assert_eq!(evaluate(&fits).unwrap(), (3, 1));
    let error = evaluate(&encode(vec![ParticleInput::LnPt, ParticleInput::Distance])).unwrap_err();
    assert!(error.to_string().contains("columns of the particles"), "{error}");
    assert!(evaluate(&Sets { globals: Matrix::zeros(3, 2), ..fits.clone() }).is_err());
    assert!(evaluate(&Sets { rows: Matrix::zeros(4, 1), ..fits }).is_err());
    // An EFN without its weights.
    let efn = EfnConfig::new(2);
    let (mut parameters, encoder) = (Parameters::new(), efn.fit_encoder(&Weighted::unit(jets())).unwrap());
    let network = efn.build(&encoder, &mut parameters, &mut rng()).unwrap();
    let mut tape = Tape::new();
    tape.begin(&Arc::new(parameters));
    let angles = encode(vec![ParticleInput::Rapidity, ParticleInput::Azimuth]);
    let error = network.evaluate(&mut Pass::evaluation(&mut tape), &angles).unwrap_err().to_string();
    assert!(error.contains("weights"), "{error}");
}

#[test]
fn filters_are_phi_where_a_single_particle_would_be() {
    let config = EfnConfig::new(2).phi(StackConfig::new([8, 5]));
    let (mut parameters, encoder) =
        (Parameters::<f64>::new(), config.fit_encoder(&Weighted::unit(jets())).unwrap());
    let network = config.build(&encoder, &mut parameters, &mut rng()).unwrap();
    let parameters = Arc::new(parameters);
    let filters = network.filters(&parameters, &[-0.3, 0.0, 0.4], &[0.1, 0.2]).unwrap();
    assert_eq!(filters.dim(), (5, 3, 2));
    // By hand: two layers of ReLU.
    let value = |name: &str| {
        let id = parameters.ids().find(|id| parameters.name(*id).unwrap() == name).unwrap();
        parameters.value(id).unwrap().to_array()
    };
    let relu = |x: Array2<f64>| x.mapv(|x| x.max(0.0));
    let point = arr2(&[[0.4, 0.1]]);
    let hidden = relu(point.dot(&value("phi/0/weight")) + value("phi/0/bias"));
    let latent = relu(hidden.dot(&value("phi/1/weight")) + value("phi/1/bias"));
    assert!(latent.iter().any(|x| *x > 0.0));
    for (filter, expected) in latent.iter().enumerate() {
        assert!((filters[[filter, 2, 0]] - expected).abs() < 1e-14);
    }
    assert!(network.filters(&Arc::new(Parameters::<f64>::new()), &[0.0], &[0.0]).is_err());
}

/// What a central difference with extrapolation leaves of these sums.
const GRADIENT: f64 = 1e-8;

#[test]
fn gradients_of_whole_networks() {
    let small = || StackConfig::new([4, 3]).activation(Function::Tanh);
    let inputs = || vec![ParticleInput::PtFraction, ParticleInput::Rapidity, ParticleInput::Azimuth];
    for pooling in [Pooling::Sum, Pooling::Mean, Pooling::Max, Pooling::PtWeightedSum] {
        let config = DeepSetsConfig::new(inputs(), 2).pooling(pooling).phi(small()).f(small());
        let encoder = config.fit_encoder(&Weighted::unit(jets())).unwrap();
        let sets = encoder.encode::<f64>(&jets()).unwrap();
        let mut parameters = Parameters::<f64>::new();
        let network = config.build(&encoder, &mut parameters, &mut rng()).unwrap();
        let ids: Vec<_> = parameters.ids().collect();
        // Of a sum of outputs and their squares, at parameters and particles.
        let evaluate = |numbers: &[f64], rows: &[f64]| {
            let mut parameters = parameters.clone();
            let mut rest = numbers;
            for id in &ids {
                let (height, width) = parameters.value(*id).unwrap().shape();
                let (these, others) = rest.split_at(height * width);
                parameters.set(*id, &Matrix::from_rows(height, width, these).unwrap()).unwrap();
                rest = others;
            }
            let parameters = Arc::new(parameters);
            let mut tape = Tape::new();
            tape.begin(&parameters);
            let rows = Matrix::from_rows(sets.rows.rows(), sets.rows.columns(), rows).unwrap();
            let vars = Sets { rows, ..sets.clone() }.record(&mut tape, true).unwrap();
            let y = network.forward(&mut Pass::evaluation(&mut tape), &vars).unwrap();
            let square = tape.mul(y, y).unwrap();
            let sum = tape.add(y, square).unwrap();
            let loss = tape.sum(sum).unwrap();
            let mut gradients = Gradients::zeros(&parameters);
            tape.backward(loss, &mut gradients).unwrap();
            let by_numbers: Vec<f64> =
                ids.iter().flat_map(|id| gradients.value(&parameters, *id).unwrap().to_array()).collect();
            let by_rows: Vec<f64> =
                tape.gradient(vars.rows).unwrap().unwrap().to_array().into_iter().collect();
            (tape.value(loss).unwrap().scalar().unwrap(), by_numbers, by_rows)
        };
        let numbers: Vec<f64> = ids.iter().flat_map(|id| parameters.value(*id).unwrap().to_array()).collect();
        let rows: Vec<f64> = sets.rows.to_array().into_iter().collect();
        let (_, by_numbers, by_rows) = evaluate(&numbers, &rows);
        assert!(by_rows.iter().all(|x| *x != 0.0) || pooling == Pooling::Max);
        let f = |x: &[f64]| Ok::<f64, hepml_nn::Error>(evaluate(x, &rows).0);
        check_gradient(f, &by_numbers, &numbers, 0.05, GRADIENT).unwrap();
        let f = |x: &[f64]| Ok::<f64, hepml_nn::Error>(evaluate(&numbers, x).0);
        check_gradient(f, &by_rows, &rows, 0.05, GRADIENT).unwrap();
    }
}

/// Hits of a Poisson process: their number, and each from a density on [0, 1] (by its quantile function).
fn process(events: usize, mean: f64, quantile: fn(f64) -> f64, rng: &mut ChaCha8Rng) -> ParticleSets {
    let (mut hits, mut offsets) = (Vec::new(), vec![0]);
    for _ in 0..events {
        // Arrivals within the unit of time, at exponential distances.
        let mut time = 0.0;
        loop {
            time -= (1.0 - rng.random::<f64>()).ln() / mean;
            if time > 1.0 {
                break;
            }
            hits.push(quantile(rng.random()));
        }
        offsets.push(hits.len());
    }
    let momenta = vec![FourMomentum::ZERO; hits.len()];
    let hits = Array2::from_shape_vec((hits.len(), 1), hits).unwrap();
    ParticleSets::new(momenta, hits, vec!["x".to_owned()], offsets).unwrap()
}

/// nu_A = 4 with p_A = 1/2 + x against nu_B = 6 with p_B = 1:
/// ln p_A/p_B = nu_B - nu_A + sum_i ln(nu_A p_A(x_i)/nu_B p_B(x_i)), which is of the form of Deep Sets, and sees multiplicity.
#[test]
fn deep_sets_learn_the_likelihood_ratio_of_poisson_processes() {
    /// Of the root mean square error; the statistical error of what 12,000 events teach some 500 parameters is about
    /// sqrt(2 * 500/12,000) = 0.3 where all of them matter, and fewer do.
    const LARGEST: f64 = 0.15;
    let mut rng = rng();
    let triangle = |u: f64| (0.25 + 2.0 * u).sqrt() - 0.5;
    let mut sample = |events: usize| {
        let a = process(events, 4.0, triangle, &mut rng);
        let b = process(events, 6.0, |u| u, &mut rng);
        ParticleSets::concat_events(&[&a, &b]).unwrap()
    };
    let (training, test) = (sample(6000), sample(1000));
    let labels: Vec<usize> = (0..12_000).map(|event| usize::from(event < 6000)).collect();
    let config = DeepSetsConfig::new(vec![ParticleInput::Feature("x".into())], 1)
        .phi(StackConfig::new([16, 8]).activation(Function::Silu))
        .f(StackConfig::new([16]).activation(Function::Silu));
    let training_config =
        TrainingConfig::new().epochs(15).rate(5e-3).threads(1).schedule(Schedule::Cosine { last: 0.0 });
    let fitted = LearnerConfig::classifier(config)
        .training(training_config)
        .fit_classes(&Weighted::unit(training), &labels, &mut self::rng(), &mut ())
        .unwrap();
    let exact: Vec<f64> = test
        .events()
        .map(|set| 2.0 + set.features().iter().map(|x| (4.0 * (0.5 + x) / 6.0).ln()).sum::<f64>())
        .collect();
    let learned = fitted.model.outputs(&test).unwrap();
    let mean_square = |f: &dyn Fn(usize) -> f64| {
        ((0..exact.len()).map(|event| f(event).powi(2)).sum::<f64>() / exact.len() as f64).sqrt()
    };
    let error = mean_square(&|event| learned[[event, 0]] - exact[event]);
    // It says something: the ratio itself varies much more.
    assert!(mean_square(&|event| exact[event]) > 5.0 * LARGEST);
    assert!(error < LARGEST, "{error}");
    let empty = test.select_events(&[]).unwrap();
    assert_eq!(fitted.model.outputs(&empty).unwrap().dim(), (0, 1));
}
