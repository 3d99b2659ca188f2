//! How many Energy Mover's Distances a second: `cargo run --release -q -p hepml-benches --bin emd_throughput -- JETS.npz`.
//!
//! All pairs of a file's first jets go through the public pairwise engine as a stream: nothing is stored but the jets, so the
//! peak of the memory that is printed is what a program of any number of pairs needs.

mod measured;

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use hepml::core::EventSet;
use hepml::core::ndarray::{Array1, Axis};
use hepml::io::{NpzFile, write_npy};
use hepml::ot::{Divergence, EmdConfig, EnergyFlow, SimdLevel};
use hepml_benches::process::{cpu_seconds, peak_bytes};
use hepml_examples::Bar;

use crate::measured::{Measured, OneOff, Statistics};

/// Measures how fast the Energy Mover's Distances between all pairs of jets are computed, and how well they are certified.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// Jets in EnergyFlow's layout: X[n, m, (pt, y, phi, pid)].
    jets: PathBuf,
    /// How many jets, the first of the file; all of them unless given.
    #[arg(long)]
    n: Option<usize>,
    /// How many particles of each jet, the hardest.
    #[arg(long, default_value_t = 100)]
    hardest: usize,
    /// Take the points (y, phi) as they are in the file, not relative to the jet's axis.
    #[arg(long)]
    as_is: bool,
    /// Divide each jet's pt by their sum.
    #[arg(long)]
    norm: bool,
    /// The power of the angular distance.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    beta: f64,
    /// The radius R.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    radius: f64,
    /// Take azimuths around a circle.
    #[arg(long)]
    periodic_phi: bool,
    /// The vector instructions to be used; the best that the processor has unless given.
    #[arg(long)]
    simd: Option<Simd>,
    /// How many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Prepare the jets anew for each pair, as a program does that has only the one.
    #[arg(long)]
    one_off: bool,
    /// Write the EMDs to a file: an npy array in packed order, (0, 1), (0, 2), ..., (1, 2), ... They are then stored.
    #[arg(long)]
    values: Option<PathBuf>,
    /// Print a JSON object with the keys `pairs_per_second`, `mean_pivots`, `worst_gap`, `peak_bytes` and more.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Simd {
    /// What every processor of the target has.
    Portable,
    /// AVX2.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl From<Simd> for SimdLevel {
    fn from(simd: Simd) -> Self {
        match simd {
            Simd::Portable => Self::Portable,
            Simd::Avx2 => Self::Avx2,
            Simd::Avx512 => Self::Avx512,
        }
    }
}

/// Jets read at a time, so that a large file is never in memory as a whole.
const BATCH: usize = 64;

fn read(arguments: &Arguments) -> Result<Vec<EnergyFlow>, Box<dyn Error>> {
    let mut reader = NpzFile::open(&arguments.jets)?.particles()?;
    let wanted = arguments.n.unwrap_or(usize::MAX);
    let mut jets = Vec::new();
    while jets.len() < wanted {
        let Some(batch) = reader.next_batch(BATCH.min(wanted - jets.len()))? else { break };
        for set in batch.sets().events() {
            let flow =
                if arguments.as_is { EnergyFlow::from_particles(set) } else { EnergyFlow::about_axis(set) };
            let flow = flow.map_err(|error| format!("jet {}: {error}", jets.len()))?;
            jets.push(hardest(&flow, arguments.hardest)?);
        }
    }
    let file = arguments.jets.display();
    match arguments.n {
        Some(n) if jets.len() < n => {
            Err(format!("{file}: {n} jets are wanted, {} are there", jets.len()).into())
        }
        _ if jets.len() < 2 => Err(format!("{file}: two jets are needed for a pair").into()),
        _ => Ok(jets),
    }
}

/// The particles of most energy, in the order of the jet.
fn hardest(jet: &EnergyFlow, count: usize) -> hepml::ot::Result<EnergyFlow> {
    let mut order: Vec<usize> = (0..jet.len()).collect();
    order.sort_by(|&i, &j| f64::total_cmp(&jet.energies()[j], &jet.energies()[i]));
    order.truncate(count);
    order.sort_unstable();
    let energies: Vec<f64> = order.iter().map(|&i| jet.energies()[i]).collect();
    let points: Vec<[f64; 2]> = order.iter().map(|&i| jet.points()[i]).collect();
    EnergyFlow::new(energies, points)
}

