//! Boosted trees: the binned limit, a brute-force tree, symmetries, bad input, models on disk.

use std::ops::ControlFlow;

use hepml_core::ndarray::{Array1, Array2, Axis};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Error, EventSet, Fitted, Load, LogRatio, ModelFile, Progress, RatioEstimator, Save, Table, Tensor,
    Weighted,
};
use hepml_ratio::{RatioLoss, TreesConfig, TreesRatio};

const LOSSES: [RatioLoss; 7] = [
    RatioLoss::Bce,
    RatioLoss::Mse,
    RatioLoss::Mlc,
    RatioLoss::Sqr,
    RatioLoss::PMse(1.5),
    RatioLoss::PSqr(2.0),
    RatioLoss::Lsif,
];

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A standard normal number (Box, Muller).
fn normal(rng: &mut dyn Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Events whose first feature is N(mean, 1) and the others N(0, 1).
fn gaussian(events: usize, features: usize, mean: f64, seed: u64) -> Table {
    let mut rng = rng(seed);
    Table::from_shape_fn((events, features), |(_, j)| normal(&mut rng) + if j == 0 { mean } else { 0.0 })
}

fn fit(
    config: &TreesConfig,
    numerator: &Weighted<Table>,
    denominator: &Weighted<Table>,
) -> Fitted<TreesRatio> {
    config.fit(numerator, denominator, &mut rng(5), &mut ()).expect("good samples")
}

/// The numbers of a model, without what it remembers of its fit.
fn numbers(model: &TreesRatio) -> Vec<(String, Tensor)> {
    let file =
        ModelFile::from_bytes(&model.to_bytes().expect("a model that can be saved")).expect("what was saved");
    file.tensor_names()
        .map(|name| (name.to_owned(), file.tensor(name).expect("one of its names").clone()))
        .collect()
}

/// Every tree, no regularisation, nothing held out.
fn plain() -> TreesConfig {
    TreesConfig::new().validation_share(0.0).examination(0.0).lambda(0.0).min_child_weight(0.0)
}

fn column(values: &[f64]) -> Table {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).expect("one column")
}

fn largest_difference(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Rounding of sums of thousands of leaves: each closes a fixed share of the gap.
const CONVERGED: f64 = 1e-12;

#[test]
fn stumps_on_few_values_converge_to_the_ratio_of_histograms() {
    // Five values with known weights on either side; the exact ratio is that of the normalised counts.
    let (num, den) = ([10.0, 30.0, 25.0, 5.0, 30.0], [40.0, 20.0, 20.0, 15.0, 5.0]);
    let values = column(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    let numerator = Weighted::new(values.clone(), num.to_vec()).unwrap();
    let denominator = Weighted::new(values.clone(), den.to_vec()).unwrap();
    let exact: Array1<f64> = num.iter().zip(den).map(|(n, d)| (n / d).ln()).collect();
    // LSIF is slow where r is small, as its curvature is r^2, and gets more and longer steps.
    for loss in LOSSES {
        let (trees, rate) = if loss == RatioLoss::Lsif { (30_000, 1.0) } else { (3000, 0.3) };
        let config = plain().loss(loss).max_leaves(2).trees(trees).learning_rate(rate);
        let fitted = fit(&config, &numerator, &denominator);
        let z = fitted.model.log_ratio(&values).unwrap();
        let difference = largest_difference(&z, &exact);
        assert!(difference < CONVERGED, "{loss:?}: {difference}");
        // The report's loss is that of the closed form.
        let minimum: f64 = num.iter().zip(den).map(|(n, d)| loss.minimum(n / 100.0, d / 100.0)).sum();
        let (name, curve) = &fitted.report.curves[0];
        assert_eq!(name, "loss/train");
        assert!(
            (curve.last().unwrap() - minimum).abs() < CONVERGED,
            "{loss:?}: {:?} {minimum}",
            curve.last()
        );
    }
}

/// A tree grown the slow way: of every leaf, feature and threshold the largest gain, sums over the events each time.
struct Brute<'a> {
    table: &'a Table,
    /// Slope and curvature of each event.
    derivatives: Vec<[f64; 2]>,
    lambda: f64,
    least: f64,
}

impl Brute<'_> {
    fn sums(&self, events: &[usize]) -> [f64; 2] {
        events.iter().fold([0.0; 2], |sum, &event| {
            [sum[0] + self.derivatives[event][0], sum[1] + self.derivatives[event][1]]
        })
    }

    fn score(&self, events: &[usize]) -> f64 {
        let [slope, curvature] = self.sums(events);
        slope * slope / (curvature + self.lambda)
    }

    fn grow(&self, leaves: usize) -> Vec<Vec<usize>> {
        let mut grown = vec![(0..self.table.nrows()).collect::<Vec<usize>>()];
        while grown.len() < leaves {
            let mut best: Option<(f64, usize, [Vec<usize>; 2])> = None;
            for (index, leaf) in grown.iter().enumerate() {
                for feature in 0..self.table.ncols() {
                    for &at in leaf {
                        let threshold = self.table[[at, feature]];
                        let (left, right): (Vec<usize>, Vec<usize>) =
                            leaf.iter().partition(|&&event| self.table[[event, feature]] <= threshold);
                        if self.sums(&left)[1] < self.least
                            || self.sums(&right)[1] < self.least
                            || right.is_empty()
                        {
                            continue;
                        }
                        let gain = self.score(&left) + self.score(&right) - self.score(leaf);
                        if gain > best.as_ref().map_or(1e-12, |(best, ..)| *best) {
                            best = Some((gain, index, [left, right]));
                        }
                    }
                }
            }
            let Some((_, index, children)) = best else { break };
            grown.swap_remove(index);
            grown.extend(children);
        }
        grown
    }
}

