//! The fit of boosted trees.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{
    Error as CoreError, FitReport, Fitted, Observer, Progress, RatioEstimator, Streams, Table, Weighted,
};

use super::binned::{Binned, WIDTH, choose};
use super::config::TreesConfig;
use super::gradients::Gradients;
use super::grower::Grower;
use super::histogram::Group;
use super::model::TreesRatio;
use super::parallel;
use super::sample::Sample;
use super::tree::Tree;
use crate::error::Result;
use crate::loss::CLIP;
use crate::split::split_alike;
use crate::standardisation::warn_of_constant_columns;
use crate::training_tables::TrainingTables;

/// The step of a tree of one leaf that ends boosting: rounding of a z of order 1.
const NO_STEP: f64 = f64::EPSILON;

/// The memory that the histograms of a tree may take: 8 GiB.
const MOST_BYTES: f64 = 8_589_934_592.0;

/// The streams of randomness of a fit.
const BINS: u64 = 0;
const SPLIT: u64 = 1;
const TREES: u64 = 2;

impl RatioEstimator<Table> for TreesConfig {
    type Model = TreesRatio;

    /// # Errors
    /// A configuration out of range; a side without events (or none left to learn or validate on), of 2^31 or more, or whose
    /// sum of weights is not positive; tables of different columns; a feature that is not finite, naming side, event and column.
    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<TreesRatio>> {
        Ok(self.fit_sides([numerator, denominator], rng, observer)?)
    }
}

/// The trees so far and what they give.
struct Boosted {
    trees: Vec<Tree>,
    /// The gain of each feature up to each tree.
    gains: Vec<Vec<f64>>,
    /// How many training events the loss clips after each tree.
    clipped: Vec<usize>,
}

