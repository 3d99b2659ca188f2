//! What holds for all events: certificates, metric axioms, symmetries.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::f64::consts::PI;

use hepml_core::nalgebra::Vector3;
use hepml_core::ndarray::Array2;
use hepml_core::testing::{check_irc_safe, check_metric_axioms, collinear_split, soft_emission};
use hepml_core::{EventMetric, EventSet, FourMomentum, LorentzTransform, ParticleSets};
use hepml_ot::{Divergence, Emd, EmdConfig, EnergyFlow, Error, Transport, TransportProblem, Workspace};
use proptest::prelude::*;

/// Of the total energy times the largest cost. The tolerance of the solver is 2e-15 of it, rounding comes on top.
const GAP: f64 = 1e-12;
/// Of the total energy times the largest cost: between values that are equal but for rounding.
const ROUNDING: f64 = 1e-13;

type Rows = Vec<[f64; 3]>;

fn flow(rows: &[[f64; 3]]) -> EnergyFlow {
    EnergyFlow::from_rows(rows).unwrap()
}

/// Particles of up to 200 per event, of one of the kinds that have ever made a transport solver stumble.
fn rows(largest: usize) -> impl Strategy<Value = Rows> {
    let smooth = (0.01..100.0, -2.0..2.0, -3.1..3.1).prop_map(|(pt, y, phi)| [pt, y, phi]);
    let spanning = (-6.0..6.0_f64, -2.0..2.0, -3.1..3.1).prop_map(|(log, y, phi)| [10_f64.powf(log), y, phi]);
    let grid = (0..4_u8, 0..4_u8).prop_map(|(y, phi)| [1.0, f64::from(y) * 0.25, f64::from(phi) * 0.25]);
    let weighted_grid = (0..4_u8, 0..5_u8, 0..5_u8)
        .prop_map(|(pt, y, phi)| [f64::from(pt), f64::from(y) * 0.5, f64::from(phi) * 0.5]);
    let count = 1..=largest;
    let heavy = prop::collection::vec(smooth.clone(), count.clone()).prop_map(|mut rows| {
        rows[0][0] = 1e9;
        rows
    });
    prop_oneof![
        3 => prop::collection::vec(smooth, count.clone()),
        1 => prop::collection::vec(spanning, count.clone()),
        1 => prop::collection::vec(grid, count.clone()),
        1 => prop::collection::vec(weighted_grid, count.clone()).prop_map(|mut rows| { rows[0][0] = 2.0; rows }),
        1 => heavy,
    ]
}

fn config() -> impl Strategy<Value = (f64, f64, bool, bool)> {
    let radius = prop_oneof![Just(1.0), Just(0.4), Just(5.0), Just(1e-6)];
    let beta = prop_oneof![Just(1.0), Just(2.0), Just(0.5), Just(3.3)];
    (radius, beta, any::<bool>(), any::<bool>())
}

fn emd((radius, beta, normalise, periodic_phi): (f64, f64, bool, bool)) -> Emd {
    EmdConfig::new()
        .radius(radius)
        .beta(beta)
        .normalise(normalise)
        .periodic_phi(periodic_phi)
        .build()
        .unwrap()
}

