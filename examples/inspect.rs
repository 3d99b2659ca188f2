//! What is in a file of events: `cargo run --release -q --example inspect -- FILE`.

use std::borrow::Cow;
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use hepml::io::{Compression, Summary, inspect};

/// Says what is in a file of events, whatever its name: LHE, HepMC2, HepMC3 (also as .gz or .zst), npz, npy, text, and HDF5
/// and Parquet when built with `--features formats`.
#[derive(Parser)]
struct Arguments {
    /// The file.
    file: String,
    /// Print a JSON object with the keys `format`, `events`, `particles`, `sum_weights` and more.
    #[arg(long)]
    json: bool,
}

/// At most so many arrays, columns or weights are printed.
const CONTENTS: usize = 8;
/// At most so many kinds of particles are printed.
const KINDS: usize = 10;

fn compression(summary: &Summary) -> &'static str {
    match summary.compression {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        _ => "none",
    }
}

fn json(summary: &Summary) -> serde_json::Value {
    let kinds: Vec<_> = summary
        .kinds
        .iter()
        .take(KINDS)
        .map(|(id, count)| serde_json::json!({ "pdg_id": id.0, "name": id.name(), "count": count }))
        .collect();
    serde_json::json!({
        "format": summary.format,
        "compression": compression(summary),
        "events": summary.events,
        "particles": summary.particles.unwrap_or(0),
        "final_particles": summary.final_particles,
        "sum_weights": summary.sum_weights,
        "negative_fraction": summary.negative_fraction,
        "kinds": kinds,
        "largest_momentum_imbalance": summary.imbalance.as_ref().map(|imbalance| imbalance.largest),
        "contents": summary.contents,
    })
}

fn table(summary: &Summary) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(format!("{name:16} {value}\n"));
    let packed = match compression(summary) {
        "none" => String::new(),
        packed => format!(", {packed}"),
    };
    row("format", format!("{}{packed}", summary.format));
    for line in summary.contents.iter().take(CONTENTS) {
        row("", line.clone());
    }
    if summary.contents.len() > CONTENTS {
        row("", format!("and {} more", summary.contents.len() - CONTENTS));
    }
    row("events", summary.events.to_string());
    let final_state =
        summary.final_particles.map_or_else(String::new, |count| format!(", {count} of them final"));
    row(
        "particles",
        summary.particles.map_or_else(|| "none".to_owned(), |count| format!("{count}{final_state}")),
    );
    let negative = 100.0 * summary.negative_fraction;
    row("sum of weights", format!("{:?} ({negative:.2} % of the events are negative)", summary.sum_weights));
    if let Some(imbalance) = &summary.imbalance {
        let (largest, relative) = (imbalance.largest, imbalance.relative);
        let worst =
            format!("at most {largest:.1e} GeV, {relative:.1e} of the energy (event {})", imbalance.event);
        row("momentum balance", worst);
    }
    for (index, (id, count)) in summary.kinds.iter().take(KINDS).enumerate() {
        let name = id.name().map_or_else(String::new, Cow::into_owned);
        row(if index == 0 { "most frequent" } else { "" }, format!("{count:9} {id:>6} {name}"));
    }
    rows.concat()
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let summary = inspect(&arguments.file)?;
    Ok(if arguments.json { format!("{:#}\n", json(&summary)) } else { table(&summary) })
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