impl TreesConfig {
    fn fit_sides(
        &self,
        sides: [&Weighted<Table>; 2],
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<TreesRatio>> {
        self.check()?;
        for (side, name) in sides.into_iter().zip(["numerator", "denominator"]) {
            if u32::try_from(2 * side.len()).is_err() {
                let what = format!("number of events of the {name}");
                return Err(CoreError::out_of_range(what, side.len() as f64, "below 2^31").into());
            }
        }
        let mut report = FitReport::new();
        let training = TrainingTables::new(sides, self.examination, rng, &mut report)?;
        warn_of_constant_columns(&training.sides, &mut report);
        let streams = Streams::from_rng(rng);
        let (train, held_out) = self.samples(training.sides.each_ref(), streams)?;
        self.check_memory(&train)?;
        let model = self.boost(&train, held_out.as_ref(), streams, observer, &mut report);
        training.examine(&model, self.loss, rng, &mut report)?;
        Ok(Fitted { model: model.with_summary(&report), report })
    }

    /// Checks that the histograms of all leaves of a tree fit into memory.
    fn check_memory(&self, train: &Sample) -> Result<()> {
        // A leaf has an event.
        let leaves = self.max_leaves.min(train.len());
        let bytes = size_of::<Group>() as f64 * train.table.ncols().div_ceil(WIDTH) as f64 * leaves as f64;
        if bytes > MOST_BYTES {
            let what = "bytes of the histograms of all leaves of a tree";
            return Err(CoreError::out_of_range(what, bytes, "at most 2^33, by fewer leaves").into());
        }
        Ok(())
    }

    /// The events to train on, and those by whose loss the fit ends.
    fn samples(&self, sides: [&Weighted<Table>; 2], streams: Streams) -> Result<(Sample, Option<Sample>)> {
        if self.validation_share == 0.0 {
            return Ok((Sample::new("training", sides)?, None));
        }
        let [held_out, train] = split_alike(sides, self.validation_share, &mut streams.stream(SPLIT))?;
        let held_out = Sample::new("validation", held_out.sides.each_ref())?;
        let train = Sample::new("training", train.sides.each_ref())?;
        Ok((train, Some(held_out)))
    }

    fn boost(
        &self,
        train: &Sample,
        held_out: Option<&Sample>,
        streams: Streams,
        observer: &mut dyn Observer,
        report: &mut FitReport,
    ) -> TreesRatio {
        let binned = Binned::new(train, self.max_bins, Streams::new(streams.stream(BINS).random()));
        let seeds = Streams::new(streams.stream(TREES).random());
        let features = binned.cuts.len();
        let mut grower = Grower::new(self, &binned);
        let mut boosted = Boosted { trees: Vec::new(), gains: Vec::new(), clipped: Vec::new() };

        let mut z = vec![0.0; train.len()];
        let mut z_held_out = vec![0.0; held_out.map_or(0, Sample::len)];
        let mut derivatives = vec![[0.0; 2]; train.len()];
        let mut values = Vec::new();
        let mut rows: Vec<u32> = Vec::with_capacity(train.len());
        let (mut train_curve, mut held_out_curve) = (Vec::new(), Vec::new());
        // The trees with the lowest held-out loss, and that loss; without trees it is that of z = 0.
        let mut best = held_out.map(|sample| (0, sample.loss(self.loss, &z_held_out)));
        let random = self.event_share < 1.0 || self.feature_share < 1.0;

        train.evaluate(self.loss, &z, &mut derivatives);
        for step in 0..self.trees {
            let gradients = Gradients::new(&derivatives, values);
            let tree_streams = Streams::new(seeds.stream(step as u64).random());
            let all = self.event_share == 1.0;
            self.choose_events(train, tree_streams, &mut rows);
            let used = self.choose_features(features, tree_streams);
            let tree = grower.grow(&gradients, &mut rows, all, &used, &mut z);
            values = gradients.values;
            if tree.nodes.len() == 1 && !random && tree.nodes[0].number.abs() <= NO_STEP {
                // Nothing is left to gain, and the next tree would find the same.
                break;
            }
            if !all {
                add_to_others(&tree, train, &mut rows, &mut z);
            }
            let (train_loss, clipped) = train.evaluate(self.loss, &z, &mut derivatives);
            train_curve.push(train_loss);
            let mut measures = vec![("loss/train", train_loss)];
            if let (Some(sample), Some((best_trees, lowest))) = (held_out, &mut best) {
                add(&tree, sample, &mut z_held_out);
                let loss = sample.loss(self.loss, &z_held_out);
                held_out_curve.push(loss);
                measures.push(("loss/validation", loss));
                if loss < *lowest {
                    (*best_trees, *lowest) = (step + 1, loss);
                }
            }
            boosted.trees.push(tree);
            boosted.clipped.push(clipped);
            boosted.gains.push(grower.counts.gains.clone());
            let progress = Progress {
                stage: "boosting",
                step: step as u64 + 1,
                total: Some(self.trees as u64),
                measures: &measures,
            };
            if observer.step(&progress).is_break() {
                report.stopped = true;
                break;
            }
            if best.is_some_and(|(trees, _)| step + 1 - trees >= self.patience) {
                break;
            }
        }

        let grown = boosted.trees.len();
        let kept = best.map_or(grown, |(trees, _)| trees);
        let gains = if kept == 0 { vec![0.0; features] } else { boosted.gains.swap_remove(kept - 1) };
        boosted.trees.truncate(kept);
        report.curve("loss/train", train_curve);
        if held_out.is_some() {
            report.curve("loss/validation", held_out_curve);
        }
        self.describe(report, train, &grower, kept, grown);
        let model = TreesRatio::new(features, boosted.trees, gains);
        let clipped = if kept == 0 { 0 } else { boosted.clipped[kept - 1] };
        report.measure("clipped losses", clipped as f64, None);
        if clipped > 0 {
            report.warn(format!("the losses of {clipped} training events are clipped, at |ln r| > {CLIP}"));
        }
        model
    }

    /// Numbers and warnings about the fit.
    fn describe(
        &self,
        report: &mut FitReport,
        train: &Sample,
        grower: &Grower<'_>,
        kept: usize,
        grown: usize,
    ) {
        let counts = &grower.counts;
        report.measure("trees", kept as f64, None);
        report.measure("trees grown", grown as f64, None);
        report.measure("effective sample size/training numerator", train.effective[0], None);
        report.measure("effective sample size/training denominator", train.effective[1], None);
        report.measure("leaves clipped", counts.clipped as f64, None);
        report.measure("splits refused", counts.refused as f64, None);
        if kept == 0 {
            report.warn("no tree lowers the loss: the ratio is 1 everywhere");
        } else if self.validation_share > 0.0 && !report.stopped && kept == self.trees {
            report.warn(format!("the held-out loss was still falling at the last of {kept} trees"));
        }
        if counts.clipped > 0 {
            report.warn(format!(
                "{} of {} leaves were clipped to steps of {}",
                counts.clipped, counts.leaves, self.max_step
            ));
        }
        let negative = train.weights.iter().any(|weight| *weight < 0.0);
        if counts.refused > 0 && negative {
            report.warn(format!(
                "{} candidate splits were refused because the curvature of a child is not positive",
                counts.refused
            ));
        }
    }

    /// The events of a tree, rising.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "fewer than 2^32 events")]
    fn choose_events(&self, train: &Sample, streams: Streams, rows: &mut Vec<u32>) {
        rows.clear();
        for (start, end) in [(0, train.numerator), (train.numerator, train.len())] {
            let count = (self.event_share * (end - start) as f64).round().max(1.0) as usize;
            rows.extend(choose(start, end, count, streams).into_iter().map(|event| event as u32));
        }
    }

    /// Which features a tree may look at.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the number of features"
    )]
    fn choose_features(&self, features: usize, streams: Streams) -> Vec<bool> {
        let count = (self.feature_share * features as f64).round().max(1.0) as usize;
        let mut used = vec![false; features];
        for feature in choose(0, features, count, Streams::new(streams.stream(1).random())) {
            used[feature] = true;
        }
        used
    }
}

