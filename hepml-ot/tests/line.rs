//! Transport on a line and a circle, the sliced and the spectral distances: reference values, closed forms, symmetries.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::path::Path;

use hepml_core::ndarray::Array2;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::{
    check_gradient, check_irc_safe, check_metric_axioms, collinear_split, soft_emission,
};
use hepml_core::{EventMetric, EventSet, FourMomentum, ParticleSets};
use hepml_ot::{
    CircleMeasure, CircleTransport, Divergence, EmdConfig, EnergyFlow, Error, Flow, LineMeasure,
    LineTransport, SlicedWasserstein, SlicedWassersteinConfig, SpectralEmd, SpectralEmdConfig,
    SpectralFunction, TransportProblem,
};
use proptest::prelude::*;
use serde_json::Value;

/// Relative: two correct programs in f64 with some thousand terms.
const OTHER_PROGRAM: f64 = 1e-12;
/// Relative to the size of what is summed: a few hundred roundings at most.
const ROUNDING: f64 = 1e-13;
/// Of the root of a value that is 0 but for levels that differ by 2^-60 = 1e-18 of the total, in units of the largest distance.
const ROOT: f64 = 1e-8;

const EXPONENTS: [f64; 4] = [1.0, 1.5, 2.0, 3.0];

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/line.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn event(value: &Value) -> EnergyFlow {
    let rows: Vec<[f64; 3]> = list(value).iter().map(|row| numbers(row).try_into().unwrap()).collect();
    EnergyFlow::from_rows(&rows).unwrap()
}

fn momenta(value: &Value) -> Vec<FourMomentum> {
    let momentum = |row: &Value| {
        let p = numbers(row);
        FourMomentum::new(p[0], p[1], p[2], p[3])
    };
    list(value).iter().map(momentum).collect()
}

#[track_caller]
fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} instead of {expected} (tolerance {tolerance:e})");
}

/// A jet of `count` particles.
fn jet(count: usize, seed: u64) -> EnergyFlow {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || rng.random::<f64>();
    let rows: Vec<[f64; 3]> =
        (0..count).map(|_| [-10.0 * draw().ln(), draw() + draw() - 1.0, draw() + draw() - 1.0]).collect();
    EnergyFlow::from_rows(&rows).unwrap()
}

// The committed values of POT.

#[test]
fn the_line_of_pot() {
    let document = reference();
    let cases = list(&document["line"]);
    assert!(cases.len() >= 7);
    for case in cases {
        let measure =
            |points, masses| LineMeasure::new(&numbers(&case[points]), &numbers(&case[masses])).unwrap();
        let (a, b) = (measure("x", "a"), measure("y", "b"));
        for w in list(&case["w"]) {
            let (p, expected) = (number(&w[0]), number(&w[1]));
            let value = LineTransport::normalised(p).unwrap().value(&a, &b).unwrap();
            assert_close(value, expected, OTHER_PROGRAM * expected.max(1e-3));
        }
    }
}

#[test]
fn the_circle_of_pot() {
    let document = reference();
    let cases = list(&document["circle"]);
    assert!(cases.len() >= 7);
    for case in cases {
        let measure = |points, masses| {
            CircleMeasure::new(&numbers(&case[points]), &numbers(&case[masses]), 1.0).unwrap()
        };
        let (a, b) = (measure("x", "a"), measure("y", "b"));
        for w in list(&case["w"]) {
            let (p, expected) = (number(&w[0]), number(&w[1]));
            let value = CircleTransport::normalised(p).unwrap().value(&a, &b).unwrap();
            assert_close(value, expected, OTHER_PROGRAM * expected.max(1e-3));
        }
    }
}

fn semd(beta: f64, periodic_phi: bool, omega_max: Option<f64>) -> SpectralEmd {
    let config = SpectralEmdConfig::new().beta(beta).periodic_phi(periodic_phi);
    omega_max.map_or(config, |omega| config.omega_max(omega)).build().unwrap()
}

#[test]
fn the_spectral_and_sliced_distances_of_pot() {
    let document = reference();
    let cases = list(&document["plane"]);
    assert!(cases.len() >= 5);
    for case in cases {
        let (a, b) = (event(&case["ev0"]), event(&case["ev1"]));
        for setting in list(&case["semd"]) {
            let distance = semd(
                number(&setting["beta"]),
                setting["periodic_phi"].as_bool().unwrap(),
                setting["omega_max"].as_f64(),
            );
            let expected = number(&setting["value"]);
            assert_close(distance.value(&a, &b).unwrap(), expected, OTHER_PROGRAM * expected.max(1e-3));
        }
        for setting in list(&case["sliced"]) {
            let count = usize::try_from(setting["directions"].as_u64().unwrap()).unwrap();
            let config = SlicedWassersteinConfig::new().p(number(&setting["p"])).directions(count);
            let expected = number(&setting["value"]);
            let value = config.build().unwrap().value(&a, &b).unwrap();
            assert_close(value, expected, OTHER_PROGRAM * expected.max(1e-3));
        }
    }
    let cases = list(&document["sphere"]);
    assert!(cases.len() >= 2);
    for case in cases {
        let (a, b) = (momenta(&case["ev0"]), momenta(&case["ev1"]));
        for setting in list(&case["semd"]) {
            let beta = number(&setting["beta"]);
            let spectrum = |momenta: &[FourMomentum]| SpectralFunction::from_momenta(momenta, beta).unwrap();
            let value = semd(beta, false, None).between(&spectrum(&a), &spectrum(&b)).unwrap();
            assert_close(value, number(&setting["value"]), OTHER_PROGRAM * number(&setting["value"]));
        }
    }
}

#[test]
fn the_shared_oracle() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/ot_oracle.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no shared oracle");
        return;
    };
    let oracle: Value = serde_json::from_str(&text).unwrap();
    let semds = &oracle["semd_p2_normalised"];
    let Some(events) = oracle["pairwise"]["events"].as_array() else {
        println!("skipped: the shared oracle does not hold the events of its spectral distances");
        return;
    };
    let events: Vec<EnergyFlow> = events.iter().map(event).collect();
    let pairs = list(&semds["pairs"]);
    assert!(pairs.len() >= 6);
    for (pair, expected) in pairs.iter().zip(numbers(&semds["values"])) {
        let index = |side: usize| usize::try_from(pair[side].as_u64().unwrap()).unwrap();
        let value = SpectralEmd::default().value(&events[index(0)], &events[index(1)]).unwrap();
        assert_close(value, expected, OTHER_PROGRAM * expected);
    }
}

