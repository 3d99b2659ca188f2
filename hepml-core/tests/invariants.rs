//! Invariances of the nouns, and proof that every checker of the testing kit can fail.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]
#![expect(clippy::unnecessary_wraps, reason = "checkers take functions that can fail")]

use hepml_core::nalgebra::{Vector3, Vector4};
use hepml_core::ndarray::Array2;
use hepml_core::testing::{
    CheckError, CollinearSplit, SoftEmission, boost, check_equivariant, check_gradient, check_invariant,
    check_irc_safe, check_metric_axioms, collinear_split, event, four_momentum, light_like,
    lorentz_transform, particle_sets, permutation, rotation, soft_emission,
};
use hepml_core::{
    Event, EventSet, FourMomentum, LorentzTransform, ParticleSets, Permutation, Result, Transformation,
};
use proptest::prelude::*;

/// Rounding of a chain of about ten operations.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// 64 eps gamma² E_p E_q for one transformation; see `LorentzTransform`.
fn product_tolerance(transform: &LorentzTransform, p: &FourMomentum, q: &FourMomentum) -> f64 {
    ROUNDING * transform.gamma().powi(2) * p.e * q.e
}

fn energies(sets: &ParticleSets) -> f64 {
    sets.momenta().iter().map(|p| p.e).sum()
}

fn masses_squared(sets: &ParticleSets) -> Result<Vec<f64>> {
    Ok(sets.events().map(|event| event.total_momentum().mass_squared()).collect())
}

fn totals(sets: &ParticleSets) -> Result<ParticleSets> {
    ParticleSets::from_events(sets.events().map(|event| [event.total_momentum()]))
}

/// Scalar sum of transverse momenta: safe. The number of particles: neither. The sum of squares: not collinear safe.
fn scalar_pt(sets: &ParticleSets) -> Result<Vec<f64>> {
    Ok(sets.events().map(|event| event.momenta().iter().map(FourMomentum::pt).sum()).collect())
}

