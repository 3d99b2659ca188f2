//! From a file of jets to their Energy Mover's Distances, drawn: `cargo run --release --example quickstart`.
//!
//! Reads top and QCD jets, computes the EMDs of all pairs, prints a table and draws how far apart jets of each kind are, the
//! dimension of the space they fill at each scale (arXiv:1902.02346), and the two closest and the two most distant jets
//! with the optimal transport between them.

mod draw;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hepml::core::{EventSet, Nested, ParticleSets};
use hepml::io::NpzFile;
use hepml::ot::{
    CorrelationCounts, CorrelationDimension, Divergence, EmdConfig, EnergyFlow, LogAxis, PairValues,
};
use hepml_examples::Bar;

/// Computes and draws the Energy Mover's Distances of top and QCD jets.
#[derive(Parser)]
struct Arguments {
    /// Jets in EnergyFlow's layout: X[n, m, (pt, y, phi, pid)], y[n] = 1 for top; data/jets.npz of the repository unless given.
    #[arg(long, hide_default_value = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz"))]
    jets: PathBuf,
    /// How many jets of each kind.
    #[arg(long, default_value_t = 300)]
    number: usize,
    /// The radius R of the EMD; half the largest distance within the jets makes it a metric.
    #[arg(long, default_value_t = 0.8)]
    radius: f64,
    /// Where the picture goes.
    #[arg(long, default_value = "out/quickstart.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A kind of pair: its name and its EMDs.
struct Kind<'a> {
    name: &'static str,
    emds: &'a [f64],
}

impl Kind<'_> {
    fn quantile(&self, fraction: f64) -> f64 {
        let mut sorted = self.emds.to_vec();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of the length"
        )]
        let index = (fraction * (sorted.len() - 1) as f64) as usize;
        sorted[index]
    }
}

/// The first `number` jets of a label.
fn jets_of(
    sets: &ParticleSets,
    labels: &[f64],
    label: f64,
    number: usize,
) -> Result<Vec<EnergyFlow>, Box<dyn Error>> {
    let indices: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == label).take(number).collect();
    if indices.len() < number.max(3) {
        return Err(
            format!("{} jets with label {label}, but {} are needed", indices.len(), number.max(3)).into()
        );
    }
    Ok(EnergyFlow::from_jets(&sets.select_events(&indices)?)?)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let jets = NpzFile::open(&arguments.jets)?.particles()?.read_all()?;
    let labels = jets.labels().ok_or("the file has no labels (array y)")?;
    let number = arguments.number;
    let top = jets_of(jets.sets(), labels, 1.0, number)?;
    let qcd = jets_of(jets.sets(), labels, 0.0, number)?;
    let emd = EmdConfig::new().radius(arguments.radius).build()?;

    let start = Instant::now();
    let mut bar = Bar::new(arguments.json);
    let qcd_qcd = emd.pairwise(&qcd)?.values(&mut Nested::new("QCD", &mut bar))?;
    let top_top = emd.pairwise(&top)?.values(&mut Nested::new("top", &mut bar))?;
    let top_qcd = emd.cross(&top, &qcd)?.values(&mut bar)?;
    bar.finish();
    let kinds = [
        Kind { name: "QCD – QCD", emds: qcd_qcd.values() },
        Kind { name: "top – QCD", emds: top_qcd.values() },
        Kind { name: "top – top", emds: top_top.values() },
    ];
    let pairs: usize = kinds.iter().map(|kind| kind.emds.len()).sum();
    let rate = pairs as f64 / start.elapsed().as_secs_f64();

    let scales = LogAxis::new(20.0, 400.0, 14)?;
    let dimension = |emds: &PairValues| {
        let mut counts = CorrelationCounts::new(scales.clone());
        emds.replay(&mut counts)?;
        counts.dimension()
    };
    let dimensions = [("QCD", dimension(&qcd_qcd)?), ("top", dimension(&top_top)?)];

    // Every pair of jets with its EMD; a jet is its kind and its number.
    let within = |kind: usize, emds: &PairValues| -> Vec<_> {
        let packed = (0..number).flat_map(move |i| (i + 1..number).map(move |j| [(kind, i), (kind, j)]));
        packed.zip(emds.values().to_vec()).collect()
    };
    let across =
        (0..number).flat_map(|i| (0..number).map(move |j| [(1, i), (0, j)])).zip(top_qcd.values().to_vec());
    let mut pairs = within(0, &qcd_qcd);
    pairs.extend(within(1, &top_top));
    pairs.extend(across);
    pairs.sort_by(|a, b| f64::total_cmp(&a.1, &b.1));
    let jets = [("QCD", &qcd), ("top", &top)];
    let moved =
        |(pair, _): &([(usize, usize); 2], f64), which: &str| -> Result<draw::Moved<'_>, Box<dyn Error>> {
            let [(from, i), (to, j)] = pair.map(|(kind, number)| (jets[kind], number));
            let title = format!("The two {which} jets ({}, {})", from.0, to.0);
            let (from, to) = (&from.1[i], &to.1[j]);
            Ok(draw::Moved { title, from, to, transport: emd.solve(from, to)? })
        };
    let ends = (pairs.first().ok_or("there are no pairs")?, pairs.last().ok_or("there are no pairs")?);
    let moved = [moved(ends.0, "closest")?, moved(ends.1, "most distant")?];

    draw::figure(&arguments.output, &kinds, &dimensions, &moved)?;
    Ok(report(arguments, &kinds, &dimensions, &moved, rate))
}