// Against the exact solver of this crate.

/// The points and masses of a measure.
type Masses = (Vec<f64>, Vec<f64>);

fn masses(largest: usize) -> impl Strategy<Value = Masses> {
    let smooth = prop::collection::vec((0.0..1.0_f64, 0.01..10.0_f64), 1..=largest);
    let grid = prop::collection::vec(
        (0..8_u8, 0..4_u8).prop_map(|(x, mass)| (f64::from(x) / 8.0, f64::from(mass))),
        1..=largest,
    )
    .prop_map(|mut masses| {
        masses[0].1 = 1.0;
        masses
    });
    let spanning = prop::collection::vec(
        (0.0..1.0_f64, -12.0..6.0_f64).prop_map(|(x, log)| (x, 10_f64.powf(log))),
        1..=largest,
    );
    prop_oneof![3 => smooth, 2 => grid, 1 => spanning].prop_map(|masses| masses.into_iter().unzip())
}

fn normalised(masses: &[f64]) -> Vec<f64> {
    let total: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / total).collect()
}

/// W_p^p by the simplex, with the distance of two points.
fn by_simplex((x, a): &Masses, (y, b): &Masses, p: f64, distance: impl Fn(f64, f64) -> f64) -> f64 {
    let cost = Array2::from_shape_fn((x.len(), y.len()), |(i, j)| distance(x[i], y[j]).powf(p));
    TransportProblem::new(&cost, &normalised(a), &normalised(b)).unwrap().balanced().unwrap().value
}

fn around(x: f64, y: f64) -> f64 {
    let d = (x - y).abs() % 1.0;
    d.min(1.0 - d)
}

/// Checks that a plan moves everything from the one to the other at the cost of the value.
fn check_plan(
    plan: &[Flow],
    (x, a): &Masses,
    (y, b): &Masses,
    value: f64,
    cost: impl Fn(f64, f64) -> f64,
) -> Result<(), TestCaseError> {
    let (mut left, mut right) = (normalised(a), normalised(b));
    let mut total = 0.0;
    for flow in plan {
        prop_assert!(flow.amount > 0.0);
        left[flow.from] -= flow.amount;
        right[flow.to] -= flow.amount;
        total += flow.amount * cost(x[flow.from], y[flow.to]);
    }
    prop_assert!(left.iter().chain(&right).all(|rest| rest.abs() <= ROUNDING), "{left:?} {right:?}");
    prop_assert!((total - value).abs() <= ROUNDING, "{total} {value}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn lines_are_transport_problems(a in masses(20), b in masses(20), p in prop::sample::select(&EXPONENTS)) {
        let measure = |(points, masses): &Masses| LineMeasure::new(points, masses).unwrap();
        let (x, y) = (measure(&a), measure(&b));
        let transport = LineTransport::normalised(p).unwrap();
        let value = transport.value(&x, &y).unwrap();
        let distance = |s: f64, t: f64| (s - t).abs();
        prop_assert!((value - by_simplex(&a, &b, p, distance)).abs() <= ROUNDING);
        check_plan(&transport.plan(&x, &y).unwrap(), &a, &b, value, |s, t| distance(s, t).powf(p))?;
    }

    #[test]
    fn circles_are_transport_problems(a in masses(20), b in masses(20), p in prop::sample::select(&EXPONENTS)) {
        let measure = |(points, masses): &Masses| CircleMeasure::new(points, masses, 1.0).unwrap();
        let (x, y) = (measure(&a), measure(&b));
        let transport = CircleTransport::normalised(p).unwrap();
        let value = transport.value(&x, &y).unwrap();
        let expected = by_simplex(&a, &b, p, around);
        prop_assert!((value - expected).abs() <= ROUNDING, "{} {}", value, expected);
        check_plan(&transport.plan(&x, &y).unwrap(), &a, &b, value, |s, t| around(s, t).powf(p))?;
    }

    #[test]
    fn circles_turn_and_swap(
        a in masses(30), b in masses(30), p in prop::sample::select(&EXPONENTS), turn in -3.0..3.0_f64
    ) {
        let transport = CircleTransport::normalised(p).unwrap();
        let turned = |(points, masses): &Masses, turn: f64| {
            let points: Vec<f64> = points.iter().map(|x| x + turn).collect();
            CircleMeasure::new(&points, masses, 1.0).unwrap()
        };
        let value = transport.value(&turned(&a, 0.0), &turned(&b, 0.0)).unwrap();
        let other = transport.value(&turned(&b, turn), &turned(&a, turn)).unwrap();
        prop_assert!((value - other).abs() <= ROUNDING, "{} {}", value, other);
        // On a line that is one of many ways to roll off the circle, the distance is not smaller.
        let line = |(points, masses): &Masses| LineMeasure::new(points, masses).unwrap();
        let on_line = LineTransport::normalised(p).unwrap().value(&line(&a), &line(&b)).unwrap();
        prop_assert!(value <= on_line + ROUNDING);
        // And not above the largest distance there is.
        prop_assert!(value <= 0.5_f64.powf(p) + ROUNDING);
    }

    #[test]
    fn lines_and_circles_are_metric_spaces(
        sets in prop::collection::vec(masses(10), 4), p in prop::sample::select(&EXPONENTS)
    ) {
        let lines: Vec<LineMeasure> = sets.iter().map(|(x, a)| LineMeasure::new(x, a).unwrap()).collect();
        let transport = LineTransport::normalised(p).unwrap();
        check_metric_axioms(|a, b| transport.metric(a, b), &lines, ROUNDING)?;
        let circles: Vec<CircleMeasure> = sets.iter().map(|(x, a)| CircleMeasure::new(x, a, 1.0).unwrap()).collect();
        let transport = CircleTransport::normalised(p).unwrap();
        check_metric_axioms(|a, b| transport.metric(a, b), &circles, ROOT.powf(2.0 / p).max(ROUNDING))?;
    }

    #[test]
    fn balanced_masses_keep_their_unit(a in masses(10), b in masses(10), scale in -200..200_i32) {
        let unit = 10_f64.powi(scale);
        let [m, n] = [&a.1, &b.1].map(|masses| normalised(masses).iter().map(|x| x * unit).collect::<Vec<_>>());
        let (x, y) = (LineMeasure::new(&a.0, &m).unwrap(), LineMeasure::new(&b.0, &n).unwrap());
        let plain = LineTransport::normalised(2.0).unwrap().value(&x, &y).unwrap();
        let value = LineTransport::balanced(2.0).unwrap().value(&x, &y).unwrap();
        prop_assert!((value / unit - plain).abs() <= ROUNDING * plain);
        let (x, y) = (CircleMeasure::new(&a.0, &m, 1.0).unwrap(), CircleMeasure::new(&b.0, &n, 1.0).unwrap());
        let plain = CircleTransport::normalised(1.0).unwrap().value(&x, &y).unwrap();
        let value = CircleTransport::balanced(1.0).unwrap().value(&x, &y).unwrap();
        prop_assert!((value / unit - plain).abs() <= ROUNDING * plain);
    }
}

