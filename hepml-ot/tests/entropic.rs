//! Transport smoothed by entropy: reference values, limits, symmetries, derivatives, and bad input.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;

use hepml_core::ndarray::{Array2, array};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::{check_gradient, check_metric_axioms};
use hepml_core::{EventMetric, EventSet, FourMomentum, ParticleSets};
use hepml_ot::{
    AngularCost, Divergence, Emd, EnergyFlow, EntropicEmd, EntropicGradient, Error, Mmd, Sinkhorn,
    SinkhornConfig, SinkhornDivergence, SinkhornWorkspace,
};
use proptest::prelude::*;
use serde_json::Value;

/// The residual that tests ask for: the value is then good to its square, and rounding of sums of 10 terms remains.
const TIGHT: f64 = 1e-13;
/// The residual that random events are asked for, with energies over twelve decades and particles that hardly exchange anything: the
/// default.
const LOOSE: f64 = 1e-9;
/// Of the largest cost times the mass: a few roundings of sums of some ten terms, and of potentials that are sums of several costs.
const ROUNDING: f64 = 1e-13;

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

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/entropic.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn planar(radius: f64, beta: f64) -> AngularCost {
    AngularCost::new(radius, beta, false).unwrap()
}

fn tight(epsilon: f64) -> SinkhornConfig {
    SinkhornConfig::new().epsilon(epsilon).tolerance(TIGHT)
}

fn flow(rows: &[[f64; 3]]) -> EnergyFlow {
    EnergyFlow::from_rows(rows).unwrap()
}

fn random(count: usize, rng: &mut ChaCha8Rng) -> Vec<[f64; 3]> {
    let row = |rng: &mut ChaCha8Rng| {
        [rng.random_range(0.1..2.0), rng.random_range(-0.8..0.8), rng.random_range(-0.8..0.8)]
    };
    (0..count).map(|_| row(rng)).collect()
}

fn largest_cost(cost: &AngularCost, a: &EnergyFlow, b: &EnergyFlow) -> f64 {
    use hepml_ot::GroundCost;
    let costs = a.points().iter().flat_map(|x| b.points().iter().map(|y| cost.cost(*x, *y)));
    costs.fold(0.0, f64::max)
}

#[test]
fn values_are_those_of_the_primal_problem_in_fifty_digits() {
    let document = document();
    let settings = document["settings"].as_array().unwrap();
    let mut checked = 0;
    for pair in document["pairs"].as_array().unwrap() {
        let (a, b) = (event(&pair["ev0"]), event(&pair["ev1"]));
        for (setting, expected) in settings.iter().zip(pair["settings"].as_array().unwrap()) {
            let number = |key: &str| setting[key].as_f64();
            let periodic = setting["periodic_phi"].as_bool().unwrap();
            let cost =
                AngularCost::new(number("radius").unwrap(), number("beta").unwrap(), periodic).unwrap();
            let epsilon = number("epsilon").unwrap();
            let mut config = tight(epsilon);
            let mut mass = 1.0;
            if let Some(rho) = number("relaxation") {
                config = config.relaxation(rho).mass_unit(number("mass_unit").unwrap());
                mass = a.total_energy().max(b.total_energy());
            }
            let sinkhorn = config.build().unwrap();
            // Unbalanced, entropies of masses other than 1 are of the size of epsilon and rho.
            let size = mass
                * (1.0 + mass)
                * number("relaxation").map_or(0.0, |rho| rho + epsilon).max(largest_cost(&cost, &a, &b));
            let transport = EntropicEmd::new(sinkhorn, cost).solve(&a, &b).unwrap();
            assert!(transport.converged && transport.residual < 1e-11, "{}", transport.residual);
            let number = |key: &str| expected[key].as_f64().unwrap();
            assert!((transport.value - number("value")).abs() <= ROUNDING * size);
            // The plan is good to the residual, not to its square.
            let cost_error = (transport.transport_cost - number("transport_cost")).abs();
            assert!(cost_error <= 100.0 * ROUNDING * size, "{cost_error:e} of {size}");
            let divergence = SinkhornDivergence::new(sinkhorn, cost).value(&a, &b).unwrap();
            assert!((divergence - number("divergence")).abs() <= ROUNDING * size);
            checked += 1;
        }
        for (index, beta) in [0.5, 1.0, 2.0].into_iter().enumerate() {
            let cost = planar(0.7, beta);
            let mmds = [
                ("energy", Mmd::energy(cost), largest_cost(&cost, &a, &b)),
                ("exponential", Mmd::exponential(cost), (a.total_energy() + b.total_energy()).powi(2)),
                ("exponential_normalised", Mmd::exponential_normalised(cost), 1.0),
            ];
            for (key, mmd, size) in mmds {
                let expected = pair["mmd"][key][index].as_f64().unwrap();
                assert!((mmd.value(&a, &b).unwrap() - expected).abs() <= ROUNDING * size);
                checked += 1;
            }
        }
    }
    for problem in document["matrices"].as_array().unwrap() {
        let (cost, a, b) = (matrix(&problem["cost"]), numbers(&problem["a"]), numbers(&problem["b"]));
        let mut config = tight(problem["epsilon"].as_f64().unwrap());
        if let Some(rho) = problem["relaxation"].as_f64() {
            config = config.relaxation(rho);
        }
        let solution = config.build().unwrap().solve(&cost, &a, &b).unwrap();
        let mass = a.iter().sum::<f64>().max(b.iter().sum());
        let size = mass * (1.0 + mass) * 3.0;
        assert!((solution.value - problem["value"].as_f64().unwrap()).abs() <= ROUNDING * size);
        let transport_cost = problem["transport_cost"].as_f64().unwrap();
        assert!((solution.transport_cost - transport_cost).abs() <= 100.0 * ROUNDING * size);
        for (got, expected) in solution.plan.iter().zip(matrix(&problem["plan"])) {
            assert!((got - expected).abs() <= 100.0 * ROUNDING * mass);
        }
        checked += 1;
    }
    assert_eq!(checked, 6 * (7 + 9) + 5);
}