fn report(
    arguments: &Arguments,
    kinds: &[Kind<'_>],
    dimensions: &[(&str, CorrelationDimension)],
    moved: &[draw::Moved<'_>],
    rate: f64,
) -> String {
    let picture = arguments.output.display();
    if arguments.json {
        let kinds: Vec<_> = kinds
            .iter()
            .map(|kind| serde_json::json!({ "pairs": kind.name, "count": kind.emds.len(), "median": kind.quantile(0.5) }))
            .collect();
        let dimensions: Vec<_> = dimensions
            .iter()
            .map(|(name, dimension)| {
                let points: Vec<_> =
                    dimension.points().iter().map(|p| [p.scale, p.dimension, p.error]).collect();
                serde_json::json!({ "jets": name, "scale_dimension_error": points })
            })
            .collect();
        let gap = moved.iter().map(|m| m.transport.gap).fold(0.0, f64::max);
        let all = serde_json::json!({
            "kinds": kinds, "dimensions": dimensions, "emds_per_second": rate, "largest_gap": gap,
            "picture": picture.to_string(),
        });
        return format!("{all:#}\n");
    }
    let mut text = String::new();
    let mut say = |line: String| text += &(line + "\n");
    say(format!(
        "{} top and {} QCD jets, R = {}, beta = 1",
        arguments.number, arguments.number, arguments.radius
    ));
    say(format!("\n{:12} {:>8} {:>10} {:>10} {:>10}", "EMD (GeV)", "pairs", "10 %", "median", "90 %"));
    for kind in kinds {
        let [low, median, high] = [0.1, 0.5, 0.9].map(|fraction| kind.quantile(fraction));
        say(format!("{:12} {:8} {low:10.1} {median:10.1} {high:10.1}", kind.name, kind.emds.len()));
    }
    say(format!("\n{:>10} {:>16} {:>16}", "Q (GeV)", "dim QCD", "dim top"));
    for qcd in dimensions[0].1.points() {
        let same = dimensions[1].1.points().iter().find(|top| (top.scale / qcd.scale - 1.0).abs() < 1e-9);
        let top = same.map_or_else(String::new, |top| format!("{:.2} ± {:.2}", top.dimension, top.error));
        say(format!(
            "{:10.1} {:>16} {top:>16}",
            qcd.scale,
            format!("{:.2} ± {:.2}", qcd.dimension, qcd.error)
        ));
    }
    say(String::new());
    for m in moved {
        say(format!(
            "{}: EMD {:.1} GeV, certified to {:.0e} GeV",
            m.title,
            m.transport.value,
            m.transport.gap.abs()
        ));
    }
    say(format!("\n{rate:.0} EMDs per second. The picture is {picture}."));
    text
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