proptest! {
    #[test]
    fn products_are_invariant(p in four_momentum(), q in light_like(), transform in lorentz_transform(1e6)) {
        let tolerance = product_tolerance(&transform, &p, &q);
        let product = |pair: &Pair| Ok::<f64, hepml_core::Error>(pair.0.dot(&pair.1));
        check_invariant(product, &Pair(p, q), &On(transform), tolerance)?;
        check_invariant(masses_squared, &ParticleSets::from_events([[p, q]])?, &transform,
            ROUNDING * (transform.gamma() * (p.e + q.e)).powi(2))?;
    }

    #[test]
    fn boosts_along_the_beam_shift_rapidities(p in four_momentum(), q in four_momentum(), y in -5.0..5.0) {
        let shift = LorentzTransform::boost_by_rapidity(Vector3::z(), y)?;
        let (a, b) = (shift * p, shift * q);
        // E - |pz| carries a rounding error of eps E.
        let condition = |p: &FourMomentum| p.e / (p.e - p.pz.abs()) ;
        let tolerance = 4.0 * f64::EPSILON * (condition(&a) + condition(&p)) * y.abs().exp() + ROUNDING;
        prop_assert!((a.rapidity() - p.rapidity() - y).abs() <= tolerance);
        let tolerance = tolerance + 4.0 * f64::EPSILON * (condition(&b) + condition(&q)) * y.abs().exp();
        prop_assert!((a.delta_r(&b) - p.delta_r(&q)).abs() <= tolerance);
        prop_assert!((a.pt() - p.pt()).abs() <= ROUNDING * p.pt());
    }

    #[test]
    fn inverses_undo(p in four_momentum(), transform in lorentz_transform(1e3)) {
        let back = transform.inverse() * (transform * p);
        prop_assert!(approx::abs_diff_eq!(back, p, epsilon = ROUNDING * transform.gamma().powi(2) * p.e));
        prop_assert!(LorentzTransform::from_matrix(*transform.matrix()).is_ok());
        prop_assert!(LorentzTransform::from_matrix(*transform.inverse().matrix()).is_ok());
    }

    #[test]
    fn boost_and_rotation_recompose(transform in lorentz_transform(1e6)) {
        let (boost, rotation) = transform.boost_and_rotation();
        let again = boost * LorentzTransform::from(rotation);
        prop_assert!(approx::abs_diff_eq!(again, transform, epsilon = ROUNDING * transform.gamma().powi(2)));
        prop_assert!((boost.matrix() - boost.matrix().transpose()).amax() == 0.0);
    }

    #[test]
    fn rotations_keep_energies_and_angles(p in four_momentum(), q in four_momentum(), rotation in rotation()) {
        let (a, b) = (rotation * p, rotation * q);
        prop_assert!((a.e - p.e).abs() == 0.0);
        prop_assert!((a.p() - p.p()).abs() <= ROUNDING * p.p());
        prop_assert!((a.angle(&b) - p.angle(&q)).abs() <= ROUNDING);
    }

    #[test]
    fn rest_frames(p in four_momentum().prop_filter("massive", |p| p.mass() > 1e-6 * p.e), q in four_momentum()) {
        let to_rest = LorentzTransform::to_rest_frame(&p)?;
        let gamma = to_rest.gamma();
        let rest = to_rest * p;
        prop_assert!(rest.p() <= ROUNDING * gamma * p.e);
        // The energy of q in the rest frame of p is p·q/m.
        let energy = p.dot(&q) / p.mass();
        prop_assert!(((to_rest * q).e - energy).abs() <= ROUNDING * gamma * gamma * q.e);
    }

    #[test]
    fn coordinates_round_trip(p in four_momentum()) {
        let [pt, y, phi, m] = p.to_pt_y_phi_m();
        // m² is stored with an error of eps E².
        if m > 1e-3 * p.e {
            let again = FourMomentum::from_pt_y_phi_m(pt, y, phi, m)?;
            prop_assert!(approx::relative_eq!(again, p, max_relative = ROUNDING * (p.e / m).powi(2)));
        }
        let [pt, eta, phi, m] = p.to_pt_eta_phi_m();
        let again = FourMomentum::from_pt_eta_phi_m(pt, eta, phi, m.max(0.0))?;
        prop_assert!(approx::relative_eq!(again, p, max_relative = ROUNDING * (1.0 + eta.abs())));
        let vector: Vector4<f64> = p.into();
        prop_assert_eq!(FourMomentum::from(vector), p);
        prop_assert_eq!(FourMomentum::from(<[f64; 4]>::from(p)), p);
    }

    #[test]
    fn angular_distances_are_distances(points in proptest::collection::vec(four_momentum(), 3..6)) {
        let scale = 20.0;
        check_metric_axioms(|p: &FourMomentum, q| Ok::<_, CheckError>(p.angle(q)), &points, ROUNDING)?;
        let tolerance = ROUNDING * scale * points.iter().map(|p| p.e / (p.e - p.pz.abs())).fold(0.0, f64::max);
        check_metric_axioms(|p: &FourMomentum, q| Ok::<_, CheckError>(p.delta_r(q)), &points, tolerance)?;
    }

    #[test]
    fn totals_are_equivariant(sets in particle_sets(1..4, 0..8), transform in lorentz_transform(1e3)) {
        check_equivariant(totals, &sets, &transform, ROUNDING * transform.gamma() * energies(&sets))?;
    }

    #[test]
    fn permutations_form_a_group(
        (sets, permutation) in particle_sets(1..2, 0..9).prop_flat_map(|sets| {
            let n = sets.particle_count();
            (Just(sets), permutation(n))
        })
    ) {
        let moved = permutation.apply(&sets)?;
        prop_assert_eq!(permutation.inverse().apply(&moved)?, sets.clone());
        check_invariant(masses_squared, &sets, &permutation, ROUNDING * energies(&sets).powi(2))?;
    }

    #[test]
    fn scalar_pt_is_infrared_and_collinear_safe(
        sets in particle_sets(1..4, 1..8), split in collinear_split(1), emission in soft_emission(1)
    ) {
        let scale = energies(&sets) + emission.momentum.e;
        check_irc_safe(scalar_pt, &sets, &split, &emission, 1e-11 * scale)?;
    }

    #[test]
    fn splittings_and_emissions_keep_the_other_events(
        sets in particle_sets(2..5, 1..5), split in collinear_split(100), emission in soft_emission(100)
    ) {
        let split = CollinearSplit { particle: split.particle % sets.particle_count(), ..split };
        let event = sets.offsets().partition_point(|&offset| offset <= split.particle) - 1;
        let after = split.apply(&sets)?;
        let emission = SoftEmission { event: emission.event % sets.event_count(), ..emission };
        let grown = emission.apply(&sets)?;
        for i in 0..sets.event_count() {
            prop_assert_eq!(after.event(i).len(), sets.event(i).len() + usize::from(i == event));
            prop_assert_eq!(grown.event(i).len(), sets.event(i).len() + usize::from(i == emission.event));
            if i != event {
                prop_assert_eq!(after.event(i), sets.event(i));
            }
            if i != emission.event {
                prop_assert_eq!(grown.event(i), sets.event(i));
            }
        }
        let row = sets.features().row(split.particle).to_owned();
        prop_assert_eq!(after.features().row(split.particle + 1).to_owned(), row);
        prop_assert_eq!(grown.event(emission.event).momenta().last(), Some(&emission.momentum));
    }

    #[test]
    fn selections_and_concatenations_agree(sets in particle_sets(1..6, 0..5), pick in proptest::collection::vec(0_usize..100, 0..9)) {
        let indices: Vec<usize> = pick.iter().map(|i| i % sets.event_count()).collect();
        let selected = sets.select_events(&indices)?;
        prop_assert_eq!(selected.event_count(), indices.len());
        for (to, &from) in indices.iter().enumerate() {
            prop_assert_eq!(selected.event(to), sets.event(from));
        }
        let both = ParticleSets::concat_events(&[&sets, &selected])?;
        prop_assert_eq!(both.event_count(), sets.event_count() + indices.len());
        let tail: Vec<usize> = (sets.event_count()..both.event_count()).collect();
        prop_assert_eq!(both.select_events(&tail)?, selected);
    }

    #[test]
    fn event_records_transform(event in event(0..6), boost in boost(100.0)) {
        let moved: Event = boost.apply(&event)?;
        for (before, after) in event.particles.iter().zip(&moved.particles) {
            prop_assert_eq!(after.momentum, boost * before.momentum);
        }
    }
}