#[test]
fn closed_forms_on_the_circle() {
    // A uniform ring against one point: the mean distance is a quarter of the circumference, the mean square L^2/12.
    let point = CircleMeasure::from_azimuths(&[1.0], &[7.0]).unwrap();
    let ring = CircleMeasure::uniform(1000, TAU).unwrap();
    let w1 = CircleTransport::normalised(1.0).unwrap().value(&point, &ring).unwrap();
    assert_close(w1, FRAC_PI_2, 1e-5);
    let w2 = CircleTransport::normalised(2.0).unwrap().value(&point, &ring).unwrap();
    assert_close(w2, PI * PI / 3.0, 1e-5);
    // Two points back to back against it: an eighth of the circumference.
    let pair = CircleMeasure::from_azimuths(&[0.3, 0.3 + PI], &[1.0, 1.0]).unwrap();
    let value = CircleTransport::normalised(1.0).unwrap().value(&pair, &ring).unwrap();
    assert_close(value, PI / 4.0, 1e-5);
    // The particles of an event, at their azimuths.
    let particles = [0.3, 0.3 - PI].map(|phi| FourMomentum::from_pt_y_phi_m(20.0, 1.0, phi, 0.0).unwrap());
    let sets = ParticleSets::from_events([particles]).unwrap();
    let of_particles = CircleMeasure::from_particles(sets.event(0)).unwrap();
    assert_eq!((of_particles.len(), of_particles.circumference()), (2, TAU));
    assert!(CircleTransport::normalised(2.0).unwrap().value(&pair, &of_particles).unwrap() < 1e-28);
}

#[test]
fn points_beyond_a_turn_are_reduced() {
    let transport = CircleTransport::normalised(1.0).unwrap();
    let at = |x: f64| CircleMeasure::new(&[x], &[1.0], 1.0).unwrap();
    // -1e-17 is rounded to a whole turn, which is 0.
    assert_eq!(transport.value(&at(-1e-17), &at(0.0)).unwrap(), 0.0);
    assert_eq!(transport.value(&at(-2.75), &at(5.0)).unwrap(), 0.25);
}

#[test]
fn quantiles_and_cumulative_shares() {
    let measure = LineMeasure::new(&[2.0, 5.0, -1.0, 2.0], &[1.0, 0.0, 2.0, 1.0]).unwrap();
    let at = [-2.0, -1.0, 1.9, 2.0, 9.0].map(|x| measure.cumulative(x));
    assert_eq!(at, [0.0, 0.5, 0.5, 1.0, 1.0]);
    let points = [0.0, 0.5, 0.50001, 1.0, 2.0].map(|q| measure.quantile(q).unwrap());
    assert_eq!(points, [-1.0, -1.0, 2.0, 2.0, 2.0]);
    assert_eq!((measure.mean(), measure.len(), measure.total()), (Some(0.5), 4, 4.0));
    // A last mass that is next to nothing is the last all the same.
    let sliver = LineMeasure::new(&[0.0, 1.0], &[1.0, 1e-17]).unwrap();
    assert_eq!((sliver.quantile(1.0), sliver.quantile(2.0)), (Some(1.0), Some(1.0)));
    assert!(measure.quantile(f64::NAN).is_none() && measure.cumulative(f64::NAN).is_nan());
    let empty = LineMeasure::new(&[], &[]).unwrap();
    assert_eq!((empty.mean(), empty.quantile(0.5), empty.cumulative(0.0)), (None, None, 0.0));
    assert!(empty.is_empty());
}

// The spectral distance.

#[test]
fn two_particles_have_closed_forms() {
    // Shares 2 z (1-z) at the distance, the rest at 0.
    let (z, d, w, e) = (0.3_f64, 0.7_f64, 0.4_f64, 0.2_f64);
    let a = EnergyFlow::from_rows(&[[z, 0.0, 0.0], [1.0 - z, d, 0.0]]).unwrap();
    let b = EnergyFlow::from_rows(&[[w, 1.0, 0.0], [1.0 - w, 1.0, e]]).unwrap();
    let (s, t) = (2.0 * z * (1.0 - z), 2.0 * w * (1.0 - w));
    let expected = s.min(t) * (d - e).powi(2) + (s - t).max(0.0) * d * d + (t - s).max(0.0) * e * e;
    assert_close(SpectralEmd::default().value(&a, &b).unwrap(), expected, ROUNDING);
    // One particle has no distance: the second moment of the other remains.
    let one = EnergyFlow::from_rows(&[[5.0, 3.0, 1.0]]).unwrap();
    assert_close(SpectralEmd::default().value(&a, &one).unwrap(), s * d * d, ROUNDING);
    let moment = SpectralFunction::from_flow(&a, 1.0, false).unwrap().moment(2).unwrap();
    assert_close(moment, s * d * d, ROUNDING);
    let other = EnergyFlow::from_rows(&[[0.1, -3.0, 1.0]]).unwrap();
    assert_eq!(SpectralEmd::default().value(&one, &other).unwrap(), 0.0);
    // With omega = theta^2 / 2.
    let squared = semd(2.0, false, None).value(&a, &one).unwrap();
    assert_close(squared, s * d.powi(4) / 4.0, ROUNDING);
}

