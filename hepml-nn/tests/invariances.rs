//! What networks of sets do not see, and what they do.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use hepml_core::ndarray::Array2;
use hepml_core::rand::SeedableRng;
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::{
    CollinearSplit, SoftEmission, check_invariant, check_irc_safe, collinear_split, permutation,
};
use hepml_core::{
    EventSet, FourMomentum, LorentzTransform, ParticleSets, Permutation, Result, Table, Transformation,
    Weighted,
};
use hepml_nn::{
    Architecture, DeepSetsConfig, EfnConfig, Encoder, JetEncoder, Network, Parameters, ParticleInput, Pass,
    PfnConfig, Pooling, Scalar, Sets, StackConfig, Tape,
};
use proptest::prelude::*;

/// Sums in another order differ by a few ulp a term.
const ORDER: f64 = 1e-12;
/// Momenta are rounded once more, which moves angles by up to eps e^(2|y|).
const MOVED: f64 = 1e-10;

/// A network with the first values of its parameters.
fn outputs<A, T>(config: &A, events: &ParticleSets) -> Result<Table>
where
    A: Architecture<Encoder = JetEncoder>,
    A::Network: Network<T, Input = Sets<T>>,
    T: Scalar,
{
    // Nothing is standardised, so that it does not matter which events these are.
    let encoder = config.fit_encoder(&Weighted::unit(some_jets()))?;
    let mut parameters = Parameters::<T>::new();
    let network = config.build(&encoder, &mut parameters, &mut ChaCha8Rng::seed_from_u64(5))?;
    let mut tape = Tape::new();
    tape.begin(&Arc::new(parameters));
    let y = network.evaluate(&mut Pass::evaluation(&mut tape), &encoder.encode(events)?)?;
    Ok(tape.value(y)?.to_array())
}

fn efn() -> EfnConfig {
    EfnConfig::new(2).phi(StackConfig::new([30, 20])).f(StackConfig::new([30]))
}

fn pfn() -> PfnConfig {
    PfnConfig::new(2).phi(StackConfig::new([30, 20])).f(StackConfig::new([30]))
}

fn all_inputs() -> Vec<ParticleInput> {
    use ParticleInput::{Azimuth, Charge, Distance, Feature, LnPt, LnPtFraction, PtFraction, Rapidity};
    let charge = Feature("charge".into());
    vec![PtFraction, Rapidity, Azimuth, Distance, LnPt, LnPtFraction, Charge, charge]
}

fn deep_sets(pooling: Pooling) -> DeepSetsConfig {
    DeepSetsConfig::new(all_inputs(), 3)
        .standardise(false)
        .pooling(pooling)
        .phi(StackConfig::new([30, 20]))
        .f(StackConfig::new([30]))
}

const POOLINGS: [Pooling; 4] = [Pooling::Sum, Pooling::Mean, Pooling::Max, Pooling::PtWeightedSum];

/// Jets of pions and photons from 0.1 to 500 GeV within 0.8 of axes with |y| < 2, with a feature `charge`.
fn jets(particles: std::ops::Range<usize>) -> impl Strategy<Value = ParticleSets> {
    let particle = (-1.0..2.7, -0.8..0.8, -0.8..0.8, prop_oneof![Just(-1.0), Just(0.0), Just(1.0)]);
    let jet = (-2.0..2.0, -PI..PI, proptest::collection::vec(particle, particles));
    proptest::collection::vec(jet, 1..4).prop_map(|jets| {
        let mut sets = ParticleSets::empty(vec!["charge".to_owned()]);
        for (y, phi, particles) in jets {
            let momenta: Vec<_> = particles
                .iter()
                .map(|&(ln_pt, dy, dphi, charge): &(f64, f64, f64, f64)| {
                    let mass = if charge == 0.0 { 0.0 } else { 0.13957 };
                    FourMomentum::from_pt_y_phi_m(10_f64.powf(ln_pt), y + dy, phi + dphi, mass).unwrap()
                })
                .collect();
            let charges = particles.iter().map(|particle| particle.3).collect();
            sets.push_event(&momenta, &Array2::from_shape_vec((momenta.len(), 1), charges).unwrap()).unwrap();
        }
        sets
    })
}