#[test]
fn single_particles_have_a_closed_form() {
    // pi alone: c pi + rho KL(pi|p) + rho KL(pi|q) + eps KL(pi|pq) is least where its derivative by pi vanishes.
    let kl = |x: f64, y: f64| x * (x / y).ln() - x + y;
    for (p, q) in [(1.0, 1.0), (0.3, 2.0), (1e-3, 5.0)] {
        for (distance, epsilon, rho) in
            [(0.0, 0.1, 1.0), (0.7, 0.01, 0.5), (3.0, 1.0, 0.01), (0.2, 1e-3, 1e3)]
        {
            let log_pi = ((rho + epsilon) * f64::ln(p * q) - distance) / (2.0 * rho + epsilon);
            let pi = log_pi.exp();
            let expected = distance * pi + rho * (kl(pi, p) + kl(pi, q)) + epsilon * kl(pi, p * q);
            let (a, b) = (flow(&[[p, 0.0, 0.0]]), flow(&[[q, 0.0, distance]]));
            let sinkhorn = tight(epsilon).relaxation(rho).build().unwrap();
            let transport = EntropicEmd::new(sinkhorn, planar(1.0, 1.0)).solve(&a, &b).unwrap();
            let size = (p + q) * (distance + rho + epsilon) * (1.0 + p + q);
            assert!((transport.value - expected).abs() <= ROUNDING * size, "{} {expected}", transport.value);
            // Potentials of the size of rho, rounded, in units of epsilon.
            let exponent = (rho * (1.0 + f64::ln(p * q).abs()) + distance) / epsilon;
            assert!((transport.plan[(0, 0)] - pi).abs() <= (1e-15 * exponent + 1e-12) * pi);
            // Energies in another unit, and the mass that counts as 1 with them.
            let scaled = |x: f64| flow(&[[64.0 * x, 0.0, 0.0]]);
            let sinkhorn = tight(epsilon).relaxation(rho).mass_unit(64.0).build().unwrap();
            let same_point =
                EntropicEmd::new(sinkhorn, planar(1.0, 1.0)).value(&scaled(p), &scaled(q)).unwrap();
            let sinkhorn = tight(epsilon).relaxation(rho).build().unwrap();
            let unit = EntropicEmd::new(sinkhorn, planar(1.0, 1.0));
            let unscaled = unit.value(&flow(&[[p, 0.0, 0.0]]), &flow(&[[q, 0.0, 0.0]])).unwrap();
            assert!((same_point - 64.0 * unscaled).abs() <= 64.0 * ROUNDING * size);
        }
    }
    // Balanced, there is only one plan.
    let value = EntropicEmd::new(Sinkhorn::default(), planar(0.5, 2.0))
        .value(&flow(&[[3.0, 0.1, 0.0]]), &flow(&[[7.0, 0.4, 0.4]]))
        .unwrap();
    assert!((value - 1.0).abs() < 1e-15);
}

#[test]
fn without_entropy_it_is_the_exact_distance() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let entropy = |event: &EnergyFlow| -> f64 {
        event.energies().iter().map(|e| e / event.total_energy()).map(|z| -z * z.ln()).sum()
    };
    for beta in [0.5, 1.0, 2.0] {
        let (a, b) = (flow(&random(20, &mut rng)), flow(&random(15, &mut rng)));
        let cost = planar(0.8, beta);
        let exact = Emd::normalised_with_cost(cost).value(&a, &b).unwrap();
        let mut last = f64::INFINITY;
        for epsilon in [0.3, 0.03, 3e-3, 3e-4, 3e-5] {
            let sinkhorn = tight(epsilon).max_iterations(100_000).build().unwrap();
            let transport = EntropicEmd::new(sinkhorn, cost).solve(&a, &b).unwrap();
            assert!(transport.converged);
            // The exact plan's own entropy is at most that of either event.
            let excess = transport.value - exact;
            assert!(excess >= -1e-12 && excess <= epsilon * entropy(&a).min(entropy(&b)) + 1e-12);
            // The plan is off by the residual.
            let slack = transport.residual * largest_cost(&cost, &a, &b) + 1e-15;
            assert!(transport.transport_cost >= exact - slack);
            assert!(transport.value >= transport.transport_cost - slack);
            let off = (SinkhornDivergence::new(sinkhorn, cost).value(&a, &b).unwrap() - exact).abs();
            assert!(off < last && off <= epsilon * (entropy(&a) + entropy(&b)));
            last = off;
        }
        assert!(last < 3e-4, "{last}");
    }
}

#[test]
fn with_nothing_but_entropy_it_is_half_of_the_mmd() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for beta in [0.5, 1.0, 2.0] {
        let (a, b) = (flow(&random(12, &mut rng)), flow(&random(9, &mut rng)));
        let cost = planar(0.8, beta);
        let limit = 0.5 * Mmd::energy(cost).value(&a, &b).unwrap();
        let off = |epsilon: f64| {
            let sinkhorn = tight(epsilon).build().unwrap();
            (SinkhornDivergence::new(sinkhorn, cost).value(&a, &b).unwrap() - limit).abs() / limit
        };
        // The next term of the expansion is in 1/epsilon ...
        let (near, far) = (off(1e3), off(1e5));
        assert!(near < 5e-2 && (near / far - 100.0).abs() < 1.0, "{near:e} {far:e}");
        // ... and rounding does not grow with epsilon.
        for epsilon in [1e14, 1e100, 1e300] {
            assert!(off(epsilon) < ROUNDING, "{:e}", off(epsilon));
        }
    }
}

#[test]
fn the_way_through_large_and_small_epsilons_is_smooth() {
    // The solver changes its method at an epsilon of 32 times the largest cost: the values on both sides must agree.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (a, b) = (flow(&random(10, &mut rng)), flow(&random(14, &mut rng)));
    let cost = planar(1.0, 1.0);
    let value =
        |epsilon: f64| SinkhornDivergence::new(tight(epsilon).build().unwrap(), cost).value(&a, &b).unwrap();
    let epsilons: Vec<f64> = (0..400).map(|i| 10.0 * 1.01_f64.powi(i)).collect();
    let values: Vec<f64> = epsilons.iter().map(|epsilon| value(*epsilon)).collect();
    for (three, epsilon) in values.windows(3).zip(&epsilons) {
        let bend = three[0] - 2.0 * three[1] + three[2];
        assert!(bend.abs() < 1e-4 * three[1] / epsilon + 2e-15 * epsilon, "{bend:e} at {epsilon}");
    }
}

