//! Resamplings of negative weights, on toys whose moments of the weight are known.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::io::{Read, Write};

use hepml_core::ndarray::{Array1, ArrayView1};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Error as CoreError, EventMetric, FitReport, Fitted, FourMomentum, Load, LogRatio, ModelFile, Observer,
    ParticleSet, ParticleSets, RatioEstimator, Save, Table, Weighted,
};
use hepml_ratio::{
    CellResampling, Euclid, NeuralResampler, NeuralResampling, SignedPartsConfig, TreesConfig,
    resample_by_moments,
};
use hepml_stats::{Binning, Histogram};
use proptest::prelude::*;

const BINS: usize = 10;

/// x uniform on [0, 1), w = -1 with probability 0.2 + 0.2 x (30 % in all), else 1.5: E[w|x].
fn mean(x: f64) -> f64 {
    let negative = 0.2 + 0.2 * x;
    1.5 * (1.0 - negative) - negative
}

/// E[w^2|x] for w = 1.5 and -1.
fn mean_square(x: f64) -> f64 {
    let negative = 0.2 + 0.2 * x;
    2.25 * (1.0 - negative) + negative
}

fn toy(n: usize, seed: u64) -> Weighted<Table> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let x: Vec<f64> = (0..n).map(|_| rng.random()).collect();
    let weights = x.iter().map(|x| if rng.random::<f64>() < 0.2 + 0.2 * x { -1.0 } else { 1.5 }).collect();
    Weighted::new(Table::from_shape_vec((n, 1), x).unwrap(), weights).unwrap()
}

fn binned(events: &Weighted<Table>) -> Histogram {
    let mut histogram = Histogram::new(Binning::uniform(BINS, 0.0, 1.0).unwrap());
    histogram.fill_many(&events.events().column(0).to_vec(), Some(events.weights())).unwrap();
    histogram
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "x is between 0 and 1")]
fn bin_of(x: f64) -> usize {
    (x * BINS as f64) as usize
}

fn value(report: &FitReport, name: &str) -> f64 {
    report.get(name).unwrap_or_else(|| panic!("no {name} in {report:?}")).value
}

/// The ratio in bins of the first column: exact up to the width of the bins.
#[derive(Debug, Clone, PartialEq)]
struct Binned(Vec<f64>);

impl LogRatio<Table> for Binned {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>, CoreError> {
        Ok(events.column(0).mapv(|x| self.0[bin_of(x)]))
    }
}

impl Save for Binned {
    fn save(&self, writer: &mut dyn Write) -> Result<(), CoreError> {
        ModelFile::new("test/binned", 1, &self.0)?.save(writer)
    }
}

impl Load for Binned {
    fn load(reader: &mut dyn Read) -> Result<Self, CoreError> {
        Ok(Self(ModelFile::load(reader)?.header()?))
    }
}

struct InBins;

impl RatioEstimator<Table> for InBins {
    type Model = Binned;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        _: &mut dyn Rng,
        _: &mut dyn Observer,
    ) -> Result<Fitted<Binned>, CoreError> {
        let density = |side| {
            let histogram = binned(side);
            histogram.sum_weights().iter().map(|w| w / histogram.total().value).collect::<Vec<f64>>()
        };
        let z = density(numerator).iter().zip(density(denominator)).map(|(n, d)| (n / d).ln()).collect();
        Ok(Fitted { model: Binned(z), report: FitReport::new() })
    }
}

/// |dx| + |dy|, ...
struct Taxi;

