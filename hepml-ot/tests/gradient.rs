//! Derivatives of the EMD against differences of the EMD.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;
use hepml_ot::{Divergence, Emd, EmdConfig, EmdGradient, EnergyFlow, Error};

/// Values of up to 20 are known to 1e-14; extrapolated differences over steps of 1e-5 and more lose five digits.
const TOLERANCE: f64 = 2e-7;
/// The first step: few random events as small as these have another optimal plan within it (the seeds are of the others).
const STEP: f64 = 3e-5;

fn rows(count: usize, rng: &mut dyn Rng) -> Vec<f64> {
    (0..count)
        .flat_map(|_| {
            let around = |rng: &mut dyn Rng| rng.random_range(-1.5..1.5);
            [rng.random_range(0.5..2.0), around(rng), 2.0 * around(rng)]
        })
        .collect()
}

fn flow(rows: &[f64]) -> EnergyFlow {
    EnergyFlow::from_rows(rows.as_chunks().0).unwrap()
}

fn flat(gradient: &EmdGradient) -> Vec<f64> {
    [&gradient.first, &gradient.second]
        .into_iter()
        .flat_map(|event| event.energies.iter().zip(&event.points).map(|(e, x)| [*e, x[0], x[1]]))
        .flatten()
        .collect()
}

fn check(emd: &Emd, a: &[f64], b: &[f64]) -> f64 {
    let value = |x: &[f64]| emd.value(&flow(&x[..a.len()]), &flow(&x[a.len()..]));
    let gradient = emd.gradient(&flow(a), &flow(b)).unwrap();
    let both = [a, b].concat();
    assert_eq!(gradient.value, value(&both).unwrap());
    check_gradient(value, &flat(&gradient), &both, STEP, TOLERANCE).unwrap()
}

#[test]
fn derivatives_are_slopes() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut worst = 0.0_f64;
    for beta in [0.5, 1.0, 1.5, 2.0, 3.3] {
        for normalise in [false, true] {
            for periodic in [false, true] {
                for radius in [0.8, 2.5] {
                    let emd = EmdConfig::new().beta(beta).radius(radius).normalise(normalise);
                    let emd = emd.periodic_phi(periodic).build().unwrap();
                    let (a, b) = (rows(6, &mut rng), rows(4, &mut rng));
                    worst = worst.max(check(&emd, &a, &b)).max(check(&emd, &b, &a));
                }
            }
        }
    }
    // Else the tolerance, not the gradient, would be what is tested.
    assert!(worst > 0.0 && worst <= TOLERANCE);
}

#[test]
fn derivatives_obey_the_symmetries_of_the_value() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for beta in [1.0, 2.0] {
        let emd = EmdConfig::new().beta(beta).radius(0.7).build().unwrap();
        let normalised = EmdConfig::new().beta(beta).radius(0.7).normalise(true).build().unwrap();
        let (a, b) = (flow(&rows(40, &mut rng)), flow(&rows(30, &mut rng)));
        // The value does not change when both events move together ...
        let gradient = emd.gradient(&a, &b).unwrap();
        for axis in 0..2 {
            let all = gradient.first.points.iter().chain(&gradient.second.points);
            let force: f64 = all.map(|x| x[axis]).sum();
            assert!(force.abs() < 1e-11 * gradient.value);
        }
        // ... grows in proportion to both events' energies ...
        let work = |event: &EnergyFlow, by: &[f64]| -> f64 {
            event.energies().iter().zip(by).map(|(energy, slope)| energy * slope).sum()
        };
        let scaled = work(&a, &gradient.first.energies) + work(&b, &gradient.second.energies);
        assert!((scaled - gradient.value).abs() < 1e-12 * gradient.value);
        // ... and, normalised, not at all with those of one.
        let gradient = normalised.gradient(&a, &b).unwrap();
        assert!(work(&a, &gradient.first.energies).abs() < 1e-13);
        assert!(work(&b, &gradient.second.energies).abs() < 1e-13);
        // Swapping the events swaps the derivatives.
        let swapped = normalised.gradient(&b, &a).unwrap();
        for (x, y) in gradient.first.points.iter().zip(&swapped.second.points) {
            assert!((x[0] - y[0]).abs() < 1e-12 && (x[1] - y[1]).abs() < 1e-12);
        }
    }
}