fn rows(largest: usize) -> impl Strategy<Value = Vec<[f64; 3]>> {
    let smooth = (0.01..100.0, -2.0..2.0, -3.1..3.1).prop_map(|(pt, y, phi)| [pt, y, phi]);
    let spanning = (-6.0..6.0_f64, -2.0..2.0, -3.1..3.1).prop_map(|(log, y, phi)| [10_f64.powf(log), y, phi]);
    let grid =
        (0..4_u8, 0..3_u8, 0..3_u8).prop_map(|(e, y, phi)| [f64::from(e), f64::from(y), f64::from(phi)]);
    prop_oneof![
        prop::collection::vec(smooth, 1..=largest),
        prop::collection::vec(spanning, 1..=largest),
        prop::collection::vec(grid, 1..=largest).prop_map(|mut rows| {
            rows[0][0] = 1.0;
            rows
        }),
    ]
}

/// Costs from 1/5 of epsilon to 1000 times it.
fn parameters() -> impl Strategy<Value = (f64, f64, f64)> {
    let beta = prop_oneof![Just(0.5), Just(1.0), Just(1.5), Just(2.0)];
    let epsilon = prop_oneof![Just(0.02), Just(0.1), Just(1.0), Just(30.0)];
    let relaxation = prop_oneof![Just(0.1), Just(1.0), Just(50.0)];
    (beta, epsilon, relaxation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn divergences_are_symmetric_and_positive_and_vanish_between_equal_events(
        a in rows(25), b in rows(25), (beta, epsilon, rho) in parameters(), normalise in any::<bool>(),
    ) {
        let (a, b) = (flow(&a), flow(&b));
        let cost = planar(1.0, beta);
        let mut config = tight(epsilon).tolerance(LOOSE);
        // The size of the terms: entropies of unnormalised events are of the size of their masses, in the unit of the larger.
        let mass = a.total_energy().max(b.total_energy());
        let mut size = largest_cost(&cost, &a, &b).max(largest_cost(&cost, &a, &a)).max(largest_cost(&cost, &b, &b));
        if !normalise {
            config = config.relaxation(rho).mass_unit(mass);
            size = mass * (size + rho + epsilon);
        }
        // The value is below the dual optimum by less than the residual times the largest cost, and there is rounding.
        let tolerance = LOOSE * (size + epsilon);
        let divergence = SinkhornDivergence::new(config.build().unwrap(), cost);
        let value = divergence.value(&a, &b).unwrap();
        prop_assert!(value >= -tolerance, "{value:e}");
        prop_assert!((value - divergence.value(&b, &a).unwrap()).abs() <= tolerance);
        prop_assert!(divergence.value(&a, &a).unwrap().abs() <= tolerance);
        let mut reordered: Vec<_> = a.energies().iter().zip(a.points()).map(|(e, x)| [*e, x[0], x[1]]).collect();
        reordered.reverse();
        reordered.push([0.0, 77.0, 0.0]);
        let half = reordered[0][0] / 2.0;
        reordered[0][0] = half;
        reordered.push([half, reordered[0][1], reordered[0][2]]);
        prop_assert!(divergence.value(&a, &flow(&reordered)).unwrap().abs() <= tolerance);
        prop_assert!((divergence.value(&flow(&reordered), &b).unwrap() - value).abs() <= tolerance);
        // Prepared, or in memory that has seen other pairs: the same number.
        let workspace = &mut SinkhornWorkspace::new();
        divergence.value_in(workspace, &b, &flow(&reordered)).unwrap();
        prop_assert_eq!(divergence.value_in(workspace, &a, &b).unwrap(), value);
    }

    #[test]
    fn plans_have_the_marginals_they_should(
        a in rows(20), b in rows(20), (beta, epsilon, rho) in parameters(),
    ) {
        let (a, b) = (flow(&a), flow(&b));
        let cost = planar(1.0, beta);
        let balanced = EntropicEmd::new(tight(epsilon).tolerance(LOOSE).build().unwrap(), cost);
        let transport = balanced.solve(&a, &b).unwrap();
        prop_assert!(transport.converged && transport.residual <= 2.0 * LOOSE, "{}", transport.residual);
        let share = |event: &EnergyFlow, i: usize| event.energies()[i] / event.total_energy();
        for (i, row) in transport.plan.rows().into_iter().enumerate() {
            prop_assert!((row.sum() - share(&a, i)).abs() <= 2.0 * LOOSE);
        }
        for (j, column) in transport.plan.columns().into_iter().enumerate() {
            prop_assert!((column.sum() - share(&b, j)).abs() <= 2.0 * LOOSE);
        }
        // The value from the plan alone: cost and entropy.
        let entropy: f64 = transport.plan.indexed_iter().filter(|(_, pi)| **pi > 0.0)
            .map(|((i, j), pi)| pi * (pi / (share(&a, i) * share(&b, j))).ln()).sum();
        let size = largest_cost(&cost, &a, &b) + epsilon;
        prop_assert!((transport.transport_cost + epsilon * entropy - transport.value).abs() <= 2.0 * LOOSE * size);
        let carried: f64 = (0..a.len()).map(|i| share(&a, i) * transport.source_potentials[i]).sum();
        prop_assert!((carried - 0.5 * transport.value).abs() <= 1e-12 * size);

        // Relaxed, a marginal is the energy times exp(-potential/rho).
        let mass = a.total_energy();
        let relaxed = tight(epsilon).tolerance(LOOSE).relaxation(rho).mass_unit(mass).build().unwrap();
        let transport = EntropicEmd::new(relaxed, cost).solve(&a, &b).unwrap();
        prop_assert!(transport.converged);
        let moved = transport.plan.sum();
        for (i, row) in transport.plan.rows().into_iter().enumerate() {
            let expected = a.energies()[i] * (-transport.source_potentials[i] / rho).exp();
            prop_assert!((row.sum() - expected).abs() <= 2.0 * LOOSE * moved);
        }
        for (j, column) in transport.plan.columns().into_iter().enumerate() {
            let expected = b.energies()[j] * (-transport.sink_potentials[j] / rho).exp();
            prop_assert!((column.sum() - expected).abs() <= 2.0 * LOOSE * moved);
        }
    }

    #[test]
    fn any_cost_gives_a_number(a in rows(12), b in rows(12), epsilon in prop_oneof![Just(0.05), Just(1.0)]) {
        // Where theory promises nothing: no NaN, but perhaps a negative number.
        let (a, b) = (flow(&a), flow(&b));
        let sinkhorn = SinkhornConfig::new().epsilon(epsilon);
        for (cost, relaxation) in [(3.3, None), (2.0, None), (2.0, Some(0.3))] {
            let cost = AngularCost::new(0.7, cost, true).unwrap();
            let sinkhorn = match relaxation {
                None => sinkhorn,
                Some(rho) => sinkhorn.relaxation(rho).mass_unit(50.0),
            };
            let divergence = SinkhornDivergence::new(sinkhorn.build().unwrap(), cost);
            prop_assert!(divergence.value(&a, &b).unwrap().is_finite());
            prop_assert!(Mmd::energy(cost).value(&a, &b).unwrap().is_finite());
        }
    }

    #[test]
    fn mmds_are_metrics(
        events in prop::collection::vec(rows(10), 3..5), beta in prop_oneof![Just(0.5), Just(1.0), Just(2.0)],
    ) {
        let events: Vec<EnergyFlow> = events.iter().map(|rows| flow(rows)).collect();
        let cost = planar(1.0, beta);
        let mass = events.iter().map(EnergyFlow::total_energy).fold(0.0, f64::max);
        // The root of a rounding error of 8 eps of four terms.
        let root = |size: f64| 1e-7 * size.sqrt();
        check_metric_axioms(|a, b| Mmd::energy(cost).metric(a, b), &events, root(50.0))?;
        check_metric_axioms(|a, b| Mmd::exponential_normalised(cost).metric(a, b), &events, root(1.0))?;
        check_metric_axioms(|a, b| Mmd::exponential(cost).metric(a, b), &events, root(mass * mass))?;
        for event in &events {
            let mut rows: Vec<_> = event.energies().iter().zip(event.points()).map(|(e, x)| [*e, x[0], x[1]]).collect();
            rows.reverse();
            rows.push([0.0, 5.0, 5.0]);
            prop_assert_eq!(Mmd::energy(cost).metric(event, &flow(&rows)).unwrap(), 0.0);
        }
    }
}

#[test]
fn mmds_of_subnormal_costs_are_not_negative() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for exponent in 152..162 {
        let scale = 10_f64.powi(-exponent);
        for beta in [1.9, 2.0] {
            let event = |rows: Vec<[f64; 3]>| {
                flow(&rows.iter().map(|[e, y, phi]| [*e, scale * y, scale * phi]).collect::<Vec<_>>())
            };
            let rows = random(4, &mut rng);
            let (a, b) = (event(rows.clone()), event(rows.into_iter().rev().collect()));
            for other in [&b, &event(random(3, &mut rng))] {
                assert!(Mmd::energy(planar(1.0, beta)).metric(&a, other).is_ok());
            }
        }
    }
}

