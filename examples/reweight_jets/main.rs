//! Reweights QCD jets until they look like top jets: `cargo run --release --example reweight_jets`.
//!
//! Learns r = p_top/p_QCD from labelled jets, with a particle flow network on the constituents and with boosted trees on
//! substructure; reweights QCD jets that have not been learned from; and says how far to trust it: how the observables come out,
//! whether a classifier of another kind still tells the reweighted jets from top jets, and what they are worth. It is a hard case: few
//! QCD jets look like top jets at all.

mod draw;
mod judgement;
mod learner;
mod sample;

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hepml::core::{Observer, Progress, Streams};
use hepml_examples::{Bar, Jets};

use crate::judgement::Judgement;
use crate::learner::{Choice, Settings};
use crate::sample::Sample;

/// Reweights QCD jets until they look like top jets, and says how far to trust it.
#[derive(Parser)]
struct Arguments {
    /// What learns the ratio.
    #[arg(long, value_enum, default_value = "both")]
    learner: Choice,
    /// Jets in EnergyFlow's layout: X[n, m, (pt, y, phi, pid)], y[n] = 1 for top; data/jets.npz of the repository unless given.
    #[arg(long, hide_default_value = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz"))]
    data: PathBuf,
    /// The share of the jets that is not learned from, and is reweighted and judged.
    #[arg(long, default_value_t = 0.3)]
    hold_out: f64,
    /// Instead of holding jets out: so many folds, each judged by the model that has learned from the others.
    #[arg(long, conflicts_with = "hold_out")]
    folds: Option<usize>,
    /// How often the network goes through its jets.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Only the first so many jets of the file.
    #[arg(long)]
    max_jets: Option<usize>,
    /// Of which jets are held out, and of everything random in the learners.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The threads to use; they change no result.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the picture goes.
    #[arg(long, default_value = "out/reweight_jets.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a learner has come to.
struct Found {
    name: &'static str,
    key: &'static str,
    judgement: Judgement,
    /// What learning and scoring took.
    seconds: f64,
}

// The streams of a seed: what is held out, and what learns.
const SPLIT: u64 = 0;
const LEARN: u64 = 1;

/// An error where there are too few jets of a kind to learn from, or to judge.
fn enough(training: Option<&Sample>, judges: &Sample) -> Result<(), Box<dyn Error>> {
    let least = [("to judge", Some(judges), judgement::FOLDS), ("to learn from", training, 2)];
    for (purpose, sample, least) in least {
        for (count, kind) in sample.map_or([least; 2], Sample::counts).into_iter().zip(["top", "QCD"]) {
            if count < least {
                return Err(format!(
                    "{count} {kind} jets {purpose}: at least {least} are needed (--hold-out, --max-jets)"
                )
                .into());
            }
        }
    }
    Ok(())
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    if !(arguments.hold_out > 0.0 && arguments.hold_out < 1.0) {
        return Err("the share of the jets to hold out must be between 0 and 1".into());
    }
    if arguments.threads == Some(0) {
        return Err("--threads 0: at least one is needed".into());
    }
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let jets = Jets::read(&arguments.data, arguments.max_jets)?;
    let mut bar = Bar::new(arguments.json);
    let _ = bar.step(&Progress { stage: "substructure", step: 0, total: None, measures: &[] });
    let sample = Sample::new(&jets)?;
    let streams = Streams::new(arguments.seed);
    let (training, judges) = if arguments.folds.is_some() {
        (None, sample)
    } else {
        let [judges, training] = sample.split(arguments.hold_out, &mut streams.stream(SPLIT))?;
        (Some(training), judges)
    };
    enough(training.as_ref(), &judges)?;
    let settings = Settings { epochs: arguments.epochs, threads: arguments.threads };
    let mut found = Vec::new();
    for kind in arguments.learner.kinds() {
        // Each learner has random numbers of its own: alone or beside the other, it finds the same.
        let rng = &mut streams.stream(LEARN);
        let start = Instant::now();
        let learned = match (&training, arguments.folds) {
            (None, Some(folds)) => kind.cross_fit(&settings, &judges, folds, rng, &mut bar)?,
            (training, _) => {
                let training = training.as_ref().expect("jets are held out where there are no folds");
                kind.hold_out(&settings, training, &judges, rng, &mut bar)?
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        let judgement = Judgement::new(&learned, &judges, rng, &mut bar)?;
        found.push(Found { name: kind.name(), key: kind.key(), judgement, seconds });
    }
    bar.finish();
    draw::figure(&arguments.output, &judges, &found)
        .map_err(|error| format!("{}: {error}", arguments.output.display()))?;
    let learned_from = training.as_ref().map_or([0, 0], Sample::counts);
    Ok(if arguments.json {
        json(arguments, &judges, learned_from, &found)
    } else {
        table(arguments, &judges, learned_from, &found)?
    })
}

fn json(arguments: &Arguments, judges: &Sample, learned_from: [usize; 2], found: &[Found]) -> String {
    let [top, qcd] = judges.counts();
    let mut all = serde_json::json!({
        "seed": arguments.seed, "folds": arguments.folds, "epochs": arguments.epochs,
        "top_jets": top, "qcd_jets": qcd,
        "training_top_jets": learned_from[0], "training_qcd_jets": learned_from[1],
        "picture": arguments.output.display().to_string(),
    });
    for Found { key, judgement, seconds, .. } in found {
        let mut of_learner = serde_json::Map::new();
        for (name, measure) in judgement.numbers() {
            of_learner.insert(name.to_owned(), serde_json::json!(measure.map(|measure| measure.value)));
            let error = measure.and_then(|measure| measure.error);
            of_learner.insert(format!("{name}_error"), serde_json::json!(error));
        }
        let observables: Vec<_> = judgement
            .distributions
            .iter()
            .map(|of| {
                serde_json::json!({
                    "name": of.observable.name,
                    "chi2_per_bin_before": of.chi2_per_bin(&of.before),
                    "chi2_per_bin_after": of.chi2_per_bin(&of.after),
                })
            })
            .collect();
        of_learner.insert("observables".into(), observables.into());
        of_learner.insert("verdict".into(), judgement.verdict().to_string().into());
        of_learner.insert("warnings".into(), judgement.warnings().into());
        of_learner.insert("seconds".into(), (*seconds).into());
        all[*key] = of_learner.into();
    }
    format!("{all:#}\n")
}

fn table(
    arguments: &Arguments,
    judges: &Sample,
    learned_from: [usize; 2],
    found: &[Found],
) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    let [top, qcd] = judges.counts();
    match arguments.folds {
        Some(folds) => {
            writeln!(
                text,
                "{top} top and {qcd} QCD jets in {folds} folds, each judged by a model that has not seen it"
            )?;
        }
        None => writeln!(
            text,
            "learned from {} top and {} QCD jets; {qcd} other QCD jets reweighted, against {top} top jets",
            learned_from[0], learned_from[1]
        )?,
    }
    write!(text, "\n{:44}", "")?;
    for Found { name, .. } in found {
        write!(text, " {name:>20}")?;
    }
    let mut row = |label: &str, values: Vec<String>| {
        write!(text, "\n{label:44}")?;
        values.iter().try_for_each(|value| write!(text, " {value:>20}"))
    };
    let labels = [
        ("auc", "AUC of ln r, top against QCD"),
        ("normalisation", "E_QCD[r] before renormalisation"),
        ("normalisation_renormalised", "  after, on the other half"),
        ("k_hat", "tail index k-hat of the weights"),
        ("effective_sample_size", "effective QCD jets after reweighting"),
        ("largest_share", "largest share of a single jet"),
        ("closure_auc_before", "AUC of another classifier, before"),
        ("closure_auc", "  and against reweighted QCD (0.5 = closed)"),
        ("closure_auc_of_ln_r", "AUC of ln r against reweighted QCD"),
    ];
    for (key, label) in labels {
        let values = found.iter().map(|found| found.judgement.shown(key)).collect();
        row(label, values)?;
    }
    let shown = |distances: [f64; 2]| format!("{:.1} -> {:.1}", distances[0], distances[1]);
    for (index, of) in found[0].judgement.distributions.iter().enumerate() {
        let label = format!("chi2 a bin of {}", of.observable.name);
        let values = found.iter().map(|found| {
            let of = &found.judgement.distributions[index];
            shown([of.chi2_per_bin(&of.before), of.chi2_per_bin(&of.after)])
        });
        row(&label, values.collect())?;
    }
    row("seconds", found.iter().map(|found| format!("{:.1}", found.seconds)).collect())?;
    text.push('\n');
    for Found { name, judgement, .. } in found {
        writeln!(text, "\n{name}: {}", judgement.verdict())?;
        for warning in judgement.warnings() {
            writeln!(text, "  warning: {warning}")?;
        }
    }
    writeln!(text, "\nThe picture is {}.", arguments.output.display())?;
    Ok(text)
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
