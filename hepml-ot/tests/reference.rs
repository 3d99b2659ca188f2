//! Values from elsewhere: closed forms, brute force, linear programs solved in exact arithmetic and by SciPy, and `wasserstein`.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

use hepml_core::ndarray::Array2;
use hepml_core::rand::RngExt;
use hepml_ot::{
    Divergence, Emd, EmdConfig, EnergyFlow, GroundCost, SimdLevel, Transport, TransportProblem, Workspace,
};
use serde_json::Value;

/// Of the value, against another solver of the same linear program.
const OTHER_SOLVER: f64 = 1e-9;
/// Of the energy of both events, where the value is so small that roundings of energies are no longer far below it.
const SMALL: f64 = 1e-6;
/// Of energy times cost: a few roundings per particle.
const ROUNDING: f64 = 1e-14;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn event(value: &Value) -> EnergyFlow {
    let rows: Vec<[f64; 3]> =
        value.as_array().unwrap().iter().map(|row| numbers(row).try_into().unwrap()).collect();
    EnergyFlow::from_rows(&rows).unwrap()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn emd(radius: f64, beta: f64, normalise: bool, periodic_phi: bool) -> Emd {
    EmdConfig::new()
        .radius(radius)
        .beta(beta)
        .normalise(normalise)
        .periodic_phi(periodic_phi)
        .build()
        .unwrap()
}

fn setting(value: &Value, radius: &str, normalise: &str) -> Emd {
    let number = |key: &str| value[key].as_f64().unwrap();
    let flag = |key: &str| value[key].as_bool().unwrap();
    emd(number(radius), number("beta"), flag(normalise), flag("periodic_phi"))
}

fn with_simd(emd: &Emd, level: SimdLevel) -> Emd {
    let cost = emd.ground_cost();
    let config = EmdConfig::new().radius(cost.radius()).beta(cost.beta()).periodic_phi(cost.periodic_phi());
    config.normalise(emd.is_normalised()).simd(level).build().unwrap()
}

fn largest_cost(emd: &Emd, a: &EnergyFlow, b: &EnergyFlow) -> f64 {
    let pairs = a.points().iter().flat_map(|from| b.points().iter().map(move |to| (*from, *to)));
    pairs.map(|(from, to)| emd.ground_cost().cost(from, to)).fold(1.0, f64::max)
}

/// Compares all pairs at all settings, in every way that there is to a value; returns how many there were.
fn check_pairs(document: &Value, [settings, pairs]: [&str; 2], [radius, normalise]: [&str; 2]) -> usize {
    let emds: Vec<Emd> =
        document[settings].as_array().unwrap().iter().map(|s| setting(s, radius, normalise)).collect();
    // One for all, so that nothing of a pair is left for the next.
    let mut workspace = Workspace::new();
    let mut compared = 0;
    for pair in document[pairs].as_array().unwrap() {
        let events = [event(&pair["ev0"]), event(&pair["ev1"])];
        let [a, b] = &events;
        for (emd, expected) in emds.iter().zip(numbers(&pair["emd"])) {
            let energy = if emd.is_normalised() { 2.0 } else { a.total_energy() + b.total_energy() };
            let mut tolerance = OTHER_SOLVER * expected.max(SMALL * energy);
            if pair["kind"] == "totals but for a rounding" {
                // What is left to move is a rounding of the energies, and f64 has another one, which may go the longest way.
                tolerance *= largest_cost(emd, a, b);
            }
            let check = |way: &str, got: f64| {
                let what = &pair["kind"];
                assert!((got - expected).abs() <= tolerance, "{what} {emd:?}, {way}: {got} != {expected}");
            };
            check("value", emd.value(a, b).unwrap());
            for level in SimdLevel::available() {
                let emd = with_simd(emd, level);
                let [first, second] = [emd.prepare(a).unwrap(), emd.prepare(b).unwrap()];
                check("with other vectors", emd.value_in(&mut workspace, a, b).unwrap());
                check("so prepared", emd.prepared_value(&mut workspace, &first, &second).unwrap());
            }
            check("the other way round", emd.value(b, a).unwrap());
            check("in a workspace", emd.value_in(&mut workspace, a, b).unwrap());
            check("all pairs", emd.pairwise(&events).unwrap().values(&mut ()).unwrap().values()[0]);
            check(
                "across",
                emd.cross(&events[..1], &events[1..]).unwrap().values(&mut ()).unwrap().values()[0],
            );
            check("with its plan", emd.solve(a, b).unwrap().value);
            compared += 1;
        }
    }
    compared
}

#[test]
fn linear_programs_solved_exactly() {
    // Written by tools/ot_reference.py.
    let document: Value = serde_json::from_str(include_str!("reference/emd.json")).unwrap();
    assert!(check_pairs(&document, ["settings", "pairs"], ["radius", "normalise"]) >= 300);
    // Ties, duplicates, energies far apart, few against many, tiny and huge radii.
    assert!(check_pairs(&document["degenerate"], ["settings", "pairs"], ["radius", "normalise"]) >= 390);
}

#[test]
fn degenerate_events_with_each_other() {
    // Prepared once, each against all others; the plans are found without what was prepared.
    let document: Value = serde_json::from_str(include_str!("reference/emd.json")).unwrap();
    let pairs = document["degenerate"]["pairs"].as_array().unwrap();
    let sides = pairs.iter().flat_map(|pair| [event(&pair["ev0"]), event(&pair["ev1"])]);
    let events: Vec<EnergyFlow> = sides.filter(|event| event.len() <= 60).collect();
    for settings in
        [(1.0, 1.0, false, false), (0.4, 1.0, true, true), (0.4, 2.0, true, false), (1.0, 0.5, false, true)]
    {
        let (radius, beta, normalise, periodic_phi) = settings;
        let emd = emd(radius, beta, normalise, periodic_phi);
        let values = emd.pairwise(&events).unwrap().values(&mut ()).unwrap();
        for (i, a) in events.iter().enumerate() {
            for (j, b) in events.iter().enumerate().skip(i + 1) {
                let (got, expected) = (values.get(i, j).unwrap(), emd.solve(a, b).unwrap().value);
                let energy = if normalise { 2.0 } else { a.total_energy() + b.total_energy() };
                let tolerance = OTHER_SOLVER * expected.max(SMALL * energy);
                assert!((got - expected).abs() <= tolerance, "{i} {j} {emd:?}: {got} != {expected}");
            }
        }
    }
}

#[test]
fn cost_matrices_by_scipy() {
    let document: Value = serde_json::from_str(include_str!("reference/emd.json")).unwrap();
    for problem in document["matrices"].as_array().unwrap() {
        let (cost, a, b) = (matrix(&problem["cost"]), numbers(&problem["a"]), numbers(&problem["b"]));
        let total = a.iter().sum::<f64>() + b.iter().sum::<f64>();
        let largest = cost.iter().fold(2.0_f64, |m, c| m.max(c.abs()));
        let close = |got: &Transport, expected: &Value| {
            let expected = expected.as_f64().unwrap();
            assert!((got.value - expected).abs() <= 1e-11 * total * largest, "{} != {expected}", got.value);
        };
        let balanced = numbers(&problem["b_balanced"]);
        close(
            &TransportProblem::new(&cost, &a, &balanced).unwrap().balanced().unwrap(),
            &problem["balanced"],
        );
        let free = TransportProblem::new(&cost, &a, &b).unwrap();
        for case in problem["penalised"].as_array().unwrap() {
            let penalty = case["penalty"].as_f64().unwrap();
            close(&free.unbalanced(penalty).unwrap(), &case["unbalanced"]);
            close(&free.partial(penalty).unwrap(), &case["partial"]);
        }
    }
}

#[test]
fn the_values_of_wasserstein() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/ot_oracle.json");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let document: Value = serde_json::from_str(&text).unwrap();
    let compared = check_pairs(&document, ["emd_settings", "emd_pairs"], ["R", "norm"]);
    assert_eq!(compared, 6 * document["emd_pairs"].as_array().unwrap().len());
}

