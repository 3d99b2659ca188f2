//! Events as vectors, and means of events.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::f64::consts::FRAC_PI_2;

use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_metric_axioms;
use hepml_core::{EventMetric, EventSet, FourMomentum, Observables, ParticleSets};
use hepml_ot::{
    Barycentre, Divergence, EmdConfig, EnergyFlow, Error, FixedSupportBarycentreConfig,
    FreeSupportBarycentreConfig, Grid, HellingerKantorovich, HellingerKantorovichConfig, LinearEmbedding,
    LinearEmbeddingConfig,
};
use serde_json::Value;

/// Of values of about 1: between computations that are the same but for rounding.
const ROUNDING: f64 = 1e-12;

/// Rank correlation of linearised with exact distances: three seeds give 0.996 to 0.997 with the test's reference, but 0.984 to
/// 0.990 with one of 3 x 3 cells and at most 0.90 with a single one.
const RANK_CORRELATION: f64 = 0.993;
/// The share of the five nearest neighbours of 59 that are found: 0.83 to 0.87; 0.70 to 0.77; at most 0.34.
const RECALL: f64 = 0.8;

fn event(count: usize, rng: &mut dyn Rng) -> EnergyFlow {
    let rows: Vec<[f64; 3]> = (0..count)
        .map(|_| [rng.random_range(0.1..1.0), rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5)])
        .collect();
    EnergyFlow::from_rows(&rows).unwrap()
}

/// A jet of one to three prongs, each a cascade of ever softer and ever more collinear particles; normalised to 1.
fn jet(rng: &mut dyn Rng) -> EnergyFlow {
    let mut rows = Vec::new();
    for _ in 0..rng.random_range(1..4) {
        let angle = rng.random_range(0.0..std::f64::consts::TAU);
        let distance = rng.random_range(0.0..0.5);
        let (mut y, mut phi) = (distance * f64::cos(angle), distance * f64::sin(angle));
        let mut energy: f64 = rng.random_range(0.2..1.0);
        for _ in 0..12 {
            let fraction: f64 = rng.random_range(0.05..0.6);
            rows.push([energy * fraction, y, phi]);
            energy *= 1.0 - fraction;
            y += rng.random_range(-0.12..0.12);
            phi += rng.random_range(-0.12..0.12);
        }
    }
    let total: f64 = rows.iter().map(|row| row[0]).sum();
    let centre = |axis: usize| rows.iter().map(|row| row[0] * row[axis]).sum::<f64>() / total;
    let (y, phi) = (centre(1), centre(2));
    let rows: Vec<[f64; 3]> = rows.iter().map(|row| [row[0] / total, row[1] - y, row[2] - phi]).collect();
    EnergyFlow::from_rows(&rows).unwrap()
}

fn moved(event: &EnergyFlow, by: [f64; 2], factor: f64) -> EnergyFlow {
    let energies: Vec<f64> = event.energies().iter().map(|energy| factor * energy).collect();
    let points: Vec<[f64; 2]> = event.points().iter().map(|x| [x[0] + by[0], x[1] + by[1]]).collect();
    EnergyFlow::new(energies, points).unwrap()
}

fn hk(kappa: f64) -> HellingerKantorovich {
    HellingerKantorovichConfig::new().kappa(kappa).build().unwrap()
}

fn square(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum()
}

#[test]
fn single_particles_have_the_closed_form() {
    for (m, n, theta) in [
        (4.0_f64, 9.0_f64, 0.3),
        (1.0, 1.0, 1e-9),
        (2.0, 2.0, 0.78),
        (1e-3, 5.0, 0.7),
        (1.0, 3.0, 2.0),
        (5.0, 7.0, 0.0),
    ] {
        for kappa in [0.25_f64, 0.5, 3.0] {
            let a = EnergyFlow::from_rows(&[[m, 0.1, 0.2]]).unwrap();
            let b = EnergyFlow::from_rows(&[[n, 0.1, 0.2 + theta]]).unwrap();
            let cosine = (theta / kappa).min(FRAC_PI_2).cos();
            let expected = kappa * kappa * (m + n - 2.0 * (m * n).sqrt() * cosine);
            let got = hk(kappa).value(&a, &b).unwrap();
            assert!((got - expected).abs() <= ROUNDING * kappa * kappa * (m + n), "{got} {expected}");
        }
    }
}