#[test]
fn the_same_particles_in_any_order_are_at_exactly_zero() {
    for count in [1, 2, 7, 60] {
        let event = jet(count, 3);
        let reversed: Vec<f64> = event.energies().iter().rev().copied().collect();
        let points: Vec<[f64; 2]> = event.points().iter().rev().copied().collect();
        let other = EnergyFlow::new(reversed, points).unwrap();
        for distance in [semd(1.0, false, None), semd(2.0, true, None), semd(1.0, false, Some(10.0))] {
            assert_eq!(distance.value(&event, &event).unwrap(), 0.0);
            assert_eq!(distance.value(&event, &other).unwrap(), 0.0);
        }
        let sliced = SlicedWasserstein::default();
        assert_eq!(sliced.value(&event, &other).unwrap(), 0.0);
    }
}

#[test]
fn neither_is_a_far_coordinate_seen_by_the_others() {
    // Costs to far coordinates are computed in another way than costs between others, and so with other roundings.
    for (seed, far) in (0..).zip([1e-150, -1e150, 20.0]) {
        let event = jet(9, 40 + seed);
        let mut points = event.points().to_vec();
        points[8][1] = far;
        let [ahead, behind] = [false, true].map(|reverse| {
            let (mut energies, mut points) = (event.energies().to_vec(), points.clone());
            if reverse {
                energies.reverse();
                points.reverse();
            }
            EnergyFlow::new(energies, points).unwrap()
        });
        for distance in [semd(1.0, false, None), semd(0.5, true, None)] {
            assert_eq!(distance.value(&ahead, &behind).unwrap(), 0.0, "{far}");
        }
    }
}

#[test]
fn bounds_hold_where_squares_are_subnormal() {
    let mut rng = ChaCha8Rng::seed_from_u64(50);
    for exponent in 150..165 {
        for _ in 0..50 {
            let stretch = rng.random_range(1.0..3.0);
            let omegas: Vec<f64> = (0..6).map(|_| rng.random::<f64>() * 10_f64.powi(-exponent)).collect();
            let stretched: Vec<f64> = omegas.iter().map(|omega| stretch * omega).collect();
            let [a, b] =
                [omegas, stretched].map(|omegas| SpectralFunction::from_lines(&omegas, &[1.0; 6]).unwrap());
            let distance = SpectralEmd::default();
            assert!(distance.lower_bound(&a, &b) <= distance.between(&a, &b).unwrap());
        }
    }
}

#[test]
fn a_missing_line_is_at_omega_max() {
    let distance = semd(1.0, false, Some(2.0));
    let empty = EnergyFlow::default();
    let a = EnergyFlow::from_rows(&[[3.0, 0.0, 0.0], [1.0, 0.5, 0.0]]).unwrap();
    // All of the spectral function comes from omega_max.
    assert_close(distance.value(&empty, &a).unwrap(), 10.0 * 4.0 + 6.0 * 1.5 * 1.5, ROUNDING);
    assert_eq!(distance.value(&empty, &empty).unwrap(), 0.0);
    // 4 of 16 are there; the rest comes down: to 0 first what was there, then (the quantiles) 6 at 1/2, 10 at 0.
    let one = EnergyFlow::from_rows(&[[2.0, 9.0, 9.0]]).unwrap();
    assert_close(distance.value(&a, &one).unwrap(), 6.0 * 4.0 + 6.0 * 1.5 * 1.5, ROUNDING * 40.0);
    let message = semd(1.0, false, Some(0.25)).value(&a, &one).unwrap_err().to_string();
    assert_eq!(message, "largest omega is 0.5, but must be at most omega_max");
}