#[test]
fn kinks_and_coinciding_points_have_finite_answers() {
    let a = EnergyFlow::from_rows(&[[1.0, 0.2, 0.3], [2.0, -0.4, 0.0], [0.0, 5.0, 5.0]]).unwrap();
    for beta in [0.5, 1.0, 2.0] {
        let emd = EmdConfig::new().beta(beta).build().unwrap();
        let same = emd.gradient(&a, &a).unwrap();
        assert_eq!(same.value, 0.0);
        assert!(same.first.points.iter().chain(&same.second.points).all(|x| *x == [0.0; 2]));
        // A subgradient at the minimum: linear extrapolation never exceeds the value.
        let more = EnergyFlow::from_rows(&[[1.5, 0.2, 0.3], [2.0, -0.4, 0.0], [0.0, 5.0, 5.0]]).unwrap();
        assert!(0.5 * same.first.energies[0] <= emd.value(&more, &a).unwrap() + 1e-15);
    }
    // Two arrangements tie: each of the two middle points may go to either end.
    let ends = EnergyFlow::from_rows(&[[1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]).unwrap();
    let middle = EnergyFlow::from_rows(&[[1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]).unwrap();
    let gradient = Emd::default().gradient(&ends, &middle).unwrap();
    let slope = 1.0 / 2.0_f64.sqrt();
    for x in gradient.first.points.iter().chain(&gradient.second.points) {
        assert!((x[0].abs() - slope).abs() < 1e-15 && (x[1].abs() - slope).abs() < 1e-15);
    }
    // A particle without energy: the slope of giving it some.
    let emd = EmdConfig::new().radius(20.0).build().unwrap();
    let b = EnergyFlow::from_rows(&[[4.0, 0.0, 0.0]]).unwrap();
    let gradient = emd.gradient(&a, &b).unwrap();
    let little = EnergyFlow::from_rows(&[[1.0, 0.2, 0.3], [2.0, -0.4, 0.0], [1e-3, 5.0, 5.0]]).unwrap();
    let slope = (emd.value(&little, &b).unwrap() - gradient.value) / 1e-3;
    assert!((slope - gradient.first.energies[2]).abs() < 1e-11);
    assert_eq!(gradient.first.points[2], [0.0; 2]);
}

#[test]
fn what_has_no_gradient_says_so() {
    let a = EnergyFlow::from_rows(&[[1.0, 0.2, 0.3]]).unwrap();
    let closure = Emd::with_cost(|a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs());
    let error = closure.gradient(&a, &a).unwrap_err();
    assert!(matches!(error, Error::NoCostGradient));
    assert_eq!(
        error.to_string(),
        "the ground cost does not know its derivative: implement GroundCost::cost_gradient for it"
    );
    let nothing = EnergyFlow::default();
    assert!(matches!(closure.gradient(&nothing, &nothing), Err(Error::NoCostGradient)));
    let error = EmdConfig::new().normalise(true).build().unwrap().gradient(&a, &nothing).unwrap_err();
    assert!(matches!(error, Error::NoEnergy { event: "second" }));
    // The value is 1e200; the slope would be 5e499.
    let tiny = EmdConfig::new().beta(0.5).radius(1e-300).build().unwrap();
    let (x, y) =
        (EnergyFlow::from_rows(&[[1e200, 0.0, 0.0]]), EnergyFlow::from_rows(&[[1e200, 1e-300, 0.0]]));
    let error = tiny.gradient(&x.unwrap(), &y.unwrap()).unwrap_err().to_string();
    assert_eq!(error, "derivative by the rapidity of particle 0 is not finite (-inf)");
    let empty = Emd::default().gradient(&nothing, &a).unwrap();
    assert_eq!((empty.value, empty.second.energies[0]), (1.0, 1.0));
}
