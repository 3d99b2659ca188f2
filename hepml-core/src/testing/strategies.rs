//! Proptest strategies of the field's objects.

use std::f64::consts::PI;
use std::ops::Range;

use nalgebra::Vector3;
use proptest::collection::vec;
use proptest::prelude::*;

use super::infrared::{CollinearSplit, SoftEmission};
use crate::{Event, FourMomentum, LorentzTransform, Particle, ParticleSets, Permutation};

/// A particle's momentum: pT from 1 MeV to 10 TeV (log-uniform), |eta| < 5, massless or with a mass from 1 MeV to 1 TeV.
pub fn four_momentum() -> impl Strategy<Value = FourMomentum> {
    let mass = prop_oneof![Just(0.0), (-3.0..3.0).prop_map(|x: f64| 10_f64.powf(x))];
    (direction_parameters(), mass).prop_map(|((pt, eta, phi), m)| {
        FourMomentum::from_pt_eta_phi_m(pt, eta, phi, m).expect("the parameters are in range")
    })
}

/// A massless momentum: pT from 1 MeV to 10 TeV (log-uniform), |eta| < 5.
pub fn light_like() -> impl Strategy<Value = FourMomentum> {
    direction_parameters().prop_map(|(pt, eta, phi)| {
        FourMomentum::from_pt_eta_phi_m(pt, eta, phi, 0.0).expect("the parameters are in range")
    })
}

fn direction_parameters() -> impl Strategy<Value = (f64, f64, f64)> {
    ((-3.0..4.0).prop_map(|x: f64| 10_f64.powf(x)), -5.0..5.0, -PI..PI)
}

/// A batch with a number of events and of particles per event within the ranges; one feature column, `charge`.
pub fn particle_sets(events: Range<usize>, particles: Range<usize>) -> impl Strategy<Value = ParticleSets> {
    let particle = (four_momentum(), prop_oneof![Just(-1.0), Just(0.0), Just(1.0)]);
    vec(vec(particle, particles), events).prop_map(|events| {
        let mut sets = ParticleSets::empty(vec!["charge".to_owned()]);
        for event in events {
            let (momenta, charges): (Vec<_>, Vec<f64>) = event.into_iter().unzip();
            let features = ndarray::Array2::from_shape_vec((charges.len(), 1), charges).expect("a column");
            sets.push_event(&momenta, &features).expect("finite momenta");
        }
        sets
    })
}

/// An event record of unrelated final-state pions and photons with a (possibly negative) weight.
pub fn event(particles: Range<usize>) -> impl Strategy<Value = Event> {
    let id = prop_oneof![Just(211), Just(-211), Just(22)];
    (vec((four_momentum(), id), particles), -2.0..2.0, any::<u32>()).prop_map(
        |(particles, weight, number)| {
            let particles =
                particles.into_iter().map(|(momentum, id)| Particle::new(id, 1, momentum)).collect();
            Event::new(i64::from(number), weight, particles)
        },
    )
}

/// A direction, uniform on the sphere.
fn direction() -> impl Strategy<Value = Vector3<f64>> {
    (-1.0..1.0, -PI..PI).prop_map(|(cosine, phi): (f64, f64)| {
        let sine = ((1.0 - cosine) * (1.0 + cosine)).sqrt();
        Vector3::new(sine * phi.cos(), sine * phi.sin(), cosine)
    })
}

/// A rotation.
pub fn rotation() -> impl Strategy<Value = LorentzTransform> {
    (direction(), -PI..PI)
        .prop_map(|(axis, angle)| LorentzTransform::rotation(axis, angle).expect("a finite axis and angle"))
}

/// A boost with gamma in [1, `max_gamma`], log-uniform.
pub fn boost(max_gamma: f64) -> impl Strategy<Value = LorentzTransform> {
    (direction(), 0.0..=1.0).prop_map(move |(direction, x): (_, f64)| {
        let gamma = max_gamma.max(1.0).powf(x);
        LorentzTransform::boost_by_gamma(direction, gamma).expect("a direction and gamma >= 1")
    })
}

/// A proper orthochronous Lorentz transformation with gamma in [1, `max_gamma`]: a boost after a rotation.
pub fn lorentz_transform(max_gamma: f64) -> impl Strategy<Value = LorentzTransform> {
    (boost(max_gamma), rotation()).prop_map(|(boost, rotation)| boost * rotation)
}

/// A permutation of `n` elements.
pub fn permutation(n: usize) -> impl Strategy<Value = Permutation> {
    Just((0..n).collect::<Vec<usize>>())
        .prop_shuffle()
        .prop_map(|indices| Permutation::new(indices).expect("a shuffle is a permutation"))
}

/// A collinear splitting of one of the first `particles` particles of a batch, with z in [0, 1].
pub fn collinear_split(particles: usize) -> impl Strategy<Value = CollinearSplit> {
    (0..particles.max(1), 0.0..=1.0).prop_map(|(particle, fraction)| CollinearSplit { particle, fraction })
}

/// An emission from one of the first `events` events of a batch, at any angle within |eta| < 5, with a pT from 1 MeV to 10
/// TeV: scale it down to make it soft, as [`check_irc_safe`](super::check_irc_safe) does.
pub fn soft_emission(events: usize) -> impl Strategy<Value = SoftEmission> {
    (0..events.max(1), light_like()).prop_map(|(event, momentum)| SoftEmission { event, momentum })
}