impl EventMetric<Table> for Taxi {
    fn distance(&self, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> Result<f64, CoreError> {
        Ok(a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum())
    }
}

#[test]
fn exact_moments_keep_the_sums_of_w_and_of_its_square_in_expectation() {
    let mut pulls = [Vec::new(), Vec::new()];
    for seed in 0..20 {
        let events = toy(5000, seed);
        let x = events.events().column(0).to_vec();
        let means: Vec<f64> = x.iter().map(|&x| mean(x)).collect();
        let squares: Vec<f64> = x.iter().map(|&x| mean_square(x)).collect();
        let rng = &mut ChaCha8Rng::seed_from_u64(100 + seed);
        let after = resample_by_moments(&events, &means, &squares, rng).unwrap();
        assert_eq!(after.events.negative_fraction(), 0.0);
        assert_eq!(value(&after.report, "events with V < W^2"), 0.0);
        assert!((value(&after.report, "negative fraction/before") - 0.3).abs() < 0.03);
        let after = binned(&after.events);
        // Of each bin: the expected sums given x, and the variance of the lottery with p = W^2/V and weight V/W.
        let mut expected = vec![[0.0; 4]; BINS];
        for ((x, w), v) in x.iter().zip(&means).zip(&squares) {
            let (p, weight) = (w * w / v, v / w);
            let bin = &mut expected[bin_of(*x)];
            bin[0] += w;
            bin[1] += v;
            bin[2] += p * (1.0 - p) * weight.powi(2);
            bin[3] += p * (1.0 - p) * weight.powi(4);
        }
        for (bin, [sum, squares, variance, square_variance]) in expected.into_iter().enumerate() {
            pulls[0].push((after.sum_weights()[bin] - sum) / variance.sqrt());
            pulls[1].push((after.sum_squared_weights()[bin] - squares) / square_variance.sqrt());
        }
    }
    for pulls in pulls {
        let n = pulls.len() as f64;
        let mean = pulls.iter().sum::<f64>() / n;
        let variance = pulls.iter().map(|pull| pull * pull).sum::<f64>() / n;
        // 4 sigma of 200 standard normal pulls.
        assert!(mean.abs() < 4.0 / n.sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
    }
}

#[test]
fn the_toy_has_the_moments_it_claims() {
    let (events, n) = (toy(200_000, 77), 200_000.0);
    let x = events.events().column(0);
    let difference = |moment: fn(f64) -> f64, power: i32| {
        x.iter().zip(events.weights()).map(|(x, w)| w.powi(power) - moment(*x)).sum::<f64>() / n
    };
    // 4 sigma of a mean of numbers with a spread of about 1.2.
    assert!(difference(mean, 1).abs() < 4.0 * 1.2 / n.sqrt());
    assert!(difference(mean_square, 2).abs() < 4.0 * 1.2 / n.sqrt());
}

fn keeps_binned_sums<R: RatioEstimator<Table>>(resampling: &NeuralResampling<R, InBins>) {
    let events = toy(20_000, 1);
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let fitted = resampling.fit(&events, rng, &mut ()).unwrap();
    let learned = fitted.model.mean(events.events()).unwrap();
    let bias = learned.iter().zip(events.events().column(0)).map(|(w, x)| (w - mean(*x)).abs());
    // Bins a tenth wide, W falling by 0.5 over all of them, and 4 sigma of 2000 events in each.
    assert!(bias.fold(0.0, f64::max) < 0.025 + 4.0 * 1.2 / 2000.0_f64.sqrt());
    let after = fitted.model.resample(&events, rng).unwrap();
    let (old, new) = (binned(&events), binned(&after.events));
    let kept = value(&after.report, "events/after") / 20_000.0;
    println!(
        "neural: negative {:.3} -> {:.3}, kept {kept:.3}, ESS {:.0} -> {:.0}",
        value(&after.report, "negative fraction/before"),
        value(&after.report, "negative fraction/after"),
        value(&after.report, "effective sample size/before"),
        value(&after.report, "effective sample size/after"),
    );
    assert_eq!(value(&after.report, "negative fraction/after"), 0.0);
    for bin in 0..BINS {
        let pull = (new.sum_weights()[bin] - old.sum_weights()[bin]) / new.errors()[bin];
        assert!(pull.abs() < 4.0, "bin {bin}: {pull} sigma");
        let ratio = new.sum_squared_weights()[bin] / old.sum_squared_weights()[bin];
        // 4 sigma of some 500 events kept.
        assert!((ratio - 1.0).abs() < 4.0 / 400.0_f64.sqrt(), "bin {bin}: {ratio}");
    }
    // Both sums are kept, and with them the effective sample size: it is the number of events that falls.
    let (before, after) = (
        value(&after.report, "effective sample size/before"),
        value(&after.report, "effective sample size/after"),
    );
    assert!((after / before - 1.0).abs() < 0.1 && kept < 0.5, "{before} {after} {kept}");
}

#[test]
fn learned_moments_keep_binned_sums_and_leave_no_negative_weight() {
    keeps_binned_sums(&NeuralResampling::new(InBins, InBins));
    // The positive and the negative part apart.
    keeps_binned_sums(&NeuralResampling::new(SignedPartsConfig::new(InBins), InBins));
}

#[test]
fn trees_learn_the_moments() {
    let (events, fresh) = (toy(20_000, 11), toy(20_000, 12));
    let rng = &mut ChaCha8Rng::seed_from_u64(13);
    let fitted =
        NeuralResampling::new(TreesConfig::new(), TreesConfig::new()).fit(&events, rng, &mut ()).unwrap();
    let x = fresh.events().column(0).to_vec();
    let off = |learned: Array1<f64>, exact: fn(f64) -> f64| {
        learned.iter().zip(&x).map(|(learned, x)| (learned - exact(*x)).abs()).sum::<f64>() / x.len() as f64
    };
    let first = off(fitted.model.mean(fresh.events()).unwrap(), mean);
    let second = off(fitted.model.mean_square(fresh.events()).unwrap(), mean_square);
    println!("trees: mean |error| of W {first:.4}, of V {second:.4}");
    // W falls by 0.5 and V by 0.25 over x, which a constant would miss by 0.125 and 0.0625.
    assert!(first < 0.08 && second < 0.04, "{first} {second}");
    let after = fitted.model.resample(&fresh, rng).unwrap();
    assert_eq!(value(&after.report, "negative fraction/after"), 0.0);
    let (old, new) = (binned(&fresh), binned(&after.events));
    for bin in 0..BINS {
        // Both samples fluctuate, the learned moments with the sample they were learned on.
        let error = 3.0_f64.sqrt() * old.errors()[bin];
        let pull = (new.sum_weights()[bin] - old.sum_weights()[bin]) / error;
        assert!(pull.abs() < 4.0, "bin {bin}: {pull} sigma");
    }
}

#[test]
fn a_saved_resampler_comes_back_bit_for_bit() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let model = NeuralResampling::new(InBins, InBins).fit(&toy(1000, 1), rng, &mut ()).unwrap().model;
    let bytes = model.to_bytes().unwrap();
    assert_eq!(NeuralResampler::<Binned, Binned>::from_bytes(&bytes).unwrap(), model);
    assert!(NeuralResampler::<Binned, Binned>::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(NeuralResampler::<Binned, Binned>::from_bytes(&Binned(vec![1.0]).to_bytes().unwrap()).is_err());
}

#[test]
fn cells_keep_the_sum_and_leave_no_negative_weight() {
    let events = toy(20_000, 3);
    let after = CellResampling::new().resample_table(&events, &Euclid::new(vec![1.0]).unwrap()).unwrap();
    let report = &after.report;
    println!(
        "cells: negative {:.3} -> {:.3}, ESS {:.0} -> {:.0}, {} cells, largest radius {:.4}",
        value(report, "negative fraction/before"),
        value(report, "negative fraction/after"),
        value(report, "effective sample size/before"),
        value(report, "effective sample size/after"),
        value(report, "cells"),
        value(report, "largest cell radius"),
    );
    assert!(value(report, "negative fraction/before") > 0.28);
    assert_eq!(value(report, "negative fraction/after"), 0.0);
    assert_eq!(value(report, "cells left negative"), 0.0);
    // Exactly up to the rounding of 20000 numbers.
    assert!((after.events.sum_weights() / events.sum_weights() - 1.0).abs() < 1e-11);
    assert!(
        value(report, "effective sample size/after") > 1.5 * value(report, "effective sample size/before")
    );
    // Weight moves by less than the largest radius, so a bin changes by what lies that close to its edges.
    let radius = value(report, "largest cell radius");
    assert!(radius < 0.02, "{radius}");
    let (old, new) = (binned(&events), binned(&after.events));
    for bin in 0..BINS {
        let change = (new.sum_weights()[bin] - old.sum_weights()[bin]).abs();
        assert!(change < old.errors()[bin], "bin {bin}: {change} of {}", old.errors()[bin]);
    }
}

#[test]
fn cells_in_any_distance() {
    // The seed takes its neighbours at 1 and 2, then the one at 3 that makes its sum non-negative.
    let table = Table::from_shape_vec((5, 2), vec![0., 0., 1., 0., 0., 2., 3., 0., 9., 9.]).unwrap();
    let events = Weighted::new(table, vec![-4.0, 1.0, 1.0, 4.0, 7.0]).unwrap();
    let after = CellResampling::new().resample(&events, &Taxi).unwrap();
    let fifth = 2.0 / 10.0;
    assert_eq!(after.events.weights(), [4.0 * fifth, fifth, fifth, 4.0 * fifth, 7.0]);
    assert_eq!(after.report.curves[0].1, [4.0]);
    assert_eq!(after.report.curves[1].1, [3.0]);
    // Too far: left as it is, and counted.
    let after = CellResampling::new().max_radius(2.5).resample(&events, &Taxi).unwrap();
    assert_eq!(after.events.weights(), events.weights());
    assert_eq!(value(&after.report, "cells left negative"), 1.0);
    assert_eq!(after.report.warnings.len(), 1);
    // All weights together negative: likewise.
    let negative = events.reweighted(vec![-4.0, 1.0, 1.0, 1.0, 0.0]).unwrap();
    let after = CellResampling::new().resample(&negative, &Taxi).unwrap();
    assert_eq!(value(&after.report, "cells left negative"), 1.0);
    assert_eq!(after.events.weights(), negative.weights());
}

#[test]
fn cells_of_at_most_so_many_events() {
    let table = Table::from_shape_vec((5, 2), vec![0., 0., 1., 0., 0., 2., 3., 0., 9., 9.]).unwrap();
    let events = Weighted::new(table, vec![-4.0, 1.0, 1.0, 4.0, 7.0]).unwrap();
    // Four events make the sum positive, three do not.
    let four = CellResampling::new().max_events(4).resample(&events, &Taxi).unwrap();
    assert_eq!(value(&four.report, "cells"), 1.0);
    assert_eq!(value(&four.report, "sum of negative weights/after"), 0.0);
    let three = CellResampling::new().max_events(3).resample(&events, &Taxi).unwrap();
    assert_eq!(three.events.weights(), events.weights());
    assert_eq!(value(&three.report, "cells left negative"), 1.0);
    assert_eq!(value(&three.report, "sum of negative weights/after"), -4.0);
    assert!(CellResampling::new().max_events(1).resample(&events, &Taxi).is_err());
}

/// The distance of the vectors (multiplicity, scalar sum of pT).
struct Multiplicity;

impl EventMetric<ParticleSets> for Multiplicity {
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> Result<f64, CoreError> {
        let pt = |set: ParticleSet<'_>| set.momenta().iter().map(FourMomentum::pt).sum::<f64>();
        Ok((a.len() as f64 - b.len() as f64).hypot(pt(a) - pt(b)))
    }
}

#[test]
fn cells_of_ragged_sets_with_empty_and_equal_ones() {
    let p = FourMomentum::new(5.0, 3.0, 0.0, 4.0);
    // The third set, empty, takes in the first, which is empty, too, and that is enough.
    let sets = ParticleSets::from_events([vec![], vec![p, p], vec![], vec![], vec![p]]).unwrap();
    let events = Weighted::new(sets, vec![2.0, 1.0, -1.0, 5.0, -0.5]).unwrap();
    let after = CellResampling::new().resample(&events, &Multiplicity).unwrap();
    // Then the set of one particle, as far (1, 3) from that of two as from none: the first index wins.
    let third = 1.0 / 3.0;
    let rest = 2.0 * third - 0.5;
    let size = 2.0 * third + 0.5;
    let expected = [2.0 * third * (rest / size), 1.0, third, 5.0, 0.5 * (rest / size)];
    for (got, expected) in after.events.weights().iter().zip(expected) {
        assert!((got - expected).abs() < 1e-15, "{:?}", after.events.weights());
    }
    assert!(std::ptr::eq(after.events.events(), events.events()));
}

#[test]
fn scales_of_a_table_are_its_standard_deviations() {
    let table =
        Table::from_shape_vec((4, 3), vec![1., 7., 1e300, 3., 7., 3e300, 1., 7., 1e300, 3., 7., 3e300])
            .unwrap();
    let scales = Euclid::standardised(&table).unwrap().scales().to_vec();
    assert_eq!(scales[..2], [1.0, 1.0]);
    assert!((scales[2] / 1e300 - 1.0).abs() < 1e-14, "{scales:?}");
    // A change of units changes no cell.
    let events = toy(2000, 21);
    let millions = Weighted::new(events.events().mapv(|x| 1e6 * x - 3e5), events.weights().to_vec()).unwrap();
    let resample = |events: &Weighted<Table>| {
        let metric = Euclid::standardised(events.events()).unwrap();
        CellResampling::new().resample_table(events, &metric).unwrap().events.weights().to_vec()
    };
    let differs =
        resample(&events).iter().zip(resample(&millions)).filter(|(a, b)| (**a - b).abs() > 1e-12).count();
    assert_eq!(differs, 0);
    let nan = Table::from_shape_vec((2, 2), vec![0.0, 1.0, 2.0, f64::NAN]).unwrap();
    let error = Euclid::standardised(&nan).unwrap_err().to_string();
    assert!(error.contains("column 1") && error.contains("event 1"), "{error}");
    assert!(Euclid::standardised(&Table::zeros((0, 2))).is_err());
}

#[test]
fn sums_of_squared_weights_are_the_error_of_neural_resampling_but_not_of_cells() {
    const TOYS: u64 = 300;
    // The variance of a bin's sum over toys against the mean sum of w^2 that the resampled events have, all bins together.
    let (mut neural, mut cells) = ([0.0; 2], [0.0; 3]);
    for seed in 0..TOYS {
        let events = toy(1000, 1000 + seed);
        let x = events.events().column(0).to_vec();
        let (means, squares): (Vec<f64>, Vec<f64>) = x.iter().map(|&x| (mean(x), mean_square(x))).unzip();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let drawn = binned(&resample_by_moments(&events, &means, &squares, rng).unwrap().events);
        let metric = Euclid::standardised(events.events()).unwrap();
        let celled = binned(&CellResampling::new().resample_table(&events, &metric).unwrap().events);
        let original = binned(&events);
        for bin in 0..BINS {
            // W = 1 - x/2 in bins a tenth wide, whose middle it is exact at: 1000 events of a tenth each.
            let expected = 100.0 * mean((bin as f64 + 0.5) / BINS as f64);
            neural[0] += (drawn.sum_weights()[bin] - expected).powi(2);
            neural[1] += drawn.sum_squared_weights()[bin];
            cells[0] += (celled.sum_weights()[bin] - expected).powi(2);
            cells[1] += celled.sum_squared_weights()[bin];
            cells[2] += original.sum_squared_weights()[bin];
        }
    }
    let (of_neural, of_cells, of_original) =
        (neural[0] / neural[1], cells[0] / cells[1], cells[0] / cells[2]);
    println!(
        "variance over sum of w^2: neural {of_neural:.3}, cells {of_cells:.3}, original's {of_original:.3}"
    );
    // The variance of n toys is known to sqrt(2/n) of itself; binomial bins (a fixed number of events) have W^2/V = 0.3 of a
    // tenth less. 4 sigma.
    let error = 4.0 * (2.0 / (TOYS as f64 * BINS as f64)).sqrt();
    assert!((of_neural - 1.0).abs() < error + 0.03, "{of_neural}");
    assert!((of_original - 1.0).abs() < error + 0.03, "{of_original}");
    assert!(of_cells > 1.5, "{of_cells}");
}

proptest! {
    #[test]
    fn the_tree_finds_the_same_cells_as_comparing_all(
        points in prop::collection::vec((0..6, 0..6, -1.0..2.0), 1..120),
        radius in 0.5..8.0,
    ) {
        // Points of a coarse grid: many are equally near, which the index decides.
        let values = points.iter().flat_map(|p| [f64::from(p.0), f64::from(p.1)]).collect();
        let table = Table::from_shape_vec((points.len(), 2), values).unwrap();
        let events = Weighted::new(table, points.iter().map(|p| p.2).collect()).unwrap();
        let metric = Euclid::new(vec![0.7, 1.3]).unwrap();
        for resampling in [CellResampling::new(), CellResampling::new().max_radius(radius)] {
            let tree = resampling.resample_table(&events, &metric).unwrap();
            let all = resampling.resample(&events, &metric).unwrap();
            prop_assert_eq!(tree.events.weights(), all.events.weights());
            prop_assert_eq!(&tree.report, &all.report);
            let size: f64 = events.weights().iter().map(|w| w.abs()).sum();
            prop_assert!((tree.events.sum_weights() - events.sum_weights()).abs() < 1e-13 * size * 10.0);
            for (before, after) in events.weights().iter().zip(tree.events.weights()) {
                prop_assert!(*after >= 0.0 || before == after, "{} {}", before, after);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let events = toy(1000, 5);
    let (means, squares) = (vec![0.75; 1000], vec![1.875; 1000]);
    let run = |seed| {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        resample_by_moments(&events, &means, &squares, rng).unwrap().events.events().clone()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn bad_input() {
    let euclid = Euclid::new(vec![1.0]).unwrap();
    let table = |values: &[f64]| Table::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
    let empty: Weighted<Table> = Weighted::unit(Table::zeros((0, 1)));
    let two = Weighted::new(table(&[0.0, 1.0]), vec![1.0, -0.5]).unwrap();
    let cells = CellResampling::new();
    assert!(cells.resample_table(&empty, &euclid).is_err());
    assert!(cells.resample(&empty, &euclid).is_err());
    assert!(cells.max_radius(0.0).resample(&two, &euclid).is_err());
    assert!(cells.max_radius(f64::NAN).resample(&two, &euclid).is_err());
    assert!(Euclid::new(vec![1.0, 0.0]).unwrap_err().to_string().contains("column 1"));
    assert!(cells.resample_table(&two, &Euclid::new(vec![1.0; 2]).unwrap()).is_err());
    let nan = Weighted::new(table(&[0.0, f64::NAN]), vec![-1.0, 2.0]).unwrap();
    let error = cells.resample_table(&nan, &euclid).unwrap_err().to_string();
    assert!(error.contains("column 0") && error.contains("event 1"), "{error}");
    let error = cells.resample(&nan, &euclid).unwrap_err().to_string();
    assert!(error.contains("event 1"), "{error}");
    let error = cells.resample(&nan, &Taxi).unwrap_err().to_string();
    assert!(error.contains("event 1") && error.contains("from event 0"), "{error}");
    let far = Weighted::new(table(&[-1e300, 1e300]), vec![-1.0, 2.0]).unwrap();
    assert!(cells.resample_table(&far, &euclid).is_err() && cells.resample(&far, &euclid).is_err());
    let overflow = Weighted::new(table(&[0.0, 1.0]), vec![-f64::MAX, f64::MAX]).unwrap();
    assert!(cells.resample_table(&overflow, &euclid).is_err());
    // A weight of 1e12 beside its like is no trouble; beside small ones the cell is left.
    let heavy = Weighted::new(table(&[0.0, 1.0, 2.0]), vec![-1e12, 1.0, 2e12]).unwrap();
    let after = cells.resample_table(&heavy, &euclid).unwrap();
    assert!((after.events.sum_weights() - heavy.sum_weights()).abs() < 1e-3);

    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut moments = |means: &[f64], squares: &[f64]| {
        resample_by_moments(&two, means, squares, rng).map_err(|error| error.to_string())
    };
    assert!(moments(&[1.0], &[1.0, 1.0]).is_err() && moments(&[1.0, 1.0], &[1.0]).is_err());
    assert!(moments(&[1.0, f64::NAN], &[1.0, 1.0]).unwrap_err().contains("event 1"));
    assert!(moments(&[1.0, 1.0], &[1.0, -1.0]).unwrap_err().contains("event 1"));
    assert!(moments(&[0.0, 0.0], &[1.0, 1.0]).unwrap_err().contains("empty"));
    // V < W^2 cannot be: kept with W and counted; V = 0, too.
    let kept = moments(&[2.0, -3.0], &[1.0, 0.0]).unwrap();
    assert_eq!(kept.events.weights(), [2.0, -3.0]);
    assert_eq!(value(&kept.report, "events with V < W^2"), 2.0);
    assert_eq!(kept.report.warnings.len(), 2);

    let resampling = NeuralResampling::new(InBins, InBins);
    assert!(resampling.fit(&empty, rng, &mut ()).is_err());
    let negative = two.reweighted(vec![-1.0, 0.5]).unwrap();
    assert!(resampling.fit(&negative, rng, &mut ()).is_err());
    // Bins without events have an infinite ratio: named.
    let error = NeuralResampling::new(Overflowing, Overflowing).fit(&two, rng, &mut ()).unwrap();
    assert!(error.model.resample(&two, rng).unwrap_err().to_string().contains("event 0"));
}

#[test]
fn units_of_weights_do_not_matter() {
    let events = toy(2000, 3);
    let run = |unit: f64| {
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        let scaled = events.reweighted(events.weights().iter().map(|w| w * unit).collect()).unwrap();
        let model = NeuralResampling::new(InBins, InBins).fit(&scaled, rng, &mut ()).unwrap().model;
        let resampled = model.resample(&scaled, rng).unwrap();
        let mut measures = resampled.report.measures.iter();
        assert!(measures.all(|(_, measure)| measure.value.is_finite()), "{:?}", resampled.report);
        (resampled.events, value(&resampled.report, "mean of K"), resampled.report.warnings)
    };
    let (expected, mean_of_k, _) = run(1.0);
    for unit in [1e-170, 1e170] {
        let (got, same, warnings) = run(unit);
        assert_eq!(got.events(), expected.events());
        // Ratios of histograms of weights: some tens of roundings.
        assert!((same / mean_of_k - 1.0).abs() < 1e-12, "{same} {mean_of_k}");
        for (got, expected) in got.weights().iter().zip(expected.weights()) {
            assert!((got / unit / expected - 1.0).abs() < 1e-12, "{got} {expected}");
        }
        assert!(warnings.iter().all(|warning| warning.contains("range of numbers")), "{warnings:?}");
    }
}

/// z too large for a ratio.
struct Overflowing;

impl RatioEstimator<Table> for Overflowing {
    type Model = Binned;

    fn fit(
        &self,
        _: &Weighted<Table>,
        _: &Weighted<Table>,
        _: &mut dyn Rng,
        _: &mut dyn Observer,
    ) -> Result<Fitted<Binned>, CoreError> {
        Ok(Fitted { model: Binned(vec![1e3; BINS + 1]), report: FitReport::new() })
    }
}