#[test]
fn one_tree_is_the_best_of_all_splits() {
    for (seed, features, signed) in [(1, 1, false), (2, 3, false), (3, 5, false), (4, 6, true), (5, 2, true)]
    {
        let (numerator, denominator) =
            (gaussian(60, features, 0.7, seed), gaussian(60, features, 0.0, seed + 50));
        let mut rng = rng(seed + 100);
        let mut weights = || -> Vec<f64> {
            (0..60)
                .map(|_| rng.random_range(0.5..1.5) * if signed && rng.random_bool(0.2) { -1.0 } else { 1.0 })
                .collect()
        };
        let numerator = Weighted::new(numerator, weights()).unwrap();
        let denominator = Weighted::new(denominator, weights()).unwrap();
        let table = Table::concat_events(&[numerator.events(), denominator.events()]).unwrap();
        let sizes = [numerator.effective_sample_size(), denominator.effective_sample_size()];
        let total = 2.0 / (1.0 / sizes[0] + 1.0 / sizes[1]);
        let mut derivatives = Vec::new();
        for (side, sign) in [(&numerator, -0.5), (&denominator, 0.5)] {
            let factor = total / side.sum_weights();
            derivatives.extend(side.weights().iter().map(|w| [sign * factor * w, 0.25 * factor * w]));
        }
        let brute = Brute { table: &table, derivatives, lambda: 0.5, least: 1.0 };

        let config = plain().trees(1).learning_rate(1.0).max_leaves(7).lambda(0.5).min_child_weight(1.0);
        let fitted = fit(&config, &numerator, &denominator);
        let z = fitted.model.log_ratio(&table).unwrap();
        let leaves = brute.grow(7);
        assert_eq!(fitted.model.leaf_count(), leaves.len());
        assert!(leaves.len() > 3);
        for leaf in leaves {
            let [slope, curvature] = brute.sums(&leaf);
            for event in leaf {
                // Rounding of sums of 120 terms of size 1.
                let value = (-slope / (curvature + 0.5)).clamp(-4.0, 4.0);
                assert!((z[event] - value).abs() < 1e-12, "{seed}: {} {value}", z[event]);
            }
        }
    }
}

#[test]
fn learns_the_ratio_of_gaussians() {
    let (numerator, denominator) =
        (Weighted::unit(gaussian(20_000, 2, 0.5, 1)), Weighted::unit(gaussian(20_000, 2, -0.5, 2)));
    let test = gaussian(5000, 2, 0.0, 3);
    let mut errors = Vec::new();
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::Mse] {
        let fitted = fit(
            &TreesConfig::new().loss(loss).max_leaves(8).min_child_weight(60.0),
            &numerator,
            &denominator,
        );
        let z = fitted.model.log_ratio(&test).unwrap();
        // ln r = x0; the central 95 %.
        let central: Vec<f64> = test
            .rows()
            .into_iter()
            .zip(&z)
            .filter(|(row, _)| row[0].abs() < 1.96)
            .map(|(row, z)| (z - row[0]).abs())
            .collect();
        let error = central.iter().sum::<f64>() / central.len() as f64;
        let importances = fitted.model.importances();
        assert!((importances.sum() - 1.0).abs() < 1e-12 && importances[0] > 0.9, "{importances}");
        assert!(fitted.model.tree_count() < 300 && fitted.model.tree_count() > 10);
        println!("{loss:?}: mean |error of ln r| {error:.4}, {} trees", fitted.model.tree_count());
        errors.push(error);
        assert!(error < 0.1, "{loss:?}: {error}");
    }
    assert!(errors.iter().all(|error| *error < 1.5 * errors[0]), "{errors:?}");
}

