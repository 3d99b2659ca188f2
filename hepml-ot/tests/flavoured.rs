//! The flavoured EMD: its limits, its axioms, its errors.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use hepml_core::ndarray::{Array2, array};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_metric_axioms;
use hepml_core::{EventMetric, EventSet, FourMomentum, ParticleSets};
use hepml_ot::{
    Divergence, EmdConfig, EnergyFlow, Error, FlavourCombination, FlavourTable, FlavouredEmdConfig,
    FlavouredFlow, TransportProblem,
};

/// Of values of about 1: between computations that are the same but for rounding.
const ROUNDING: f64 = 1e-12;
const FLAVOURS: [f64; 4] = [211.0, -211.0, 22.0, 130.0];

fn event(count: usize, rng: &mut dyn Rng) -> FlavouredFlow {
    let rows: Vec<[f64; 3]> = (0..count)
        .map(|_| [rng.random_range(0.1..1.0), rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5)])
        .collect();
    let flavours: Vec<f64> = (0..count).map(|_| FLAVOURS[rng.random_range(0..4)]).collect();
    FlavouredFlow::new(EnergyFlow::from_rows(&rows).unwrap(), flavours).unwrap()
}

fn events(count: usize, seed: u64) -> Vec<FlavouredFlow> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|i| event(5 + 3 * i, &mut rng)).collect()
}

fn of_flavour(event: &FlavouredFlow, flavour: f64) -> EnergyFlow {
    let chosen = (0..event.flavours().len()).filter(|&i| event.flavours()[i] == flavour);
    let (energies, points): (Vec<f64>, Vec<[f64; 2]>) =
        chosen.map(|i| (event.flow().energies()[i], event.flow().points()[i])).unzip();
    EnergyFlow::new(energies, points).unwrap()
}

#[test]
fn without_weight_it_is_the_emd() {
    let events = events(6, 1);
    for (beta, normalise, periodic) in
        [(1.0, false, false), (2.0, true, false), (0.5, false, true), (3.3, true, true)]
    {
        let plain = EmdConfig::new().beta(beta).radius(0.7).normalise(normalise).periodic_phi(periodic);
        let plain = plain.build().unwrap();
        for combination in [FlavourCombination::Sum, FlavourCombination::Joint] {
            let config = FlavouredEmdConfig::new().beta(beta).radius(0.7).normalise(normalise);
            let config = config.periodic_phi(periodic).combination(combination).flavour_weight(0.0);
            let flavoured = config.build().unwrap();
            assert_eq!(flavoured.exponent(), plain.exponent());
            for (a, b) in events.iter().zip(&events[1..]) {
                let expected = plain.value(a.flow(), b.flow()).unwrap();
                let got = flavoured.value(a, b).unwrap();
                assert!((got - expected).abs() < ROUNDING, "{got} {expected}");
            }
        }
    }
}

#[test]
fn the_value_is_that_of_the_cost_matrix() {
    let events = events(6, 2);
    let table = Array2::from_shape_fn((4, 4), |(i, j)| if i == j { 0.0 } else { 0.2 + 0.1 * (i + j) as f64 });
    let table = FlavourTable::new(FLAVOURS, table).unwrap();
    for (combination, beta) in [FlavourCombination::Sum, FlavourCombination::Joint]
        .into_iter()
        .flat_map(|combination| [0.5, 1.0, 2.0, 3.3].map(|beta| (combination, beta)))
    {
        let config = FlavouredEmdConfig::new().beta(beta).radius(0.6).flavour_weight(0.8);
        let emd = config.combination(combination).flavour_distance(table.clone()).build().unwrap();
        for (a, b) in events.iter().zip(&events[1..]) {
            let cost = Array2::from_shape_fn((a.flavours().len(), b.flavours().len()), |(i, j)| {
                let (x, y) = (a.flow().points()[i], b.flow().points()[j]);
                let theta = (x[0] - y[0]).hypot(x[1] - y[1]) / 0.6;
                let place = |f: f64| FLAVOURS.iter().position(|g| *g == f).unwrap();
                let (f, g) = (place(a.flavours()[i]), place(b.flavours()[j]));
                let d = if f == g { 0.0 } else { 0.8 * (0.2 + 0.1 * (f + g) as f64) };
                match combination {
                    FlavourCombination::Sum => theta.powf(beta) + d,
                    FlavourCombination::Joint => theta.hypot(d).powf(beta),
                }
            });
            let problem = TransportProblem::new(&cost, a.flow().energies(), b.flow().energies()).unwrap();
            let expected = problem.unbalanced(1.0).unwrap();
            let solution = emd.solve(a, b).unwrap();
            assert!((solution.value - expected.value).abs() < ROUNDING * expected.value);
            assert_eq!(solution.value, emd.value(a, b).unwrap());
            assert!(solution.gap.abs() < ROUNDING * expected.value);
        }
    }
}