fn rows(largest: usize) -> impl Strategy<Value = Vec<[f64; 3]>> {
    let smooth = (0.01..100.0, -2.0..2.0, -3.1..3.1).prop_map(|(pt, y, phi)| [pt, y, phi]);
    let grid = (0..4_u8, 0..5_u8, 0..5_u8)
        .prop_map(|(pt, y, phi)| [f64::from(pt), f64::from(y) * 0.5, f64::from(phi) * 0.5]);
    prop_oneof![
        2 => prop::collection::vec(smooth, 1..=largest),
        1 => prop::collection::vec(grid, 1..=largest).prop_map(|mut rows| { rows[0][0] = 2.0; rows }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_merge_is_the_transport_of_the_lines(a in rows(9), b in rows(9), beta in prop::sample::select(&[0.5, 1.0, 2.0][..])) {
        let distance = semd(beta, false, None);
        let [s, t] = [&a, &b].map(|rows| {
            SpectralFunction::from_flow(&EnergyFlow::from_rows(rows).unwrap(), beta, false).unwrap()
        });
        let lines = |spectrum: &SpectralFunction| spectrum.lines().unzip::<f64, f64, Vec<f64>, Vec<f64>>();
        let value = distance.between(&s, &t).unwrap();
        let size = s.largest_omega().unwrap().max(t.largest_omega().unwrap()).powi(2);
        let expected = by_simplex(&lines(&s), &lines(&t), 2.0, |x, y| (x - y).abs());
        prop_assert!((value - expected).abs() <= ROUNDING * size, "{} {}", value, expected);
        prop_assert!(distance.lower_bound(&s, &t) <= value);
        prop_assert_eq!(distance.between(&t, &s).unwrap(), value);
        // The lines themselves give the function back.
        let (omegas, shares) = lines(&s);
        let again = SpectralFunction::from_lines(&omegas, &shares).unwrap();
        prop_assert!(distance.between(&s, &again).unwrap() <= ROUNDING * size);
    }

    #[test]
    fn metrics_obey_the_axioms(sets in prop::collection::vec(rows(12), 4)) {
        let events: Vec<EnergyFlow> = sets.iter().map(|rows| EnergyFlow::from_rows(rows).unwrap()).collect();
        let sliced = SlicedWassersteinConfig::new().p(1.5).directions(7).build().unwrap();
        check_metric_axioms(|a, b| sliced.metric(a, b), &events, ROUNDING)?;
        for distance in [semd(1.0, true, None), semd(2.0, false, None)] {
            check_metric_axioms(|a, b| distance.metric(a, b), &events, ROUNDING)?;
        }
        // In units of energy: totals of up to some thousand, and levels of 1e-18 of them.
        let unequal = semd(1.0, false, Some(8.0));
        let events = [events, vec![EnergyFlow::default()]].concat();
        check_metric_axioms(|a, b| unequal.metric(a, b), &events, 1e4 * ROUNDING)?;
    }

    #[test]
    fn isometries_are_not_seen(a in rows(20), turn in -3.0..3.0_f64, shift in -2.0..2.0_f64, mirror in any::<bool>(), scale in 0.01..100.0_f64) {
        let (sin, cos) = turn.sin_cos();
        let sign = if mirror { -1.0 } else { 1.0 };
        let moved: Vec<[f64; 3]> = a
            .iter()
            .map(|[pt, y, phi]| [pt * scale, cos * y - sin * phi + shift, sign * (sin * y + cos * phi) - shift])
            .collect();
        let [event, other] = [a, moved].map(|rows| EnergyFlow::from_rows(&rows).unwrap());
        // Roundings of the coordinates move lines by 1e-15, and those of the energies move 1e-16 of them by up to 8.
        prop_assert!(SpectralEmd::default().value(&event, &other).unwrap() <= ROUNDING);
        // The sliced distance sees a shift: for p = 2 half of its square is added, whatever the event.
        let shifted: Vec<[f64; 2]> = other.points().iter().map(|[y, phi]| [y + shift, phi - shift]).collect();
        let shifted = EnergyFlow::new(other.energies(), shifted).unwrap();
        let sliced = SlicedWassersteinConfig::new().p(2.0).build().unwrap();
        prop_assert!((sliced.value(&other, &shifted).unwrap() - shift * shift).abs() <= 10.0 * ROUNDING);
    }

    #[test]
    fn the_sliced_distance_is_not_above_the_emd(a in rows(12), b in rows(12), count in 1..40_usize) {
        let [a, b] = [a, b].map(|rows| EnergyFlow::from_rows(&rows).unwrap());
        let sliced = SlicedWassersteinConfig::new().directions(count).build().unwrap().value(&a, &b).unwrap();
        let emd = EmdConfig::new().normalise(true).build().unwrap().value(&a, &b).unwrap();
        prop_assert!(sliced <= emd + ROUNDING);
        let sliced = SlicedWassersteinConfig::new().p(2.0).directions(count).build().unwrap().value(&a, &b).unwrap();
        let emd = EmdConfig::new().normalise(true).beta(2.0).build().unwrap().value(&a, &b).unwrap();
        // Per direction (cos² + sin²)/2 on average, exactly so if there are more than one.
        let share = if count > 1 { 0.5 } else { 1.0 };
        prop_assert!(sliced <= share * emd + 20.0 * ROUNDING);
    }

    #[test]
    fn infrared_and_collinear_safety(
        (a, b) in (rows(15), rows(15)), split in collinear_split(1), emission in soft_emission(2), beta in prop::sample::select(&[1.0, 2.0][..])
    ) {
        let particles = |rows: &[[f64; 3]]| -> Vec<FourMomentum> {
            rows.iter().map(|[pt, y, phi]| FourMomentum::from_pt_y_phi_m(*pt, *y, *phi, 0.0).unwrap()).collect()
        };
        let sets = ParticleSets::from_events([particles(&a), particles(&b)]).unwrap();
        let flows = |sets: &ParticleSets| -> hepml_ot::Result<[EnergyFlow; 2]> {
            Ok([EnergyFlow::from_particles(sets.event(0))?, EnergyFlow::from_particles(sets.event(1))?])
        };
        let softest = a.iter().chain(&b).map(|row| row[0]).filter(|&pt| pt > 0.0).fold(f64::INFINITY, f64::min);
        // Emissions reach |eta| = 5, distances 10; they are made down to 1e-12 of their momentum, and a root has no bounded
        // derivative where the distance is 0, so it is the value that is compared.
        let share = 1e-12 * (1.0 + emission.momentum.pt() / softest);
        let spectral = semd(beta, true, None);
        let value = |sets: &ParticleSets| flows(sets).and_then(|[a, b]| spectral.value(&a, &b));
        check_irc_safe(value, &sets, &split, &emission, 4.0 * share * (10_f64.powf(beta) / beta).powi(2))?;
        let sliced = SlicedWassersteinConfig::new().p(2.0).directions(5).build().unwrap();
        let value = |sets: &ParticleSets| flows(sets).and_then(|[a, b]| sliced.value(&a, &b));
        check_irc_safe(value, &sets, &split, &emission, 4.0 * share * 100.0)?;
    }
}

#[test]
fn gradients_are_the_slopes() {
    for (seed, [n, m]) in (0..).zip([[2, 3], [5, 4], [7, 9]]) {
        let (a, b) = (jet(n, 10 + seed), jet(m, 20 + seed));
        for distance in [
            semd(1.0, false, None),
            semd(2.0, true, None),
            semd(1.0, false, Some(6.0)),
            semd(0.7, false, Some(6.0)),
        ] {
            let gradient = distance.gradient(&a, &b).unwrap();
            assert_eq!(gradient.value, distance.value(&a, &b).unwrap());
            for (moving, still, derivatives, swap) in
                [(&a, &b, &gradient.first, false), (&b, &a, &gradient.second, true)]
            {
                let count = moving.len();
                let of_energies = |energies: &[f64]| {
                    let moved = EnergyFlow::new(energies, moving.points())?;
                    if swap { distance.value(still, &moved) } else { distance.value(&moved, still) }
                };
                // The scale stays below the distance to the next kink; differences of values of size up to 1e4 leave
                // 1e-12 / 1e-4 of it.
                let tolerance = 1e-7 * (1.0 + gradient.value);
                check_gradient(of_energies, &derivatives.energies, moving.energies(), 1e-4, tolerance)
                    .unwrap();
                let of_points = |coordinates: &[f64]| {
                    let points: Vec<[f64; 2]> = coordinates.chunks(2).map(|c| [c[0], c[1]]).collect();
                    let moved = EnergyFlow::new(moving.energies(), points)?;
                    if swap { distance.value(still, &moved) } else { distance.value(&moved, still) }
                };
                let coordinates = moving.points().as_flattened();
                assert_eq!(coordinates.len(), 2 * count);
                check_gradient(of_points, derivatives.points.as_flattened(), coordinates, 1e-4, tolerance)
                    .unwrap();
            }
        }
    }
}

#[test]
fn gradients_where_levels_coincide_are_the_means_of_both_sides() {
    // Equal energies have equal levels, and so have equal events.
    let step = 1e-6;
    for (seed, equal, moved) in [(30, true, 0.1), (31, true, 0.0), (32, false, 0.0), (33, false, 0.1)] {
        let (event, shift) = (jet(4, seed), jet(4, seed + 100));
        let energies = if equal { vec![1.0; 4] } else { event.energies().to_vec() };
        let points: Vec<[f64; 2]> = event
            .points()
            .iter()
            .zip(shift.points())
            .map(|([y, phi], [dy, dphi])| [y + moved * dy, phi + moved * dphi])
            .collect();
        let a = EnergyFlow::new(energies.clone(), event.points()).unwrap();
        let b = EnergyFlow::new(energies.clone(), points).unwrap();
        for distance in [semd(1.0, false, None), semd(2.0, false, Some(9.0))] {
            let gradient = distance.gradient(&a, &b).unwrap();
            for i in 0..4 {
                let value = |change: f64| {
                    let mut energies = energies.clone();
                    energies[i] += change;
                    distance.value(&EnergyFlow::new(energies, a.points()).unwrap(), &b).unwrap()
                };
                let sides = [step, -step].map(|change| (value(change) - gradient.value) / change);
                // Second derivatives cancel in the mean; rounding over the step remains.
                let size = 1.0 + sides[0].abs() + sides[1].abs();
                assert!((sides[0] - sides[1]).abs() > 1e-5 * size, "{sides:?}: no kink, so no test");
                assert_close(gradient.first.energies[i], f64::midpoint(sides[0], sides[1]), 1e-7 * size);
            }
            if moved == 0.0 {
                let [first, second] = [&gradient.first, &gradient.second];
                let all = first.energies.iter().chain(&second.energies);
                let size: f64 = energies.iter().sum();
                assert!(all.chain(first.points.as_flattened()).all(|x| x.abs() <= 81.0 * size * ROUNDING));
            }
        }
    }
}

#[test]
fn gradients_are_finite_where_there_is_none() {
    let distance = SpectralEmd::default();
    // The same event; coinciding particles; a particle without energy; one particle; equal distances.
    let a =
        EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.5, 0.0]]).unwrap();
    let one = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
    let square =
        EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]).unwrap();
    let events = [&a, &one, &square];
    for (first, second) in events.iter().flat_map(|a| events.map(|b| (*a, b))) {
        let gradient = distance.gradient(first, second).unwrap();
        let all = [&gradient.first, &gradient.second];
        assert!(all.iter().all(|g| g.energies.iter().chain(g.points.as_flattened()).all(|x| x.is_finite())));
        for (event, g) in [first, second].into_iter().zip(all) {
            // A common factor and a translation change nothing.
            let scaled: f64 = event.energies().iter().zip(&g.energies).map(|(e, d)| e * d).sum();
            assert_close(scaled, 0.0, ROUNDING);
            for axis in 0..2 {
                assert_close(g.points.iter().map(|point| point[axis]).sum(), 0.0, ROUNDING);
            }
        }
    }
    // Adding a particle without energy some: the derivative from the one side there is.
    let step = 1e-6;
    let more = [1.0, 2.0, step, 1.0];
    let moved = EnergyFlow::new(more, a.points()).unwrap();
    let gradient = distance.gradient(&a, &square).unwrap();
    let slope = (distance.value(&moved, &square).unwrap() - gradient.value) / step;
    assert_close(gradient.first.energies[2], slope, 1e-5);
    // Without energy there is nothing to derive by, but what comes to be.
    let unequal = semd(1.0, false, Some(3.0));
    let gradient = unequal.gradient(&EnergyFlow::default(), &a).unwrap();
    assert!(gradient.first.energies.is_empty() && gradient.value > 0.0);
    assert_eq!(unequal.gradient(&EnergyFlow::default(), &EnergyFlow::default()).unwrap().value, 0.0);
}