#[derive(Clone, Copy)]
struct Pair(FourMomentum, FourMomentum);

struct On(LorentzTransform);

impl Transformation<Pair> for On {
    fn apply(&self, pair: &Pair) -> Result<Pair> {
        Ok(Pair(self.0 * pair.0, self.0 * pair.1))
    }
}

// Each checker must fail on a function that breaks the property.

fn two_particles() -> ParticleSets {
    ParticleSets::from_events([[
        FourMomentum::new(5.0, 3.0, 0.0, 4.0),
        FourMomentum::new(13.0, 0.0, 5.0, -12.0),
    ]])
    .unwrap()
}

#[track_caller]
fn assert_exceeded<T: std::fmt::Debug>(result: std::result::Result<T, CheckError>, at_least: f64) {
    match result {
        Err(error @ CheckError::Exceeded { .. }) => {
            assert!(error.deviation().unwrap() >= at_least, "{error}");
            assert!(error.to_string().contains("tolerance"), "{error}");
        }
        other => panic!("the check passed or failed otherwise: {other:?}"),
    }
}

#[test]
fn invariance_checker_fails_on_energies() {
    let boost = LorentzTransform::boost_by_gamma(Vector3::x(), 2.0).unwrap();
    assert_exceeded(check_invariant(scalar_pt, &two_particles(), &boost, 1e-9), 1.0);
    let first = |sets: &ParticleSets| Ok::<_, CheckError>(sets.momenta()[0].e);
    assert_exceeded(
        check_invariant(first, &two_particles(), &Permutation::new(vec![1, 0]).unwrap(), 1e-9),
        8.0,
    );
}