#[test]
fn pure_changes_of_energy_have_the_hellinger_distance() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let a = event(30, &mut rng);
    for factor in [0.25_f64, 1.0, 9.0] {
        let expected = 0.49 * a.total_energy() * (1.0 - factor.sqrt()).powi(2);
        let got = hk(0.7).value(&a, &moved(&a, [0.0; 2], factor)).unwrap();
        assert!((got - expected).abs() <= ROUNDING * a.total_energy());
    }
    assert_eq!(hk(0.7).value(&a, &a).unwrap(), 0.0);
    // Everything is too far away, or there is nothing: all is destroyed and created.
    let far = moved(&a, [9.0, 0.0], 2.0);
    let expected = 0.49 * 3.0 * a.total_energy();
    assert!((hk(0.7).value(&a, &far).unwrap() - expected).abs() < ROUNDING * expected);
    let none = EnergyFlow::default();
    let expected = 0.49 * a.total_energy();
    assert!((hk(0.7).value(&a, &none).unwrap() - expected).abs() < ROUNDING * expected);
    assert!((hk(0.7).value(&none, &a).unwrap() - expected).abs() < ROUNDING * expected);
    assert_eq!(hk(0.7).value(&none, &none).unwrap(), 0.0);
}

/// The certificate from nothing but the problem: u_i v_j >= cos² where anything can move, the plan's marginals are u_i E_i and
/// v_j E'_j, and the value is kappa² [sum E_i (1 - u_i) + sum E'_j (1 - v_j)], which any such u and v bound from below.
fn check_certificate(kappa: f64, a: &EnergyFlow, b: &EnergyFlow) {
    let solution = hk(kappa).solve(a, b).unwrap();
    let size = a.total_energy() + b.total_energy();
    let (mut sent, mut received) = (vec![0.0; a.len()], vec![0.0; b.len()]);
    for flow in &solution.flows {
        assert!(flow.amount > 0.0);
        sent[flow.from] += flow.amount;
        received[flow.to] += flow.amount;
    }
    let mut dual = 0.0;
    for (sums, event, densities) in [(&sent, a, &solution.sent), (&received, b, &solution.received)] {
        for ((sum, energy), density) in sums.iter().zip(event.energies()).zip(densities) {
            assert!((sum - energy * density).abs() <= ROUNDING * size);
            dual += energy * (1.0 - density);
        }
    }
    for (x, u) in a.points().iter().zip(&solution.sent) {
        for (y, v) in b.points().iter().zip(&solution.received) {
            let cosine = ((x[0] - y[0]).hypot(x[1] - y[1]) / kappa).min(FRAC_PI_2).cos();
            assert!(u * v >= cosine * cosine * (1.0 - ROUNDING) - 1e-30, "{u} {v} {cosine}");
        }
    }
    assert!((solution.value - kappa * kappa * dual).abs() <= ROUNDING * kappa * kappa * size);
    assert!(solution.gap.abs() <= ROUNDING * kappa * kappa * size);
}

#[test]
fn every_solution_is_certified() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for kappa in [0.05, 0.2, 0.6, 3.0, 1e3] {
        for (n, m) in [(1, 1), (1, 20), (40, 7), (60, 60)] {
            check_certificate(kappa, &event(n, &mut rng), &event(m, &mut rng));
        }
        // Ties: cells of grids, shifted and not, and the same event twice over.
        let grid = Grid::square(0.5, 8).unwrap().uniform(2.0).unwrap();
        let coarse = Grid::square(0.5, 4).unwrap().uniform(3.0).unwrap();
        check_certificate(kappa, &grid, &coarse);
        check_certificate(kappa, &coarse, &grid);
        check_certificate(kappa, &grid, &grid);
        check_certificate(kappa, &grid, &moved(&grid, [0.125, 0.0], 1.0));
        let twice: Vec<[f64; 3]> = grid
            .points()
            .iter()
            .chain(grid.points())
            .enumerate()
            .map(|(i, x)| [(1 + i % 3) as f64, x[0], x[1]])
            .collect();
        let twice = EnergyFlow::from_rows(&twice).unwrap();
        check_certificate(kappa, &twice, &grid);
        check_certificate(kappa, &twice, &twice);
    }
    // Energies of very different sizes.
    let spanning: Vec<[f64; 3]> = (0..30)
        .map(|i| [10_f64.powi(i % 13 - 6), rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5)])
        .collect();
    check_certificate(0.5, &EnergyFlow::from_rows(&spanning).unwrap(), &event(20, &mut rng));
}

#[test]
fn hellinger_kantorovich_is_a_metric_between_all_events() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut events: Vec<EnergyFlow> = (1..9).map(|n| event(2 * n, &mut rng)).collect();
    events.push(EnergyFlow::default());
    events.push(moved(&events[3], [3.0, 0.0], 5.0));
    for kappa in [0.1, 0.5, 2.0] {
        // The root of a value of 1e-15 times kappa² that should be 0.
        let tolerance = 1e-7 * kappa;
        check_metric_axioms(|a, b| hk(kappa).metric(a, b), &events, tolerance).unwrap();
        for (a, b) in events.iter().zip(&events[1..]) {
            let distance = hk(kappa);
            let (x, y) = (distance.prepare(a).unwrap(), distance.prepare(b).unwrap());
            assert!(distance.lower_bound(&x, &y) <= distance.value(a, b).unwrap() + ROUNDING);
        }
    }
}