// Bad input and far scales.

#[test]
fn bad_input_is_an_error_that_names_it() {
    let message = |error: Error| error.to_string();
    let line = |points: &[f64], masses: &[f64]| LineMeasure::new(points, masses).unwrap_err().to_string();
    assert_eq!(line(&[1.0], &[1.0, 2.0]), "masses: expected 1, got 2");
    assert_eq!(line(&[1.0, f64::NAN], &[1.0, 1.0]), "point of particle 1 is not finite (NaN)");
    assert_eq!(line(&[1.0, 2.0], &[f64::INFINITY, 1.0]), "mass of particle 0 is not finite (inf)");
    assert_eq!(line(&[1.0, 2.0], &[1.0, -1.0]), "mass of particle 1 is -1, but must be zero or positive");
    assert_eq!(line(&[1.0, 2.0], &[1e308, 1e308]), "the total energy of 2 particles overflows");
    let circle = |points: &[f64], masses: &[f64], length| {
        CircleMeasure::new(points, masses, length).unwrap_err().to_string()
    };
    for length in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("circumference is {length}, but must be positive and finite");
        assert_eq!(circle(&[1.0], &[1.0], length), expected);
    }
    assert_eq!(circle(&[1.0], &[], 1.0), "masses: expected 1, got 0");
    assert_eq!(circle(&[f64::NAN], &[1.0], 1.0), "point of particle 0 is not finite (NaN)");
    assert_eq!(message(CircleMeasure::uniform(0, 1.0).unwrap_err()), "uniform ring is empty");
    for p in [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("exponent p is {p}, but must be at least 1 and finite");
        assert_eq!(message(LineTransport::normalised(p).unwrap_err()), expected);
        assert_eq!(message(LineTransport::balanced(p).unwrap_err()), expected);
        assert_eq!(message(CircleTransport::normalised(p).unwrap_err()), expected);
        assert_eq!(message(CircleTransport::balanced(p).unwrap_err()), expected);
        assert_eq!(message(SlicedWassersteinConfig::new().p(p).build().unwrap_err()), expected);
    }
    let none = SlicedWassersteinConfig::new().directions(0).build().unwrap_err();
    assert_eq!(message(none), "set of directions is empty");
    let many = SlicedWassersteinConfig::new().directions(usize::MAX).build().unwrap_err();
    let expected = "number of directions is 18446744073709552000, but must be at most 1000000";
    assert_eq!(message(many), expected);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = SpectralEmdConfig::new().beta(bad).build().unwrap_err();
        assert_eq!(message(error), format!("exponent beta is {bad}, but must be positive and finite"));
        let error = SpectralEmdConfig::new().omega_max(bad).build().unwrap_err();
        assert_eq!(message(error), format!("omega_max is {bad}, but must be positive and finite"));
    }
    let lines = |omegas: &[f64], strengths: &[f64]| {
        SpectralFunction::from_lines(omegas, strengths).unwrap_err().to_string()
    };
    assert_eq!(lines(&[1.0], &[]), "strengths: expected 1, got 0");
    assert_eq!(lines(&[0.0, -1.0], &[1.0, 1.0]), "omega of particle 1 is -1, but must be zero or positive");
    assert_eq!(lines(&[f64::NAN], &[1.0]), "omega of particle 0 is not finite (NaN)");
    assert_eq!(lines(&[0.0], &[-1.0]), "strength of particle 0 is -1, but must be zero or positive");
    let sphere =
        |momenta: &[FourMomentum]| SpectralFunction::from_momenta(momenta, 1.0).unwrap_err().to_string();
    let good = FourMomentum::new(1.0, 0.0, 0.0, 1.0);
    let still = FourMomentum::new(1.0, 0.0, 0.0, 0.0);
    assert_eq!(
        sphere(&[good, still]),
        "momentum of particle 1 is 0, but must be positive, to have a direction"
    );
    assert_eq!(
        sphere(&[FourMomentum::new(-1.0, 0.0, 0.0, 1.0)]),
        "energy of particle 0 is -1, but must be zero or positive"
    );
    assert_eq!(
        sphere(&[good, FourMomentum::new(1.0, f64::NAN, 0.0, 1.0)]),
        "momentum of particle 1 is not finite (NaN)"
    );
    assert!(SpectralFunction::from_momenta(&[good], 0.0).is_err());
}

