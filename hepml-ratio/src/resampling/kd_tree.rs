//! A k-d tree: the rows of a table in the order of their Euclidean distance from one of them, without looking at all.

use std::collections::BinaryHeap;

use hepml_core::{Error as CoreError, EventSet, Item, Table};

use crate::error::Result;
use crate::resampling::euclid::Euclid;
use crate::resampling::nearest::{Candidate, Visit, bad_distance};

/// Leaves hold at most so many rows: below, comparing all of them is as fast as going on splitting.
const LEAF: usize = 16;

/// Rows in units of the scales, split at the median of the column in which a node is widest.
#[derive(Debug)]
pub(super) struct KdTree {
    columns: usize,
    /// By row of the table.
    points: Vec<f64>,
    /// The rows, those of a node side by side.
    order: Vec<usize>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// The smallest and the largest value in each column.
    low: Vec<f64>,
    high: Vec<f64>,
    /// Its rows in `order`.
    start: usize,
    end: usize,
    /// Its halves, where there are more rows than in a leaf.
    halves: Option<[usize; 2]>,
}

impl KdTree {
    pub(super) fn new(table: &Table, metric: &Euclid) -> Result<Self> {
        metric.check_columns(table.ncols())?;
        let columns = table.ncols();
        let mut points = Vec::with_capacity(table.len());
        for (row, values) in table.events().enumerate() {
            for (column, value) in metric.scaled(&values).enumerate() {
                if !value.is_finite() {
                    let what = format!("column {column}, in units of its scale,").into();
                    return Err(CoreError::NotFinite { what, item: Item::event(row), value }.into());
                }
                points.push(value);
            }
        }
        let order = (0..table.nrows()).collect();
        let mut tree = Self { columns, points, order, nodes: Vec::new() };
        if table.nrows() > 0 {
            tree.build(0, table.nrows());
        }
        Ok(tree)
    }

    fn point(&self, row: usize) -> &[f64] {
        &self.points[row * self.columns..(row + 1) * self.columns]
    }

    /// Adds the node of `order[start..end]` and those below it, and returns its index. The depth is log2 of the rows.
    fn build(&mut self, start: usize, end: usize) -> usize {
        let (mut low, mut high) = (vec![f64::INFINITY; self.columns], vec![f64::NEG_INFINITY; self.columns]);
        for &row in &self.order[start..end] {
            for (column, &x) in self.point(row).iter().enumerate() {
                low[column] = low[column].min(x);
                high[column] = high[column].max(x);
            }
        }
        // Halved, so that a width cannot overflow.
        let width = |column: &usize| 0.5 * high[*column] - 0.5 * low[*column];
        let widest = (0..self.columns).max_by(|a, b| width(a).total_cmp(&width(b)));
        let splits = widest.filter(|widest| end - start > LEAF && width(widest) > 0.0);
        let node = self.nodes.len();
        self.nodes.push(Node { low, high, start, end, halves: None });
        if let Some(column) = splits {
            let (points, columns) = (&self.points, self.columns);
            let key = |row: usize| points[row * columns + column];
            let middle = usize::midpoint(start, end);
            self.order[start..end].select_nth_unstable_by(middle - start, |&a, &b| key(a).total_cmp(&key(b)));
            let halves = [self.build(start, middle), self.build(middle, end)];
            self.nodes[node].halves = Some(halves);
        }
        node
    }

    /// Visits all other rows from the nearest to the farthest, of equally near ones the lowest first.
    pub(super) fn visit(&self, seed: usize, visit: &mut Visit<'_>) -> Result<()> {
        let from = self.point(seed);
        // The distances of a box and of its rows are computed by the same monotone steps, so that rounding cannot put a box
        // behind a row of its own.
        let to_row = |row: usize| {
            let squares: f64 = from.iter().zip(self.point(row)).map(|(a, b)| (a - b) * (a - b)).sum();
            Candidate { distance: squares.sqrt(), index: row }
        };
        let to_node = |index: usize| {
            let node = &self.nodes[index];
            let squares: f64 = from
                .iter()
                .zip(node.low.iter().zip(&node.high))
                .map(|(x, (low, high))| {
                    let outside = (low - x).max(x - high).max(0.0);
                    outside * outside
                })
                .sum();
            Candidate { distance: squares.sqrt(), index }
        };
        let mut rows: BinaryHeap<Candidate> = BinaryHeap::new();
        let mut nodes = BinaryHeap::from([to_node(0)]);
        loop {
            // A node that is as near as the nearest row may hold one of a lower index.
            let open = match (nodes.peek(), rows.peek()) {
                (Some(node), Some(row)) => node.distance <= row.distance,
                (node, _) => node.is_some(),
            };
            if open {
                let Node { start, end, halves, .. } = &self.nodes[nodes.pop().expect("one was seen").index];
                match halves {
                    Some(halves) => nodes.extend(halves.map(to_node)),
                    None => rows.extend(
                        self.order[*start..*end].iter().copied().filter(|&row| row != seed).map(to_row),
                    ),
                }
                continue;
            }
            let Some(Candidate { distance, index }) = rows.pop() else {
                return Ok(());
            };
            if !distance.is_finite() {
                return Err(bad_distance(seed, index, distance).into());
            }
            if visit(index, distance).is_break() {
                return Ok(());
            }
        }
    }
}
