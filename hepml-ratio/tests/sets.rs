//! Ratios of ragged sets: networks against the exact ratio of Poisson point processes, its term of the multiplicity included.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::OnceLock;

use hepml_core::ndarray::{Array1, Array2};
use hepml_core::rand::SeedableRng;
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{EventSet, Fitted, LogRatio, ParticleSets, RatioEstimator, Weighted};
use hepml_nn::{
    DeepSetsConfig, Function, ParticleInput, PfnConfig, Pooling, Schedule, StackConfig, TrainingConfig,
};
use hepml_ratio::toys::{Emissions, PointProcess, Toy};
use hepml_ratio::{CrossFitConfig, NetworkConfig, NetworkRatio, Reweighting};
use hepml_stats::weighted_mean;

/// Mean numbers of particles.
const COUNTS: [f64; 2] = [6.0, 4.0];
/// Events of each side in a fit, and of each side in its judgement.
const FITTED: usize = 60_000;
const JUDGED: usize = 10_000;

/// The mean |ln r| is 1.1, of which the number of particles is 0.8; seeds of the fit and its sample give 0.05 to 0.06.
const MEAN_ABS_ERROR: f64 = 0.1;
/// Of the residual a particle, against the exact ln(6/4) = 0.41. The mean numbers themselves are known to sqrt((1/6 + 1/4)/60,000) = 0.003
/// in that logarithm; five times as much is allowed.
const SLOPE: f64 = 0.015;
/// Of sets with so few or so many particles that at most one in thirty is like them. Of the rarest the fit has some 200 of the
/// numerator and 5 of the denominator: an observed ln r is known to 1/sqrt(5) = 0.45. The number of particles makes 2 to 4 of it.
const RARE: f64 = 0.5;
/// Two orders of a sum of some tens of numbers in f32, over what they sum to.
const ROUNDING: f64 = 1e-5;

fn toy() -> PointProcess {
    let [above, below] = COUNTS;
    PointProcess::new(Emissions::new(above, 1.5, 1.0).unwrap(), Emissions::new(below, 1.2, 1.2).unwrap())
}

fn samples(events: usize, seed: u64) -> [Weighted<ParticleSets>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    [true, false].map(|numerator| toy().sample(numerator, events, &mut rng))
}

fn inputs() -> Vec<ParticleInput> {
    vec![ParticleInput::LnPt, ParticleInput::Feature("rapidity".into())]
}

fn layers<const N: usize>(widths: [usize; N]) -> StackConfig {
    StackConfig::new(widths).activation(Function::Silu)
}

fn pfn() -> PfnConfig {
    PfnConfig::new(1).inputs(inputs()).phi(layers([16, 8])).f(layers([16]))
}

fn training() -> TrainingConfig {
    let training = TrainingConfig::new().epochs(8).batch_size(400).rate(2e-2);
    training.average(0.99).schedule(Schedule::cosine())
}

/// The network that the tests share.
fn fitted() -> &'static Fitted<NetworkRatio<PfnConfig>> {
    static FITTED_ONCE: OnceLock<Fitted<NetworkRatio<PfnConfig>>> = OnceLock::new();
    FITTED_ONCE.get_or_init(|| {
        let [above, below] = samples(FITTED, 1);
        let learner = NetworkConfig::new(pfn()).training(training());
        learner.fit(&above, &below, &mut ChaCha8Rng::seed_from_u64(2), &mut ()).unwrap()
    })
}

/// Events of both sides that no fit has seen, as many of each.
fn judges() -> ParticleSets {
    let [above, below] = samples(JUDGED, 3);
    ParticleSets::concat_events(&[above.events(), below.events()]).unwrap()
}

fn multiplicities(sets: &ParticleSets) -> Array1<f64> {
    sets.events().map(|set| set.len() as f64).collect()
}

fn mean_abs(residuals: &Array1<f64>) -> f64 {
    residuals.mapv(f64::abs).mean().unwrap()
}

/// The slope of the least-squares line through residuals against multiplicities.
fn slope(residuals: &Array1<f64>, multiplicities: &Array1<f64>) -> f64 {
    let centred = multiplicities - multiplicities.mean().unwrap();
    centred.dot(residuals) / centred.dot(&centred)
}