#[test]
fn one_particle_against_one() {
    let a = EnergyFlow::from_rows(&[[3.0, 1.0, 0.5]]).unwrap();
    let b = EnergyFlow::from_rows(&[[5.0, -0.2, 2.1]]).unwrap();
    // theta = 2, exactly (1.2, 1.6).
    for (radius, beta) in [(1.0_f64, 1.0_f64), (0.4, 1.0), (1.0, 2.0), (0.5, 0.5), (2.0, 3.3)] {
        let expected = 3.0 * (2.0 / radius).powf(beta) + 2.0;
        assert!(
            (emd(radius, beta, false, false).value(&a, &b).unwrap() - expected).abs()
                < ROUNDING * 100.0 * expected
        );
        let expected = (2.0 / radius).powf(beta);
        assert!(
            (emd(radius, beta, true, true).value(&a, &b).unwrap() - expected).abs()
                < ROUNDING * 100.0 * expected
        );
    }
}

#[test]
fn one_particle_against_many() {
    // All of b comes from the one particle of a.
    let a = EnergyFlow::from_rows(&[[10.0, 0.0, 0.0]]).unwrap();
    let b = EnergyFlow::from_rows(&[[1.0, 0.3, 0.4], [2.0, 0.0, -0.25], [3.0, 0.0, 0.0]]).unwrap();
    let expected = 1.0 * 0.5 + 2.0 * 0.25 + 4.0;
    assert!((Emd::default().value(&a, &b).unwrap() - expected).abs() < ROUNDING);
    assert!((Emd::default().value(&b, &a).unwrap() - expected).abs() < ROUNDING);
    // The lighter one goes to where it is cheapest.
    let light = EnergyFlow::from_rows(&[[2.5, 0.0, 0.0]]).unwrap();
    assert!((Emd::default().value(&light, &b).unwrap() - 3.5).abs() < ROUNDING);
    let light = EnergyFlow::from_rows(&[[4.0, 0.0, 0.0]]).unwrap();
    assert!((Emd::default().value(&light, &b).unwrap() - (0.25 + 2.0)).abs() < ROUNDING);
}