#[test]
fn for_large_kappa_it_is_the_transport_of_the_square() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let emd = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    for _ in 0..5 {
        let (a, b) = (jet(&mut rng), jet(&mut rng));
        let expected = emd.value(&a, &b).unwrap();
        let mut last = f64::INFINITY;
        for kappa in [1.0, 4.0, 16.0, 64.0, 256.0] {
            let got = hk(kappa).value(&a, &b).unwrap();
            // The deviation falls like 1/kappa².
            let deviation = (got / expected - 1.0).abs();
            assert!(deviation < last / 8.0, "{deviation} {last}");
            last = deviation;
        }
        assert!(last < 1e-5);
        // Where next to nothing is created and destroyed, the proof is as good as before.
        for kappa in [1e5, 1e6, 1e8] {
            let solution = hk(kappa).solve(&a, &b).unwrap();
            assert!((solution.value / expected - 1.0).abs() < 1e-9, "{kappa:e}: {}", solution.value);
            assert!(solution.gap.abs() <= 1e-9 * expected, "{kappa:e}: {}", solution.gap);
        }
    }
}

fn embeddings(reference: &EnergyFlow) -> [LinearEmbedding; 2] {
    let wasserstein = LinearEmbeddingConfig::wasserstein(reference.clone());
    [wasserstein, LinearEmbeddingConfig::hellinger_kantorovich(reference.clone(), 0.7)]
        .map(|c| c.build().unwrap())
}

#[test]
fn the_reference_is_the_origin_and_lengths_are_distances() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let reference = event(25, &mut rng);
    let emd = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    for embedding in embeddings(&reference) {
        let origin = embedding.embed(&reference).unwrap();
        assert_eq!(origin.vector.len(), embedding.dimension());
        assert!(origin.vector.iter().all(|x| *x == 0.0) && origin.spread == 0.0);
        for count in [1, 5, 60] {
            let event = event(count, &mut rng);
            let exact = if embedding.dimension() == 50 {
                emd.value(&reference, &event).unwrap()
            } else {
                hk(0.7).value(&reference, &event).unwrap()
            };
            let embedded = embedding.embed(&event).unwrap();
            assert!((embedded.squared_distance - exact).abs() < ROUNDING);
            assert!((square(&embedded.vector) + embedded.spread - exact).abs() < 10.0 * ROUNDING);
            assert_eq!(embedded.spread == 0.0, count == 1);
        }
    }
}

#[test]
fn translates_differ_by_the_translation() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let reference = Grid::disk(0.8, 9).unwrap().uniform(1.0).unwrap();
    let [wasserstein, _] = embeddings(&reference);
    let a = jet(&mut rng);
    let b = moved(&a, [0.3, -0.4], 5.0);
    assert!((wasserstein.value(&a, &b).unwrap() - 0.25).abs() < ROUNDING);
    assert!(
        (wasserstein.metric(&reference, &moved(&reference, [0.3, -0.4], 2.0)).unwrap() - 0.5).abs()
            < ROUNDING
    );
    // Around the circle, where the plain difference would be the long way.
    let config = LinearEmbeddingConfig::wasserstein(moved(&reference, [0.0, 3.1], 1.0));
    let periodic = config.periodic_phi(true).build().unwrap();
    let there = moved(&reference, [0.0, 3.1 + 0.2 - std::f64::consts::TAU], 1.0);
    assert!((periodic.embed(&there).unwrap().squared_distance - 0.04).abs() < ROUNDING);
    assert!((square(&periodic.embed(&there).unwrap().vector) - 0.04).abs() < ROUNDING);
}

#[test]
fn vectors_bound_the_exact_distance() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let reference = Grid::disk(0.8, 9).unwrap().uniform(1.0).unwrap();
    let [wasserstein, _] = embeddings(&reference);
    let emd = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    let jets: Vec<EnergyFlow> = (0..8).map(|_| jet(&mut rng)).collect();
    for (a, b) in jets.iter().zip(&jets[1..]) {
        let (x, y) = (wasserstein.embed(a).unwrap(), wasserstein.embed(b).unwrap());
        let exact = emd.metric(a, b).unwrap();
        let linear = wasserstein.metric(a, b).unwrap();
        assert!(exact <= linear + x.spread.sqrt() + y.spread.sqrt() + ROUNDING);
        // The averages themselves, which have no spread.
        let (a, b) = (wasserstein.event_at(&x.vector).unwrap(), wasserstein.event_at(&y.vector).unwrap());
        assert!(emd.metric(&a, &b).unwrap() <= linear + ROUNDING);
    }
}

