//! An overconfident learner mended: `cargo run --release --example calibrate`.
//!
//! Boosted trees are left to grow far beyond what their few events support, so that their ln r is much too sure of itself.
//! Each calibration is fitted on events that the trees have not seen, and judged on yet others, where the exact ln r is known.

mod draw;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hepml::core::ndarray::{Array1, Array2};
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{LogRatio, RatioEstimator, Table, Weighted};
use hepml::ratio::toys::{Gaussian, Gaussians, Toy};
use hepml::ratio::{
    Calibration, CalibrationMap, HistogramCalibration, IsotonicCalibration, PlattCalibration, Reliability,
    TreesConfig,
};
use hepml_examples::Bar;
use serde_json::{Map, Value, json};

/// Calibrates overconfident trees by each method and draws the reliability curves.
#[derive(Parser)]
struct Arguments {
    /// How many events of each side the trees are trained on; as many calibrate them, and ten times as many judge.
    #[arg(short, long, default_value_t = 5000)]
    n: usize,
    /// How many trees.
    #[arg(long, default_value_t = 300)]
    trees: usize,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many threads; all of the machine's unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the picture goes.
    #[arg(long, default_value = "out/calibrate.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// The features.
const FEATURES: usize = 4;
/// Half the distance of the two Gaussians in each feature.
const SHIFT: f64 = 0.3;
/// The bins of a reliability curve.
const BINS: usize = 12;
/// The least number of events of a side.
const LEAST: usize = 200;
/// The most events of a side and the most trees: what fits into memory.
const MOST: usize = 1_000_000;
const MOST_TREES: usize = 100_000;

/// What a calibration made of the trees.
struct Calibrated {
    name: &'static str,
    label: &'static str,
    /// None for the trees as they are.
    map: Option<CalibrationMap>,
    reliability: Reliability,
    /// The mean |z - ln r| over the judging events of both sides.
    error: f64,
}

impl Calibrated {
    /// The mean distance of a reliability curve's points from the diagonal.
    fn off(&self) -> f64 {
        let points = &self.reliability.curve.points;
        points.iter().map(|point| (point.estimated - point.observed).abs()).sum::<f64>() / points.len() as f64
    }
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let Arguments { n, trees, seed, .. } = *arguments;
    if n < LEAST {
        return Err(format!("-n {n}: at least {LEAST} events of each side are needed").into());
    }
    if n > MOST {
        return Err(format!("-n {n}: at most {MOST} events of each side").into());
    }
    if trees == 0 {
        return Err("--trees 0: at least one is needed".into());
    }
    if trees > MOST_TREES {
        return Err(format!("--trees {trees}: at most {MOST_TREES}").into());
    }
    if arguments.threads == Some(0) {
        return Err("--threads 0: at least one is needed".into());
    }
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.unwrap_or(0)).build_global()?;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let gaussian = |shift: f64| Gaussian::new(&[shift; FEATURES], &Array2::eye(FEATURES));
    let toy = Gaussians::new(gaussian(SHIFT)?, gaussian(-SHIFT)?)?;
    let mut samples = |events: usize| [true, false].map(|side| toy.sample(side, events, rng));
    let (training, calibrating, judging) = (samples(n), samples(n), samples(10 * n));

    let mut bar = Bar::new(arguments.json);
    // Large trees in large steps, nothing stopped early: what makes them overconfident.
    let config = TreesConfig::new().trees(trees).max_leaves(31).learning_rate(0.1).min_child_weight(1.0);
    let config = config.validation_share(0.0).examination(0.0);
    let fitted = config.fit(&training[0], &training[1], rng, &mut bar)?;
    bar.finish();
    let model = &fitted.model;

    let judge = |model: &dyn LogRatio<Table>| -> Result<(Reliability, f64), Box<dyn Error>> {
        let [numerator, denominator] = &judging;
        let distance = |side: &Weighted<Table>| -> Result<f64, Box<dyn Error>> {
            let off: Array1<f64> = model.log_ratio(side.events())? - toy.log_ratio(side.events())?;
            Ok(off.mapv(f64::abs).mean().ok_or("no events")?)
        };
        let error = 0.5 * (distance(numerator)? + distance(denominator)?);
        Ok((Reliability::measure(model, numerator, denominator, BINS)?, error))
    };
    let (reliability, error) = judge(model)?;
    let mut found = vec![Calibrated { name: "none", label: "as trained", map: None, reliability, error }];
    let [numerator, denominator] = &calibrating;
    let calibrations = [
        ("isotonic", "isotonic", IsotonicCalibration::new().calibrate(model, numerator, denominator)?),
        ("histogram", "histogram", HistogramCalibration::new().calibrate(model, numerator, denominator)?),
        ("platt", "Platt", PlattCalibration::new().calibrate(model, numerator, denominator)?),
        (
            "temperature",
            "temperature",
            PlattCalibration::temperature().calibrate(model, numerator, denominator)?,
        ),
    ];
    for (name, label, fitted) in calibrations {
        let (reliability, error) = judge(&fitted.model)?;
        found.push(Calibrated { name, label, map: Some(fitted.model.map().clone()), reliability, error });
    }
    draw::figure(&arguments.output, &found)
        .map_err(|error| format!("{}: {error}", arguments.output.display()))?;
    Ok(if arguments.json { to_json(arguments, toy.kl(), &found) } else { table(arguments, toy.kl(), &found) })
}

fn to_json(arguments: &Arguments, kl: f64, found: &[Calibrated]) -> String {
    let methods: Map<String, Value> = found
        .iter()
        .map(|calibrated| {
            let Reliability { curve, cross_entropy, kl_bound } = &calibrated.reliability;
            let value = json!({
                "cross_entropy": cross_entropy,
                "kl_bound": kl_bound,
                "mean_abs_error_log_ratio": calibrated.error,
                "off_diagonal": calibrated.off(),
                "estimated": curve.points.iter().map(|point| point.estimated).collect::<Vec<f64>>(),
                "observed": curve.points.iter().map(|point| point.observed).collect::<Vec<f64>>(),
                "observed_error": curve.points.iter().map(|point| point.error).collect::<Vec<f64>>(),
            });
            (calibrated.name.to_owned(), value)
        })
        .collect();
    let Arguments { n, seed, trees, .. } = *arguments;
    format!("{}\n", json!({ "n": n, "trees": trees, "seed": seed, "kl_exact": kl, "methods": methods }))
}

fn table(arguments: &Arguments, kl: f64, found: &[Calibrated]) -> String {
    let mut lines = vec![format!(
        "{:12} {:>13} {:>10} {:>14} {:>18}",
        "", "cross-entropy", "KL bound", "|z - ln r|", "off the diagonal"
    )];
    lines.extend(found.iter().map(|calibrated| {
        let Reliability { cross_entropy, kl_bound, .. } = &calibrated.reliability;
        let (label, error, off) = (calibrated.label, calibrated.error, calibrated.off());
        format!("{label:12} {cross_entropy:>13.4} {kl_bound:>10.3} {error:>14.3} {off:>18.3}")
    }));
    lines.push(format!(
        "exact KL {kl:.3}; off the diagonal: the mean |estimated - observed| ln r of a reliability curve"
    ));
    lines.push(format!("{}\n", arguments.output.display()));
    lines.join("\n")
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