#[test]
fn events_without_a_common_flavour_pay_lambda_for_all_they_share() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (a, b) = (event(20, &mut rng), event(25, &mut rng));
    let recoloured = |event: &FlavouredFlow, flavour: f64| {
        FlavouredFlow::new(event.flow().clone(), vec![flavour; event.flavours().len()]).unwrap()
    };
    let (charged, neutral) = (recoloured(&a, 211.0), recoloured(&b, 22.0));
    let shared = a.flow().total_energy().min(b.flow().total_energy());
    for weight in [0.3, 5.0] {
        let emd = FlavouredEmdConfig::new().flavour_weight(weight).build().unwrap();
        let plain = EmdConfig::new().build().unwrap().value(a.flow(), b.flow()).unwrap();
        let got = emd.value(&charged, &neutral).unwrap();
        assert!((got - plain - weight * shared).abs() < ROUNDING * got);
        assert!((emd.value(&charged, &recoloured(&b, 211.0)).unwrap() - plain).abs() < ROUNDING);
    }
}

#[test]
fn with_a_large_weight_flavours_are_separate_events() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let a = event(30, &mut rng);
    // The same energy of each flavour elsewhere.
    let points: Vec<[f64; 2]> =
        (0..30).map(|_| [rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5)]).collect();
    let b = FlavouredFlow::new(EnergyFlow::new(a.flow().energies(), points).unwrap(), a.flavours()).unwrap();
    for beta in [1.0, 2.0] {
        // No angular cost exceeds sqrt(2)^beta.
        let emd = FlavouredEmdConfig::new().beta(beta).flavour_weight(2.0).build().unwrap();
        let plain = EmdConfig::new().beta(beta).build().unwrap();
        let separate: f64 =
            FLAVOURS.iter().map(|f| plain.value(&of_flavour(&a, *f), &of_flavour(&b, *f)).unwrap()).sum();
        let got = emd.value(&a, &b).unwrap();
        assert!((got - separate).abs() < ROUNDING * got);
        assert!(got > 1.01 * plain.value(a.flow(), b.flow()).unwrap());
        for flow in emd.solve(&a, &b).unwrap().flows {
            assert_eq!(a.flavours()[flow.from], b.flavours()[flow.to]);
        }
    }
}

#[test]
fn it_is_a_metric_where_it_says_so() {
    let events = events(7, 5);
    let table =
        array![[0.0, 0.5, 0.9, 1.0], [0.5, 0.0, 0.9, 1.0], [0.9, 0.9, 0.0, 0.4], [1.0, 1.0, 0.4, 0.0]];
    let table = FlavourTable::new(FLAVOURS, table).unwrap();
    assert!(table.is_metric());
    for combination in [FlavourCombination::Sum, FlavourCombination::Joint] {
        for (beta, normalise) in [(0.5, false), (1.0, false), (2.0, false), (3.3, true), (1.0, true)] {
            // theta/R <= sqrt(2)/1.5 and lambda d <= 0.7: no cost above 2^max(1, beta).
            let config = FlavouredEmdConfig::new().radius(1.5).beta(beta).normalise(normalise);
            let config = config.combination(combination).flavour_weight(0.7).flavour_distance(table.clone());
            let emd = config.build().unwrap();
            // The root of a value of 1e-15 that should be 0.
            let tolerance = 1e-14_f64.powf(emd.exponent());
            check_metric_axioms(|a, b| emd.metric(a, b), &events, tolerance).unwrap();
        }
    }
    let no_metric = array![[0.0, 0.1, 1.0], [0.1, 0.0, 0.1], [1.0, 0.1, 0.0]];
    assert!(!FlavourTable::new([1.0, 2.0, 3.0], no_metric).unwrap().is_metric());
    assert!(!FlavourTable::new([1.0, 2.0], array![[0.0, 0.0], [0.0, 0.0]]).unwrap().is_metric());
}