#[test]
fn an_event_twice_is_an_event_of_weight_two() {
    let (numerator, denominator) = (gaussian(800, 3, 0.5, 1), gaussian(800, 3, 0.0, 2));
    // Of one side every event twice, of the other none: only relative weights count without regularisation.
    let twice = Table::concat_events(&[&numerator, &numerator]).unwrap();
    let config = plain().trees(30).max_leaves(8);
    let a = fit(&config, &Weighted::unit(twice), &Weighted::unit(denominator.clone()));
    let doubled = Weighted::new(numerator.clone(), vec![2.0; 800]).unwrap();
    let b = fit(&config, &doubled, &Weighted::unit(denominator.clone()));
    let test = gaussian(1000, 3, 0.2, 9);
    let (a, b) = (a.model.log_ratio(&test).unwrap(), b.model.log_ratio(&test).unwrap());
    assert!(largest_difference(&a, &b) < 1e-12, "{}", largest_difference(&a, &b));

    // Some events twice, on few values, so that the bins are the same; leaves are large, so that no two gains are equal.
    let config = config.trees(10).max_leaves(4);
    let few = |table: &Table| table.mapv(f64::round);
    let (numerator, denominator) = (few(&numerator), few(&denominator));
    let indices: Vec<usize> = (0..800).chain(0..200).collect();
    let a = fit(
        &config,
        &Weighted::unit(numerator.select_events(&indices).unwrap()),
        &Weighted::unit(denominator.clone()),
    );
    let weights = (0..800).map(|event| if event < 200 { 2.0 } else { 1.0 }).collect();
    let b = fit(&config, &Weighted::new(numerator.clone(), weights).unwrap(), &Weighted::unit(denominator));
    let (a, b) = (a.model.log_ratio(&numerator).unwrap(), b.model.log_ratio(&numerator).unwrap());
    assert!(largest_difference(&a, &b) < 1e-12, "{}", largest_difference(&a, &b));
}

/// Everything that a fit can do at random, and early stopping.
fn everything() -> TreesConfig {
    TreesConfig::new().trees(60).max_leaves(12).event_share(0.7).feature_share(0.6)
}

fn signed_samples() -> [Weighted<Table>; 2] {
    [(0.5, 1), (0.0, 2)].map(|(mean, seed)| {
        let mut rng = rng(seed + 20);
        let weights = (0..3000).map(|_| if rng.random_bool(0.2) { -1.0 } else { 1.0 }).collect();
        Weighted::new(gaussian(3000, 9, mean, seed), weights).expect("a weight an event")
    })
}

/// Tails are fitted to logarithms of weights, up to 900 ln 2: rounded to 1e-13, which the fit amplifies.
const OTHER_UNITS: f64 = 1e-9;

#[test]
fn twice_the_weights_leave_the_fit() {
    let [numerator, denominator] = signed_samples();
    let a = fit(&everything(), &numerator, &denominator);
    let plain = everything().examination(0.0);
    let unexamined = fit(&plain, &numerator, &denominator);
    // A power of two to the bit; one that is near the ends of the range of numbers as well.
    for factor in [2.0, 2.0_f64.powi(900), 2.0_f64.powi(-900)] {
        let scaled = numerator.reweighted(numerator.weights().iter().map(|w| factor * w).collect()).unwrap();
        let b = fit(&plain, &scaled, &denominator);
        assert_eq!(unexamined.model, b.model);
        assert_eq!(unexamined.report, b.report);
        let b = fit(&everything(), &scaled, &denominator);
        assert_eq!(numbers(&a.model), numbers(&b.model));
        assert_eq!(a.report.warnings, b.report.warnings);
        for ((name, a), (_, b)) in a.report.measures.iter().zip(&b.report.measures) {
            assert!((a.value - b.value).abs() <= OTHER_UNITS * a.value.abs(), "{name}: {a:?} {b:?}");
        }
    }
}