#[test]
fn events_without_spread_come_back() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let reference = event(20, &mut rng);
    let [wasserstein, soft] = embeddings(&reference);
    // A map that keeps the order in every direction is optimal: each particle goes to its own image.
    let points: Vec<[f64; 2]> =
        reference.points().iter().map(|x| [1.3 * x[0] + 0.1, 0.6 * x[1] - 0.05]).collect();
    let image = EnergyFlow::new(reference.energies(), points).unwrap();
    let embedded = wasserstein.embed(&image).unwrap();
    assert!(embedded.spread < ROUNDING);
    let back = wasserstein.event_at(&embedded.vector).unwrap();
    for (x, y) in back.points().iter().zip(image.points()) {
        assert!((x[0] - y[0]).hypot(x[1] - y[1]) < ROUNDING);
    }
    // More energy in the same places.
    let embedded = soft.embed(&moved(&reference, [0.0; 2], 3.0)).unwrap();
    let back = soft.event_at(&embedded.vector).unwrap();
    for ((x, y), (energy, before)) in
        back.points().iter().zip(reference.points()).zip(back.energies().iter().zip(reference.energies()))
    {
        assert!((x[0] - y[0]).hypot(x[1] - y[1]) < ROUNDING && (energy - 3.0 * before).abs() < ROUNDING);
    }
    // One particle: the geodesic of the cone, exactly.
    let one = |e, y, phi| EnergyFlow::from_rows(&[[e, y, phi]]).unwrap();
    let [_, embedding] = embeddings(&one(2.0, 0.1, 0.2));
    let target = one(5.0, 0.4, -0.5);
    let back = embedding.event_at(&embedding.embed(&target).unwrap().vector).unwrap();
    assert!((back.total_energy() - 5.0).abs() < ROUNDING);
    assert!((back.points()[0][0] - 0.4).abs() + (back.points()[0][1] + 0.5).abs() < ROUNDING);
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, &i) in order.iter().enumerate() {
        ranks[i] = rank as f64;
    }
    ranks
}

/// Spearman's rank correlation (without ties).
fn spearman(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let distance: f64 = ranks(x).iter().zip(ranks(y)).map(|(r, s)| (r - s) * (r - s)).sum();
    1.0 - 6.0 * distance / (n * (n * n - 1.0))
}

#[test]
fn vectors_rank_jets_like_the_exact_distance() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let jets: Vec<EnergyFlow> = (0..60).map(|_| jet(&mut rng)).collect();
    let reference = Grid::disk(0.8, 15).unwrap().uniform(1.0).unwrap();
    let emd = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    for embedding in embeddings(&reference) {
        let vectors: Vec<_> = jets.iter().map(|jet| embedding.prepare(jet).unwrap()).collect();
        let (mut exact, mut linear) = (Vec::new(), Vec::new());
        let (mut recalled, neighbours) = (0, 5_usize);
        for i in 0..jets.len() {
            let others = (0..jets.len()).filter(|j| *j != i);
            let (mut row_exact, mut row_linear) = (Vec::new(), Vec::new());
            for j in others {
                row_exact.push(if embedding.dimension() == 2 * reference.len() {
                    emd.metric(&jets[i], &jets[j]).unwrap()
                } else {
                    hk(0.7).metric(&jets[i], &jets[j]).unwrap()
                });
                row_linear.push(embedding.prepared_value(&mut (), &vectors[i], &vectors[j]).unwrap().sqrt());
            }
            let near = |row: &[f64]| -> Vec<bool> {
                ranks(row).iter().map(|rank| *rank < neighbours as f64).collect()
            };
            recalled += near(&row_exact).iter().zip(near(&row_linear)).filter(|(x, y)| **x && *y).count();
            exact.append(&mut row_exact);
            linear.append(&mut row_linear);
        }
        let recall = recalled as f64 / (jets.len() * neighbours) as f64;
        let correlation = spearman(&exact, &linear);
        assert!(correlation > RANK_CORRELATION, "{correlation}");
        assert!(recall > RECALL, "{recall}");
    }
}