/// The exact ln r without what the number of particles says: the sum of ln p/q.
fn shapes(sets: &ParticleSets) -> Array1<f64> {
    let [above, below] = COUNTS;
    toy().log_ratio(sets).unwrap() - multiplicities(sets) * (above / below).ln() + (above - below)
}

#[test]
fn a_pfn_finds_the_exact_ratio_of_point_processes() {
    let sets = judges();
    let (exact, n) = (toy().log_ratio(&sets).unwrap(), multiplicities(&sets));
    let residuals = fitted().model.log_ratio(&sets).unwrap() - &exact;
    let (error, slope_of_fit) = (mean_abs(&residuals), slope(&residuals, &n));
    assert!(error < MEAN_ABS_ERROR, "{error}");
    assert!(slope_of_fit.abs() < SLOPE, "{slope_of_fit}");
    // What is blind to the number of particles fails both by far.
    let blind = shapes(&sets) - &exact;
    assert!(mean_abs(&blind) > 5.0 * MEAN_ABS_ERROR, "{}", mean_abs(&blind));
    assert!(slope(&blind, &n) < -15.0 * SLOPE, "{}", slope(&blind, &n));
    // The report, from events that nothing of the fit saw.
    for (name, truth) in [("normalisation", 1.0), ("closure auc", 0.5)] {
        let measure = fitted().report.get(name).unwrap();
        assert!(((measure.value - truth) / measure.error.unwrap()).abs() < 4.0, "{name}: {measure:?}");
    }
}

#[test]
fn a_network_that_averages_does_not() {
    let [above, below] = samples(FITTED, 1);
    let architecture =
        DeepSetsConfig::new(inputs(), 1).pooling(Pooling::Mean).phi(layers([16, 8])).f(layers([16]));
    let learner = NetworkConfig::new(architecture).training(training());
    let fitted = learner.fit(&above, &below, &mut ChaCha8Rng::seed_from_u64(2), &mut ()).unwrap();
    let sets = judges();
    let residuals = fitted.model.log_ratio(&sets).unwrap() - toy().log_ratio(&sets).unwrap();
    assert!(mean_abs(&residuals) > 3.0 * MEAN_ABS_ERROR, "{}", mean_abs(&residuals));
    let slope = slope(&residuals, &multiplicities(&sets));
    assert!(slope < -5.0 * SLOPE, "{slope}");
}

#[test]
fn rare_multiplicities_and_empty_sets() {
    let model = &fitted().model;
    // An empty set says that there is nothing: r = e^-6/e^-4.
    let empty = ParticleSets::empty(vec!["rapidity".to_owned()]);
    let no_particle = samples(1000, 4)[1].events().clone();
    let at = no_particle.events().position(|set| set.is_empty()).unwrap();
    let one = no_particle.select_events(&[at]).unwrap();
    let [above, below] = COUNTS;
    assert!((toy().log_ratio(&one).unwrap()[0] - (below - above)).abs() < 1e-14);
    let z = model.log_ratio(&one).unwrap()[0];
    assert!((z - (below - above)).abs() < RARE, "{z}");
    // No events are no error.
    assert_eq!(model.log_ratio(&empty).unwrap().len(), 0);
    // Numbers of particles on both ends: on average over what else the particles say.
    let sets = judges();
    let exact = toy().log_ratio(&sets).unwrap();
    let (residuals, blind) = (model.log_ratio(&sets).unwrap() - &exact, shapes(&sets) - &exact);
    let n = multiplicities(&sets);
    for (few, many) in [(0.0, 1.0), (12.0, 14.0), (14.0, 17.0)] {
        let of = |residuals: &Array1<f64>| -> Array1<f64> {
            residuals.iter().zip(&n).filter(|(_, n)| (few..many).contains(*n)).map(|(r, _)| *r).collect()
        };
        let rare = of(&residuals);
        let share = rare.len() as f64 / sets.event_count() as f64;
        assert!(rare.len() > 10 && share < 0.034, "{few} to {many} particles: {} events", rare.len());
        let mean = rare.mean().unwrap();
        assert!(mean.abs() < RARE, "{few} to {many} particles: {mean}");
        assert!(of(&blind).mean().unwrap().abs() > 3.9 * RARE);
    }
}