#[test]
fn without_energy_there_is_nothing_to_normalise() {
    let empty = EnergyFlow::default();
    let zero = EnergyFlow::from_rows(&[[0.0, 1.0, 1.0]]).unwrap();
    let some = jet(3, 1);
    for none in [&empty, &zero] {
        for (a, b, which) in [(none, &some, "first"), (&some, none, "second"), (none, none, "first")] {
            let expected = format!("the {which} event has no energy, so it cannot be normalised");
            assert_eq!(SpectralEmd::default().value(a, b).unwrap_err().to_string(), expected);
            assert_eq!(SpectralEmd::default().gradient(a, b).unwrap_err().to_string(), expected);
            assert_eq!(SlicedWasserstein::default().value(a, b).unwrap_err().to_string(), expected);
        }
        let spectrum = SpectralFunction::from_flow(none, 1.0, false).unwrap();
        assert_eq!((spectrum.len(), spectrum.moment(1), spectrum.quantile(0.5)), (0, None, None));
        assert_eq!(
            (spectrum.largest_omega(), spectrum.cumulative(1.0), spectrum.total_energy()),
            (None, 0.0, 0.0)
        );
        assert!(spectrum.is_empty());
        let full = SpectralFunction::from_flow(&some, 1.0, false).unwrap();
        assert_eq!(SpectralEmd::default().lower_bound(&spectrum, &full), f64::NEG_INFINITY);
    }
    let (empty, one) = (LineMeasure::new(&[], &[]).unwrap(), LineMeasure::new(&[1.0], &[2.0]).unwrap());
    let normalised = LineTransport::normalised(1.0).unwrap();
    assert!(matches!(normalised.value(&empty, &one), Err(Error::NoEnergy { event: "first" })));
    assert!(matches!(normalised.plan(&one, &empty), Err(Error::NoEnergy { event: "second" })));
    let balanced = LineTransport::balanced(1.0).unwrap();
    assert!(matches!(balanced.value(&one, &empty), Err(Error::NotBalanced { from: 2.0, to: 0.0, .. })));
    assert_eq!(balanced.value(&empty, &empty).unwrap(), 0.0);
    assert_eq!(balanced.plan(&empty, &empty).unwrap(), []);
    let ring = |count| CircleMeasure::new(&vec![1.0; count], &vec![1.0; count], 2.0).unwrap();
    let balanced = CircleTransport::balanced(2.0).unwrap();
    assert!(matches!(balanced.value(&ring(1), &ring(2)), Err(Error::NotBalanced { .. })));
    assert_eq!(balanced.value(&ring(0), &ring(0)).unwrap(), 0.0);
    assert_eq!(balanced.plan(&ring(0), &ring(0)).unwrap(), []);
    assert!(ring(0).is_empty());
    let other = CircleMeasure::new(&[1.0], &[1.0], 3.0).unwrap();
    let error = balanced.value(&ring(1), &other).unwrap_err().to_string();
    assert_eq!(error, "circumference of the second circle is 3, but must be that of the first circle");
}