#[test]
fn swapping_the_sides_changes_the_sign_bit_for_bit() {
    let [numerator, denominator] = signed_samples();
    let test = gaussian(1000, 9, 0.2, 9);
    for loss in [RatioLoss::Bce, RatioLoss::Mse, RatioLoss::Sqr] {
        let config = everything().loss(loss);
        let a = fit(&config, &numerator, &denominator);
        let b = fit(&config, &denominator, &numerator);
        assert!(a.model.tree_count() > 3, "{loss:?}");
        assert_eq!(a.model.log_ratio(&test).unwrap(), -b.model.log_ratio(&test).unwrap());
        let plain = config.clone().examination(0.0);
        let unexamined = [fit(&plain, &numerator, &denominator), fit(&plain, &denominator, &numerator)];
        assert_eq!(unexamined[0].report.curves, unexamined[1].report.curves);
        let losses = |fitted: &Fitted<TreesRatio>| {
            let curves = fitted.report.curves.iter().filter(|(name, _)| name.starts_with("loss/"));
            curves.cloned().collect::<Vec<_>>()
        };
        assert!(losses(&a).len() == 2 && losses(&a) == losses(&b), "{loss:?}");
        let held_out = [&a, &b].map(|fitted| fitted.report.get("held-out loss").unwrap());
        // Of the same events, whose terms are added in another order.
        assert!((held_out[0].value - held_out[1].value).abs() < CONVERGED, "{held_out:?}");
    }
}

#[test]
fn the_order_of_the_events_does_not_matter() {
    let [numerator, denominator] = signed_samples();
    let reversed = |side: &Weighted<Table>| side.select(&(0..side.len()).rev().collect::<Vec<_>>()).unwrap();
    let config = plain().trees(40);
    let a = fit(&config, &numerator, &denominator);
    let b = fit(&config, &reversed(&numerator), &reversed(&denominator));
    assert_eq!(a.model, b.model);
}

#[test]
fn increasing_transformations_of_features_change_nothing() {
    let [numerator, denominator] = signed_samples();
    let test = gaussian(1000, 9, 0.2, 9);
    let bend = |table: &Table| {
        let mut bent = table.clone();
        bent.column_mut(0).mapv_inplace(f64::exp);
        bent.column_mut(1).mapv_inplace(|x| x * x * x - 5.0);
        bent.column_mut(2).mapv_inplace(|x| 1e6 * x.atan());
        bent
    };
    let bent = |side: &Weighted<Table>| Weighted::new(bend(side.events()), side.weights().to_vec()).unwrap();
    let a = fit(&everything(), &numerator, &denominator);
    let b = fit(&everything(), &bent(&numerator), &bent(&denominator));
    assert_eq!(a.model.log_ratio(&test).unwrap(), b.model.log_ratio(&bend(&test)).unwrap());
}

#[cfg(feature = "rayon")]
#[test]
fn threads_change_nothing() {
    let [numerator, denominator] =
        [(0.5, 1), (0.0, 2)].map(|(mean, seed)| Weighted::unit(gaussian(20_000, 11, mean, seed)));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fitted = fit(&everything().trees(15), &numerator, &denominator);
            let z = fitted.model.log_ratio(numerator.events()).unwrap();
            (fitted.model, fitted.report, z)
        })
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
}

#[test]
fn weights_of_either_sign_converge_to_their_net_ratio() {
    // Positive and negative events in each bin whose net weights are those of the exact ratio.
    let (num, den) = ([10.0, 30.0, 25.0, 35.0], [40.0, 20.0, 15.0, 25.0]);
    let values: Vec<f64> = (0..8).map(|i| f64::from(i / 2)).collect();
    let split = |net: &[f64]| -> Vec<f64> { net.iter().flat_map(|w| [1.5 * w, -0.5 * w]).collect() };
    let numerator = Weighted::new(column(&values), split(&num)).unwrap();
    let denominator = Weighted::new(column(&values), split(&den)).unwrap();
    let fitted = fit(&plain().trees(400).learning_rate(0.3), &numerator, &denominator);
    let z = fitted.model.log_ratio(&column(&[0.0, 1.0, 2.0, 3.0])).unwrap();
    let exact: Array1<f64> = num.iter().zip(den).map(|(n, d)| (n / d).ln()).collect();
    assert!(largest_difference(&z, &exact) < 1e-9, "{z} {exact}");

    // A bin of negative net weight on its own cannot be split off, and the report says so.
    let numerator = Weighted::new(column(&values), vec![1.0, 1.0, -3.0, -3.0, 5.0, 5.0, 4.0, 4.0]).unwrap();
    let denominator = Weighted::unit(column(&values));
    let fitted = fit(&plain().trees(50), &numerator, &denominator);
    assert!(fitted.report.get("splits refused").unwrap().value > 0.0);
    assert!(fitted.report.warnings.iter().any(|warning| warning.contains("refused")), "{:?}", fitted.report);
    let z = fitted.model.log_ratio(&column(&values)).unwrap();
    assert!(z.iter().all(|z| z.is_finite()));
}