#[test]
fn on_a_line_quantiles_are_matched() {
    // For beta >= 1 the optimal plan on a line keeps the order: the integral of |F^-1 - G^-1|^beta over the energy.
    let line = |seed: u64, n: u64| -> Vec<[f64; 3]> {
        let at = |k: u64, m: u64| ((seed * 7919 + k * 104_729 + k * k * 31) % m) as f64 / m as f64;
        (0..n).map(|k| [0.1 + at(k, 97), 0.0, 2.0 * at(k + 1000, 89)]).collect()
    };
    for (seed, n, m) in [(1, 5, 5), (2, 30, 20), (3, 1, 40), (4, 64, 65), (5, 90, 90)] {
        let (a, b) = (line(seed, n), line(seed + 50, m));
        for beta in [1.0, 1.5, 2.0, 3.3] {
            let sorted = |rows: &[[f64; 3]]| {
                let total: f64 = rows.iter().map(|row| row[0]).sum();
                let mut rows: Vec<(f64, f64)> = rows.iter().map(|row| (row[2], row[0] / total)).collect();
                rows.sort_by(|x, y| x.0.total_cmp(&y.0));
                rows
            };
            let (mut x, mut y) = (sorted(&a), sorted(&b));
            let (mut i, mut j, mut expected) = (0, 0, 0.0);
            while i < x.len() && j < y.len() {
                let moved = x[i].1.min(y[j].1);
                expected += moved * (x[i].0 - y[j].0).abs().powf(beta);
                x[i].1 -= moved;
                y[j].1 -= moved;
                if x[i].1 <= y[j].1 { i += 1 } else { j += 1 }
            }
            let (a, b) = (EnergyFlow::from_rows(&a).unwrap(), EnergyFlow::from_rows(&b).unwrap());
            let got = emd(1.0, beta, true, false).value(&a, &b).unwrap();
            assert!((got - expected).abs() < 10.0 * ROUNDING, "{n} {m} {beta}: {got} {expected}");
        }
    }
}