#[test]
fn particle_sets_bring_their_flavours() {
    let p = |pt, y| FourMomentum::from_pt_y_phi_m(pt, y, 0.0, 0.0).unwrap();
    let sets = ParticleSets::from_events([vec![p(2.0, 0.0)], vec![p(2.0, 0.5)], vec![]]).unwrap();
    let sets = sets.with_feature("pdg_id", &[211.0, 22.0]).unwrap();
    let sets = sets.with_feature("charge", &[1.0, 0.0]).unwrap();
    let by_id = FlavouredEmdConfig::new().flavour_weight(0.25).build().unwrap();
    let charges = |q: f64, r: f64| (q - r).abs();
    let by_charge = FlavouredEmdConfig::new().flavour_distance(charges).feature_column(1).build().unwrap();
    let got = by_id.distance(sets.event(0), sets.event(1)).unwrap();
    assert!((got - 1.5).abs() < ROUNDING);
    assert!((by_charge.distance(sets.event(0), sets.event(1)).unwrap() - 3.0).abs() < ROUNDING);
    assert!((by_id.distance(sets.event(0), sets.event(2)).unwrap() - 2.0).abs() < ROUNDING);

    let flows = FlavouredFlow::from_sets(&sets, "charge").unwrap();
    assert_eq!((flows[0].flavours(), flows[2].flavours().len()), (&[1.0][..], 0));
    let jets = FlavouredFlow::from_jets(&sets, "pdg_id").unwrap();
    assert!(jets[1].flow().points()[0][0].abs() < ROUNDING);
    assert_eq!(jets[1].flavours(), [22.0]);
    let error = FlavouredFlow::from_sets(&sets, "colour").unwrap_err().to_string();
    assert_eq!(error, r#"there is no particle feature named "colour"; known are ["pdg_id", "charge"]"#);
    let config = FlavouredEmdConfig::new().feature_column(2).build().unwrap();
    let error = config.distance(sets.event(0), sets.event(1)).unwrap_err().to_string();
    assert_eq!(error, "feature column of flavours: index 2 is out of bounds for a length of 2");
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    let flow = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]).unwrap();
    let message = |flavours: &[f64]| FlavouredFlow::new(flow.clone(), flavours).unwrap_err().to_string();
    assert_eq!(message(&[1.0]), "flavours: expected 2, got 1");
    assert_eq!(message(&[1.0, f64::NAN]), "flavour of particle 1 is not finite (NaN)");

    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let error = FlavouredEmdConfig::new().flavour_weight(bad).build().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("flavour weight lambda is {bad}, but must be zero or positive, and finite")
        );
        for combination in [FlavourCombination::Sum, FlavourCombination::Joint] {
            let config = FlavouredEmdConfig::new().combination(combination);
            assert!(config.beta(bad).build().is_err() && config.radius(bad).build().is_err());
        }
    }

    let message = |flavours: &[f64], table| FlavourTable::new(flavours, table).unwrap_err().to_string();
    assert_eq!(message(&[1.0], array![[0.0, 1.0]]), "columns of flavour distances: expected 1, got 2");
    assert_eq!(message(&[1.0, 2.0], array![[0.0, 1.0]]), "rows of flavour distances: expected 2, got 1");
    let zeros = Array2::zeros((2, 2));
    assert_eq!(message(&[2.0, 2.0], zeros), "flavour of a table is 2, but must be there once");
    let between = "distance between flavours 1 and 2";
    let table = array![[0.0, -1.0], [-1.0, 0.0]];
    assert_eq!(message(&[1.0, 2.0], table), format!("{between} is -1, but must be zero or positive"));
    let table = array![[0.0, 1.0], [2.0, 0.0]];
    assert_eq!(message(&[1.0, 2.0], table), format!("{between} is 1, but must be the same both ways"));
    let table = array![[0.0, f64::NAN], [2.0, 0.0]];
    assert_eq!(message(&[1.0, 2.0], table), format!("{between} is not finite (NaN)"));
    let table = array![[0.5, 1.0], [1.0, 0.0]];
    assert_eq!(message(&[1.0, 2.0], table), "distance between flavours 1 and 1 is 0.5, but must be zero");

    let a = FlavouredFlow::new(flow.clone(), [1.0, 7.0]).unwrap();
    let table = FlavourTable::new([1.0, 2.0], array![[0.0, 1.0], [1.0, 0.0]]).unwrap();
    let emd = FlavouredEmdConfig::new().flavour_distance(table).build().unwrap();
    let error = emd.value(&a, &a).unwrap_err().to_string();
    assert_eq!(error, r#"there is no flavour named "7"; known are ["1", "2"]"#);
    let infinite = |a: f64, b: f64| if a == b { 0.0 } else { f64::INFINITY };
    let emd = FlavouredEmdConfig::new().flavour_distance(infinite).build().unwrap();
    assert!(matches!(emd.value(&a, &a), Err(Error::CostNotFinite { from: 0, to: 1, .. })));
    let nothing = FlavouredFlow::default();
    let emd = FlavouredEmdConfig::new();
    assert_eq!(emd.build().unwrap().value(&a, &nothing).unwrap(), 2.0);
    let error = emd.normalise(true).build().unwrap().value(&a, &nothing).unwrap_err();
    assert!(matches!(error, Error::NoEnergy { event: "second" }));
    // A particle without energy neither moves nor costs, whatever its flavour.
    let flow = EnergyFlow::from_rows(&[[0.0, 9.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]).unwrap();
    let with_nothing = FlavouredFlow::new(flow, [5.0, 1.0, 7.0]).unwrap();
    assert_eq!(emd.build().unwrap().value(&a, &with_nothing).unwrap(), 0.0);
    assert_eq!(emd.build().unwrap().solve(&with_nothing, &a).unwrap().flows.len(), 2);
}