#[test]
fn translations_cost_their_square() {
    // For beta = 2 the plan between an event and itself, translated, is the same whatever the translation.
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let rows = random(20, &mut rng);
    let moved: Vec<[f64; 3]> = rows.iter().map(|[e, y, phi]| [2.0 * e, y + 0.3, phi - 0.4]).collect();
    for epsilon in [0.01, 0.1, 1.0, 1e4] {
        let divergence = SinkhornDivergence::new(tight(epsilon).build().unwrap(), planar(0.5, 2.0));
        assert!((divergence.value(&flow(&rows), &flow(&moved)).unwrap() - 1.0).abs() < 1e-11);
    }
    let mmd = Mmd::energy(planar(0.5, 2.0)).value(&flow(&rows), &flow(&moved)).unwrap();
    assert!((mmd - 2.0).abs() < 1e-13);
}

/// Of derivatives of about 1: values that are good to 1e-14 and extrapolated differences over steps of 0.05 and less.
const SLOPE: f64 = 1e-9;

fn check_derivatives(
    divergence: &dyn Fn(&EnergyFlow, &EnergyFlow) -> Result<f64, Error>,
    gradient: &EntropicGradient,
    a: &[[f64; 3]],
    b: &[[f64; 3]],
) -> f64 {
    let value = |x: &[f64]| {
        let (a, b) = x.split_at(3 * a.len());
        divergence(&flow(a.as_chunks().0), &flow(b.as_chunks().0))
    };
    let flat: Vec<f64> = [&gradient.first, &gradient.second]
        .into_iter()
        .flat_map(|event| event.energies.iter().zip(&event.points).map(|(e, x)| [*e, x[0], x[1]]))
        .flatten()
        .collect();
    let x = [a.concat(), b.concat()].concat();
    assert!((gradient.value - value(&x).unwrap()).abs() < 1e-14);
    check_gradient(value, &flat, &x, 0.02, SLOPE).unwrap()
}

#[test]
fn derivatives_are_slopes() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut worst = 0.0_f64;
    for (beta, epsilon, relaxation) in
        [(1.0, 0.2, None), (2.0, 0.1, None), (1.5, 200.0, None), (1.0, 0.2, Some(0.5)), (2.0, 0.3, Some(2.0))]
    {
        // With plain differences of azimuths and with periodic ones, far from the kink half a turn away.
        let cost = AngularCost::new(0.8, beta, relaxation.is_some()).unwrap();
        let config = match relaxation {
            None => tight(epsilon),
            Some(rho) => tight(epsilon).relaxation(rho).mass_unit(3.0),
        };
        let sinkhorn = config.tolerance(1e-15).build().unwrap();
        let (a, b) = (random(5, &mut rng), random(4, &mut rng));
        let events = (flow(&a), flow(&b));
        let emd = EntropicEmd::new(sinkhorn, cost);
        let gradient = emd.gradient(&events.0, &events.1).unwrap();
        worst = worst.max(check_derivatives(&|a, b| emd.value(a, b), &gradient, &a, &b));
        let divergence = SinkhornDivergence::new(sinkhorn, cost);
        let gradient = divergence.gradient(&events.0, &events.1).unwrap();
        worst = worst.max(check_derivatives(&|a, b| divergence.value(a, b), &gradient, &a, &b));
        let same = divergence.gradient(&events.0, &events.0).unwrap();
        let all = [&same.first, &same.second]
            .into_iter()
            .flat_map(|event| event.energies.iter().copied().chain(event.points.iter().flatten().copied()));
        // Derivatives are good to the residual, here that of rounding, times the largest cost over epsilon.
        assert!(all.fold(0.0_f64, |largest, x| largest.max(x.abs())) < 1e-12);
        for mmd in [Mmd::energy(cost), Mmd::exponential(cost), Mmd::exponential_normalised(cost)] {
            let gradient = mmd.gradient(&events.0, &events.1).unwrap();
            worst = worst.max(check_derivatives(&|a, b| mmd.value(a, b), &gradient, &a, &b));
        }
    }
    // Else the tolerance, not the gradient, would be what is tested.
    assert!(worst > 0.0);
}