#[test]
fn steep_costs_do_not_hide_cheap_ones() {
    // Costs from 1 to 2^(n-1): what is saved at the cheap end must not drown in the roundings of the dear end. A cost
    // that is convex in |i - j| keeps the order, so the optimum is that of quantiles matched.
    for n in [10_u32, 50, 100] {
        let count = n as usize;
        let cost = Array2::from_shape_fn((count, count), |(i, j)| 2_f64.powf(i.abs_diff(j) as f64) - 1.0);
        let a: Vec<f64> = (1..=n).map(f64::from).collect();
        let b: Vec<f64> = a.iter().rev().copied().collect();
        let (mut i, mut j, mut left, mut open, mut expected) = (0, 0, a[0], b[0], 0.0);
        while i < count && j < count {
            let moved: f64 = left.min(open);
            expected += moved * cost[(i, j)];
            (left, open) = (left - moved, open - moved);
            if left == 0.0 {
                i += 1;
                left = a.get(i).copied().unwrap_or(0.0);
            }
            if open == 0.0 {
                j += 1;
                open = b.get(j).copied().unwrap_or(0.0);
            }
        }
        let solution = TransportProblem::new(&cost, &a, &b).unwrap().balanced().unwrap();
        assert!((solution.value - expected).abs() <= 1e-12 * expected, "{n}: {} {expected}", solution.value);
        assert!(solution.gap.abs() <= 1e-12 * expected, "{n}: {}", solution.gap);
    }
    // beta = 20 in the plane, (theta/R)^beta up to 1e18: proven relative to the value itself.
    let mut draw = uniform(11);
    let mut event = || -> EnergyFlow {
        let rows: Vec<[f64; 3]> =
            (0..100).map(|_| [1.0 + 50.0 * draw(), 2.0 * draw(), 2.0 * draw()]).collect();
        EnergyFlow::from_rows(&rows).unwrap()
    };
    for _ in 0..5 {
        let (a, b) = (event(), event());
        let solution = emd(0.4, 20.0, false, false).solve(&a, &b).unwrap();
        assert!(solution.gap.abs() <= 1e-9 * solution.value, "{} {}", solution.gap, solution.value);
    }
}

#[test]
fn nearly_equal_events_at_a_large_beta() {
    // Pairs of particles, each far from the other pairs and close to its own; the best plan matches each pair of one event
    // to its image in the other, on a line in order. Equal energies, so a basis holds dear arcs without flow.
    let mut draw = uniform(12);
    for (beta, smear) in [(3.3, 1e-4), (5.0, 1e-2), (8.0, 1e-2)] {
        for _ in 0..50 {
            let (mut a, mut b, mut expected) = (Vec::new(), Vec::new(), 0.0);
            for pair in 0..4 {
                let mut close = || {
                    let mut at =
                        [2.0 * f64::from(pair) + smear * draw(), 2.0 * f64::from(pair) + smear * draw()];
                    at.sort_by(f64::total_cmp);
                    at
                };
                let (from, to) = (close(), close());
                expected += (0..2).map(|k| ((from[k] - to[k]).abs() / 0.2).powf(beta)).sum::<f64>();
                a.extend(from.map(|y| [1.0, y, 0.0]));
                b.extend(to.map(|y| [1.0, y, 0.0]));
            }
            // In an order that a greedy start does not like.
            b.rotate_left(3);
            b.swap(0, 5);
            let (a, b) = (EnergyFlow::from_rows(&a).unwrap(), EnergyFlow::from_rows(&b).unwrap());
            let got = emd(0.2, beta, false, false).value(&a, &b).unwrap();
            assert!((got - expected).abs() <= OTHER_SOLVER * expected, "beta {beta}: {got} {expected}");
        }
    }
}

