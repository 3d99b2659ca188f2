//! The Energy Mover's Distance of two events in text files: `cargo run --release -q --example emd -- A.txt B.txt`.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use hepml::io::{ParticleLayout, open_text};
use hepml::ot::{EmdConfig, EnergyFlow};

/// Prints the Energy Mover's Distance of two events.
///
/// A file holds one event: rows of `pt y phi`, `#` begins a comment. A file without rows is an event without particles.
#[derive(Parser)]
struct Arguments {
    /// The first event.
    a: String,
    /// The second event.
    b: String,
    /// The radius R: what lies further apart is dearer to move than to create.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    radius: f64,
    /// The power of the angular distance.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    beta: f64,
    /// Divide each event's pt by their sum.
    #[arg(long)]
    norm: bool,
    /// Take azimuths around a circle.
    #[arg(long)]
    periodic_phi: bool,
    /// Print a JSON object with the keys `emd` and `gap`.
    #[arg(long)]
    json: bool,
}

fn read(path: &str) -> Result<EnergyFlow, Box<dyn Error>> {
    let events = open_text(path, ParticleLayout::PtYPhi)?.collect::<Result<Vec<_>, _>>()?;
    match events.as_slice() {
        [] => Ok(EnergyFlow::from_rows(&[])?),
        [event] => Ok(EnergyFlow::from_array(&event.particles)?),
        more => {
            Err(format!("{path}: {} events, separated by blank lines, where one is expected", more.len())
                .into())
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let emd = EmdConfig::new()
        .radius(arguments.radius)
        .beta(arguments.beta)
        .normalise(arguments.norm)
        .periodic_phi(arguments.periodic_phi)
        .build()?;
    let transport = emd.solve(&read(&arguments.a)?, &read(&arguments.b)?)?;
    Ok(if arguments.json {
        format!("{}\n", serde_json::json!({ "emd": transport.value, "gap": transport.gap }))
    } else {
        // The shortest digits that give the same double back.
        format!("{:?}\n", transport.value)
    })
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
