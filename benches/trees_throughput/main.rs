//! How long boosted trees take: `cargo run --release -q -p hepml-benches --bin trees_throughput -- FOLDER`.
//!
//! The problem comes from a folder of npy files, so that `peers/trees_peer.py` can give the same to others: `numerator`,
//! `denominator` and `test` [events, features].

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{LogRatio, RatioEstimator, Table, Weighted};
use hepml::io::read_npy;
use hepml_benches::process::cpu_seconds;
use hepml_ratio::TreesConfig;
use serde_json::json;

/// Measures the processor time of a fit and of an evaluation, and prints JSON with `fit` and `evaluation` (seconds), `leaves`
/// (of all trees) and `z` (of the test events).
#[derive(Parser)]
struct Arguments {
    /// The folder with the npy files.
    folder: PathBuf,
    /// How many trees.
    #[arg(long, default_value_t = 100)]
    trees: usize,
    /// The leaves of a tree.
    #[arg(long, default_value_t = 31)]
    leaves: usize,
    /// How many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Arguments {
    fn table(&self, name: &str) -> Result<Table> {
        Ok(read_npy(self.folder.join(name).with_extension("npy"))?)
    }

    fn run(&self) -> Result<serde_json::Value> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let numerator = Weighted::unit(self.table("numerator")?);
        let denominator = Weighted::unit(self.table("denominator")?);
        let test = self.table("test")?;
        // As HistGradientBoostingClassifier does unless told otherwise, but for its least number of events in a leaf.
        let config = TreesConfig::new()
            .trees(self.trees)
            .max_leaves(self.leaves)
            .learning_rate(0.1)
            .lambda(0.0)
            .min_child_weight(1e-3)
            .validation_share(0.0)
            .examination(0.0);
        let clock = || cpu_seconds().ok_or("this system does not tell the processor time");
        let start = clock()?;
        let fitted = config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ())?;
        let middle = clock()?;
        let z = fitted.model.log_ratio(&test)?;
        let end = clock()?;
        Ok(json!({
            "fit": middle - start,
            "evaluation": end - middle,
            "leaves": fitted.model.leaf_count(),
            "z": z.to_vec(),
        }))
    }
}

fn main() -> ExitCode {
    hepml_examples::exit_with(Arguments::parse().run().map(|value| format!("{value}\n")))
}
