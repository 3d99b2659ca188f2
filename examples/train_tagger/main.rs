//! Trains a network to tell top from QCD jets: `cargo run --release --example train_tagger -- --model pfn`.
//!
//! Reads labelled jets, trains, judges the network on jets that it has not seen, prints a table and draws learning curves, the
//! ROC curve with bootstrap errors and, of an energy flow network, its filters. Saves the network, and judges a
//! saved one on other jets.

mod contours;
mod draw;
mod performance;
mod tagger;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::rand_chacha::rand_core::SeedableRng;
use hepml::core::{FitReport, Table};
use hepml::io::write_npy;
use hepml::nn::{Schedule, TrainingConfig};
use hepml_examples::{Bar, Jets};

use crate::performance::Performance;
use crate::tagger::{Kind, Tagger};

/// Trains a network to tell top from QCD jets, or judges a saved one.
#[derive(Parser)]
struct Arguments {
    /// Jets in EnergyFlow's layout: X[n, m, (pt, y, phi, pid)], y[n] = 1 for top; data/jets.npz of the repository unless given.
    #[arg(long, hide_default_value = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz"))]
    data: PathBuf,
    /// The network to train.
    #[arg(long, value_enum, default_value = "pfn")]
    model: Kind,
    /// Do not train: judge this saved network on all the jets.
    #[arg(long, conflicts_with_all = ["model", "epochs", "save", "hold_out"])]
    evaluate: Option<PathBuf>,
    /// How often training goes through its jets.
    #[arg(long, default_value_t = 20)]
    epochs: usize,
    /// Only the first so many jets of the file.
    #[arg(long)]
    max_jets: Option<usize>,
    /// The share of the jets that training does not see: half of them decide which epoch was the best, the other half judge.
    #[arg(long, default_value_t = 0.1)]
    hold_out: f64,
    /// Of the first parameters, the order of the jets, and which are held out.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The threads to use; they change no result.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the trained network goes.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Where the scores ln p(top)/p(QCD) of the jets that are judged go, as npy [jets, 1].
    #[arg(long)]
    scores: Option<PathBuf>,
    /// Where the picture goes.
    #[arg(long, default_value = "out/train_tagger.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Jets of a step of the training.
const BATCH: usize = 100;
/// The learning rate of Adam at first; it falls to 0 along half a cosine.
const RATE: f64 = 1e-3;

/// A training, its jets (without those that decided which epoch was the best), and how long it took.
struct Training {
    report: FitReport,
    jets: usize,
    seconds: f64,
}

/// What is printed and drawn.
struct Found {
    tagger: Tagger,
    training: Option<Training>,
    performance: Performance,
    /// The jets that were judged, and the time that their scores took.
    jets: usize,
    seconds: f64,
}

fn train(arguments: &Arguments, jets: &Jets) -> Result<(Tagger, Training, Jets), Box<dyn Error>> {
    let share = 0.5 * arguments.hold_out;
    if !(share > 0.0 && share < 0.5) {
        return Err("the share of the jets to hold out must be between 0 and 1".into());
    }
    let rng = &mut ChaCha8Rng::seed_from_u64(arguments.seed);
    let [judges, rest] = jets.split(share, rng)?;
    let mut config = TrainingConfig::new()
        .epochs(arguments.epochs)
        .batch_size(BATCH)
        .rate(RATE)
        .schedule(Schedule::Cosine { last: 0.0 });
    if let Some(threads) = arguments.threads {
        config = config.threads(threads);
    }
    let mut bar = Bar::new(arguments.json);
    let start = Instant::now();
    let validation = share / (1.0 - share);
    let (tagger, report) = Tagger::train(arguments.model, &rest, &config, validation, rng, &mut bar)?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
    let held_out = (validation * rest.len() as f64).round() as usize;
    Ok((tagger, Training { report, jets: rest.len() - held_out, seconds }, judges))
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let tagger = arguments.evaluate.as_deref().map(Tagger::load).transpose()?;
    let jets = Jets::read(&arguments.data, arguments.max_jets)?;
    let (tagger, training, judges) = if let Some(tagger) = tagger {
        (tagger, None, jets)
    } else {
        let (tagger, training, judges) = train(arguments, &jets)?;
        (tagger, Some(training), judges)
    };
    if let Some(path) = &arguments.save {
        tagger.save(path)?;
    }
    let start = Instant::now();
    let scores = tagger.scores(judges.sets.events())?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(path) = &arguments.scores {
        let column = Table::from_shape_fn((scores.len(), 1), |(jet, _)| scores[jet]);
        write_npy(std::fs::File::create(path)?, &column)?;
    }
    let performance = Performance::new(&scores, &judges)?;
    let found = Found { tagger, training, performance, jets: judges.len(), seconds };
    draw::figure(&arguments.output, &found)?;
    Ok(if arguments.json { json(arguments, &found) } else { table(arguments, &found) })
}

fn json(arguments: &Arguments, found: &Found) -> String {
    let Performance { auc, rejections, accuracy, .. } = &found.performance;
    let mut all = serde_json::json!({
        "model": found.tagger.name(), "parameters": found.tagger.size(),
        "auc": auc.value, "auc_error": auc.error, "accuracy": accuracy,
        "jets": found.jets, "seconds": found.seconds,
        "picture": arguments.output.display().to_string(),
    });
    for (at, rejection) in Performance::AT.iter().zip(rejections) {
        all[format!("rejection_at_{at}")] = serde_json::json!(rejection.map(|estimate| estimate.value));
        all[format!("rejection_at_{at}_error")] = serde_json::json!(rejection.map(|estimate| estimate.error));
    }
    if let Some(training) = &found.training {
        all["training_jets"] = serde_json::json!(training.jets);
        all["training_seconds"] = serde_json::json!(training.seconds);
        all["epochs"] = serde_json::json!(arguments.epochs);
        all["curves"] = serde_json::json!(
            training.report.curves.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()
        );
        all["warnings"] = serde_json::json!(training.report.warnings);
    }
    format!("{all:#}\n")
}

fn table(arguments: &Arguments, found: &Found) -> String {
    let Performance { auc, rejections, accuracy, .. } = &found.performance;
    let mut lines = vec![format!("{} with {} parameters", found.tagger.name(), found.tagger.size())];
    if let Some(Training { report, jets, seconds }) = &found.training {
        lines.push(format!("trained on {jets} jets, {} epochs, in {seconds:.1} s", arguments.epochs));
        lines.extend(report.warnings.iter().map(|warning| format!("warning: {warning}")));
    }
    lines.push(format!("judged on {} other jets, scored in {:.2} s\n", found.jets, found.seconds));
    let row = |name: &str, value: String| format!("{name:36} {value}");
    lines.push(row("AUC", auc.to_string()));
    lines.push(row("accuracy", format!("{accuracy:.4}")));
    for (at, rejection) in Performance::AT.iter().zip(rejections) {
        let value = rejection.map_or_else(|| "no QCD jet passes".to_owned(), |value| value.to_string());
        lines.push(row(&format!("QCD rejection 1/eps_B at eps_S = {at}"), value));
    }
    lines.push(String::new());
    if let Some(path) = &arguments.save {
        lines.push(format!("The network is {}.", path.display()));
    }
    lines.push(format!("The picture is {}.\n", arguments.output.display()));
    lines.join("\n")
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
