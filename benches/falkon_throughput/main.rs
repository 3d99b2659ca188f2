//! How long kernel logistic regression takes: `cargo run --release -q -p hepml-benches --bin falkon_throughput -- FOLDER`.
//!
//! The problem comes from a folder of npy files, so that `peers/falkon_peer.py` can give the same to NumPy: `numerator` and
//! `denominator` [events, features]. What NumPy needs to solve the same problem is written there: `centres` [M, features],
//! standardised, and `coefficients` [M, 1].

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hepml::core::ndarray::Axis;
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{LogRatio, RatioEstimator, Table, Weighted};
use hepml::io::{read_npy, write_npy};
use hepml_benches::process::cpu_seconds;
use hepml_ratio::{FalkonConfig, KernelWidth};
use serde_json::{Map, Value, json};

/// Measures the processor time of a fit and of an evaluation of all events, and prints JSON with `fit` and `evaluation` (seconds) and what the
/// report of the fit says.
#[derive(Parser)]
struct Arguments {
    /// The folder with the npy files.
    folder: PathBuf,
    /// How many centres.
    #[arg(long, default_value_t = 1000)]
    centres: usize,
    /// The width of the kernel, in units of standardised features.
    #[arg(long, default_value_t = 0.3)]
    width: f64,
    /// The last penalty.
    #[arg(long, default_value_t = 1e-10)]
    lambda: f64,
    /// How many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Arguments {
    fn sample(&self, name: &str) -> Result<Weighted<Table>> {
        Ok(Weighted::unit(read_npy(self.folder.join(name).with_extension("npy"))?))
    }

    fn write(&self, name: &str, table: &Table) -> Result<()> {
        let file = File::create(self.folder.join(name).with_extension("npy"))?;
        Ok(write_npy(BufWriter::new(file), table)?)
    }

    fn run(&self) -> Result<Value> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let [numerator, denominator] = [self.sample("numerator")?, self.sample("denominator")?];
        let config = FalkonConfig::default()
            .centres(self.centres)
            .width(KernelWidth::Fixed(self.width))
            .lambda(self.lambda)
            .examination(0.0);
        let clock = || cpu_seconds().ok_or("this system does not tell the processor time");
        let start = clock()?;
        let fitted = config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ())?;
        let middle = clock()?;
        fitted.model.log_ratio(numerator.events())?;
        fitted.model.log_ratio(denominator.events())?;
        let end = clock()?;
        self.write("centres", &fitted.model.centres().to_owned())?;
        self.write("coefficients", &fitted.model.coefficients().to_owned().insert_axis(Axis(1)))?;
        let report = fitted.report;
        let measures: Map<_, _> =
            report.measures.into_iter().map(|(name, measure)| (name, measure.value.into())).collect();
        let curves: Map<_, _> = report.curves.into_iter().map(|(name, curve)| (name, curve.into())).collect();
        Ok(json!({
            "fit": middle - start,
            "evaluation": end - middle,
            "measures": measures,
            "curves": curves,
            "warnings": report.warnings,
        }))
    }
}

fn main() -> ExitCode {
    hepml_examples::exit_with(Arguments::parse().run().map(|value| format!("{value:#}\n")))
}