#[test]
fn invariance_checker_fails_on_nan_and_on_lost_values() {
    let swap = Permutation::new(vec![1, 0]).unwrap();
    let nan = |_: &ParticleSets| Ok::<_, CheckError>(vec![1.0, f64::NAN]);
    let error = check_invariant(nan, &two_particles(), &swap, f64::INFINITY).unwrap_err();
    assert!(matches!(&error, CheckError::NotFinite { item, .. } if item == "value 1"), "{error}");
    let drops = |sets: &ParticleSets| Ok::<_, CheckError>(vec![0.0; usize::from(sets.momenta()[0].e < 6.0)]);
    let error = check_invariant(drops, &two_particles(), &swap, 1.0).unwrap_err();
    assert!(matches!(error, CheckError::CountChanged { before: 1, after: 0, .. }), "{error}");
    let fails = |_: &ParticleSets| Err::<f64, _>("no");
    assert!(matches!(check_invariant(fails, &two_particles(), &swap, 1.0), Err(CheckError::Function(_))));
}

#[test]
fn equivariance_checker_fails_on_rescaled_components() {
    let squash = |sets: &ParticleSets| sets.map_momenta(|p| FourMomentum { pz: 0.5 * p.pz, ..p });
    let rotation = LorentzTransform::rotation(Vector3::x(), 0.7).unwrap();
    let error = check_equivariant(squash, &two_particles(), &rotation, 1e-9);
    assert!(error.as_ref().unwrap_err().to_string().contains("of particle"), "{error:?}");
    assert_exceeded(error, 0.1);
}

#[test]
fn irc_checker_fails_on_unsafe_observables() {
    let sets = two_particles();
    let split = CollinearSplit { particle: 0, fraction: 0.5 };
    let emission = SoftEmission { event: 0, momentum: FourMomentum::new(5.0, 0.0, 3.0, 4.0) };
    let check = |f: fn(&ParticleSets) -> f64, split: &CollinearSplit| {
        check_irc_safe(|sets: &ParticleSets| Ok::<_, CheckError>(f(sets)), &sets, split, &emission, 1e-9)
    };
    let no_split = CollinearSplit { particle: 0, fraction: 0.0 };
    // Collinear unsafe: the energy of the hardest particle, halved by a splitting of it.
    let hardest = |sets: &ParticleSets| sets.momenta().iter().map(|p| p.e * p.e).sum();
    assert_exceeded(check(hardest, &split), 10.0);
    assert!(check(hardest, &no_split).is_ok());
    // Infrared unsafe only: the number of directions with any energy.
    let directions = |sets: &ParticleSets| {
        let mut phis: Vec<f64> = sets.momenta().iter().filter(|p| p.e > 0.0).map(FourMomentum::phi).collect();
        phis.sort_by(f64::total_cmp);
        phis.dedup();
        phis.len() as f64
    };
    let along_x_and_y = SoftEmission { event: 0, momentum: FourMomentum::new(5.0, 3.0, 4.0, 0.0) };
    let infrared = check_irc_safe(
        |sets: &ParticleSets| Ok::<_, CheckError>(directions(sets)),
        &sets,
        &split,
        &along_x_and_y,
        1e-9,
    );
    assert!(infrared.as_ref().unwrap_err().to_string().contains("infrared"), "{infrared:?}");
    // A function that is not defined for soft particles.
    let logs = |sets: &ParticleSets| sets.momenta().iter().map(|p| (p.e - 1e-8).ln()).sum::<f64>();
    assert!(matches!(check(logs, &split), Err(CheckError::NotFinite { .. } | CheckError::Exceeded { .. })));
}