#[test]
fn particle_sets_become_tables() {
    let p = |pt, y, phi| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap();
    let sets = ParticleSets::from_events([
        vec![p(50.0, 1.0, 3.1), p(30.0, 1.2, -3.1), p(20.0, 0.9, 3.0)],
        vec![p(60.0, -1.0, 0.1), p(30.0, -1.3, 0.2)],
    ])
    .unwrap();
    let reference = Grid::disk(0.8, 5).unwrap().uniform(100.0).unwrap();
    for config in [
        LinearEmbeddingConfig::wasserstein(reference.clone()),
        LinearEmbeddingConfig::hellinger_kantorovich(reference.clone(), 1.0),
    ] {
        let embedding = config.about_axis(true).build().unwrap();
        let table = embedding.observe(&sets).unwrap();
        assert_eq!(table.dim(), (2, embedding.dimension()));
        let jets = EnergyFlow::from_jets(&sets).unwrap();
        for (row, jet) in table.rows().into_iter().zip(&jets) {
            assert_eq!(row.to_vec(), embedding.embed(jet).unwrap().vector);
        }
        let distance = embedding.distance(sets.event(0), sets.event(1)).unwrap();
        assert_eq!(distance, embedding.metric(&jets[0], &jets[1]).unwrap());
    }
    let far = LinearEmbeddingConfig::hellinger_kantorovich(reference, 0.2).build().unwrap();
    // All events are too far; the first is named, however the threads run.
    let many = ParticleSets::concat_events(&[&sets; 100]).unwrap();
    for _ in 0..100 {
        let error = far.observe(&many).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Error::Event { index: 0, .. })), "{error}");
        assert!(error.to_string().starts_with("event 0: particle 0 is at 0.314"), "{error}");
    }
    let direct = hk(0.5).distance(sets.event(0), sets.event(1)).unwrap();
    assert!((direct - (0.25 * (100.0_f64 + 90.0)).sqrt()).abs() < 1e-10);
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = HellingerKantorovichConfig::new().kappa(bad).build().unwrap_err().to_string();
        assert_eq!(error, format!("length scale kappa is {bad}, but must be positive and finite"));
        assert!(Grid::square(bad, 3).is_err() && Grid::disk(bad, 3).is_err());
        let reference = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
        assert!(LinearEmbeddingConfig::hellinger_kantorovich(reference, bad).build().is_err());
    }
    assert_eq!(Grid::square(1.0, 0).unwrap_err().to_string(), "grid is empty");
    assert!(Grid::square(1.0, usize::MAX).is_err() && Grid::disk(1.0, 1001).is_err());
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(Grid::square(1.0, 2).unwrap().uniform(bad).is_err());
    }
    let nothing = EnergyFlow::default();
    let error = LinearEmbeddingConfig::wasserstein(nothing.clone()).build().unwrap_err().to_string();
    assert_eq!(error, "total energy of the reference is 0, but must be positive");

    let reference = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [0.0, 0.3, 0.3], [2.0, 0.5, 0.0]]).unwrap();
    let [wasserstein, soft] = embeddings(&reference);
    let error = wasserstein.embed(&nothing).unwrap_err().to_string();
    assert_eq!(error, "total energy of the event is 0, but must be positive");
    // Everything is destroyed: the length is that of the reference's energy.
    let embedded = soft.embed(&nothing).unwrap();
    assert!((square(&embedded.vector) - 0.49 * 3.0).abs() < ROUNDING);
    assert!((embedded.squared_distance - 0.49 * 3.0).abs() < ROUNDING);
    for embedding in [&wasserstein, &soft] {
        // A reference particle without energy keeps its place, with zeros.
        let one = EnergyFlow::from_rows(&[[1.0, 0.1, 0.1], [0.0, 50.0, 0.0]]).unwrap();
        let vector = embedding.embed(&one).unwrap().vector;
        let components = embedding.dimension() / 3;
        assert!(vector[components..2 * components].iter().all(|x| *x == 0.0));
        assert_eq!(embedding.event_at(&vector).unwrap().energies()[1], 0.0);
        let error = embedding.event_at(&vector[1..]).unwrap_err().to_string();
        let dimension = embedding.dimension();
        assert_eq!(error, format!("components of the vector: expected {dimension}, got {}", dimension - 1));
        let mut vector = vector;
        vector[components] = f64::NAN;
        let error = embedding.event_at(&vector).unwrap_err().to_string();
        assert_eq!(error, "component of the vector of particle 1 is not finite (NaN)");
    }
    let far = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 2.0, 0.0]]).unwrap();
    assert!(matches!(soft.embed(&far), Err(Error::OutOfReach { particle: 1, .. })));
    let hasty = HellingerKantorovichConfig::new().max_steps(1).build().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let result = hasty.value(&event(9, &mut rng), &event(9, &mut rng));
    assert!(matches!(result, Err(Error::NotConverged { pivots: 1, from: 9, to: 9, .. })));
}

