//! Grows trees, the leaf with the largest gain first.

use super::binned::{Binned, WIDTH};
use super::config::TreesConfig;
use super::gradients::{Gradients, Pair};
use super::histogram::{EMPTY, Group, Rule, Split, accumulate, best_split, subtract};
use super::parallel;
use super::tree::{Node, Tree};

/// The adds below which threads do not pay.
const PARALLEL_ADDS: usize = 1 << 15;

/// What has been counted over all trees.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Leaves whose step was clipped.
    pub(super) clipped: u64,
    /// Leaves.
    pub(super) leaves: u64,
    /// Candidate splits with a child whose curvature is not positive.
    pub(super) refused: u64,
    /// The gain of each feature's splits.
    pub(super) gains: Vec<f64>,
}

/// Grows trees on one binned sample; keeps memory from tree to tree.
pub(super) struct Grower<'a> {
    config: &'a TreesConfig,
    binned: &'a Binned,
    /// The right rows of a node while it is parted.
    scratch: Vec<u32>,
    /// The derivatives of a node's rows in their order.
    gathered: Vec<Pair>,
    /// Histograms that are not in use.
    pool: Vec<Vec<Group>>,
    pub(super) counts: Counts,
}

/// A leaf while the tree grows.
struct Leaf {
    node: usize,
    start: usize,
    end: usize,
    depth: usize,
    sums: Pair,
    histograms: Vec<Group>,
    split: Option<Split>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(config: &'a TreesConfig, binned: &'a Binned) -> Self {
        let counts = Counts { gains: vec![0.0; binned.cuts.len()], ..Counts::default() };
        Self { config, binned, scratch: Vec::new(), gathered: Vec::new(), pool: Vec::new(), counts }
    }

    /// Grows a tree on the events `rows` (rising; `all` says that they are all there are) with the features `used`, and adds its
    /// leaves to their `z`.
    ///
    /// The tree may be a single leaf.
    pub(super) fn grow(
        &mut self,
        gradients: &Gradients,
        rows: &mut [u32],
        all: bool,
        used: &[bool],
        z: &mut [f64],
    ) -> Tree {
        let config = self.config;
        let rule = Rule::new(config.lambda, config.min_gain, config.min_child_weight, gradients);
        let mut tree = Tree { nodes: vec![Node::leaf(0.0)] };
        let mut leaves = vec![self.root(gradients, rows, all, used, rule)];
        while leaves.len() < config.max_leaves {
            let mut best: Option<(usize, Split)> = None;
            for (index, leaf) in leaves.iter().enumerate() {
                if let Some(split) = leaf.split
                    && best.is_none_or(|(_, best)| split.gain > best.gain)
                {
                    best = Some((index, split));
                }
            }
            let Some((index, split)) = best else { break };
            self.counts.gains[split.feature] += split.gain;
            let leaf = leaves.swap_remove(index);
            let first_child = tree.nodes.len();
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^21 nodes; features were counted")]
            let node = Node {
                number: self.binned.cuts[split.feature][usize::from(split.bin)],
                feature: split.feature as u32,
                left: first_child as u32,
            };
            tree.nodes[leaf.node] = node;
            tree.nodes.extend([Node::leaf(0.0); 2]);
            // The last split's children stay leaves.
            let search = leaves.len() + 2 < config.max_leaves;
            leaves.extend(self.split(leaf, split, first_child, rows, gradients, used, rule, search));
        }
        for leaf in leaves {
            let value = self.leaf_value(gradients.numbers(leaf.sums));
            tree.nodes[leaf.node].number = value;
            for row in &rows[leaf.start..leaf.end] {
                z[*row as usize] += value;
            }
            self.recycle(leaf.histograms);
        }
        tree
    }

    /// The step of a leaf, clipped and times the learning rate.
    fn leaf_value(&mut self, [slope, curvature]: [f64; 2]) -> f64 {
        let config = self.config;
        self.counts.leaves += 1;
        // Only a root can fail this: children were refused.
        let step = if curvature > 0.0 { -slope / (curvature + config.lambda) } else { 0.0 };
        if step.abs() > config.max_step {
            self.counts.clipped += 1;
        }
        config.learning_rate * step.clamp(-config.max_step, config.max_step)
    }

    fn root(&mut self, gradients: &Gradients, rows: &[u32], all: bool, used: &[bool], rule: Rule) -> Leaf {
        if !all {
            gather(&mut self.gathered, &gradients.values, rows);
        }
        let (rows, values) = if all { (None, &gradients.values) } else { (Some(rows), &self.gathered) };
        let sums = values.iter().fold([0, 0], |sum, pair| [sum[0] + pair[0], sum[1] + pair[1]]);
        let mut histograms = self.pool.pop().unwrap_or_else(|| vec![EMPTY; self.binned.groups.len()]);
        let worthwhile = values.len() * self.binned.cuts.len() > PARALLEL_ADDS;
        let found =
            parallel::map(histograms.iter_mut().enumerate().collect(), worthwhile, |(group, histogram)| {
                if !group_used(group, used) {
                    return (None, 0);
                }
                *histogram = EMPTY;
                accumulate(histogram, self.width(group), &self.binned.groups[group], rows, values);
                self.best_in_group(group, histogram, sums, used, rule, gradients)
            });
        let (split, refused) = best_of(found);
        self.counts.refused += refused;
        Leaf { node: 0, start: 0, end: values.len(), depth: 0, sums, histograms, split }
    }