#[test]
fn metric_checker_fails_on_each_axiom() {
    let points = [0.0, 1.0, 3.0];
    let check = |d: fn(f64, f64) -> f64| {
        check_metric_axioms(|a: &f64, b: &f64| Ok::<_, CheckError>(d(*a, *b)), &points, 1e-9)
    };
    assert!(check(|a, b| (a - b).abs()).is_ok());
    let fails = |d, name: &str| {
        let error = check(d).unwrap_err();
        assert!(matches!(&error, CheckError::Exceeded { property, .. } if *property == name), "{error}");
    };
    fails(|a, b| (a - b).powi(2), "the triangle inequality");
    fails(|a, b| (a - b).abs() + 1e-3, "d(x, x) = 0");
    fails(|a, b| (a - b).max(0.0) + 0.5 * (b - a).max(0.0), "d(x, y) = d(y, x)");
    fails(|a, b| -(a - b).abs(), "d(x, y) >= 0");
    assert!(matches!(check(|a, b| a / b), Err(CheckError::NotFinite { .. })));
    let two = check_metric_axioms(|a: &f64, b: &f64| Ok::<_, CheckError>((a - b).abs()), &[0.0, 1.0], 1e-9);
    assert!(matches!(two, Err(CheckError::Misuse(_))));
}

#[test]
fn gradient_checker_finds_wrong_components() {
    let f = |x: &[f64]| Ok::<f64, CheckError>((3.0 * x[0]).sin() * x[1].exp() + 1e-3 * x[0]);
    let x = [0.4, -1.2];
    let gradient = [3.0 * f64::cos(1.2) * f64::exp(-1.2) + 1e-3, f64::sin(3.0 * 0.4) * f64::exp(-1.2)];
    let off = check_gradient(f, &gradient, &x, 0.5, 1e-10).unwrap();
    assert!(off < 1e-11, "{off}");
    let mut wrong = gradient;
    wrong[1] *= 1.0 + 1e-6;
    assert_exceeded(check_gradient(f, &wrong, &x, 0.5, 1e-10), 1e-8);
    assert!(matches!(check_gradient(f, &gradient[..1], &x, 0.5, 1.0), Err(CheckError::CountChanged { .. })));
    wrong[0] = f64::NAN;
    assert!(matches!(check_gradient(f, &wrong, &x, 0.5, 1.0), Err(CheckError::NotFinite { .. })));
    let kink = |x: &[f64]| Ok::<f64, CheckError>(x[0].sqrt());
    assert!(matches!(check_gradient(kink, &[1.0], &[0.1], 0.5, 1.0), Err(CheckError::NotFinite { .. })));
}

#[test]
fn bad_batches_are_named() {
    let p = FourMomentum::new(1.0, 0.0, 0.0, 1.0);
    let nan = FourMomentum { px: f64::NAN, ..p };
    let error = ParticleSets::from_events([vec![p], vec![p, nan]]).unwrap_err();
    assert_eq!(error.to_string(), "px of event 1, particle 1 is not finite (NaN)");
    let features = |n| Array2::zeros((n, 1));
    let names = vec!["charge".to_owned()];
    let new = |momenta: Vec<FourMomentum>, rows, offsets| {
        ParticleSets::new(momenta, features(rows), names.clone(), offsets)
    };
    assert!(new(vec![p], 1, vec![0, 1]).is_ok());
    assert!(new(vec![p], 2, vec![0, 1]).is_err());
    assert!(new(vec![p], 1, vec![]).is_err());
    assert!(new(vec![p], 1, vec![0, 2]).is_err());
    assert!(new(vec![p, p], 2, vec![0, 2, 1, 2]).is_err());
    assert!(new(vec![p], 1, vec![1, 1]).is_err());
    let error = new(vec![p], 1, vec![0, 1]).unwrap().with_feature("charge", &[1.0]).unwrap_err();
    assert!(error.to_string().contains("charge"), "{error}");
    let sets = new(vec![p], 1, vec![0, 1]).unwrap();
    assert!(sets.feature("charg").unwrap_err().to_string().contains("[\"charge\"]"));
    assert!(sets.with_feature("t", &[]).is_err());
    assert!(
        sets.with_feature("t", &[f64::INFINITY])
            .unwrap_err()
            .to_string()
            .contains("\"t\" of event 0, particle 0")
    );
    assert!(sets.select_events(&[1]).is_err());
    assert!(ParticleSets::concat_events(&[]).is_err());
    assert!(ParticleSets::concat_events(&[&sets, &two_particles()]).is_err());
}
