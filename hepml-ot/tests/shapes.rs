//! Event shapes against brute force, closed forms, reference values, and their definition as distances.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

use hepml_core::nalgebra::Vector3;
use hepml_core::ndarray::Array2;
use hepml_core::testing::{
    SoftEmission, check_invariant, check_irc_safe, collinear_split, particle_sets, rotation,
};
use hepml_core::{EventSet, FourMomentum, Observables, ParticleSets};
use hepml_ot::{Spherocity, Thrust, TransportProblem};
use proptest::prelude::*;
use serde_json::Value;

/// Of numbers near 1 that are sums of some hundred terms.
const ROUNDING: f64 = 1e-13;

/// The oracle values beside the checkout, if they are there.
fn oracle() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/ot_oracle.json");
    let text = fs::read_to_string(&path);
    if text.is_err() {
        println!("skipped: {} is not there", path.display());
    }
    Some(serde_json::from_str(&text.ok()?).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Momenta of rows px, py, pz, E.
fn momenta(value: &Value) -> Vec<FourMomentum> {
    let rows = value.as_array().unwrap().iter().map(numbers);
    rows.map(|p| FourMomentum::new(p[3], p[0], p[1], p[2])).collect()
}

/// Thrust from all ways to give the momenta signs if they are few, else from the plane through each two momenta with all
/// four sides for these two, O(N³), which is right for momenta in general position.
fn brute_force(momenta: &[FourMomentum]) -> f64 {
    let vectors: Vec<Vector3<f64>> = momenta.iter().map(FourMomentum::momentum).collect();
    let mut best = 0.0_f64;
    if vectors.len() <= 12 {
        for signs in 0..1_u32 << (vectors.len() - 1) {
            let signed = |(k, p): (usize, &Vector3<f64>)| if signs >> k & 1 == 1 { -p } else { *p };
            best = best.max(vectors.iter().enumerate().map(signed).sum::<Vector3<f64>>().norm());
        }
        return best / vectors.iter().map(Vector3::norm).sum::<f64>();
    }
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().skip(i + 1) {
            let normal = a.cross(b);
            let mut sum = Vector3::zeros();
            for (k, p) in vectors.iter().enumerate() {
                if k != i && k != j {
                    sum += if p.dot(&normal) < 0.0 { -p } else { *p };
                }
            }
            for candidate in [sum + a + b, sum + a - b, sum - a + b, sum - a - b] {
                best = best.max(candidate.norm());
            }
        }
    }
    best / vectors.iter().map(Vector3::norm).sum::<f64>()
}

/// Sets of up to 40 momenta, up to 12 of kinds that part ways with an algorithm that relies on general position.
fn hard_momenta() -> impl Strategy<Value = Vec<FourMomentum>> {
    let smooth = prop::array::uniform3(-10.0..10.0_f64).no_shrink();
    let spanning = (prop::array::uniform3(-1.0..1.0_f64), -8.0..8.0_f64)
        .prop_map(|(p, log)| p.map(|x| x * 10_f64.powf(log)));
    let integers = prop::array::uniform3(-2..=2_i8).prop_map(|p| p.map(f64::from));
    let planar = prop::array::uniform2(-3.0..3.0_f64).prop_map(|[x, y]| [x, y, 0.25 * x - 2.0 * y]);
    let line = (-3.0..3.0_f64).prop_map(|x| [x, 0.3 * x, -0.7 * x]);
    let pencil = prop::array::uniform2(-1e-7..1e-7_f64).prop_map(|[x, y]| [x, y, 3.0]);
    let list = |element: BoxedStrategy<[f64; 3]>, most| prop::collection::vec(element, 1..most);
    prop_oneof![
        list(smooth.boxed(), 41),
        list(spanning.boxed(), 13),
        list(integers.boxed(), 13),
        list(planar.boxed(), 13),
        list(line.boxed(), 13),
        list(pencil.boxed(), 13),
    ]
    .prop_filter("something moves", |list| list.iter().flatten().any(|x| *x != 0.0))
    .prop_map(|list| list.iter().map(|[x, y, z]| FourMomentum::new(0.0, *x, *y, *z)).collect())
}

