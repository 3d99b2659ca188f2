//! Negative weights resampled away: `cargo run --release --example resample`.
//!
//! Draws events of a calculation beyond leading order, 30 % of whose weights are negative (more of them where events are soft and
//! forward, so that dropping them would bias both spectra), resamples them (arXiv:2007.11586, arXiv:2109.07851), and
//! holds the binned sums of weights against the exact ones.

mod bins;
mod draw;
mod method;
mod spectrum;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use bins::{Agreement, Expected};
use clap::Parser;
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml_examples::Bar;
use method::{Method, Sample, samples};
use serde_json::{Map, Value, json};
use spectrum::Spectrum;

/// Resamples a sample with negative weights and draws what becomes of it.
#[derive(Parser)]
struct Arguments {
    /// How.
    #[arg(long, value_enum, default_value = "both")]
    method: Method,
    /// How many events.
    #[arg(short, long, default_value_t = 100_000)]
    n: usize,
    /// The fraction of negative weights.
    #[arg(long, default_value_t = 0.3, allow_negative_numbers = true)]
    negative: f64,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many threads; all of the machine's unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the picture goes.
    #[arg(long, default_value = "out/resample.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// The least number of events: below, bins are empty.
const LEAST: usize = 20_000;
/// The most events: what fits into memory.
const MOST: usize = 10_000_000;

/// A sample with what its bins say.
struct Judged {
    sample: Sample,
    agreement: Agreement,
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let Arguments { n, seed, .. } = *arguments;
    if n < LEAST {
        return Err(format!("-n {n}: at least {LEAST} events are needed to fill the bins").into());
    }
    if n > MOST {
        return Err(format!("-n {n}: at most {MOST} events").into());
    }
    if arguments.threads == Some(0) {
        return Err("--threads 0: at least one is needed".into());
    }
    let spectrum = Spectrum::new(arguments.negative)?;
    let threads = arguments.threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let original = spectrum.sample(n, rng)?;
    if original.sum_weights() <= 0.0 {
        return Err(format!(
            "--negative {}: the net weight of these events is not positive",
            arguments.negative
        )
        .into());
    }
    let expected = Expected::both(&spectrum, n)?;
    let mut bar = Bar::new(arguments.json);
    let samples = samples(arguments.method, original.clone(), rng, &mut bar)?;
    bar.finish();
    let judge = |sample: Sample| {
        let agreement = Agreement::new(&expected, &original, &sample.events)
            .map_err(|error| format!("{}: {error}", sample.label))?;
        Ok(Judged { sample, agreement })
    };
    let judged = samples.into_iter().map(judge).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    draw::figure(&arguments.output, &expected, &judged)
        .map_err(|error| format!("{}: {error}", arguments.output.display()))?;
    Ok(if arguments.json { to_json(arguments, &judged) } else { table(arguments, &judged) })
}

fn to_json(arguments: &Arguments, judged: &[Judged]) -> String {
    let samples: Map<String, Value> = judged
        .iter()
        .map(|Judged { sample, agreement }| {
            let events = &sample.events;
            let value = json!({
                "events": events.len(),
                "negative_fraction": events.negative_fraction(),
                "effective_sample_size": events.effective_sample_size(),
                "effective_sample_size_per_event": events.effective_sample_size() / events.len() as f64,
                "sum_weights": events.sum_weights(),
                "sum_squared_weights": events.sum_squared_weights(),
                "largest_weight": events.weights().iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "chi2_per_bin": agreement.chi2,
                "chi2_per_bin_own_errors": agreement.chi2_own,
                "largest_pull": agreement.largest,
                "worst_bin": agreement.worst,
                "largest_change": agreement.largest_change,
                "seconds": sample.seconds,
                "warnings": sample.warnings,
            });
            (sample.name.to_owned(), value)
        })
        .collect();
    let Arguments { n, negative, seed, .. } = *arguments;
    format!("{}\n", json!({ "n": n, "negative": negative, "seed": seed, "samples": samples }))
}

fn table(arguments: &Arguments, judged: &[Judged]) -> String {
    let mut lines = vec![format!(
        "{:22} {:>8} {:>8} {:>8} {:>6} {:>9} {:>5} {:>5} {:>6} {:>7}  {}",
        "", "events", "negative", "ESS", "/event", "sum w", "chi2", "own", "pull", "change", "worst bin"
    )];
    for Judged { sample, agreement } in judged {
        let events = &sample.events;
        let effective = events.effective_sample_size();
        lines.push(format!(
            "{:22} {:>8} {:>6.1} % {effective:>8.0} {:>6.3} {:>9.1} {:>5.2} {:>5.2} {:>6.2} {:>7.2}  {}",
            sample.label,
            events.len(),
            100.0 * events.negative_fraction(),
            effective / events.len() as f64,
            events.sum_weights(),
            agreement.chi2,
            agreement.chi2_own,
            agreement.largest,
            agreement.largest_change,
            agreement.worst,
        ));
        lines.extend(sample.warnings.iter().map(|warning| format!("  warning: {warning}")));
    }
    lines.push("chi2 a bin and largest pull: from the exact sums, in errors of the original sample (own: in those of".into());
    lines.push(
        "the sample's own weights). Change: the largest from the original, in both samples' errors.".into(),
    );
    lines.push(format!("{}\n", arguments.output.display()));
    lines.join("\n")
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