#[test]
fn a_particle_without_energy_has_the_slope_of_giving_it_some() {
    let with = |energy: f64| flow(&[[1.0, 0.2, 0.3], [2.0, -0.4, 0.0], [energy, 0.5, -0.5]]);
    let b = flow(&[[1.0, 0.0, 0.0], [1.5, 0.3, 0.3]]);
    for relaxation in [None, Some(0.4)] {
        let config = match relaxation {
            None => tight(0.5),
            Some(rho) => tight(0.5).relaxation(rho),
        };
        let cost = planar(1.0, 1.0);
        let emd = EntropicEmd::new(config.build().unwrap(), cost);
        let divergence = SinkhornDivergence::new(config.build().unwrap(), cost);
        let step = 1e-7;
        for (gradient, slope) in [
            (
                emd.gradient(&with(0.0), &b).unwrap(),
                (emd.value(&with(step), &b).unwrap() - emd.value(&with(0.0), &b).unwrap()) / step,
            ),
            (
                divergence.gradient(&with(0.0), &b).unwrap(),
                (divergence.value(&with(step), &b).unwrap() - divergence.value(&with(0.0), &b).unwrap())
                    / step,
            ),
        ] {
            assert!((gradient.first.energies[2] - slope).abs() < 1e-5, "{slope}");
            assert_eq!(gradient.first.points[2], [0.0; 2]);
        }
    }
}

#[test]
fn extreme_scales_are_numbers_too() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (a, b) = (random(8, &mut rng), random(6, &mut rng));
    let value = |epsilon: f64, radius: f64, scale: f64| {
        let scaled = |rows: &[[f64; 3]]| -> Vec<[f64; 3]> {
            rows.iter().map(|[e, y, phi]| [scale * e, *y, *phi]).collect()
        };
        let sinkhorn = tight(epsilon).build().unwrap();
        let (a, b) = (flow(&scaled(&a)), flow(&scaled(&b)));
        (
            EntropicEmd::new(sinkhorn, planar(radius, 1.0)).value(&a, &b),
            SinkhornDivergence::new(sinkhorn, planar(radius, 1.0)).value(&a, &b),
        )
    };
    let (emd, divergence) = value(0.125, 1.0, 1.0);
    let (emd, divergence) = (emd.unwrap(), divergence.unwrap());
    // Energies do not matter, and costs do in proportion.
    for scale in [1e-300, 1e300] {
        let (same, also) = value(0.125, 1.0, scale);
        assert!((same.unwrap() - emd).abs() < 1e-14 && (also.unwrap() - divergence).abs() < 1e-14);
    }
    for exponent in [-1000, 900] {
        let unit = 2.0_f64.powi(exponent);
        let (same, also) = value(0.125 * unit, 1.0 / unit, 1.0);
        assert_eq!((same.unwrap(), also.unwrap()), (emd * unit, divergence * unit));
    }
    let message = |result: Result<f64, Error>| result.unwrap_err().to_string();
    assert!(message(value(1.0, 5e-324, 1.0).0).starts_with("the cost from particle 0 to particle 0 is inf"));
    let too_small = message(value(1e-10, 1.0, 1.0).0);
    assert!(too_small.starts_with("epsilon in units of the largest (difference of) costs is"), "{too_small}");
    assert!(too_small.ends_with("but must be at least 1e-9"), "{too_small}");
    // Unbalanced: everything is destroyed, or created, or nothing is.
    let mut refused = 0;
    for rho in [1e-300, 1e-12, 1e12, 1e300] {
        for mass in [1e-200, 1.0, 1e200] {
            let sinkhorn = tight(0.1).relaxation(rho).mass_unit(mass).build().unwrap();
            let (x, y) = (flow(&[[mass, 0.0, 0.0], [mass, 0.1, 0.3]]), flow(&[[mass, 5.0, 0.0]]));
            for result in [
                EntropicEmd::new(sinkhorn, planar(1.0, 1.0)).value(&x, &y),
                SinkhornDivergence::new(sinkhorn, planar(1.0, 1.0)).value(&x, &y),
            ] {
                match result {
                    Ok(value) => assert!(value.is_finite()),
                    Err(error @ Error::SinkhornNotConverged { .. }) => {
                        assert!(
                            rho > 1e10 && error.to_string().contains("choose one below 1e10 epsilon"),
                            "{error}"
                        );
                        refused += 1;
                    }
                    Err(error) => assert!(matches!(error, Error::ValueOverflows), "{error}"),
                }
            }
        }
    }
    assert!(refused > 0);
    // A constant on all costs is one on the balanced value, however large.
    let cost = array![[0.0, 1.0], [2.0, 0.5]];
    let solve =
        |cost: &Array2<f64>| tight(0.5).build().unwrap().solve(cost, &[0.5, 1.5], &[1.25, 0.75]).unwrap();
    let (plain, shifted) = (solve(&cost), solve(&(&cost - 1024.0)));
    assert_eq!(plain.plan, shifted.plan);
    assert!((plain.value - 2048.0 - shifted.value).abs() < 1e-12);
    assert!((plain.transport_cost - 2048.0 - shifted.transport_cost).abs() < 1e-12);
}