#[test]
fn huge_and_tiny_scales_change_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let (a, b) = (event(12, &mut rng), event(15, &mut rng));
    let plain = hk(0.6).value(&a, &b).unwrap();
    for scale in [1e-290, 1e-100, 1e100, 1e290] {
        let got = hk(0.6).value(&moved(&a, [0.0; 2], scale), &moved(&b, [0.0; 2], scale)).unwrap();
        assert!((got / scale - plain).abs() < ROUNDING, "{scale}");
        let points = |event: &EnergyFlow| -> EnergyFlow {
            let points: Vec<[f64; 2]> = event.points().iter().map(|x| x.map(|x| x * scale)).collect();
            EnergyFlow::new(event.energies(), points).unwrap()
        };
        let length = scale.clamp(1e-140, 1e140);
        let far = hk(0.6 * scale).metric(&points(&a), &points(&b));
        if length == scale {
            assert!((far.unwrap() / scale - plain.sqrt()).abs() < ROUNDING);
        } else if scale > 1.0 {
            assert!(matches!(far, Err(Error::ValueOverflows)));
        }
    }
    // One side holds 1e200 times the energy of the other.
    let got = hk(0.6).value(&moved(&a, [0.0; 2], 1e200), &b).unwrap();
    assert!((got / (0.36e200 * a.total_energy()) - 1.0).abs() < ROUNDING);
}

fn reference() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/linear.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows<const N: usize>(value: &Value) -> Vec<[f64; N]> {
    value.as_array().unwrap().iter().map(|row| numbers(row).try_into().unwrap()).collect()
}

fn flow_of(value: &Value) -> EnergyFlow {
    EnergyFlow::from_rows(&rows(value)).unwrap()
}

#[test]
fn hellinger_kantorovich_agrees_with_a_general_solver() {
    let cases = &reference()["hellinger_kantorovich"];
    assert_eq!(cases.as_array().unwrap().len(), 12);
    for case in cases.as_array().unwrap() {
        let (a, b) = (flow_of(&case["a"]), flow_of(&case["b"]));
        let kappa = case["kappa"].as_f64().unwrap();
        let got = hk(kappa).value(&a, &b).unwrap();
        let expected = case["value"].as_f64().unwrap();
        // The gap that the script accepts.
        let tolerance = 1e-7 * kappa * kappa * (a.total_energy() + b.total_energy());
        assert!((got - expected).abs() <= tolerance, "{got} {expected}");
    }
}

/// What the result says of itself.
fn check_barycentre(
    found: &Barycentre,
    beta: f64,
    radius: f64,
    periodic: bool,
    events: &[EnergyFlow],
    weights: &[f64],
) {
    let emd =
        EmdConfig::new().beta(beta).radius(radius).periodic_phi(periodic).normalise(true).build().unwrap();
    let total: f64 = weights.iter().sum();
    let mut value = 0.0;
    for ((event, weight), distance) in events.iter().zip(weights).zip(&found.distances) {
        assert_eq!(*distance, emd.value(&found.event, event).unwrap());
        value += weight / total * distance;
    }
    assert!((found.value - value).abs() <= ROUNDING * value);
    assert!((found.event.total_energy() - 1.0).abs() < ROUNDING);
    assert!(found.gap >= -ROUNDING * (1.0 + value), "{}", found.gap);
}

#[test]
fn barycentres_agree_with_linear_programs() {
    let cases = &reference()["barycentres"];
    assert_eq!(cases.as_array().unwrap().len(), 5);
    for case in cases.as_array().unwrap() {
        let events: Vec<EnergyFlow> = case["events"].as_array().unwrap().iter().map(flow_of).collect();
        let (weights, support) = (numbers(&case["weights"]), rows::<2>(&case["support"]));
        let (beta, radius) = (case["beta"].as_f64().unwrap(), case["radius"].as_f64().unwrap());
        let periodic = case["periodic_phi"].as_bool().unwrap();
        let expected = case["value"].as_f64().unwrap();
        let config = FixedSupportBarycentreConfig::new().beta(beta).radius(radius).periodic_phi(periodic);
        for (tolerance, iterations) in [(0.1, 10_000), (0.002, 10_000), (0.01, 7)] {
            let search = config.tolerance(tolerance).max_iterations(iterations).build().unwrap();
            let found = search.find(&events, &weights, &support).unwrap();
            check_barycentre(&found, beta, radius, periodic, &events, &weights);
            // What is proven is true; 1e-10 is the gap that the script accepts.
            assert!(found.value >= expected * (1.0 - 1e-10) - ROUNDING);
            assert!(found.value - found.gap <= expected * (1.0 + 1e-10));
            assert_eq!(found.converged, found.gap <= tolerance * found.value);
            assert_eq!(
                found.converged,
                iterations > 7,
                "{} of {} after {}",
                found.gap,
                found.value,
                found.iterations
            );
            assert!(found.iterations <= iterations);
        }
    }
}