    /// Parts a leaf; searches the children unless they must stay leaves.
    #[expect(clippy::too_many_arguments, reason = "what one tree shares")]
    fn split(
        &mut self,
        leaf: Leaf,
        split: Split,
        first_child: usize,
        rows: &mut [u32],
        gradients: &Gradients,
        used: &[bool],
        rule: Rule,
        search: bool,
    ) -> [Leaf; 2] {
        let bins = &self.binned.groups[split.feature / WIDTH];
        let column = split.feature % WIDTH;
        let part = &mut rows[leaf.start..leaf.end];
        let left_count = partition(part, &mut self.scratch, |row| bins[row as usize][column] <= split.bin);
        let middle = leaf.start + left_count;
        let sums = [split.left, [leaf.sums[0] - split.left[0], leaf.sums[1] - split.left[1]]];
        let depth = leaf.depth + 1;
        let child = |index: usize| Leaf {
            node: first_child + index,
            start: [leaf.start, middle][index],
            end: [middle, leaf.end][index],
            depth,
            sums: sums[index],
            histograms: Vec::new(),
            split: None,
        };
        let mut children = [child(0), child(1)];
        let mut large = leaf.histograms;
        if !search || self.config.max_depth.is_some_and(|most| depth >= most) {
            self.recycle(large);
            return children;
        }

        let smaller = usize::from(middle - leaf.start > leaf.end - middle);
        let small_rows = &rows[children[smaller].start..children[smaller].end];
        gather(&mut self.gathered, &gradients.values, small_rows);
        let mut small = self.pool.pop().unwrap_or_else(|| vec![EMPTY; self.binned.groups.len()]);
        let worthwhile = (small_rows.len() + 512) * self.binned.cuts.len() > PARALLEL_ADDS;
        let items = small.iter_mut().zip(&mut large).enumerate().collect();
        let found = parallel::map(items, worthwhile, |(group, (small, large))| {
            if !group_used(group, used) {
                return [(None, 0); 2];
            }
            *small = EMPTY;
            let bins = &self.binned.groups[group];
            accumulate(small, self.width(group), bins, Some(small_rows), &self.gathered);
            subtract(large, small);
            [(small, sums[smaller]), (large, sums[1 - smaller])]
                .map(|(histogram, sums)| self.best_in_group(group, histogram, sums, used, rule, gradients))
        });
        for (child, which) in [(smaller, 0), (1 - smaller, 1)] {
            let (split, refused) = best_of(found.iter().map(|pair| pair[which]));
            children[child].split = split;
            self.counts.refused += refused;
        }
        children[smaller].histograms = small;
        children[1 - smaller].histograms = large;
        children
    }

    fn best_in_group(
        &self,
        group: usize,
        histogram: &Group,
        sums: Pair,
        used: &[bool],
        rule: Rule,
        gradients: &Gradients,
    ) -> (Option<Split>, u64) {
        let features = (group * WIDTH..).zip(histogram).take(self.width(group));
        best_of(features.filter(|(feature, _)| used[*feature]).map(|(feature, cells)| {
            let bins = self.binned.cuts[feature].len() + 1;
            best_split(cells, bins, feature, sums, rule, gradients)
        }))
    }

    /// The number of features of a group.
    fn width(&self, group: usize) -> usize {
        WIDTH.min(self.binned.cuts.len() - group * WIDTH)
    }

    fn recycle(&mut self, histograms: Vec<Group>) {
        if !histograms.is_empty() {
            self.pool.push(histograms);
        }
    }
}

fn group_used(group: usize, used: &[bool]) -> bool {
    used.iter().skip(group * WIDTH).take(WIDTH).any(|used| *used)
}

/// The first of the largest gains, and the sum of the counts.
fn best_of(found: impl IntoIterator<Item = (Option<Split>, u64)>) -> (Option<Split>, u64) {
    found.into_iter().fold((None, 0), |(best, count): (Option<Split>, u64), (split, more)| {
        let better = match (best, split) {
            (Some(best), Some(split)) if split.gain <= best.gain => Some(best),
            (best, None) => best,
            (_, split) => split,
        };
        (better, count + more)
    })
}

fn gather(gathered: &mut Vec<Pair>, values: &[Pair], rows: &[u32]) {
    gathered.clear();
    gathered.extend(rows.iter().map(|row| values[*row as usize]));
}

/// Moves the rows that go left to the front, keeping the order on both sides; returns how many.
fn partition(rows: &mut [u32], scratch: &mut Vec<u32>, goes_left: impl Fn(u32) -> bool) -> usize {
    if scratch.len() < rows.len() {
        scratch.resize(rows.len(), 0);
    }
    let (mut left, mut right) = (0, 0);
    for index in 0..rows.len() {
        // Both are written and one counts: no branch that cannot be foreseen.
        let row = rows[index];
        let is_left = usize::from(goes_left(row));
        rows[left] = row;
        scratch[right] = row;
        left += is_left;
        right += 1 - is_left;
    }
    rows[left..].copy_from_slice(&scratch[..right]);
    left
}