#[test]
fn equal_weights_are_an_assignment() {
    // By trying all n! of them.
    fn best(cost: &Array2<f64>, row: usize, used: &mut [bool]) -> f64 {
        if row == used.len() {
            return 0.0;
        }
        let mut lowest = f64::INFINITY;
        for column in 0..used.len() {
            if !used[column] {
                used[column] = true;
                lowest = lowest.min(cost[(row, column)] + best(cost, row + 1, used));
                used[column] = false;
            }
        }
        lowest
    }
    for n in 1..=6 {
        for seed in 0..40_usize {
            // Also with ties: few different costs, positive and negative.
            let different = if seed % 2 == 0 { 1009 } else { 5 };
            let cost = Array2::from_shape_fn((n, n), |(i, j)| {
                ((seed * 7919 + i * 541 + j * 3571 + i * j * 97) % different) as f64 / 4.0 - 1.0
            });
            let expected = 0.5 * best(&cost, 0, &mut vec![false; n]);
            let masses = vec![0.5; n];
            let solution = TransportProblem::new(&cost, &masses, &masses).unwrap().balanced().unwrap();
            assert!((solution.value - expected).abs() <= ROUNDING * 300.0 * n as f64, "{n} {seed}");
        }
    }
}

#[test]
fn a_workspace_tells_of_its_last_value() {
    let mut draw = uniform(13);
    let mut event = |energy: f64| -> EnergyFlow {
        let rows: Vec<[f64; 3]> = (0..40).map(|_| [energy * draw(), draw(), draw()]).collect();
        EnergyFlow::from_rows(&rows).unwrap()
    };
    let (a, b) = (event(1e9), event(1e9));
    let energy = a.total_energy() + b.total_energy();
    let mut workspace = Workspace::new();
    assert_eq!((workspace.pivots(), workspace.gap()), (0, 0.0));
    let value = Emd::default().value_in(&mut workspace, &a, &b).unwrap();
    assert!(workspace.pivots() > 10);
    // In the unit of the value: not normalised, and not 0 among so many roundings.
    let gap = workspace.gap().abs();
    assert!(gap <= 1e-14 * energy && gap < 1e-12 * value, "{gap}");
    emd(1.0, 1.0, true, false).value_in(&mut workspace, &a, &b).unwrap();
    assert!(workspace.gap().abs() <= 1e-14, "{}", workspace.gap());
    // Nothing to do, nothing done.
    let empty = EnergyFlow::default();
    Emd::default().value_in(&mut workspace, &empty, &empty).unwrap();
    assert_eq!((workspace.pivots(), workspace.gap()), (0, 0.0));
}

#[test]
fn empty_events() {
    let empty = EnergyFlow::default();
    let zero = EnergyFlow::from_rows(&[[0.0, 0.3, 0.1]]).unwrap();
    let one = EnergyFlow::from_rows(&[[0.25, 0.1, 2.0], [0.75, -1.0, 0.0]]).unwrap();
    let default = Emd::default();
    for nothing in [&empty, &zero] {
        assert_eq!(default.value(nothing, &one).unwrap(), 1.0);
        assert_eq!(default.value(&one, nothing).unwrap(), 1.0);
        assert_eq!(default.value(nothing, &empty).unwrap(), 0.0);
        let solution = default.solve(nothing, &one).unwrap();
        assert_eq!(solution.created, [0.25, 0.75]);
        assert_eq!(solution.sink_potentials, [1.0, 1.0]);
        assert!(solution.flows.is_empty());
        let normalised = emd(1.0, 1.0, true, false);
        let message = normalised.value(&one, nothing).unwrap_err().to_string();
        assert_eq!(message, "the second event has no energy, so it cannot be normalised");
        let message = normalised.value(nothing, &one).unwrap_err().to_string();
        assert_eq!(message, "the first event has no energy, so it cannot be normalised");
    }
}

/// Independent uniform numbers from a seed.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = hepml_core::Streams::new(seed).stream(0);
    move || rng.random::<f64>()
}