#[test]
fn barycentres_of_jets_are_near_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let jets: Vec<EnergyFlow> = (0..20).map(|_| jet(&mut rng)).collect();
    let weights = vec![1.0; jets.len()];
    let grid = Grid::square(0.8, 14).unwrap();
    for beta in [1.0, 2.0] {
        let search = FixedSupportBarycentreConfig::new().beta(beta).build().unwrap();
        let found = search.find(&jets, &weights, grid.points()).unwrap();
        check_barycentre(&found, beta, 1.0, false, &jets, &weights);
        assert!(found.converged && found.gap <= 0.02 * found.value);
        let emd = EmdConfig::new().beta(beta).normalise(true).build().unwrap();
        let of = |event: &EnergyFlow| -> f64 {
            jets.iter().map(|jet| emd.value(event, jet).unwrap() / 20.0).sum()
        };
        // The same twice over, and with jets that do not count, is the same.
        let again = [jets.clone(), vec![moved(&jets[0], [9.0, 0.0], 1.0)], jets.clone()].concat();
        let half = [vec![0.5; 20], vec![0.0], vec![0.5; 20]].concat();
        let repeated = search.find(&again, &half, grid.points()).unwrap();
        assert!((repeated.value - found.value).abs() <= found.gap.max(repeated.gap));
        // No jet is as near to all, not even the nearest (were it on the grid, that would be proven).
        assert!(jets.iter().all(|jet| of(jet) > found.value));
    }
}

#[test]
fn barycentres_of_special_sets() {
    let grid = Grid::square(1.125, 9).unwrap();
    let search = FixedSupportBarycentreConfig::new().build().unwrap();
    // One event on the support is its own barycentre.
    let one =
        EnergyFlow::from_rows(&[[3.0, 0.25, 0.5], [0.0, 7.0, 7.0], [1.0, -0.5, 0.0], [1e-9, 0.75, 1.0]])
            .unwrap();
    let found = search.find(std::slice::from_ref(&one), &[0.1], grid.points()).unwrap();
    check_barycentre(&found, 2.0, 1.0, false, std::slice::from_ref(&one), &[0.1]);
    assert!(found.converged && found.value < 1e-8, "{found:?}");
    // Two single particles meet halfway (or anywhere between, for beta = 1).
    let particle = |y: f64| EnergyFlow::from_rows(&[[5.0, y, 0.0]]).unwrap();
    let found = search.find(&[particle(-0.5), particle(0.5)], &[1.0, 1.0], grid.points()).unwrap();
    assert!((found.value - 0.25).abs() <= found.gap);
    assert!(found.event.energies()[40] > 0.95, "{:?}", found.event.energies());
    // All in one place.
    let found = search.find(&[particle(0.0), particle(0.0)], &[1.0, 3.0], &[[0.0, 0.0]]).unwrap();
    assert_eq!((found.value, found.gap, found.converged), (0.0, 0.0, true));
    // One place to be, and it is elsewhere.
    let found = search.find(&[particle(0.0), particle(1.0)], &[1.0, 3.0], &[[0.0, 0.0]]).unwrap();
    assert!((found.value - 0.75).abs() < ROUNDING && found.gap.abs() < ROUNDING && found.converged);
    // Around the circle.
    let search = FixedSupportBarycentreConfig::new().periodic_phi(true).build().unwrap();
    let at = |phi: f64| EnergyFlow::from_rows(&[[5.0, 0.0, phi]]).unwrap();
    let found = search.find(&[at(3.0), at(-3.0)], &[1.0, 1.0], &[[0.0, 0.0], [0.0, 3.1]]).unwrap();
    assert!(found.event.energies()[1] > 0.999);
    // Units do not matter.
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let events: Vec<EnergyFlow> = (0..3).map(|_| event(6, &mut rng)).collect();
    let search = |radius| FixedSupportBarycentreConfig::new().radius(radius).build().unwrap();
    let plain = search(1.0).find(&events, &[1.0; 3], grid.points()).unwrap();
    let huge: Vec<EnergyFlow> = events.iter().map(|event| moved(event, [0.0; 2], 1e300)).collect();
    let scaled = search(1e-100).find(&huge, &[1e308; 3], grid.points()).unwrap();
    assert!((scaled.value / 1e200 - plain.value).abs() < 1e-9 * plain.value);
}