/// What a run took.
struct Cost {
    pairs: usize,
    seconds: f64,
    cpu_seconds: Option<f64>,
}

fn measure(
    divergence: &impl Divergence<Event = EnergyFlow>,
    jets: &[EnergyFlow],
    keep: &mut Option<Vec<f64>>,
    bar: &mut Bar,
) -> hepml::ot::Result<Cost> {
    let (start, cpu_start) = (Instant::now(), cpu_seconds());
    let pairs = divergence.pairwise(jets)?;
    let mut handler = |_: usize, _: usize, value: f64| {
        if let Some(values) = keep {
            values.push(value);
        }
    };
    let report = pairs.stream(&mut handler, bar)?;
    let cpu_seconds = cpu_seconds().zip(cpu_start).map(|(end, start)| end - start);
    Ok(Cost { pairs: report.computed, seconds: start.elapsed().as_secs_f64(), cpu_seconds })
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let mut config = EmdConfig::new()
        .radius(arguments.radius)
        .beta(arguments.beta)
        .normalise(arguments.norm)
        .periodic_phi(arguments.periodic_phi);
    if let Some(simd) = arguments.simd {
        config = config.simd(simd.into());
    }
    let emd = config.build()?;
    let jets = read(arguments)?;
    let statistics = Statistics::default();
    let mut keep = arguments.values.as_ref().map(|_| Vec::new());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.max(1)).build()?;
    let mut bar = Bar::new(arguments.json);
    let cost = pool.install(|| {
        if arguments.one_off {
            measure(&OneOff { emd: &emd, statistics: &statistics }, &jets, &mut keep, &mut bar)
        } else {
            measure(&Measured { emd: &emd, statistics: &statistics }, &jets, &mut keep, &mut bar)
        }
    })?;
    bar.finish();
    // Before anything else needs memory.
    let peak = peak_bytes();
    if let (Some(path), Some(values)) = (&arguments.values, keep) {
        let values = Array1::from_vec(values).insert_axis(Axis(1));
        write_npy(BufWriter::new(File::create(path)?), &values)?;
    }
    Ok(report(arguments, &jets, &cost, &statistics, peak))
}

fn report(
    arguments: &Arguments,
    jets: &[EnergyFlow],
    cost: &Cost,
    statistics: &Statistics,
    peak: Option<u64>,
) -> String {
    let particles = jets.iter().map(EnergyFlow::len).sum::<usize>() as f64 / jets.len() as f64;
    let rate = cost.pairs as f64 / cost.seconds;
    let pivots = statistics.pivots() as f64 / cost.pairs as f64;
    let gap = statistics.worst_gap();
    if arguments.json {
        let all = serde_json::json!({
            "jets": jets.len(), "mean_particles": particles, "pairs": cost.pairs, "threads": arguments.threads.max(1),
            "seconds": cost.seconds, "pairs_per_second": rate, "cpu_seconds": cost.cpu_seconds,
            "pairs_per_cpu_second": cost.cpu_seconds.map(|seconds| cost.pairs as f64 / seconds),
            "mean_pivots": pivots, "worst_gap": gap, "peak_bytes": peak,
        });
        return format!("{all:#}\n");
    }
    let unknown = || "unknown".to_owned();
    let peak = peak.map_or_else(unknown, |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
    let cpu = cost.cpu_seconds.map_or_else(unknown, |seconds| format!("{:.0}", cost.pairs as f64 / seconds));
    format!(
        "jets           {} of {particles:.1} particles on average\n\
         pairs          {} in {:.2} s on {} thread(s)\n\
         pairs/s        {rate:.0} ({cpu} per second of processor time)\n\
         pivots         {pivots:.1} on average\n\
         duality gap    {gap:.1e} at worst, relative to the EMD (at least 1e-6 of the energy)\n\
         peak memory    {peak}\n",
        jets.len(),
        cost.pairs,
        cost.seconds,
        arguments.threads.max(1),
    )
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
