//! A fitted sum of trees.

use std::io::{Read, Write};

use hepml_core::ndarray::{Array1, ArrayRef2, Axis};
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, FitReport, Load, LogRatio, ModelFile, Save, Table, Tensor, check_finite,
};
use hepml_nn::FitSummary;

use super::parallel;
use super::tree::{Node, Tree};

/// The kind in a model file.
const KIND: &str = "hepml-ratio/trees";
/// Version 1 had no summary of the fit.
const VERSION: u32 = 2;
/// The events that go through all trees together, so that their z and features stay near.
const CHUNK: usize = 1024;

/// The logarithm of a likelihood ratio as a sum of trees.
#[derive(Debug, Clone, PartialEq)]
pub struct TreesRatio {
    features: usize,
    trees: Vec<Tree>,
    gains: Vec<f64>,
    summary: FitSummary,
}

#[derive(Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct Header {
    features: usize,
    #[serde(default)]
    fit: FitSummary,
}

impl TreesRatio {
    pub(super) fn new(features: usize, trees: Vec<Tree>, gains: Vec<f64>) -> Self {
        Self { features, trees, gains, summary: FitSummary::default() }
    }

    pub(super) fn with_summary(mut self, report: &FitReport) -> Self {
        self.summary = report.into();
        self
    }

    /// The number of features of an event.
    pub const fn feature_count(&self) -> usize {
        self.features
    }

    /// The number of trees.
    pub const fn tree_count(&self) -> usize {
        self.trees.len()
    }

    /// The number of leaves of all trees.
    pub fn leaf_count(&self) -> usize {
        self.trees.iter().flat_map(|tree| &tree.nodes).filter(|node| node.left == 0).count()
    }

    /// How much the splits by each feature have lowered the loss of the fit (second order, before the learning rate), as a
    /// share of all: sums to 1 unless there are no splits, then 0.
    pub fn importances(&self) -> Array1<f64> {
        let total: f64 = self.gains.iter().sum();
        self.gains.iter().map(|gain| if total > 0.0 { gain / total } else { 0.0 }).collect()
    }

    /// What it remembers of its fit: nothing if it comes from a file of version 1.
    pub const fn summary(&self) -> &FitSummary {
        &self.summary
    }

    /// The sum of the trees for each row of a table that was checked.
    fn sum_rows(&self, table: &ArrayRef2<f64>) -> Vec<f64> {
        let mut z = vec![0.0; table.nrows()];
        let items = z.chunks_mut(CHUNK).zip(table.axis_chunks_iter(Axis(0), CHUNK)).collect();
        parallel::map(items, true, |(z, rows): (&mut [f64], _)| {
            let rows = rows.as_standard_layout();
            let rows = rows.as_slice().expect("standard layout");
            for tree in &self.trees {
                for (z, row) in z.iter_mut().zip(rows.chunks_exact(self.features)) {
                    *z += tree.value(row);
                }
            }
        });
        z
    }
}

impl LogRatio<Table> for TreesRatio {
    /// ln r of each row; a table without rows has none.
    ///
    /// # Errors
    /// Another number of columns; an entry that is not finite, naming event and column.
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        if events.ncols() != self.features {
            return Err(CoreError::shape("features of the events", self.features, events.ncols()));
        }
        check_finite("features", events)?;
        Ok(self.sum_rows(events).into())
    }
}

impl Save for TreesRatio {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let nodes = || self.trees.iter().flat_map(|tree| &tree.nodes);
        let integers = |numbers: Vec<i64>| Tensor::I64(Array1::from(numbers).into_dyn());
        let count = |tree: &Tree| i64::try_from(tree.nodes.len()).expect("trees have fewer than 2^22 nodes");
        let header = Header { features: self.features, fit: self.summary.clone() };
        let mut file = ModelFile::new(KIND, VERSION, &header)?;
        file.insert("nodes", integers(self.trees.iter().map(count).collect()))?;
        file.insert("feature", integers(nodes().map(|node| node.feature.into()).collect()))?;
        file.insert("left", integers(nodes().map(|node| node.left.into()).collect()))?;
        file.insert_f64("number", &nodes().map(|node| node.number).collect::<Array1<f64>>())?;
        file.insert_f64("gain", &Array1::from(self.gains.clone()))?;
        file.save(writer)
    }
}

impl Load for TreesRatio {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let Header { features, fit } = file.header()?;
        let broken = |what: String| CoreError::Model(format!("{KIND}: {what}"));
        let (counts, feature, left) =
            (file.i64("nodes")?, file.i64::<hepml_core::ndarray::Ix1>("feature")?, file.i64("left")?);
        let counts: Array1<i64> = counts;
        let left: Array1<i64> = left;
        let number: Array1<f64> = file.f64("number")?;
        let gains: Array1<f64> = file.f64("gain")?;
        if features == 0 || gains.len() != features {
            return Err(broken(format!("{} gains of {features} features", gains.len())));
        }
        if feature.len() != number.len() || left.len() != number.len() {
            return Err(broken("arrays of nodes differ in length".to_owned()));
        }
        let mut nodes = feature.iter().zip(&left).zip(&number);
        let mut trees = Vec::new();
        for (index, &count) in counts.iter().enumerate() {
            let count = usize::try_from(count).unwrap_or(0);
            if count == 0 || count > nodes.len() {
                return Err(broken(format!("tree {index} has {count} nodes, but {} are left", nodes.len())));
            }
            let mut tree = Tree { nodes: Vec::with_capacity(count) };
            for (position, ((&feature, &left), &number)) in nodes.by_ref().take(count).enumerate() {
                let node = (|| {
                    let (feature, left) = (u32::try_from(feature).ok()?, u32::try_from(left).ok()?);
                    let child = left as usize;
                    // Children lie behind their parent, so that every path ends.
                    let leaf = left == 0 && feature == 0;
                    let inner = child > position && child + 1 < count && (feature as usize) < features;
                    (leaf || inner).then_some(Node { number, feature, left })
                })();
                tree.nodes
                    .push(node.ok_or_else(|| broken(format!("tree {index}: node {position} is none")))?);
            }
            trees.push(tree);
        }
        if nodes.len() > 0 {
            return Err(broken(format!("{} nodes belong to no tree", nodes.len())));
        }
        Ok(Self { features, trees, gains: gains.to_vec(), summary: fit })
    }
}