#[test]
fn free_points_find_the_mean() {
    let mut rng = ChaCha8Rng::seed_from_u64(15);
    let shape = event(12, &mut rng);
    let search = FreeSupportBarycentreConfig::new().build().unwrap();
    // Translates of one event: the mean translate, and the variance of the translations.
    let shifts = [[0.3, 0.0], [-0.1, 0.4], [0.2, -0.7]];
    let weights = [1.0, 2.0, 1.0];
    let mean = [0.075, 0.025];
    let events = shifts.map(|by| moved(&shape, by, 7.0));
    let found = search.find(&events, &weights, &shape).unwrap();
    let variance: f64 = shifts
        .iter()
        .zip(weights)
        .map(|(x, w)| 0.25 * w * ((x[0] - mean[0]).powi(2) + (x[1] - mean[1]).powi(2)))
        .sum();
    assert!((found.value - variance).abs() < ROUNDING && found.converged);
    for (x, y) in found.event.points().iter().zip(shape.points()) {
        assert!((x[0] - y[0] - mean[0]).hypot(x[1] - y[1] - mean[1]) < ROUNDING);
    }
    // Jets: every iteration gains, and the end is below every jet and every grid.
    let jets: Vec<EnergyFlow> = (0..15).map(|_| jet(&mut rng)).collect();
    let weights = vec![1.0; 15];
    let mut last = f64::INFINITY;
    for iterations in 0..6 {
        let search =
            FreeSupportBarycentreConfig::new().max_iterations(iterations).tolerance(0.0).build().unwrap();
        let found = search.find(&jets, &weights, &jets[0]).unwrap();
        assert!(found.value < last && found.iterations == iterations && !found.converged);
        last = found.value;
    }
    let found = search.find(&jets, &weights, &jets[0]).unwrap();
    assert!(found.converged && found.value < last && found.gain <= 1e-6 * found.value);
    let emd = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    let value: f64 = jets.iter().map(|jet| emd.value(&found.event, jet).unwrap() / 15.0).sum();
    assert!((value - found.value).abs() < ROUNDING);
    // Around the circle.
    let search = FreeSupportBarycentreConfig::new().periodic_phi(true).build().unwrap();
    let at = |phi: f64| EnergyFlow::from_rows(&[[5.0, 0.0, phi]]).unwrap();
    let found = search.find(&[at(3.0), at(-3.0)], &[1.0, 1.0], &at(3.1)).unwrap();
    assert!((found.event.points()[0][1] - std::f64::consts::PI).abs() < ROUNDING);
}

#[test]
fn searches_name_bad_input() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let config = FixedSupportBarycentreConfig::new();
        assert!(config.radius(bad).build().is_err() && config.beta(bad).build().is_err());
        let error = config.tolerance(bad).build().unwrap_err().to_string();
        assert_eq!(error, format!("tolerance is {bad}, but must be positive and finite"));
    }
    assert!(FreeSupportBarycentreConfig::new().tolerance(f64::NAN).build().is_err());
    let fixed = FixedSupportBarycentreConfig::new().build().unwrap();
    let free = FreeSupportBarycentreConfig::new().build().unwrap();
    let one = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
    let nothing = EnergyFlow::default();
    let support = [[0.0, 0.0], [1.0, 0.0]];
    let two = [one.clone(), one.clone()];
    for (events, weights, expected) in [
        (&two[..0], &[][..], "list of events is empty"),
        (&two[..], &[1.0][..], "weights of events: expected 2, got 1"),
        (&two[..], &[1.0, -1.0][..], "weight of event 1 is -1, but must be zero or positive"),
        (&two[..], &[f64::NAN, 1.0][..], "weight of event 0 is not finite (NaN)"),
        (&two[..], &[0.0, 0.0][..], "largest weight is 0, but must be positive"),
        (
            &[one.clone(), nothing.clone()][..],
            &[1.0, 1.0][..],
            "total energy of event 1 is 0, but must be positive",
        ),
    ] {
        assert_eq!(fixed.find(events, weights, &support).unwrap_err().to_string(), expected);
        assert_eq!(free.find(events, weights, &one).unwrap_err().to_string(), expected);
    }
    let error = |support: &[[f64; 2]]| fixed.find(&two, &[1.0, 1.0], support).unwrap_err().to_string();
    assert_eq!(error(&[]), "support of the barycentre is empty");
    assert_eq!(
        error(&[[0.0, 0.0], [0.0, f64::NAN]]),
        "coordinate of the support of particle 1 is not finite (NaN)"
    );
    assert_eq!(error(&[[1e200, 0.0]]), "the cost from particle 0 to particle 0 is inf, but must be finite");
    let error = free.find(&two, &[1.0, 1.0], &nothing).unwrap_err().to_string();
    assert_eq!(error, "total energy of the start is 0, but must be positive");
}