#[test]
fn stops_early_and_keeps_the_best() {
    // Nothing to learn: every tree is noise.
    let (numerator, denominator) =
        (Weighted::unit(gaussian(500, 4, 0.0, 1)), Weighted::unit(gaussian(500, 4, 0.0, 2)));
    let fitted = fit(&TreesConfig::new().patience(5), &numerator, &denominator);
    let held_out = &fitted.report.curves.iter().find(|(name, _)| name == "loss/validation").unwrap().1;
    let kept = fitted.model.tree_count();
    assert_eq!(held_out.len(), kept + 5);
    let lowest = held_out.iter().copied().fold(2.0 * 2.0_f64.ln(), f64::min);
    assert_eq!(lowest, if kept == 0 { 2.0 * 2.0_f64.ln() } else { held_out[kept - 1] });

    // The kept trees are those of a fit that ends there.
    let (numerator, denominator) =
        (Weighted::unit(gaussian(500, 4, 1.0, 1)), Weighted::unit(gaussian(500, 4, 0.0, 2)));
    let fitted = fit(&TreesConfig::new().patience(5), &numerator, &denominator);
    let kept = fitted.model.tree_count();
    assert!(kept > 5 && kept < 100, "{kept}");
    let ended = fit(&TreesConfig::new().patience(5).trees(kept), &numerator, &denominator).model;
    assert_eq!(numbers(&ended), numbers(&fitted.model));
}

#[test]
fn trees_without_a_split_move_the_constant() {
    // After a first full step further splits gain less than 1, but with MLC the mean of r is cosh 0.6 then, not 1.
    let side =
        |ones: usize| Weighted::unit(Table::from_shape_fn((100, 1), |(i, _)| f64::from(u8::from(i < ones))));
    let (numerator, denominator) = (side(80), side(50));
    let config = plain().loss(RatioLoss::Mlc).learning_rate(1.0).min_gain(1.0).trees(100);
    let model = fit(&config, &numerator, &denominator).model;
    let mean = model.log_ratio(denominator.events()).unwrap().mapv(f64::exp).mean().unwrap();
    assert!((mean - 1.0).abs() < CONVERGED, "{mean}");
    // Newton's steps are at rounding after a few, and boosting ends.
    assert!((3..20).contains(&model.tree_count()), "{}", model.tree_count());
}

#[test]
fn the_observer_sees_losses_and_may_stop() {
    let [numerator, denominator] = signed_samples();
    let mut seen = Vec::new();
    let mut observer = |progress: &Progress<'_>| {
        seen.push((progress.step, progress.measures[0].1, progress.measures[1].1));
        if progress.step == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let fitted = TreesConfig::new().fit(&numerator, &denominator, &mut rng(1), &mut observer).unwrap();
    assert!(fitted.report.stopped);
    assert_eq!(seen.len(), 4);
    assert!(seen[3].1 < seen[0].1);
    assert_eq!(fitted.report.curves[0].1, seen.iter().map(|seen| seen.1).collect::<Vec<_>>());
    assert_eq!(fitted.report.curves[1].1, seen.iter().map(|seen| seen.2).collect::<Vec<_>>());
}

#[test]
fn steps_are_clipped_and_counted() {
    let numerator = Weighted::unit(column(&[0.0, 1.0, 1.0, 1.0]));
    let denominator = Weighted::unit(column(&[0.0, 0.0, 0.0, 1.0]));
    let fitted = fit(&plain().trees(1).learning_rate(1.0).max_step(0.5), &numerator, &denominator);
    assert_eq!(fitted.model.log_ratio(&column(&[0.0, 1.0])).unwrap(), Array1::from(vec![-0.5, 0.5]));
    assert_eq!(fitted.report.get("leaves clipped").unwrap().value, 2.0);
    assert!(fitted.report.warnings.iter().any(|warning| warning.contains("clipped")));
}