#[test]
fn small_epsilons_converge_where_plain_iteration_does_not() {
    // Two clusters that exchange a little energy over a barrier of 500 epsilons: Sinkhorn's own rate is 1 - e^-500.
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let cluster = |y: f64, total: f64, rng: &mut ChaCha8Rng| -> Vec<[f64; 3]> {
        let rows: Vec<[f64; 3]> =
            (0..6).map(|_| [rng.random_range(0.1..1.0), y + rng.random_range(-0.05..0.05), 0.0]).collect();
        let sum: f64 = rows.iter().map(|row| row[0]).sum();
        rows.iter().map(|[e, y, phi]| [e * total / sum, *y, *phi]).collect()
    };
    let a = flow(&[cluster(0.0, 0.5, &mut rng), cluster(1.0, 0.5, &mut rng)].concat());
    let b = flow(&[cluster(0.0, 0.5, &mut rng), cluster(1.0, 0.5, &mut rng)].concat());
    let cost = planar(1.0, 1.0);
    let exact = Emd::normalised_with_cost(cost).value(&a, &b).unwrap();
    for epsilon in [2e-3, 1e-3] {
        let transport = EntropicEmd::new(tight(epsilon).build().unwrap(), cost).solve(&a, &b).unwrap();
        assert!(transport.converged && transport.residual < 1e-10, "{}", transport.residual);
        assert!(transport.iterations < 5000);
        assert!(transport.value >= exact && transport.value <= exact + 2.5 * epsilon);
    }
}

#[test]
fn what_has_not_converged_says_so() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let (a, b) = (flow(&random(20, &mut rng)), flow(&random(20, &mut rng)));
    let cost = planar(1.0, 1.0);
    let best =
        EntropicEmd::new(tight(1e-3).max_iterations(100_000).build().unwrap(), cost).value(&a, &b).unwrap();
    for max_iterations in [1, 5, 30] {
        let sinkhorn = tight(1e-3).max_iterations(max_iterations).build().unwrap();
        let emd = EntropicEmd::new(sinkhorn, cost);
        let report = emd.solve(&a, &b).unwrap();
        assert!(!report.converged && report.residual > 1e-6);
        assert!(
            report.value <= best + 1e-12
                && report.value >= best - report.residual * largest_cost(&cost, &a, &b)
        );
        match emd.value(&a, &b).unwrap_err() {
            Error::SinkhornNotConverged { residual, tolerance, value, .. } => {
                assert!(residual > tolerance && value == report.value);
            }
            error => panic!("{error}"),
        }
        assert!(matches!(emd.gradient(&a, &b), Err(Error::SinkhornNotConverged { .. })));
    }
    let sinkhorn = tight(1e-3).max_iterations(2).build().unwrap();
    let divergence = SinkhornDivergence::new(sinkhorn, cost);
    assert!(matches!(divergence.value(&a, &b), Err(Error::SinkhornNotConverged { .. })));
}