fn thrusts(sets: &ParticleSets) -> hepml_core::Result<Vec<f64>> {
    Ok(Thrust::new().observe(sets)?.into_raw_vec_and_offset().0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn thrust_is_the_global_maximum(momenta in hard_momenta()) {
        let axis = Thrust::new().axis(&momenta).unwrap();
        let expected = brute_force(&momenta);
        prop_assert!((axis.thrust - expected).abs() <= ROUNDING, "{} != {expected}", axis.thrust);
        prop_assert!((axis.one_minus_thrust - (1.0 - expected)).abs() <= ROUNDING);
        // The axis gives the value, and its hemispheres are sums along it.
        let total: f64 = momenta.iter().map(FourMomentum::p).sum();
        let along: f64 = momenta.iter().map(|p| p.momentum().dot(&axis.axis).abs()).sum();
        prop_assert!((along / total - axis.thrust).abs() <= ROUNDING);
        let signed = |(p, forward): (&FourMomentum, &bool)| if *forward { p.momentum() } else { -p.momentum() };
        let sum: Vector3<f64> = momenta.iter().zip(&axis.forward).map(signed).sum();
        prop_assert!((sum.norm() / total - axis.thrust).abs() <= ROUNDING);

        // Across the beam, and against the same momenta without their third component.
        let flat: Vec<FourMomentum> = momenta.iter().map(|p| FourMomentum::new(0.0, p.px, p.py, 0.0)).collect();
        if flat.iter().any(|p| p.pt() > 0.0) {
            let transverse = Thrust::transverse().axis(&momenta).unwrap();
            prop_assert!(flat.len() > 12 || (transverse.thrust - brute_force(&flat)).abs() <= ROUNDING);
            prop_assert!((transverse.thrust - Thrust::new().axis(&flat).unwrap().thrust).abs() <= ROUNDING);
            prop_assert_eq!(transverse.axis.z, 0.0);
            prop_assert!(transverse.thrust >= 2.0 / std::f64::consts::PI - ROUNDING);
            let (spherocity, _) = Spherocity.axis(&momenta).unwrap();
            prop_assert!((0.0..=1.0 + ROUNDING).contains(&spherocity));
        }
    }

    #[test]
    fn thrust_does_not_see_rotations_splittings_and_soft_particles(
        (sets, split) in particle_sets(1..4, 1..25).prop_flat_map(|sets| {
            let split = collinear_split(sets.particle_count());
            (Just(sets), split)
        }),
        turn in rotation(),
    ) {
        check_invariant(thrusts, &sets, &turn, ROUNDING)?;
        let emission = SoftEmission { event: 0, momentum: FourMomentum::new(1.0, 0.3, -0.5, 0.8) };
        let scale: f64 = sets.event(0).momenta().iter().map(FourMomentum::p).sum();
        check_irc_safe(thrusts, &sets, &split, &emission, ROUNDING + 2e-12 / scale)?;
    }

    #[test]
    fn one_minus_thrust_is_a_distance_to_pairs(momenta in hard_momenta(), other in prop::array::uniform3(-1.0..1.0_f64)) {
        // Balanced transport to n and -n at 2(1 - cos), with the energies the hemispheres have.
        let to_pair = |n: Vector3<f64>| {
            let energies: Vec<f64> = momenta.iter().map(FourMomentum::p).collect();
            let cost = Array2::from_shape_fn((momenta.len(), 2), |(i, side)| {
                let sign = [1.0, -1.0][side];
                // |a - b|² = 2(1 - cos), without its cancellation.
                if energies[i] > 0.0 { (momenta[i].momentum() / energies[i] - n * sign).norm_squared() } else { 0.0 }
            });
            let forward = momenta.iter().zip(&energies).filter(|(p, _)| p.momentum().dot(&n) > 0.0);
            let forward: f64 = forward.map(|(_, energy)| energy).sum();
            let total: f64 = energies.iter().sum();
            let value = |split: f64| {
                let sides = [split * total, (1.0 - split) * total];
                TransportProblem::new(&cost, &energies, &sides).unwrap().balanced().unwrap().value
            };
            (value(forward / total), [value(0.0), value(0.3), value(1.0)], total)
        };
        let axis = Thrust::new().axis(&momenta).unwrap();
        let (value, others, total) = to_pair(axis.axis);
        prop_assert!((axis.distance() - value).abs() <= ROUNDING * total, "{} {value}", axis.distance());
        prop_assert!((axis.distance() - 2.0 * total * (1.0 - axis.thrust)).abs() <= ROUNDING * total);
        // No other splitting of the energy is nearer, and no other axis.
        prop_assert!(others.iter().all(|other| *other >= value - ROUNDING * total));
        let other = Vector3::from(other);
        if other.norm() > 0.0 {
            prop_assert!(to_pair(other.normalize()).0 >= value - ROUNDING * total);
        }
    }
}

#[test]
fn thrust_of_an_event_of_pythia() {
    let Some(document) = oracle() else { return };
    let event = &document["ee_event"];
    let axis = Thrust::new().axis(&momenta(&event["particles_pxpypzE"])).unwrap();
    assert!((axis.thrust - event["thrust"].as_f64().unwrap()).abs() < ROUNDING);
    let expected = Vector3::from_vec(numbers(&event["thrust_axis"]));
    assert!((axis.axis.dot(&expected).abs() - 1.0).abs() < ROUNDING);
}