#[test]
fn the_order_of_particles_and_the_company_of_sets_change_nothing() {
    let model = &fitted().model;
    let [sets, _] = samples(500, 5);
    let sets = sets.events();
    let z = model.log_ratio(sets).unwrap();
    let reversed: Vec<usize> = sets.offsets().windows(2).flat_map(|ends| (ends[0]..ends[1]).rev()).collect();
    let momenta = reversed.iter().map(|&particle| sets.momenta()[particle]).collect();
    let features = Array2::from_shape_fn((reversed.len(), 1), |(row, _)| sets.features()[[reversed[row], 0]]);
    let names = sets.feature_names().to_vec();
    let reversed = ParticleSets::new(momenta, features, names, sets.offsets().to_vec()).unwrap();
    for (event, (z, reversed)) in z.iter().zip(model.log_ratio(&reversed).unwrap()).enumerate() {
        let n = sets.event(event).len() as f64;
        assert!((z - reversed).abs() < ROUNDING * (1.0 + n), "{z} {reversed}");
    }
    for event in [0, 17, 499] {
        let alone = model.log_ratio(&sets.select_events(&[event]).unwrap()).unwrap()[0];
        assert_eq!(alone.to_bits(), z[event].to_bits());
    }
}

#[test]
fn reweighted_sets_have_the_numerators_multiplicity() {
    let [above, below] = samples(JUDGED, 6);
    let reweighted = Reweighting::new().apply(&fitted().model, &below).unwrap();
    assert!(reweighted.report.warnings.is_empty(), "{:?}", reweighted.report.warnings);
    let mean = |side: &Weighted<ParticleSets>| {
        weighted_mean(multiplicities(side.events()).as_slice().unwrap(), side.weights()).unwrap()
    };
    let (got, wanted) = (mean(&reweighted.events), mean(&above));
    assert!(got.value - mean(&below).value > 1.5, "{got}");
    // The model's own error is about that of the events that judge it.
    assert!((got.value - wanted.value).abs() < 5.0 * got.error.hypot(wanted.error), "{got} {wanted}");
    assert!((reweighted.events.sum_weights() / JUDGED as f64 - 1.0).abs() < 0.1);
    // Shares of events without particles are those of the numerator, e^-6 = 0.25%, not e^-4 = 1.8%.
    let empty: f64 = reweighted
        .events
        .events()
        .events()
        .zip(reweighted.events.weights())
        .filter(|(set, _)| set.is_empty())
        .map(|(_, weight)| weight)
        .sum::<f64>()
        / reweighted.events.sum_weights();
    assert!((0.001..0.005).contains(&empty), "{empty}");
}

#[test]
fn sets_are_cross_fitted_and_reweighted_by_the_model_that_has_not_seen_them() {
    let [above, below] = samples(1000, 7);
    let learner = NetworkConfig::new(pfn()).training(training().epochs(3)).examination(0.0);
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let fitted = CrossFitConfig::new(learner, 2).fit(&above, &below, rng, &mut ()).unwrap();
    let scored = fitted.model.denominator();
    let reweighted = Reweighting::new()
        .total(above.sum_weights())
        .apply_log_ratios(scored.log_ratio.as_slice().unwrap(), &below)
        .unwrap();
    assert!((reweighted.events.sum_weights() / above.sum_weights() - 1.0).abs() < 1e-12);
    for event in [0, 1, 500] {
        let one = below.events().select_events(&[event]).unwrap();
        let model = &fitted.model.models().members()[scored.folds[event]];
        assert_eq!(model.log_ratio(&one).unwrap()[0].to_bits(), scored.log_ratio[event].to_bits());
    }
}

#[test]
fn events_without_the_feature_are_refused() {
    let [above, _] = samples(10, 9);
    let momenta: Vec<Vec<_>> = above.events().events().map(|set| set.momenta().to_vec()).collect();
    let error =
        fitted().model.log_ratio(&ParticleSets::from_events(momenta).unwrap()).unwrap_err().to_string();
    assert!(error.contains("rapidity"), "{error}");
}
