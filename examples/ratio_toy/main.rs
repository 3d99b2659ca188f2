//! Learned against exact likelihood ratios: `cargo run --release --example ratio_toy -- --toy gaussian`.
//!
//! Fits a ratio to two samples of a toy whose ratio is known, prints how far off it is beside the right parametric family fitted
//! by maximum likelihood to the same samples, and draws it with what the fit says of itself. With `--table` it does so for
//! all toys, losses, numbers of events and five seeds, and prints the medians.
//!
//! # Conventions
//! ln r is that of densities. The error of ln r is the mean of |estimated - exact| over the central 95 % of the events of an
//! independent test sample, half of each side: those between the 2.5 % and the 97.5 % quantile of the exact ln r.

mod accuracy;
mod draw;
mod learner;
mod study;
mod toy;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hepml::core::FitReport;
use hepml_examples::Bar;

use crate::learner::{LearnerName, LossName};
use crate::study::{Failure, Study};
use crate::toy::ToyName;

/// Learns the likelihood ratio of a toy, and compares it with the exact one.
#[derive(Parser)]
struct Arguments {
    /// The toy; with --table all of them unless given.
    #[arg(long, value_enum, required_unless_present = "table")]
    toy: Option<ToyName>,
    /// What learns: unless given a PFN for the point process, an MLP for tables.
    #[arg(long, value_enum)]
    learner: Option<LearnerName>,
    /// What it minimises: BCE unless given, with --table all of them.
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    /// Events of each side: 10000 unless given, with --table 1000, 10000 and 100000.
    #[arg(long, short)]
    n: Option<usize>,
    /// The seed of the samples and of the fit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; all there are unless given. They change no number but the seconds.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the picture goes.
    #[arg(long, default_value = "out/ratio_toy.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table; what has no number is null, as the error of a mean of infinite variance.
    #[arg(long)]
    json: bool,
    /// Print the table of accuracies: medians over five seeds, one fit a thread.
    #[arg(long)]
    table: bool,
    /// Where --table keeps its fits: those that are there are not done again. A file of another version is to be deleted first.
    #[arg(long, requires = "table", default_value = "out/ratio_toy.jsonl")]
    fits: PathBuf,
}

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let threads = arguments.threads.unwrap_or(0);
    if arguments.threads == Some(0) {
        return Err("--threads 0: at least one is needed".into());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let Some(toy) = arguments.toy.filter(|_| !arguments.table) else {
        return pool.install(|| accuracy::table(arguments));
    };
    let learner = arguments.learner.unwrap_or(toy.default_learner());
    let loss = arguments.loss.unwrap_or(LossName::Bce);
    let n = arguments.n.unwrap_or(10_000);
    let mut bar = Bar::new(arguments.json);
    let study = pool.install(|| toy.study(learner, loss, n, arguments.seed, &mut bar));
    bar.finish();
    let study = study?;
    let picture = arguments.output.display();
    draw::figure(&arguments.output, &format!("{toy}, {learner}, {loss}, {n} events of each side"), &study)
        .map_err(|error| format!("{picture}: {error}"))?;
    if arguments.json {
        let mut all = study.json();
        all["toy"] = toy.to_string().into();
        all["learner"] = learner.to_string().into();
        all["loss"] = loss.to_string().into();
        all["n"] = n.into();
        all["picture"] = picture.to_string().into();
        return Ok(format!("{all:#}\n"));
    }
    Ok(format!(
        "{toy}: {n} events of each side, learned by {learner} with {loss} in {:.2} s\n\n{}{}The picture is {picture}.\n",
        study.seconds,
        table(&study),
        warnings(&study.report),
    ))
}

fn table(study: &Study) -> String {
    let number = |name: &str, value: String| format!("{name:44} {value:>20}\n");
    let measured = |name: &str, key: &str| {
        let value = study.report.get(key).map_or_else(|| "-".into(), study::with_error);
        number(name, value)
    };
    [
        number("mean |error of ln r|, central 95 %", format!("{:.4}", study.error)),
        number("the same, parametric maximum likelihood", format!("{:.4}", study.parametric_error)),
        number("KL, exact", format!("{:.4}", study.kl_exact)),
        number("KL, estimated from below on test events", study::with_error(study.kl_estimate)),
        number("E_den[r] on test events", study::with_error(study.normalisation)),
        number("AUC on test events", format!("{:.4}", study.auc)),
        "\nThe fit's own report, on events held out from its sample:\n".into(),
        measured("E_den[r]", "normalisation"),
        measured("E_den[r], renormalised", "normalisation/renormalised"),
        measured("E_num[1/r]", "inverse normalisation"),
        measured("effective sample size, reweighted", "effective sample size/reweighted denominator"),
        measured("k-hat of the weights w r", "tail index/denominator"),
        measured("closure AUC", "closure auc"),
        measured("clipped events", "clipped events"),
        "\n".into(),
    ]
    .concat()
}

fn warnings(report: &FitReport) -> String {
    let lines: Vec<String> = report.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    lines.concat()
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()).map_err(|error| error as Box<dyn Error>))
}