#[test]
fn far_scales() {
    let (a, b) = (jet(12, 5), jet(9, 6));
    let scaled = |event: &EnergyFlow, energy: f64, length: f64| {
        let energies: Vec<f64> = event.energies().iter().map(|e| e * energy).collect();
        let points: Vec<[f64; 2]> = event.points().iter().map(|p| p.map(|x| x * length)).collect();
        EnergyFlow::new(energies, points).unwrap()
    };
    let (spectral, sliced) = (SpectralEmd::default(), SlicedWasserstein::default());
    let (value, slice) = (spectral.value(&a, &b).unwrap(), sliced.value(&a, &b).unwrap());
    // Powers of two leave the digits as they are, down to the smallest and up to the largest energies.
    for exponent in [-1000, -600, -60, 60, 600, 1000] {
        let a = scaled(&a, 2_f64.powi(exponent), 1.0);
        assert_close(spectral.value(&a, &b).unwrap(), value, ROUNDING * value);
        assert_close(sliced.value(&a, &b).unwrap(), slice, ROUNDING * slice);
    }
    for exponent in [-400, -60, 60, 400] {
        let length = 2_f64.powi(exponent);
        let (a, b) = (scaled(&a, 1.0, length), scaled(&b, 1.0, length));
        assert_close(spectral.value(&a, &b).unwrap() / length / length, value, ROUNDING * value);
        assert_close(sliced.value(&a, &b).unwrap() / length, slice, ROUNDING * slice);
    }
    // Subnormal energies keep few digits, but are no error.
    let tiny = scaled(&a, 2_f64.powi(-1060), 1.0);
    assert!(spectral.value(&tiny, &b).unwrap().is_finite());
    // Beyond the range of f64 there are errors.
    let far = scaled(&a, 1.0, 1e160);
    assert!(matches!(spectral.value(&far, &b), Err(Error::ValueOverflows)));
    assert!(matches!(spectral.gradient(&far, &b), Err(Error::ValueOverflows)));
    let further = EnergyFlow::from_rows(&[[1.0, 1.7e308, 0.0], [1.0, -1.7e308, 0.0]]).unwrap();
    assert!(matches!(spectral.value(&further, &b), Err(Error::CostNotFinite { from: 0, to: 1, .. })));
    let beyond = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 1.7e308, 1.7e308]]).unwrap();
    let error = sliced.value(&beyond, &b).unwrap_err().to_string();
    assert_eq!(error, "projection of particle 1 is not finite (inf)");
    let heavy = scaled(&a, 1e200, 1.0);
    let unequal = semd(1.0, false, Some(5.0));
    assert!(matches!(unequal.value(&heavy, &b), Err(Error::ValueOverflows)));
    // The squares of energies overflow, the value does not.
    assert_eq!(unequal.value(&heavy, &heavy).unwrap(), 0.0);
    let (near, nearer) = (scaled(&heavy, 1.0, 2.0_f64.powi(-400)), scaled(&heavy, 1.0, 2.0_f64.powi(-401)));
    let unit = heavy.total_energy() * 2.0_f64.powi(-400);
    let value = spectral.value(&a, &scaled(&a, 1.0, 0.5)).unwrap();
    assert_close(unequal.value(&near, &nearer).unwrap() / unit / unit, value, ROUNDING * value);
    // Energies may span any range.
    let rows: Vec<[f64; 3]> = (0..12).map(|k| [10_f64.powi(-12 * k), f64::from(k), 0.0]).collect();
    let spanning = EnergyFlow::from_rows(&rows).unwrap();
    let second_moment: f64 = (0..12)
        .flat_map(|i| (0..12).map(move |j: i32| 10_f64.powi(-12 * (i + j)) * f64::from((i - j) * (i - j))))
        .sum();
    let one = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
    let total = rows.iter().map(|row| row[0]).sum::<f64>();
    let value = spectral.value(&spanning, &one).unwrap();
    assert_close(value, second_moment / total / total, 1e-6 * value);
}

#[test]
fn random_directions_are_reproducible() {
    let config = SlicedWassersteinConfig::new().directions(2000);
    let build = || config.build_random(&mut ChaCha8Rng::seed_from_u64(7)).unwrap();
    let sliced = build();
    assert_eq!(sliced, build());
    assert_eq!((sliced.directions().len(), sliced.p()), (2000, 1.0));
    // Two points: the mean of |cos| is 2/pi, its standard deviation 0.31; five standard errors.
    let a = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
    let b = EnergyFlow::from_rows(&[[3.0, 0.6, 0.8]]).unwrap();
    assert_close(sliced.value(&a, &b).unwrap(), 2.0 / PI, 5.0 * 0.31 / 2000_f64.sqrt());
    // Equally spaced directions: within 1.7e-3 for 32.
    assert_close(SlicedWasserstein::default().value(&a, &b).unwrap(), 2.0 / PI, 1.7e-3);
}

#[test]
fn few_directions_are_enough() {
    let config = SlicedWassersteinConfig::new();
    let all = config.directions(4096).build().unwrap();
    let random = config.build_random(&mut ChaCha8Rng::seed_from_u64(14)).unwrap();
    let few = |count| config.directions(count).build().unwrap();
    let pairs: Vec<_> = (0..40).map(|pair| (jet(30, 100 + pair), jet(40, 200 + pair))).collect();
    let limits: Vec<f64> = pairs.iter().map(|(a, b)| all.value(a, b).unwrap()).collect();
    // The figures of the documentation.
    for (sliced, expected) in
        [(few(8), 6e-3), (few(16), 1e-3), (few(32), 3e-4), (few(64), 1e-4), (random, 5e-2)]
    {
        let (mut mean, mut worst) = (0.0_f64, 0.0_f64);
        for ((a, b), limit) in pairs.iter().zip(&limits) {
            let deviation = (sliced.value(a, b).unwrap() / limit - 1.0).abs();
            (mean, worst) = (mean + deviation / 40.0, worst.max(deviation));
        }
        assert!(mean > 0.5 * expected && mean < 2.0 * expected && worst < 10.0 * expected, "{mean} {worst}");
    }
}

#[test]
fn nearly_equal_events_do_not_cancel() {
    let pair = |distance: f64| EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, distance, 0.0]]).unwrap();
    // The rounding of the distance, 1e-16, is 1e-7 of the difference; second moments would cancel to 1e-16.
    let value = SpectralEmd::default().value(&pair(0.5), &pair(0.5 + 1e-9)).unwrap();
    assert_close(value, 0.5e-18, 1e-6 * value);
}

#[test]
fn particle_sets_have_the_metrics() {
    let particle = |pt, y, phi| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap();
    let sets = ParticleSets::from_events([
        vec![particle(3.0, 0.0, 0.0), particle(1.0, 0.4, 0.3)],
        vec![particle(2.0, 1.0, 0.0)],
    ])
    .unwrap();
    let (a, b) = (sets.event(0), sets.event(1));
    // The root of 6/16 times a quarter.
    assert_close(SpectralEmd::default().distance(a, b).unwrap(), (6.0_f64 / 16.0).sqrt() * 0.5, ROUNDING);
    let flows = EnergyFlow::from_sets(&sets).unwrap();
    let sliced = SlicedWassersteinConfig::new().p(2.0).build().unwrap();
    assert_eq!(sliced.distance(a, b).unwrap(), sliced.value(&flows[0], &flows[1]).unwrap().sqrt());
}
