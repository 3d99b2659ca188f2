//! Toys fitted by maximum likelihood, against closed forms.

use hepml_core::ndarray::{Array1, Array2, array};
use hepml_core::rand::SeedableRng;
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{FourMomentum, LogRatio, ParticleSets, Table, Weighted};
use hepml_ratio::Result;
use hepml_ratio::toys::{
    Emissions, Exponentials, Gaussian, Gaussians, MuonPairs, PointProcess, QuadraticEft, Toy,
};

/// Sums of a few terms of order 1.
const ROUNDING: f64 = 1e-13;
/// What a golden section leaves of a maximum: the root of the rounding of a log-likelihood.
const GOLDEN: f64 = 1e-6;

fn column(values: &[f64]) -> Table {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).expect("one value an event")
}

fn weighted(values: &[f64], weights: &[f64]) -> Weighted<Table> {
    Weighted::new(column(values), weights.to_vec()).expect("finite weights, one an event")
}

fn largest_difference(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    (a - b).iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

#[test]
fn gaussians_take_over_means_and_covariances() {
    // Weights 1, 3 at (0, 0), (2, 1) and 4 at (1, -1): by hand, mean (5/4, -1/8).
    let events = array![[0.0, 0.0], [2.0, 1.0], [1.0, -1.0]];
    let numerator = Weighted::new(events, vec![1.0, 3.0, 4.0]).unwrap();
    let covariance = array![[0.4375, 0.40625], [0.40625, 0.859_375]];
    let denominator = Weighted::unit(array![[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]);
    let expected = Gaussians::new(
        Gaussian::new(&[1.25, -0.125], &covariance).unwrap(),
        Gaussian::new(&[0.0, 0.0], &Array2::from_diag_elem(2, 0.5)).unwrap(),
    )
    .unwrap();
    let fitted = Gaussians::maximum_likelihood(&numerator, &denominator).unwrap();
    let at = array![[0.3, -0.2], [2.0, 1.0], [-1.0, 0.7]];
    let [a, b] = [&expected, &fitted].map(|toy| toy.log_ratio(&at).unwrap());
    assert!(largest_difference(&a, &b) < 100.0 * ROUNDING, "{a} {b}");
}

#[test]
fn rates_of_exponentials_are_inverse_means() {
    let numerator = weighted(&[0.5, 2.0, 0.0], &[2.0, 1.0, 1.0]);
    let fitted = Exponentials::maximum_likelihood(&numerator, &weighted(&[4.0], &[7.0])).unwrap();
    assert_eq!(fitted, Exponentials::new(4.0 / 3.0, 0.25).unwrap());
}

/// The derivative of the mean log-likelihood vanishes, d ln p/dA = c/p.
#[test]
fn the_score_of_an_asymmetry_vanishes() {
    let toy = MuonPairs::new(0.5, -0.2).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let sides = [toy.sample(true, 5000, &mut rng), toy.sample(false, 5000, &mut rng)];
    let fitted = MuonPairs::maximum_likelihood(&sides[0], &sides[1]).unwrap().asymmetries();
    for ((side, a), truth) in sides.iter().zip(fitted).zip([0.5, -0.2]) {
        let density = |c: f64| 0.375 * (1.0 + c * c) + a * c;
        let score = side.events().column(0).iter().map(|c| c / density(*c)).sum::<f64>() / 5000.0;
        assert!(score.abs() < 10.0 * GOLDEN, "{score}");
        // The information of an event is above 1: beyond 4 of 1/sqrt(5000) would be bad luck of 1 in 16,000.
        assert!((a - truth).abs() < 4.0 / 5000.0_f64.sqrt(), "{a} {truth}");
    }
    // c and -c: no asymmetry. One side alone: as much as there can be.
    let both = weighted(&[0.3, -0.3], &[1.0, 1.0]);
    let [none, most] =
        MuonPairs::maximum_likelihood(&both, &weighted(&[0.5, 0.9], &[1.0; 2])).unwrap().asymmetries();
    assert!(none.abs() < GOLDEN && (most - 0.75).abs() < GOLDEN, "{none} {most}");
}

#[test]
fn a_coupling_is_found_and_changes_its_sign_with_x() {
    let toy = QuadraticEft::new(0.5).unwrap();
    let sample = toy.sample(true, 20_000, &mut ChaCha8Rng::seed_from_u64(2));
    let fitted = QuadraticEft::maximum_likelihood(&sample).unwrap();
    let mean_log = |c: f64| QuadraticEft::new(c).unwrap().log_ratio(sample.events()).unwrap().mean().unwrap();
    let c = fitted.coupling();
    assert!((c - 0.5).abs() < 0.03, "{c}");
    let slope = (mean_log(c + 1e-4) - mean_log(c - 1e-4)) / 2e-4;
    assert!(slope.abs() < 1e-4, "{slope}");
    // The likelihood of a whole grid is lower.
    assert!((-300..300).all(|i| mean_log(0.01 * f64::from(i)) <= mean_log(c)));
    let mirrored = Weighted::unit(sample.events().mapv(|x| -x));
    let mirrored = QuadraticEft::maximum_likelihood(&mirrored).unwrap().coupling();
    assert!((mirrored + c).abs() < GOLDEN, "{mirrored} {c}");
}

#[test]
fn point_processes_take_over_number_hardness_and_width() {
    let momentum = |pt, y| FourMomentum::from_pt_y_phi_m(pt, y, 0.3, 0.0).unwrap();
    // Of weights 3 and 1: 6/4 particles, pt - 1 of mean 2, squared rapidity of mean 5/2.
    let sets = ParticleSets::from_events([vec![momentum(2.0, 1.0), momentum(4.0, -2.0)], vec![]]).unwrap();
    let numerator = Weighted::new(sets, vec![3.0, 1.0]).unwrap();
    let denominator = Weighted::unit(ParticleSets::from_events([[momentum(2.5, 0.5)]]).unwrap());
    let expected = PointProcess::new(
        Emissions::new(1.5, 2.0, 2.5_f64.sqrt()).unwrap(),
        Emissions::new(1.0, 1.5, 0.5).unwrap(),
    );
    let fitted = PointProcess::maximum_likelihood(&numerator, &denominator).unwrap();
    let at = expected.sample(true, 20, &mut ChaCha8Rng::seed_from_u64(3));
    let [a, b] = [&expected, &fitted].map(|toy| toy.log_ratio(at.events()).unwrap());
    // A set has a few particles, whose ln r is of order 10 here.
    assert!(largest_difference(&a, &b) < 1000.0 * ROUNDING, "{a} {b}");
}

#[test]
fn samples_without_a_likelihood_are_refused() {
    let good = weighted(&[0.5, 0.7], &[1.0, 2.0]);
    let fails = |result: Result<Exponentials>, word: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    let fit = Exponentials::maximum_likelihood;
    fails(fit(&weighted(&[], &[]), &good), "numerator");
    fails(fit(&good, &weighted(&[1.0, 2.0], &[1.0, -1.0])), "event 1 of the denominator");
    fails(fit(&weighted(&[1.0], &[0.0]), &good), "sum");
    fails(fit(&weighted(&[1.0, f64::NAN], &[1.0; 2]), &good), "event 1");
    fails(fit(&weighted(&[1.0, -1.0], &[1.0; 2]), &good), "event 1");
    fails(fit(&weighted(&[0.0], &[1.0]), &good), "rate");
    fails(fit(&Weighted::unit(Table::zeros((3, 2))), &good), "columns");
    let flat = weighted(&[1.0, 1.0], &[1.0; 2]);
    assert!(
        Gaussians::maximum_likelihood(&flat, &good).unwrap_err().to_string().contains("positive definite")
    );
    assert!(MuonPairs::maximum_likelihood(&weighted(&[1.5], &[1.0]), &good).is_err());
    assert!(QuadraticEft::maximum_likelihood(&weighted(&[], &[])).is_err());
    let empty = Weighted::unit(ParticleSets::from_events([Vec::<FourMomentum>::new()]).unwrap());
    assert!(PointProcess::maximum_likelihood(&empty, &empty).is_err());
}