#[test]
fn a_large_relaxation_is_balanced_or_has_not_converged() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let cost = planar(1.0, 2.0);
    let (mut a, mut b) = (random(8, &mut rng), random(6, &mut rng));
    for rows in [&mut a, &mut b] {
        let total: f64 = rows.iter().map(|row| row[0]).sum();
        for row in rows.iter_mut() {
            row[0] /= total;
        }
    }
    let epsilon = 0.01;
    let solve = |relaxation: Option<f64>, share: f64| {
        let config = SinkhornConfig::new().epsilon(epsilon);
        let config = relaxation.map_or(config, |rho| config.relaxation(rho));
        let b: Vec<[f64; 3]> = b.iter().map(|[e, y, phi]| [share * e, *y, *phi]).collect();
        EntropicEmd::new(config.build().unwrap(), cost).solve(&flow(&a), &flow(&b)).unwrap()
    };
    let balanced = solve(None, 1.0).value;
    for rho in [1e6, 1e9, 1e12] {
        let relaxed = solve(Some(rho), 1.0);
        assert!(relaxed.converged && (relaxed.value - balanced).abs() < 1.0 / rho + 1e-8, "{rho:e}");
    }
    // Potentials of rho ln 2 leave no digits for costs in units of epsilon: what comes out is no plan, and is not called one.
    for share in [1.0 + 1e-15, 0.5, 2.0] {
        for rho in [1e2, 1e6, 1e10, 1e12, 1e14, 1e18, 1e30, 1e100] {
            let relaxed = solve(Some(rho), share);
            assert!(!relaxed.converged || relaxed.residual < 1e-4, "{rho:e}: {:e}", relaxed.residual);
            assert!(relaxed.converged || rho > 1e9, "{rho:e}");
            if relaxed.converged && rho > 1e5 {
                assert!((relaxed.plan.sum() - share.sqrt()).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn a_tolerance_that_rounding_cannot_reach_is_no_failure() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let (a, b) = (flow(&random(8, &mut rng)), flow(&random(6, &mut rng)));
    // Both methods of the solver: few and many times the largest cost.
    for epsilon in [0.05, 1.0, 100.0, 1e200] {
        for tolerance in [1e-16, 1e-30, 1e-300] {
            let sinkhorn = SinkhornConfig::new().epsilon(epsilon).tolerance(tolerance).build().unwrap();
            let expected = SinkhornConfig::new().epsilon(epsilon).tolerance(1e-13).build().unwrap();
            let of = |sinkhorn| SinkhornDivergence::new(sinkhorn, planar(1.0, 1.0)).value(&a, &b).unwrap();
            assert!((of(sinkhorn) - of(expected)).abs() < 1e-12);
        }
    }
}

#[test]
fn particles_without_energy_may_be_anywhere() {
    let cost = planar(1.0, 2.0);
    let emd = EntropicEmd::new(tight(0.1).build().unwrap(), cost);
    let b = flow(&[[1.0, 0.5, 0.0], [1.0, 0.2, 0.3]]);
    let at = |y: f64| flow(&[[1.0, 0.0, 0.0], [0.0, y, 0.0]]);
    // One that is 1e20 epsilons away has a potential: that of the nearest.
    let far = emd.solve(&at(1e10), &b).unwrap();
    let cost_of_nearest = (1e10_f64 - 0.5).powi(2) - 0.5 * far.value;
    assert!((far.source_potentials[1] - cost_of_nearest).abs() < 1e-9 * cost_of_nearest);
    let sinkhorn = tight(1e-9).build().unwrap();
    let further = EntropicEmd::new(sinkhorn, cost).solve(&at(1e153), &b).unwrap();
    assert!((further.source_potentials[1] - 1e306).abs() < 1e-9 * 1e306);
    // One at an infinite cost has none; the value does not ask.
    let beyond = at(1e200);
    assert_eq!(emd.value(&beyond, &b).unwrap(), emd.value(&at(0.0), &b).unwrap());
    let expected = "the cost from particle 1 to particle 0 is inf, but must be finite";
    assert_eq!(emd.solve(&beyond, &b).unwrap_err().to_string(), expected);
    assert_eq!(emd.gradient(&beyond, &b).unwrap_err().to_string(), expected);
    let expected = "the cost from particle 0 to particle 1 is inf, but must be finite";
    assert_eq!(emd.solve(&b, &beyond).unwrap_err().to_string(), expected);
    // Of the energy distance it is that particle's derivative which is infinite, and no other's.
    let mmd = Mmd::energy(cost);
    assert_eq!(mmd.value(&beyond, &b).unwrap(), mmd.value(&at(0.0), &b).unwrap());
    for gradient in [mmd.gradient(&flow(&[[1.0, 0.5, 0.0]]), &beyond), mmd.gradient(&beyond, &b)] {
        let message = gradient.unwrap_err().to_string();
        assert!(message.starts_with("derivative by the energy of particle 1 is not finite"), "{message}");
    }
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    let config = SinkhornConfig::new();
    let message = |config: SinkhornConfig| config.build().unwrap_err().to_string();
    assert_eq!(message(config.epsilon(f64::NAN)), "epsilon is NaN, but must be positive and finite");
    assert_eq!(message(config.epsilon(-1.0)), "epsilon is -1, but must be positive and finite");
    assert_eq!(message(config.relaxation(0.0)), "relaxation rho is 0, but must be positive and finite");
    assert_eq!(message(config.mass_unit(f64::INFINITY)), "mass unit is inf, but must be positive and finite");
    assert_eq!(message(config.tolerance(0.0)), "tolerance is 0, but must be between 0 and 1");
    assert_eq!(message(config.scaling(1.0)), "scaling of epsilon is 1, but must be between 0 and 1");
    assert_eq!(message(config.max_iterations(0)), "maximum of iterations is 0, but must be positive");

    let sinkhorn = Sinkhorn::default();
    let cost = array![[0.0, 1.0], [1.0, 0.0]];
    let message =
        |cost: &Array2<f64>, a: &[f64], b: &[f64]| sinkhorn.solve(cost, a, b).unwrap_err().to_string();
    assert_eq!(message(&cost, &[1.0], &[1.0, 1.0]), "rows of the cost matrix: expected 1, got 2");
    assert_eq!(message(&cost, &[1.0, 1.0], &[1.0]), "columns of the cost matrix: expected 1, got 2");
    assert_eq!(
        message(&array![[0.0, f64::NAN]], &[1.0], &[1.0, 0.0]),
        "the cost from particle 0 to particle 1 is NaN, but must be finite"
    );
    assert_eq!(
        message(&cost, &[1.0, f64::NAN], &[1.0, 1.0]),
        "mass of the first side of particle 1 is not finite (NaN)"
    );
    assert_eq!(
        message(&cost, &[1.0, 1.0], &[-1.0, 1.0]),
        "mass of the second side of particle 0 is -1, but must be zero or positive"
    );
    assert_eq!(message(&cost, &[1e308, 1e308], &[1.0, 1.0]), "the total energy of 2 particles overflows");
    assert_eq!(
        message(&cost, &[1.0, 1.0], &[1.0, 2.0]),
        "the two sides hold different amounts: 2 and 3 (they must agree to 1e-9 of the larger)"
    );

    let (event, nothing) = (flow(&[[1.0, 0.2, 0.3], [2.0, -0.4, 0.0]]), EnergyFlow::default());
    let cost = planar(1.0, 1.0);
    let (emd, divergence, mmd) =
        (EntropicEmd::new(sinkhorn, cost), SinkhornDivergence::new(sinkhorn, cost), Mmd::energy(cost));
    for (a, b, empty) in
        [(&nothing, &event, "first"), (&event, &nothing, "second"), (&nothing, &nothing, "first")]
    {
        let expected = format!("the {empty} event has no energy, so it cannot be normalised");
        assert_eq!(emd.value(a, b).unwrap_err().to_string(), expected);
        assert_eq!(emd.solve(a, b).unwrap_err().to_string(), expected);
        assert_eq!(divergence.value(a, b).unwrap_err().to_string(), expected);
        assert_eq!(divergence.gradient(a, b).unwrap_err().to_string(), expected);
        assert_eq!(mmd.value(a, b).unwrap_err().to_string(), expected);
        assert_eq!(mmd.gradient(a, b).unwrap_err().to_string(), expected);
    }
    let closure = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
    let no_gradient =
        "the ground cost does not know its derivative: implement GroundCost::cost_gradient for it";
    assert_eq!(
        EntropicEmd::new(sinkhorn, closure).gradient(&event, &event).unwrap_err().to_string(),
        no_gradient
    );
    assert_eq!(
        SinkhornDivergence::new(sinkhorn, closure).gradient(&event, &event).unwrap_err().to_string(),
        no_gradient
    );
    assert_eq!(Mmd::energy(closure).gradient(&event, &event).unwrap_err().to_string(), no_gradient);
    let one_way = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).max(0.0) + (a[1] - b[1]).abs();
    let expected =
        "the cost from particle 0 to particle 1 is not that of the way back, but must be symmetric";
    assert_eq!(
        SinkhornDivergence::new(sinkhorn, one_way).value(&event, &event).unwrap_err().to_string(),
        expected
    );
    assert_eq!(Mmd::energy(one_way).value(&event, &event).unwrap_err().to_string(), expected);
    assert!(EntropicEmd::new(sinkhorn, one_way).value(&event, &event).is_ok());
    // Costs whose last digits differ by direction are symmetric, small ones beside large ones too.
    let rounded = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + if a[0] < b[0] { 1e-14 } else { 0.0 };
    let wide = flow(&[[1.0, 0.0, 0.0], [1.0, 1e-8, 0.0], [1.0, 1.0, 0.0]]);
    assert!(SinkhornDivergence::new(sinkhorn, rounded).value(&wide, &event).is_ok());
    assert!(Mmd::energy(rounded).value(&wide, &event).is_ok());
    let infinite = |_: [f64; 2], _: [f64; 2]| f64::INFINITY;
    let expected = "the cost from particle 0 to particle 0 is inf, but must be finite";
    assert_eq!(EntropicEmd::new(sinkhorn, infinite).value(&event, &event).unwrap_err().to_string(), expected);
    assert_eq!(Mmd::energy(infinite).value(&event, &event).unwrap_err().to_string(), expected);
}

#[test]
fn an_empty_side_is_destroyed_or_created() {
    let event = flow(&[[1.0, 0.2, 0.3], [2.0, -0.4, 0.0]]);
    let nothing = EnergyFlow::default();
    let hollow = flow(&[[0.0, 0.0, 0.0]]);
    let (epsilon, rho) = (0.1, 0.5);
    let sinkhorn = tight(epsilon).relaxation(rho).build().unwrap();
    let cost = planar(1.0, 1.0);
    let (emd, divergence) = (EntropicEmd::new(sinkhorn, cost), SinkhornDivergence::new(sinkhorn, cost));
    let own = emd.value(&event, &event).unwrap();
    for empty in [&nothing, &hollow] {
        for (a, b) in [(&event, empty), (empty, &event)] {
            assert_eq!(emd.value(a, b).unwrap(), 3.0 * rho);
            // The definition, with OT_eps between an event and itself as the only other term.
            let expected = 3.0 * rho - 0.5 * own + 0.5 * epsilon * 9.0;
            assert!((divergence.value(a, b).unwrap() - expected).abs() < 1e-14);
            assert_eq!(emd.solve(a, b).unwrap().plan.sum(), 0.0);
        }
        assert_eq!(emd.value(empty, &nothing).unwrap(), 0.0);
        assert_eq!(divergence.value(empty, &nothing).unwrap(), 0.0);
        let gradient = emd.gradient(&event, empty);
        if empty.is_empty() {
            assert_eq!(gradient.unwrap().first.energies, [rho, rho]);
        } else {
            // The first bit of energy is worth infinitely much.
            let message = gradient.unwrap_err().to_string();
            assert_eq!(message, "derivative by the energy of particle 0 is not finite (-inf)");
        }
    }
    let mmd = Mmd::exponential(cost);
    assert_eq!(mmd.value(&nothing, &hollow).unwrap(), 0.0);
    assert!(mmd.value(&event, &nothing).unwrap() > 5.0);
    let matrix = Array2::zeros((2, 2));
    let solution = Sinkhorn::default().solve(&matrix, &[0.0, 0.0], &[0.0, 0.0]).unwrap();
    assert_eq!((solution.value, solution.converged), (0.0, true));
    let solution = Sinkhorn::default().solve(&Array2::zeros((0, 0)), &[], &[]).unwrap();
    assert_eq!((solution.value, solution.plan.len()), (0.0, 0));
}

#[test]
fn points_and_ghosts_are_all_right() {
    let cost = planar(1.0, 1.0);
    for epsilon in [1e-6, 1.0, 1e6] {
        let divergence = SinkhornDivergence::new(tight(epsilon).build().unwrap(), cost);
        let point = flow(&[[3.0, 0.5, 0.5]]);
        // A point against itself, alone and in pieces.
        assert_eq!(divergence.value(&point, &point).unwrap(), 0.0);
        let pieces = flow(&[[1.0, 0.5, 0.5], [2.0, 0.5, 0.5]]);
        assert!(divergence.value(&point, &pieces).unwrap().abs() < 1e-15 * epsilon.max(1.0));
        let other = flow(&[[3.0, 0.5, 1.25]]);
        assert!((divergence.value(&point, &other).unwrap() - 0.75).abs() < 1e-15);
    }
    // Energies from 1e-250 to 1: what is not there to 1e-60 changes nothing.
    let a = [[1.0, 0.2, 0.3], [0.5, -0.4, 0.0]];
    let b = flow(&[[1.0, 0.1, -0.3], [2.0, 0.4, 0.0]]);
    let ghosts = [a.to_vec(), vec![[1e-100, 3.0, 3.0], [1e-250, 0.0, 0.0], [5e-324, 9.0, 0.0]]].concat();
    for epsilon in [1e-3, 0.1, 1e3] {
        let sinkhorn = tight(epsilon).build().unwrap();
        let (emd, divergence) = (EntropicEmd::new(sinkhorn, cost), SinkhornDivergence::new(sinkhorn, cost));
        assert_eq!(emd.value(&flow(&ghosts), &b).unwrap(), emd.value(&flow(&a), &b).unwrap());
        assert_eq!(divergence.value(&flow(&ghosts), &b).unwrap(), divergence.value(&flow(&a), &b).unwrap());
        // Thirty orders of magnitude take part.
        let wide = [a.to_vec(), vec![[1e-30, 3.0, 3.0], [1e-50, 0.3, 0.0]]].concat();
        assert!((emd.value(&flow(&wide), &b).unwrap() - emd.value(&flow(&a), &b).unwrap()).abs() < 1e-14);
    }
}

#[test]
fn mmds_are_distances_between_particle_sets() {
    let jet = [(30.0, 0.1, 0.2), (20.0, -0.1, 0.4), (10.0, 0.3, -0.3)]
        .map(|(pt, y, phi)| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap());
    let other = FourMomentum::from_pt_y_phi_m(50.0, 0.0, 0.5, 0.0).unwrap();
    let sets = ParticleSets::from_events([jet.to_vec(), vec![other]]).unwrap();
    let mmd = Mmd::exponential(planar(0.4, 1.0));
    let distance = mmd.distance(sets.event(0), sets.event(1)).unwrap();
    let flows = EnergyFlow::from_sets(&sets).unwrap();
    assert_eq!(distance, mmd.metric(&flows[0], &flows[1]).unwrap());
    assert!((distance.powi(2) - mmd.value(&flows[0], &flows[1]).unwrap()).abs() < 1e-10);
}