/// Checks a solution from nothing but the problem: feasible plan, feasible potentials, both of the same value, and
/// complementary slackness. `penalty` is that of leftovers (on the heavier side, or on both), none if balanced.
fn check(
    solution: &Transport,
    cost: &Array2<f64>,
    [a, b]: [&[f64]; 2],
    penalty: Option<f64>,
    both: bool,
) -> Result<(), TestCaseError> {
    let (total_a, total_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
    let largest = cost.iter().fold(penalty.unwrap_or(0.0).abs(), |m, c| m.max(c.abs()));
    let size = (total_a + total_b) * largest;
    let plan = solution.plan();
    let mass = 1e-14 * (total_a + total_b);
    prop_assert!(solution.flows.iter().all(|flow| flow.amount > 0.0));
    prop_assert!(solution.flows.len() <= (a.len() + b.len()).saturating_sub(1));
    for (i, &energy) in a.iter().enumerate() {
        prop_assert!(solution.removed[i] >= 0.0);
        prop_assert!((plan.row(i).sum() + solution.removed[i] - energy).abs() <= mass);
    }
    for (j, &energy) in b.iter().enumerate() {
        prop_assert!(solution.created[j] >= 0.0);
        prop_assert!((plan.column(j).sum() + solution.created[j] - energy).abs() <= mass);
    }
    let left: f64 = solution.removed.iter().chain(&solution.created).sum();
    match penalty {
        None => prop_assert_eq!(left, 0.0),
        Some(_) if !both => prop_assert!((left - (total_a - total_b).abs()).abs() <= mass),
        Some(_) => {}
    }
    let primal = (&plan * cost).sum() + penalty.unwrap_or(0.0) * left;
    prop_assert!((solution.value - primal).abs() <= ROUNDING * size);

    let (u, v) = (&solution.source_potentials, &solution.sink_potentials);
    let potential_size = u.iter().chain(v).fold(largest, |m, p| m.max(p.abs()));
    let slack = 4.0 * f64::EPSILON * potential_size;
    for ((i, j), c) in cost.indexed_iter() {
        prop_assert!(u[i] + v[j] <= c + slack, "infeasible potentials {} {} {c}", u[i], v[j]);
    }
    if let Some(penalty) = penalty {
        if both || total_a > total_b {
            prop_assert!(u.iter().all(|u| *u <= penalty + slack));
        }
        if both || total_b > total_a {
            prop_assert!(v.iter().all(|v| *v <= penalty + slack));
        }
    }
    let dual: f64 = a.iter().zip(u).chain(b.iter().zip(v)).map(|(mass, potential)| mass * potential).sum();
    prop_assert!(
        (solution.value - dual - solution.gap).abs() <= ROUNDING * (total_a + total_b) * potential_size
    );
    prop_assert!(solution.gap <= GAP * size, "gap {} of {}", solution.gap, size);
    prop_assert!(solution.gap >= -ROUNDING * size, "negative gap {} of {}", solution.gap, size);
    if penalty.is_none() {
        let carried: f64 = a.iter().zip(u).map(|(mass, potential)| mass * potential).sum();
        prop_assert!(
            (carried - 0.5 * solution.value).abs() <= ROUNDING * (total_a + total_b) * potential_size
        );
    }
    for flow in &solution.flows {
        let reduced = cost[(flow.from, flow.to)] - u[flow.from] - v[flow.to];
        prop_assert!(reduced * flow.amount <= GAP * size, "slack {reduced} where {} flows", flow.amount);
    }
    Ok(())
}

fn check_emd(emd: &Emd, a: &EnergyFlow, b: &EnergyFlow) -> Result<(), TestCaseError> {
    use hepml_ot::GroundCost;
    let solution = emd.solve(a, b).unwrap();
    prop_assert_eq!(solution.value, emd.value(a, b).unwrap());
    let cost = Array2::from_shape_fn((a.len(), b.len()), |(i, j)| {
        emd.ground_cost().cost(a.points()[i], b.points()[j])
    });
    let energies = |flow: &EnergyFlow| -> Vec<f64> {
        let divisor = if emd.is_normalised() { flow.total_energy() } else { 1.0 };
        flow.energies().iter().map(|energy| energy / divisor).collect()
    };
    let penalty = if emd.is_normalised() { None } else { Some(1.0) };
    check(&solution, &cost, [&energies(a), &energies(b)], penalty, false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_solution_is_certified(a in rows(200), b in rows(200), config in config()) {
        check_emd(&emd(config), &flow(&a), &flow(&b))?;
    }

    #[test]
    fn identical_events_too(a in rows(120), config in config(), cut in any::<prop::sample::Index>()) {
        let whole = flow(&a);
        let emd = emd(config);
        prop_assert_eq!(emd.value(&whole, &whole).unwrap(), 0.0);
        check_emd(&emd, &whole, &whole)?;
        // Most particles in common.
        let some = flow(&a[..=cut.index(a.len())]);
        if some.total_energy() > 0.0 {
            check_emd(&emd, &whole, &some)?;
        }
    }

    #[test]
    fn cost_matrices_of_ones_own(
        (n, m, entries, a, b) in (1..25_usize, 1..25_usize).prop_flat_map(|(n, m)| {
            let smooth = prop::collection::vec(-1.0..3.0, n * m);
            let ties = prop::collection::vec((-2..3_i8).prop_map(f64::from), n * m);
            let masses = |n| prop::collection::vec(prop_oneof![0.0..1.0, Just(0.0), Just(1.0)], n);
            (Just(n), Just(m), prop_oneof![smooth, ties], masses(n), masses(m))
        }),
        penalty in prop_oneof![-1.0..3.0, Just(0.0), Just(1.0)],
    ) {
        let cost = Array2::from_shape_vec((n, m), entries).unwrap();
        let problem = TransportProblem::new(&cost, &a, &b).unwrap();
        let unbalanced = problem.unbalanced(penalty).unwrap();
        let partial = problem.partial(penalty).unwrap();
        check(&unbalanced, &cost, [&a, &b], Some(penalty), false)?;
        check(&partial, &cost, [&a, &b], Some(penalty), true)?;
        let size = (a.iter().sum::<f64>() + b.iter().sum::<f64>()) * 3.0;
        // `partial` minimises over more plans, and over the same where nothing costs more than two leftovers.
        prop_assert!(partial.value <= unbalanced.value + ROUNDING * size);
        if cost.iter().all(|c| *c <= 2.0 * penalty) {
            prop_assert!((partial.value - unbalanced.value).abs() <= ROUNDING * size);
        }
        let (total_a, total_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
        if total_a > 0.0 && total_b > 0.0 {
            let b: Vec<f64> = b.iter().map(|b| b * (total_a / total_b)).collect();
            let balanced = TransportProblem::new(&cost, &a, &b).unwrap().balanced().unwrap();
            check(&balanced, &cost, [&a, &b], None, false)?;
            // A constant on the costs is a constant on the value.
            let dearer = &cost + 0.75;
            let dearer = TransportProblem::new(&dearer, &a, &b).unwrap().balanced().unwrap();
            prop_assert!((dearer.value - balanced.value - 0.75 * total_a).abs() <= ROUNDING * size.max(total_a * 4.0));
        } else if total_a != total_b {
            let unequal = matches!(problem.balanced(), Err(Error::NotBalanced { .. }));
            prop_assert!(unequal);
        }
    }

    /// All points lie within theta <= √(4² + 6.2²) < 7.4.
    #[test]
    fn metric_axioms(
        a in rows(25), b in rows(25), c in rows(25), (_, beta, normalise, periodic) in config(),
    ) {
        let radius: f64 = if beta >= 1.0 { 3.7 } else { 7.4 / 2_f64.powf(1.0 / beta) };
        // Normalised, any radius will do.
        let radius = if normalise { 0.4 } else { radius };
        let emd = emd((radius, beta, normalise, periodic));
        let [a, b, c] = [a, b, c].map(|rows| flow(&rows));
        let size = if normalise { 1.0 } else { [&a, &b, &c].map(EnergyFlow::total_energy).into_iter().fold(0.0, f64::max) };
        let largest = (7.4 / radius).powf(beta).max(1.0);
        let exponent = 1.0_f64.min(1.0 / beta);
        // A value that is off by `rounding` is off by at most its root after the root is taken.
        let rounding = (ROUNDING * size * largest).powf(exponent);
        check_metric_axioms(|x, y| emd.metric(x, y), &[a, b, c], rounding)?;
    }

    /// Particles without a mass at |y| < 2, so that a splitting keeps the rapidity to some 1e-14.
    #[test]
    fn infrared_and_collinear_safety(
        (a, b) in (rows(20), rows(20)), split in collinear_split(1), emission in soft_emission(2), config in config(),
    ) {
        let particles = |rows: &Rows| -> Vec<FourMomentum> {
            rows.iter().map(|[pt, y, phi]| FourMomentum::from_pt_y_phi_m(*pt, *y, *phi, 0.0).unwrap()).collect()
        };
        let sets = ParticleSets::from_events([particles(&a), particles(&b)]).unwrap();
        // A root has no bounded derivative where the distance is 0, so its roundings are not small.
        let emd = emd((config.0.max(0.4), config.1.max(1.0), false, config.3));
        let value = |sets: &ParticleSets| {
            emd.value(&EnergyFlow::from_particles(sets.event(0))?, &EnergyFlow::from_particles(sets.event(1))?)
        };
        let energy = flow(&a).total_energy() + flow(&b).total_energy();
        // Emissions reach |eta| = 5, distances 10; they are made down to 1e-12 of their momentum.
        let tolerance = 1e-12 * (energy + emission.momentum.pt()) * (10.0 / emd.ground_cost().radius()).powf(config.1.max(1.0));
        check_irc_safe(value, &sets, &split, &emission, tolerance)?;
    }

    #[test]
    fn symmetries(
        a in rows(30), b in rows(30), config in config(), order in any::<prop::sample::Index>(),
        (dy, dphi, angle, fraction, factor) in (-3.0..3.0, -3.0..3.0, 0.0..6.3_f64, 0.0..1.0, 0.001..1000.0),
        turns in -3..4_i8,
    ) {
        let (radius, beta, normalise, periodic) = config;
        let emd = emd(config);
        let value = |a: &[[f64; 3]], b: &[[f64; 3]]| emd.value(&flow(a), &flow(b)).unwrap();
        let expected = value(&a, &b);
        let size = (if normalise { 1.0 } else { flow(&a).total_energy().max(flow(&b).total_energy()) })
            * (8.0 / radius).powf(beta).max(1.0);
        // Moved points are rounded at the size of their coordinates, up to 20 here; theta^beta for beta < 1 has no
        // bounded derivative, so a rounding of a distance 0 counts with its power beta.
        let moved = (size * ROUNDING * 30.0).max(
            if beta < 1.0 { size * (20.0 * f64::EPSILON / 8.0).powf(beta) } else { 0.0 });

        let mut permuted = a.clone();
        permuted.rotate_left(order.index(a.len()));
        permuted.reverse();
        prop_assert!((value(&permuted, &b) - expected).abs() <= ROUNDING * size);

        let mut split = a.clone();
        let k = order.index(a.len());
        let part = fraction * a[k][0];
        split[k][0] -= part;
        split.push([part, a[k][1], a[k][2]]);
        prop_assert!((value(&split, &b) - expected).abs() <= ROUNDING * size);
        prop_assert!(value(&split, &a) <= ROUNDING * size);

        let mut soft = a.clone();
        soft.insert(k, [0.0, 77.0, -5.0]);
        prop_assert_eq!(value(&soft, &b), expected);

        let shifted = |rows: &Rows| -> Rows { rows.iter().map(|r| [r[0], r[1] + dy, r[2] + dphi]).collect() };
        prop_assert!((value(&shifted(&a), &shifted(&b)) - expected).abs() <= moved);

        if periodic {
            let turned: Rows = a.iter().map(|r| [r[0], r[1], r[2] + f64::from(turns) * std::f64::consts::TAU]).collect();
            prop_assert!((value(&turned, &b) - expected).abs() <= moved);
        } else {
            let (sin, cos) = angle.sin_cos();
            let rotated = |rows: &Rows| -> Rows {
                rows.iter().map(|r| [r[0], cos * r[1] - sin * r[2], sin * r[1] + cos * r[2]]).collect()
            };
            prop_assert!((value(&rotated(&a), &rotated(&b)) - expected).abs() <= moved);
        }

        let scaled = |rows: &Rows| -> Rows { rows.iter().map(|r| [factor * r[0], r[1], r[2]]).collect() };
        let scale = if normalise { 1.0 } else { factor };
        prop_assert!((value(&scaled(&a), &scaled(&b)) - scale * expected).abs() <= ROUNDING * scale * size);
    }

    /// The potentials are derivatives: a small change of one energy changes the value by no more than they say (the value is
    /// convex in the energies), and by exactly that where there is no kink within the step.
    #[test]
    fn potentials_are_subgradients(a in rows(15), b in rows(15), which in any::<prop::sample::Index>(), step in -0.5..0.5_f64) {
        let emd = Emd::default();
        let solution = emd.solve(&flow(&a), &flow(&b)).unwrap();
        let heavier = flow(&a).total_energy() - flow(&b).total_energy();
        let mut changed: Rows = a.clone();
        let k = which.index(a.len());
        changed[k][0] = (a[k][0] * (1.0 + step)).max(0.0);
        let change = changed[k][0] - a[k][0];
        // On the same side of the kink at equal totals, where the penalty changes sides.
        prop_assume!(heavier != 0.0 && heavier.signum() == (heavier + change).signum());
        let value = emd.value(&flow(&changed), &flow(&b)).unwrap();
        let size = (flow(&a).total_energy() + flow(&b).total_energy()) * 8.0;
        prop_assert!(value >= solution.value + change * solution.source_potentials[k] - ROUNDING * size);
    }

    #[test]
    fn scales_far_from_one(a in rows(20), b in rows(20), exponent in -290..290_i32, beta in prop_oneof![Just(1.0), Just(2.0)]) {
        let emd = EmdConfig::new().beta(beta).build().unwrap();
        let factor = 10_f64.powi(exponent);
        let scaled = |rows: &Rows| -> EnergyFlow { flow(&rows.iter().map(|r| [r[0] * factor, r[1], r[2]]).collect::<Vec<_>>()) };
        let (plain, got) = (emd.value(&flow(&a), &flow(&b)).unwrap(), emd.value(&scaled(&a), &scaled(&b)).unwrap());
        let size = 8.0 * (flow(&a).total_energy() + flow(&b).total_energy());
        prop_assert!((got / factor - plain).abs() <= ROUNDING * size * 8.0);
    }
}

#[test]
fn beyond_2r_the_triangle_inequality_fails() {
    let (left, right) = (flow(&[[1.0, -1.5, 0.0]]), flow(&[[1.0, 1.5, 0.0]]));
    let empty = EnergyFlow::default();
    let emd = Emd::default();
    let through_nothing = emd.metric(&left, &empty).unwrap() + emd.metric(&empty, &right).unwrap();
    assert_eq!(emd.metric(&left, &right).unwrap(), 3.0);
    assert_eq!(through_nothing, 2.0);
    // With R = 1.5, theta = 2R: on the edge.
    let wide = EmdConfig::new().radius(1.5).build().unwrap();
    assert_eq!(wide.metric(&left, &right).unwrap(), 2.0);
    // For beta > 1 it is the root that is a metric, not the value.
    let square = EmdConfig::new().beta(2.0).normalise(true).build().unwrap();
    let middle = flow(&[[1.0, 0.0, 0.0]]);
    let [direct, first, second] =
        [(&left, &right), (&left, &middle), (&middle, &right)].map(|(a, b)| square.value(a, b).unwrap());
    assert!(direct > first + second);
    assert_eq!(direct.sqrt(), first.sqrt() + second.sqrt());
}

#[test]
fn bad_values_are_errors_that_name_them() {
    let (a, b) = (flow(&[[1.0, 0.0, 0.0]]), flow(&[[0.0, 0.0, 0.0], [1.0, 5.0, 0.0]]));
    let tiny = EmdConfig::new().radius(1e-200).beta(2.0).build().unwrap();
    let message = tiny.value(&a, &b).unwrap_err().to_string();
    assert_eq!(message, "the cost from particle 0 to particle 1 is inf, but must be finite");
    let nan = Emd::with_cost(|_: [f64; 2], to: [f64; 2]| if to[0] == 5.0 { f64::NAN } else { 0.0 });
    let message = nan.value(&a, &b).unwrap_err().to_string();
    assert_eq!(message, "the cost from particle 0 to particle 1 is NaN, but must be finite");
    // In the middle of a row the NaN must not hide behind the numbers after it.
    let c = flow(&[[1.0, 1.0, 0.0], [1.0, 5.0, 0.0], [1.0, 2.0, 0.0]]);
    assert!(matches!(nan.value(&a, &c), Err(Error::CostNotFinite { from: 0, to: 1, .. })));
    let huge = flow(&[[1e300, 1e10, 0.0]]);
    assert!(matches!(Emd::default().value(&huge, &flow(&[[1e300, 0.0, 0.0]])), Err(Error::ValueOverflows)));
    let core: hepml_core::Error = Error::NoEnergy { event: "first" }.into();
    assert!(core.downcast_ref::<Error>().is_some());

    let cost = Array2::zeros((2, 1));
    let message = |a: &[f64], b: &[f64]| TransportProblem::new(&cost, a, b).unwrap_err().to_string();
    assert_eq!(message(&[1.0], &[1.0]), "rows of the cost matrix: expected 1, got 2");
    assert_eq!(message(&[1.0, 1.0], &[]), "columns of the cost matrix: expected 0, got 1");
    assert_eq!(message(&[1.0, f64::NAN], &[1.0]), "mass of the first side of particle 1 is not finite (NaN)");
    assert_eq!(
        message(&[1.0, 1.0], &[-2.0]),
        "mass of the second side of particle 0 is -2, but must be zero or positive"
    );
    assert_eq!(message(&[1e308, 1e308], &[1.0]), "the total energy of 2 particles overflows");
    let unequal = TransportProblem::new(&cost, &[1.0, 2.0], &[2.5]).unwrap();
    let message = unequal.balanced().unwrap_err().to_string();
    assert_eq!(
        message,
        "the two sides hold different amounts: 3 and 2.5 (they must agree to 1e-9 of the larger)"
    );
    assert!(unequal.unbalanced(f64::NAN).is_err());
    assert!(unequal.partial(f64::INFINITY).is_err());
    let bad = Array2::from_elem((1, 1), f64::INFINITY);
    assert!(matches!(TransportProblem::new(&bad, &[1.0], &[1.0]), Err(Error::CostNotFinite { .. })));
}

#[test]
fn masses_times_potentials_may_overflow_but_not_the_gap() {
    let event = flow(&[[7e304, 0.9, -0.2], [7e303, -4.8, 1.7]]);
    let split = flow(&[[1e301, -4.8, 1.7], [6.99e303, -4.8, 1.7], [7e304, 0.9, -0.2]]);
    let steep = EmdConfig::new().radius(0.4).beta(20.0).build().unwrap();
    // Their totals agree but for rounding.
    let solution = steep.solve(&event, &split).unwrap();
    assert!(solution.value < 1e-12 * 8e304, "{}", solution.value);
    // Of the energy times the largest cost, 5e15.
    assert!(solution.gap.abs() / 8e304 < GAP * 5e15, "{}", solution.gap);

    // Potentials are sums of costs: they can overflow alone.
    let cost = Array2::from_shape_fn((3, 3), |(i, j)| if i == j { -1.5e308 } else { 1.5e308 });
    let problem = TransportProblem::new(&cost, &[1e-3; 3], &[1e-3; 3]).unwrap();
    match problem.balanced() {
        Ok(solution) => assert!(solution.gap.is_finite()),
        Err(error) => assert!(matches!(error, Error::ValueOverflows), "{error}"),
    }
}

/// Costs of which the largest is far above the others, where noise once made the pivots go round in circles.
#[test]
fn tolerances_grow_with_the_potentials() {
    let cost = [0.0, 4.4e-6, -2.0, -4.4e-9, 0.1, 2.3, 1.3, 1.0];
    let cost = Array2::from_shape_vec((4, 2), cost.to_vec()).unwrap();
    let problem = TransportProblem::new(&cost, &[0.7, 0.1, 0.1, 0.2], &[0.1, 0.3]).unwrap();
    let solution = problem.unbalanced(0.0).unwrap();
    assert!(solution.pivots < 10);
    check(&solution, &cost, [&[0.7, 0.1, 0.1, 0.2], &[0.1, 0.3]], Some(0.0), false).unwrap();
}

#[test]
fn nothing_to_move() {
    let cost = Array2::from_elem((2, 1), 3.0);
    let nothing = TransportProblem::new(&cost, &[0.0, 0.0], &[0.0]).unwrap();
    for solution in [nothing.balanced(), nothing.unbalanced(1.0), nothing.partial(1.0)] {
        let solution = solution.unwrap();
        assert_eq!((solution.value, solution.gap), (0.0, 0.0));
        assert!(solution.flows.is_empty());
    }
    let none = Array2::zeros((0, 3));
    let none = TransportProblem::new(&none, &[], &[1.0, 0.0, 2.0]).unwrap();
    assert_eq!(none.unbalanced(0.5).unwrap().value, 1.5);
    assert_eq!(none.partial(0.5).unwrap().value, 1.5);
    assert!(matches!(none.balanced(), Err(Error::NotBalanced { .. })));
}

#[test]
fn running_out_of_pivots_is_an_error() {
    let jet = |shift: f64| -> EnergyFlow {
        let rows: Rows = (0..40)
            .map(|k| [1.0 + f64::from(k % 7), shift + f64::from(k % 9) * 0.3, f64::from(k % 11) * 0.2])
            .collect();
        flow(&rows)
    };
    let few = EmdConfig::new().max_pivots(3).build().unwrap();
    let error = few.value(&jet(0.0), &jet(1.0)).unwrap_err();
    assert!(matches!(error, Error::NotConverged { pivots: 3, .. }), "{error}");
}

#[test]
fn workspaces_carry_nothing_over() {
    let events: Vec<EnergyFlow> = [3, 50, 1, 0, 17]
        .map(|n| {
            flow(
                &(0..n)
                    .map(|k| [1.0 + f64::from(k % 5), f64::from(k) * 0.1, f64::from(k % 3)])
                    .collect::<Vec<_>>(),
            )
        })
        .into();
    let emd = Emd::default();
    let mut workspace = Workspace::new();
    for a in &events {
        for b in &events {
            assert_eq!(emd.value_in(&mut workspace, a, b).unwrap(), emd.value(a, b).unwrap());
        }
    }
}

proptest! {
    /// Jets about their axes do not depend on where they are: neither boosts along the beam nor turns about it change them.
    #[test]
    fn jets_about_their_axes_do_not_move(
        particles in prop::collection::vec((0.1..100.0, -0.4..0.4, -0.4..0.4, 0.0..1.0), 1..20),
        (y, phi, rapidity, angle) in (-2.0..2.0, -3.2..3.2, -3.0..3.0, -6.3..6.3_f64),
    ) {
        let jet: Vec<FourMomentum> = particles
            .iter()
            .map(|&(pt, dy, dphi, m)| FourMomentum::from_pt_y_phi_m(pt, y + dy, phi + dphi, m).unwrap())
            .collect();
        let turn = LorentzTransform::rotation(Vector3::z(), angle).unwrap();
        let boost = LorentzTransform::boost_by_rapidity(Vector3::z(), rapidity).unwrap();
        let moved: Vec<FourMomentum> = jet.iter().map(|p| boost * (turn * *p)).collect();
        let sets = ParticleSets::from_events([jet, moved]).unwrap();
        let flows = EnergyFlow::from_jets(&sets).unwrap();
        let energy = flows[0].total_energy();
        // The boost has gamma up to 10 and so do momenta: gamma² roundings of an angle.
        let tolerance = 1e-11;
        prop_assert!((flows[1].total_energy() - energy).abs() <= tolerance * energy);
        for (one, other) in flows[0].points().iter().zip(flows[1].points()) {
            prop_assert!((one[0] - other[0]).abs() <= tolerance && (one[1] - other[1]).abs() <= tolerance);
            // Within the cone: azimuths are never a turn apart.
            prop_assert!(one[1].abs() <= 0.8 + tolerance);
        }
        // The axis is where the transverse momenta balance.
        let balance: f64 = flows[0].energies().iter().zip(flows[0].points()).map(|(pt, [_, phi])| pt * phi.sin()).sum();
        prop_assert!(balance.abs() <= tolerance * energy);
        prop_assert!(Emd::default().value(&flows[0], &flows[1]).unwrap() <= 4.0 * tolerance * energy);
    }
}

#[test]
fn jets_that_straddle_pi_are_whole() {
    let p = |pt, phi| FourMomentum::from_pt_y_phi_m(pt, -1.0, phi, 0.0).unwrap();
    let across = vec![p(10.0, PI - 0.1), p(10.0, 0.1 - PI)];
    let elsewhere = vec![p(10.0, 1.4), p(10.0, 1.6)];
    let sets = ParticleSets::from_events([across, elsewhere, vec![]]).unwrap();
    let flows = EnergyFlow::from_jets(&sets).unwrap();
    for (point, expected) in flows[0].points().iter().zip([-0.1, 0.1]) {
        assert!((point[0]).abs() < 1e-14 && (point[1] - expected).abs() < 1e-14, "{point:?}");
    }
    assert!(Emd::default().value(&flows[0], &flows[1]).unwrap() < 1e-12);
    assert_eq!(flows[2], EnergyFlow::default());
}

#[test]
fn jets_without_an_axis_are_errors() {
    let message = |jet: Vec<FourMomentum>| {
        let good = FourMomentum::from_pt_y_phi_m(1.0, 0.0, 0.0, 0.0).unwrap();
        let sets = ParticleSets::from_events([vec![good], jet]).unwrap();
        EnergyFlow::from_jets(&sets).unwrap_err().to_string()
    };
    let along_the_beam = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
    let p = FourMomentum::new(2.0, 1.0, 0.0, 0.5);
    let back = FourMomentum::new(2.0, -1.0, 0.0, 0.5);
    let infinite = "rapidity of the jet's axis of event 1 is not finite (inf)";
    // Also two along the beam, which have no distance from each other.
    assert_eq!(message(vec![along_the_beam]), infinite);
    assert_eq!(message(vec![along_the_beam; 2]), infinite);
    assert_eq!(message(vec![p, along_the_beam]), "rapidity of event 1, particle 1 is not finite (inf)");
    assert_eq!(message(vec![p, back]), "pt of the jet's axis of event 1 is 0, but must be positive");
}

#[test]
fn particle_sets_have_the_metric() {
    let p = |pt, y, phi| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap();
    let sets = ParticleSets::from_events([vec![p(2.0, 0.0, 0.0)], vec![p(2.0, 1.0, 0.0)], vec![]]).unwrap();
    let emd = EmdConfig::new().beta(2.0).radius(2.0).build().unwrap();
    let distance = |i, j| emd.distance(sets.event(i), sets.event(j)).unwrap();
    assert!((distance(0, 1) - (2.0_f64 * 0.25).sqrt()).abs() < 1e-14);
    assert!((distance(0, 2) - 2.0_f64.sqrt()).abs() < 1e-14);
}

/// Many particles in a narrow cluster far from a few: all their costs are the same but for 1e-5 of themselves, and many rounds of
/// pivots are needed among them.
#[test]
fn narrow_clusters_far_apart() {
    for width in [1e-5, 1e-4, 1e-3, 1e-2] {
        let cluster = |count: u32, stride: u32, [y, phi]: [f64; 2]| {
            let point = |i: u32| {
                let t = f64::from(stride * (i + 1));
                [1.0, y + width * (t * t).sin(), phi + width * (1.7 * t).cos()]
            };
            EnergyFlow::from_rows(&(0..count).map(point).collect::<Vec<_>>()).unwrap()
        };
        let (many, few) = (cluster(1000, 1, [0.0, 0.0]), cluster(10, 3, [1.0, 0.5]));
        let emd = EmdConfig::new().normalise(true).build().unwrap();
        let (there, back) = (emd.solve(&many, &few).unwrap(), emd.solve(&few, &many).unwrap());
        assert!((there.value - back.value).abs() <= 1e-13, "{} and {}", there.value, back.value);
        assert!(there.gap.abs() <= 1e-13 && back.gap.abs() <= 1e-13, "{} and {}", there.gap, back.gap);
    }
}

/// Energies near the smallest f64 have coarser versions too, and squares of distances may be smaller than any.
#[test]
fn energies_and_distances_near_the_smallest() {
    let spread = |turn: f64| {
        let point = |i: u32| {
            let t = f64::from(i) + turn;
            [1e-295 * (1.5 + t.sin()), 0.4 * (t * t).sin(), 0.4 * (1.7 * t).cos()]
        };
        (0..40).map(point).collect::<Rows>()
    };
    let emd = EmdConfig::new().normalise(true).build().unwrap();
    let tiny = emd.value(&flow(&spread(0.0)), &flow(&spread(0.5))).unwrap();
    let scaled = |rows: Rows| flow(&rows.iter().map(|[e, y, phi]| [e * 1e295, *y, *phi]).collect::<Vec<_>>());
    let ordinary = emd.value(&scaled(spread(0.0)), &scaled(spread(0.5))).unwrap();
    assert!((tiny - ordinary).abs() <= 1e-13, "{tiny} and {ordinary}");

    let far = [1.0, 2e-100, 0.0];
    let (a, b) = (flow(&[[1.0, 0.0, 0.0], far]), flow(&[[1.0, 1e-165, 0.0], far]));
    let value = EmdConfig::new().radius(1e-170).build().unwrap().value(&a, &b).unwrap();
    assert!((value - 1e5).abs() <= 1e-9, "{value}");
}

/// Jets with structure on all scales, as collinear splittings make: the costs that decide are far below the units that costs are
/// rounded to on the way. A closure takes another way, with all costs in a matrix.
#[test]
fn structure_on_all_scales() {
    let jet = |seed: u32| {
        let point = |i: u32| {
            let t = f64::from(97 * seed + i);
            let (distance, turn) = (10_f64.powf(-3.5 + 3.5 * (t * t).sin()), 1.7 * t);
            [10_f64.powf((3.1 * t).sin()), distance * turn.cos(), distance * turn.sin()]
        };
        flow(&(0..60 + seed).map(point).collect::<Rows>())
    };
    let jets: Vec<EnergyFlow> = (0..12).map(jet).collect();
    let plane = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    for normalise in [false, true] {
        let emd = EmdConfig::new().normalise(normalise).build().unwrap();
        let matrix = if normalise { Emd::normalised_with_cost(plane) } else { Emd::with_cost(plane) };
        for (i, a) in jets.iter().enumerate() {
            for b in &jets[..i] {
                let size = if normalise { 1.0 } else { a.total_energy().max(b.total_energy()) };
                let (value, other) = (emd.value(a, b).unwrap(), matrix.value(a, b).unwrap());
                assert!((value - other).abs() <= 4e-15 * size, "{value} and {other}, of {size}");
            }
        }
    }
}