#[test]
fn limits_are_kept() {
    let [numerator, denominator] = signed_samples();
    let deep = fit(&plain().trees(20).max_depth(2), &numerator, &denominator);
    assert_eq!(deep.model.leaf_count(), 20 * 4);
    let wide = fit(&plain().trees(20).max_leaves(6), &numerator, &denominator);
    assert_eq!(wide.model.leaf_count(), 20 * 6);
    // BCE: an event of weight 1 has at most 1/4.
    let heavy = fit(&plain().trees(1).min_child_weight(1e9), &numerator, &denominator);
    assert_eq!(heavy.model.tree_count(), 0);
    assert!(heavy.report.warnings.iter().any(|warning| warning.contains("1 everywhere")));
    assert_eq!(heavy.model.importances().sum(), 0.0);
}

#[test]
fn models_are_read_back_bit_for_bit() {
    let [numerator, denominator] = signed_samples();
    let model = fit(&everything(), &numerator, &denominator).model;
    let bytes = model.to_bytes().unwrap();
    let read = TreesRatio::from_bytes(&bytes).unwrap();
    assert_eq!(read, model);
    assert_eq!(read.to_bytes().unwrap(), bytes);
    let z = model.log_ratio(numerator.events()).unwrap();
    assert_eq!(read.log_ratio(numerator.events()).unwrap(), z);
    for end in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(TreesRatio::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    // Whatever the numbers of a broken file are, reading ends with an error or a model that can be used.
    let start = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut random = rng(3);
    for _ in 0..300 {
        let mut broken = bytes.clone();
        let at = random.random_range(start..bytes.len());
        broken[at] ^= 1 << random.random_range(0..8);
        if let Ok(model) = TreesRatio::from_bytes(&broken) {
            let _ = model.log_ratio(numerator.events()).unwrap();
        }
    }
    let config = serde_json::to_string(&everything()).unwrap();
    assert_eq!(serde_json::from_str::<TreesConfig>(&config).unwrap(), everything());
}

#[test]
fn trees_larger_than_memory_are_refused() {
    // 16 kB for four features and a leaf: 3000 x 200 x 16 kB = 9.8 GB.
    let sides = [0.0, 1.0].map(|mean| Weighted::unit(gaussian(1500, 800, mean, 1)));
    let config = plain().max_leaves(1 << 20);
    let result = config.fit(&sides[0], &sides[1], &mut rng(5), &mut ());
    assert!(message(result).contains("at most 2^33"));
}

#[test]
fn models_remember_their_fit_and_files_of_version_1_are_read() {
    let [numerator, denominator] = signed_samples();
    let fitted = fit(&everything(), &numerator, &denominator);
    let summary = fitted.model.summary().clone();
    assert!(!summary.stopped);
    assert_eq!(summary.warnings, fitted.report.warnings);
    for name in ["trees", "held-out loss", "effective sample size/training numerator"] {
        assert_eq!(summary.measures[name], fitted.report.get(name).unwrap().value, "{name}");
    }
    let file = ModelFile::from_bytes(&fitted.model.to_bytes().unwrap()).unwrap();
    assert_eq!(file.version(), 2);
    // Version 1: the same tensors, and no fit in the header.
    let header = serde_json::json!({ "features": fitted.model.feature_count() });
    let mut old = ModelFile::new("hepml-ratio/trees", 1, &header).unwrap();
    for name in file.tensor_names() {
        old.insert(name, file.tensor(name).unwrap().clone()).unwrap();
    }
    let old = TreesRatio::from_bytes(&old.to_bytes().unwrap()).unwrap();
    assert_eq!(*old.summary(), hepml_nn::FitSummary::default());
    let z = |model: &TreesRatio| model.log_ratio(numerator.events()).unwrap();
    assert_eq!(z(&old), z(&fitted.model));
    // Saved again it is of the newest version.
    assert_eq!(TreesRatio::from_bytes(&old.to_bytes().unwrap()).unwrap(), old);
    assert_ne!(old, fitted.model);
}

fn message(result: Result<Fitted<TreesRatio>, Error>) -> String {
    result.map(|_| ()).expect_err("an error").to_string()
}

#[test]
fn bad_input_is_named() {
    let good = || Weighted::unit(gaussian(50, 3, 0.0, 1));
    let fit = |numerator: &Weighted<Table>, denominator: &Weighted<Table>| {
        TreesConfig::new().fit(numerator, denominator, &mut rng(1), &mut ())
    };
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut table = gaussian(50, 3, 0.0, 1);
        table[[17, 2]] = bad;
        let error = message(fit(&Weighted::unit(table.clone()), &good()));
        assert!(
            error.contains("numerator") && error.contains("event 17") && error.contains("column 2"),
            "{error}"
        );
        let error = message(fit(&good(), &Weighted::unit(table.clone())));
        assert!(error.contains("denominator") && error.contains("event 17"), "{error}");
        let model = fit(&good(), &good()).unwrap().model;
        let error = model.log_ratio(&table).unwrap_err().to_string();
        assert!(error.contains("event 17") && error.contains("column 2"), "{error}");
    }
    let empty = Weighted::unit(Table::zeros((0, 3)));
    assert!(message(fit(&empty, &good())).contains("numerator is empty"));
    assert!(message(fit(&good(), &empty)).contains("denominator is empty"));
    let none = Weighted::unit(Table::zeros((50, 0)));
    assert!(message(fit(&none, &none)).contains("features is empty"));
    let narrow = Weighted::unit(gaussian(50, 2, 0.0, 1));
    assert!(message(fit(&good(), &narrow)).contains("expected 3, got 2"));
    for weights in [vec![0.0; 50], vec![-1.0; 50]] {
        let weightless = good().reweighted(weights).unwrap();
        assert!(message(fit(&weightless, &good())).contains("numerator"));
        assert!(message(fit(&good(), &weightless)).contains("denominator"));
    }
    let huge = good().reweighted(vec![1e308; 50]).unwrap();
    assert!(message(fit(&huge, &good())).contains("numerator"));
    let one = Weighted::unit(gaussian(1, 3, 0.0, 1));
    assert!(message(fit(&one, &good())).contains("validation sample of the numerator is empty"));

    let model = fit(&good(), &good()).unwrap().model;
    assert!(model.log_ratio(&Table::zeros((4, 2))).unwrap_err().to_string().contains("expected 3, got 2"));
    assert_eq!(model.log_ratio(&Table::zeros((0, 3))).unwrap().len(), 0);

    for (config, named) in [
        (TreesConfig::new().trees(0), "trees"),
        (TreesConfig::new().learning_rate(0.0), "learning rate"),
        (TreesConfig::new().learning_rate(f64::NAN), "learning rate"),
        (TreesConfig::new().max_leaves(1), "leaves"),
        (TreesConfig::new().max_depth(0), "depth"),
        (TreesConfig::new().min_child_weight(-1.0), "min_child_weight"),
        (TreesConfig::new().lambda(f64::INFINITY), "lambda"),
        (TreesConfig::new().min_gain(-0.1), "min_gain"),
        (TreesConfig::new().max_step(0.0), "step"),
        (TreesConfig::new().max_bins(256), "bins"),
        (TreesConfig::new().event_share(0.0), "events"),
        (TreesConfig::new().feature_share(1.5), "features"),
        (TreesConfig::new().validation_share(1.0), "validation"),
        (TreesConfig::new().patience(0), "patience"),
        (TreesConfig::new().examination(1.0), "examination"),
        (TreesConfig::new().loss(RatioLoss::PMse(1.0)), "p-MSE"),
    ] {
        let error = message(config.fit(&good(), &good(), &mut rng(1), &mut ()));
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn what_cannot_be_learned_is_said() {
    // Constant features: the ratio is 1.
    let constant = Weighted::unit(Table::ones((100, 2)));
    let fitted = fit(&TreesConfig::new(), &constant, &constant);
    assert!(fitted.model.log_ratio(constant.events()).unwrap().iter().all(|z| *z == 0.0));
    for column in ["column 0 is constant", "column 1 is constant"] {
        assert!(fitted.report.warnings.iter().any(|warning| warning.contains(column)), "{:?}", fitted.report);
    }

    // Disjoint supports and a weight of 1e12: finite numbers.
    let (numerator, denominator) = (gaussian(300, 2, 50.0, 1), gaussian(300, 2, 0.0, 2));
    let mut weights = vec![1.0; 300];
    weights[7] = 1e12;
    let heavy = Weighted::new(numerator.clone(), weights).unwrap();
    for loss in LOSSES {
        for numerator in [&heavy, &Weighted::unit(numerator.clone())] {
            let config = TreesConfig::new().loss(loss).min_child_weight(0.0).validation_share(0.0);
            let fitted = fit(&config, numerator, &Weighted::unit(denominator.clone()));
            let z = fitted
                .model
                .log_ratio(&Table::concat_events(&[numerator.events(), &denominator]).unwrap())
                .unwrap();
            assert!(z.iter().all(|z| z.is_finite()), "{loss:?}");
            assert!(fitted.report.curves[0].1.iter().all(|loss| loss.is_finite()), "{loss:?}");
        }
    }
    let fitted =
        fit(&TreesConfig::new().validation_share(0.0).examination(0.0), &heavy, &Weighted::unit(denominator));
    assert!(fitted.report.get("effective sample size/training numerator").unwrap().value < 1.001);
}

#[test]
fn rows_need_not_be_contiguous() {
    let [numerator, denominator] = signed_samples();
    let model = fit(&everything(), &numerator, &denominator).model;
    let table = gaussian(3000, 9, 0.3, 4);
    let mut columns_first = Table::zeros((9, 3000)).reversed_axes();
    columns_first.assign(&table);
    assert!(columns_first.index_axis(Axis(0), 0).as_slice().is_none());
    assert_eq!(model.log_ratio(&table).unwrap(), model.log_ratio(&columns_first).unwrap());
    let swapped = Weighted::new(columns_first, vec![1.0; 3000]).unwrap();
    let plain = Weighted::unit(table);
    assert_eq!(
        fit(&everything(), &swapped, &denominator).model,
        fit(&everything(), &plain, &denominator).model
    );
}

#[test]
fn held_out_events_are_examined() {
    let (numerator, denominator) =
        (Weighted::unit(gaussian(4000, 2, 0.25, 1)), Weighted::unit(gaussian(4000, 2, -0.25, 2)));
    let report = fit(&TreesConfig::new().max_leaves(4), &numerator, &denominator).report;
    let normalisation = report.get("normalisation").unwrap();
    // The variance of r = e^(x/2) under the denominator is e^(1/4) - 1; 400 events are held out. (Its estimate may be withheld:
    // so few events can have a tail that looks heavy.)
    let error = (0.25_f64.exp_m1() / 400.0).sqrt();
    assert!((normalisation.value - 1.0).abs() < 5.0 * error, "{normalisation:?}");
    assert!(report.get("closure auc").is_some() && report.get("auc").is_some());
    // Within five errors of the least loss, 2 ln 2 - 2 JSD; the integral by the trapezoidal rule, exact to rounding for these.
    let (mut jensen_shannon, step) = (0.0, 1e-3);
    for i in -8000..=8000 {
        let x = f64::from(i) * step;
        let density = |mean: f64| (-0.5 * (x - mean).powi(2)).exp() / std::f64::consts::TAU.sqrt();
        let (p, q) = (density(0.25), density(-0.25));
        let half = 0.5 * (p + q);
        jensen_shannon += 0.5 * step * (p * (p / half).ln() + q * (q / half).ln());
    }
    let held_out = report.get("held-out loss").unwrap();
    let least = 2.0 * (2.0_f64.ln() - jensen_shannon);
    assert!((held_out.value - least).abs() < 5.0 * held_out.error.unwrap(), "{held_out:?} {least}");
    // Nothing is held out unless asked for.
    let report = fit(&TreesConfig::new().max_leaves(4).examination(0.0), &numerator, &denominator).report;
    assert!(report.get("normalisation").is_none() && report.get("held-out loss").is_none());
}

/// Trees that describe their own events only: the held-out loss says so.
#[test]
fn a_fit_to_noise_is_found_out() {
    let (numerator, denominator) =
        (Weighted::unit(gaussian(1000, 5, 0.0, 1)), Weighted::unit(gaussian(1000, 5, 0.0, 2)));
    let config = TreesConfig::new().validation_share(0.0).min_child_weight(0.0).lambda(0.0).examination(0.5);
    let report = fit(&config, &numerator, &denominator).report;
    let said = |report: &hepml_core::FitReport| {
        report.warnings.iter().any(|warning| warning.contains("above that of r = 1"))
    };
    assert!(said(&report), "{:?}", report.warnings);
    let report = fit(&TreesConfig::new().examination(0.5), &numerator, &denominator).report;
    assert!(!said(&report), "{:?}", report.warnings);
}