/// A permutation within each event.
fn shuffled(sets: &ParticleSets) -> impl Strategy<Value = Permutation> + use<> {
    let events: Vec<_> =
        sets.offsets().windows(2).map(|ends| (ends[0], permutation(ends[1] - ends[0]))).collect();
    let (firsts, permutations): (Vec<usize>, Vec<_>) = events.into_iter().unzip();
    permutations.prop_map(move |permutations| {
        let indices = permutations
            .iter()
            .zip(&firsts)
            .flat_map(|(permutation, first)| permutation.indices().iter().map(move |index| first + index));
        Permutation::new(indices.collect()).unwrap()
    })
}

fn scale(table: &Table) -> f64 {
    table.iter().fold(1.0, |scale, x| scale.max(x.abs()))
}

/// Turns each jet about its pt-weighted axis, or reflects it there, in the plane of y and phi; with massless particles.
#[derive(Debug, Clone, Copy)]
struct AboutAxis {
    angle: f64,
    reflect: bool,
}

impl Transformation<ParticleSets> for AboutAxis {
    fn apply(&self, sets: &ParticleSets) -> Result<ParticleSets> {
        let (sine, cosine) = self.angle.sin_cos();
        let mut momenta = Vec::new();
        for set in sets.events() {
            let total = set.total_momentum();
            let sum: f64 = set.momenta().iter().map(FourMomentum::pt).sum();
            let mean = |f: &dyn Fn(&FourMomentum) -> f64| -> f64 {
                set.momenta().iter().map(|p| p.pt() * f(p)).sum::<f64>() / sum
            };
            let (y0, phi0) = (mean(&|p| p.delta_y(&total)), mean(&|p| p.delta_phi(&total)));
            for p in set.momenta() {
                let (y, phi) = (p.delta_y(&total) - y0, p.delta_phi(&total) - phi0);
                let y = if self.reflect { -y } else { y };
                let (y, phi) = (cosine * y - sine * phi, sine * y + cosine * phi);
                let (y, phi) = (total.rapidity() + y0 + y, total.phi() + phi0 + phi);
                momenta.push(FourMomentum::from_pt_y_phi_m(
                    p.pt(),
                    y,
                    phi,
                    p.mass_squared().max(0.0).sqrt(),
                )?);
            }
        }
        ParticleSets::new(
            momenta,
            sets.features().to_owned(),
            sets.shared_feature_names(),
            sets.offsets().to_vec(),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_particles_is_not_seen(
        (sets, order) in jets(0..20).prop_flat_map(|sets| { let order = shuffled(&sets); (Just(sets), order) })
    ) {
        let tolerance = ORDER * scale(&outputs::<_, f64>(&pfn(), &sets)?);
        check_invariant(|x| outputs::<_, f64>(&pfn(), x), &sets, &order, tolerance)?;
        check_invariant(|x| outputs::<_, f64>(&efn(), x), &sets, &order, tolerance)?;
        for pooling in POOLINGS {
            let tolerance = ORDER * scale(&outputs::<_, f64>(&deep_sets(pooling), &sets)?);
            check_invariant(|x| outputs::<_, f64>(&deep_sets(pooling), x), &sets, &order, tolerance)?;
        }
    }

    #[test]
    fn boosts_along_the_beam_and_rotations_about_it_are_not_seen(
        sets in jets(0..20), rapidity in -1.0..1.0, angle in -PI..PI
    ) {
        let axis = hepml_core::nalgebra::Vector3::z();
        let moved = LorentzTransform::boost_by_rapidity(axis, rapidity)? * LorentzTransform::rotation(axis, angle)?;
        for upright in [false, true] {
            let (pfn, efn) = (pfn().upright(upright), efn().upright(upright));
            let tolerance = MOVED * scale(&outputs::<_, f64>(&pfn, &sets)?);
            check_invariant(|x| outputs::<_, f64>(&pfn, x), &sets, &moved, tolerance)?;
            check_invariant(|x| outputs::<_, f64>(&efn, x), &sets, &moved, tolerance)?;
        }
    }

    #[test]
    fn upright_jets_may_be_turned_and_reflected(sets in jets(1..20), angle in -PI..PI, reflect in any::<bool>()) {
        let turned = AboutAxis { angle, reflect };
        let (pfn, efn) = (pfn().upright(true), efn().upright(true));
        let tolerance = MOVED * scale(&outputs::<_, f64>(&pfn, &sets)?);
        check_invariant(|x| outputs::<_, f64>(&pfn, x), &sets, &turned, tolerance)?;
        check_invariant(|x| outputs::<_, f64>(&efn, x), &sets, &turned, tolerance)?;
    }

    #[test]
    fn an_efn_is_infrared_and_collinear_safe(
        (sets, split) in jets(1..20).prop_flat_map(|sets| {
            let particles = sets.particle_count();
            (Just(sets), collinear_split(particles))
        }),
        share in 0.01..1.0, dy in -0.8..0.8, dphi in -0.8..0.8, upright in any::<bool>()
    ) {
        let efn = efn().upright(upright);
        let emission = emission(&sets, share, dy, dphi);
        let tolerance = 100.0 * ORDER * scale(&outputs::<_, f64>(&efn, &sets)?);
        check_irc_safe(|x| outputs::<_, f64>(&efn, x), &sets, &split, &emission, tolerance)?;
    }
}

/// An emission from the first event with some share of its momentum.
fn emission(sets: &ParticleSets, share: f64, dy: f64, dphi: f64) -> SoftEmission {
    let total = sets.event(0).total_momentum();
    let (y, phi) = (total.rapidity() + dy, total.phi() + dphi);
    let momentum = FourMomentum::from_pt_y_phi_m(share * total.pt(), y, phi, 0.0).unwrap();
    SoftEmission { event: 0, momentum }
}

/// Three jets of 2, 0 and 3 particles.
fn some_jets() -> ParticleSets {
    let particle = |pt, y, phi| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap();
    ParticleSets::from_events([
        vec![particle(300.0, 0.4, 3.1), particle(200.0, 0.7, -3.0)],
        vec![],
        vec![particle(150.0, -1.2, 0.3), particle(120.0, -1.0, 0.1), particle(50.0, -1.3, 0.6)],
    ])
    .unwrap()
}

#[test]
fn what_a_particle_adds_to_an_efn_is_linear_in_its_pt_when_that_is_small() {
    let (sets, efn) = (some_jets(), efn());
    let before = outputs::<_, f64>(&efn, &sets).unwrap();
    let emission = emission(&sets, 1.0, 0.3, -0.2);
    let added = |share: f64| {
        let soft = SoftEmission { momentum: emission.momentum * share, ..emission.clone() };
        let after = outputs::<_, f64>(&efn, &soft.apply(&sets).unwrap()).unwrap();
        (after - &before).mapv(|x| x / share)
    };
    let (limit, next) = (added(1e-6), added(1e-4));
    assert!(limit.row(0).iter().all(|slope| slope.abs() > 1e-3), "{limit}");
    assert!(limit.rows().into_iter().skip(1).flatten().all(|slope| *slope == 0.0), "{limit}");
    // The next order in the share.
    let off = (&next - &limit).iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    assert!(off < 1e-2 * scale(&limit), "{off}");
}

#[test]
fn a_pfn_sees_splittings_and_soft_particles() {
    let (sets, pfn) = (some_jets(), pfn());
    let f = |x: &ParticleSets| outputs::<_, f64>(&pfn, x);
    let nothing = SoftEmission { momentum: FourMomentum::ZERO, ..emission(&sets, 1.0, 0.0, 0.0) };
    let whole = CollinearSplit { particle: 0, fraction: 0.3 };
    let split = check_invariant(f, &sets, &whole, 1e-3).unwrap_err();
    let soft = SoftEmission { momentum: emission(&sets, 1.0, 0.3, -0.2).momentum * 1e-12, ..nothing };
    let emitted = check_invariant(f, &sets, &soft, 1e-3).unwrap_err();
    for error in [split, emitted] {
        assert!(error.deviation().is_some_and(|deviation| deviation > 1e-3), "{error}");
    }
}

#[test]
fn jets_that_are_not_upright_may_not_be_turned() {
    let turned = AboutAxis { angle: 1.0, reflect: false };
    let error = check_invariant(|x| outputs::<_, f64>(&efn(), x), &some_jets(), &turned, 1e-3).unwrap_err();
    assert!(error.deviation().is_some(), "{error}");
}

#[test]
fn other_poolings_see_multiplicity_or_not() {
    // Each particle twice, with half of the momentum: the pt fractions enter below, so the inputs are the angles only.
    let sets = some_jets();
    let twice = sets.select_events(&[0, 1, 2]).unwrap();
    let doubled = ParticleSets::from_events(
        twice.events().map(|set| set.momenta().iter().flat_map(|p| [*p * 0.5, *p * 0.5]).collect::<Vec<_>>()),
    )
    .unwrap();
    let angles = vec![ParticleInput::Rapidity, ParticleInput::Azimuth];
    for (pooling, sees) in
        [(Pooling::Sum, true), (Pooling::Mean, false), (Pooling::Max, false), (Pooling::PtWeightedSum, false)]
    {
        let config = DeepSetsConfig::new(angles.clone(), 2).standardise(false).pooling(pooling);
        let (one, two) =
            (outputs::<_, f64>(&config, &sets).unwrap(), outputs::<_, f64>(&config, &doubled).unwrap());
        let off = (&one - &two).iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        assert_eq!(off > ORDER * scale(&one), sees, "{pooling:?}: {off:e}");
    }
}

/// Every event alone, and in batches with others, gives the same bits: there is no padding.
fn check_batches<T: Scalar>() {
    let mut sets = ParticleSets::empty(Vec::new());
    let mut phase = 0.0;
    for particles in [7, 1, 0, 33, 2, 64, 5, 0, 12] {
        let momenta: Vec<_> = (0..particles)
            .map(|i| {
                phase += 1.0;
                let (y, phi) = (0.5 * f64::sin(7.0 * phase), 0.5 * f64::cos(3.0 * phase));
                FourMomentum::from_pt_y_phi_m(100.0 / f64::from(i + 1), y, TAU * 0.49 + phi, 0.1).unwrap()
            })
            .collect();
        sets.push_event(&momenta, &Array2::zeros((momenta.len(), 0))).unwrap();
    }
    let check = |name: &str, f: &dyn Fn(&ParticleSets) -> Table| {
        let all = f(&sets);
        assert!(all.iter().all(|x| x.is_finite()));
        for batch in [vec![0], vec![2], vec![3, 1], vec![8, 7, 6, 5, 4], vec![5, 5, 2, 0], vec![]] {
            let part = f(&sets.select_events(&batch).unwrap());
            assert_eq!(part.nrows(), batch.len());
            for (row, &event) in batch.iter().enumerate() {
                assert_eq!(part.row(row), all.row(event), "{name}, event {event} in batch {batch:?}");
            }
        }
    };
    // Of full size, as the kernels take other ways there.
    check("pfn", &|x| outputs::<_, T>(&PfnConfig::new(2), x).unwrap());
    check("efn", &|x| outputs::<_, T>(&EfnConfig::new(2), x).unwrap());
    for pooling in POOLINGS {
        let inputs = vec![ParticleInput::LnPt, ParticleInput::Distance];
        let config = DeepSetsConfig::new(inputs, 1).standardise(false).pooling(pooling);
        check("deep sets", &|x| outputs::<_, T>(&config, x).unwrap());
    }
}

#[test]
fn the_rest_of_the_batch_is_not_seen() {
    check_batches::<f32>();
    check_batches::<f64>();
}

#[test]
fn an_empty_jet_is_f_of_zero_whatever_the_pooling() {
    let empty = ParticleSets::from_events([Vec::<FourMomentum>::new()]).unwrap();
    let first = outputs::<_, f64>(&pfn(), &empty).unwrap();
    assert_eq!(outputs::<_, f64>(&pfn(), &some_jets()).unwrap().row(1), first.row(0));
    // All biases are 0 at first, so F(0) = 0.
    assert!(first.iter().all(|x| *x == 0.0));
}