/// Adds a tree to the `z` of all events of a sample.
fn add(tree: &Tree, sample: &Sample, z: &mut [f64]) {
    let width = sample.table.ncols();
    let table = sample.table.as_slice().expect("a table put together is contiguous");
    let items = z.chunks_mut(4096).zip(table.chunks(4096 * width)).collect();
    parallel::map(items, true, |(z, rows): (&mut [f64], &[f64])| {
        for (z, row) in z.iter_mut().zip(rows.chunks_exact(width)) {
            *z += tree.value(row);
        }
    });
}

/// Adds a tree to the `z` of the events that are not in `rows`, which are sorted anew.
fn add_to_others(tree: &Tree, sample: &Sample, rows: &mut [u32], z: &mut [f64]) {
    rows.sort_unstable();
    let width = sample.table.ncols();
    let table = sample.table.as_slice().expect("a table put together is contiguous");
    let mut used = rows.iter().map(|row| *row as usize).peekable();
    for (event, (z, row)) in z.iter_mut().zip(table.chunks_exact(width)).enumerate() {
        if used.next_if_eq(&event).is_none() {
            *z += tree.value(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_both_samples_are_held_out_of_both() {
        // Each event is its own number; one sample has the first events of the other.
        let side = |count| Weighted::unit(Table::from_shape_fn((count, 1), |(i, _)| i as f64));
        let (few, many) = (side(50), side(80));
        for sides in [[&few, &many], [&many, &few]] {
            let (train, held_out) = TreesConfig::new().samples(sides, Streams::new(1)).unwrap();
            assert_eq!(held_out.map(|sample| sample.len()), Some(10 + 16));
            for event in 0..50 {
                let learned = train.table.iter().filter(|x| **x == f64::from(event)).count();
                assert!(learned == 0 || learned == 2, "{event}");
            }
        }
    }
}
