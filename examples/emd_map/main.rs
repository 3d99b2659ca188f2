//! A map of jets: `cargo run --release --example emd_map`.
//!
//! Computes the Energy Mover's Distances between all pairs of top and QCD jets, finds points in the plane that lie nearly as
//! far apart (arXiv:1902.02346 draws such a map), tells the kinds apart by the nearest neighbours of other jets, and
//! prints and draws all of it.

mod draw;
mod embedding;
mod jet;
mod tagger;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hepml::core::Nested;
use hepml::ot::{
    Divergence, Emd, EmdConfig, EnergyFlow, FreeBarycentre, FreeSupportBarycentreConfig, Grid, Neighbour,
};
use hepml_examples::Bar;

use crate::embedding::Plane;
use crate::jet::Jet;
use crate::tagger::Tagger;

/// Draws a map of top and QCD jets by their Energy Mover's Distances, and tells them apart by their neighbours.
#[derive(Parser)]
struct Arguments {
    /// Jets in EnergyFlow's layout: X[n, m, (pt, y, phi, pid)], y[n] = 1 for top; data/jets.npz of the repository unless given.
    #[arg(long, hide_default_value = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz"))]
    jets: PathBuf,
    /// How many jets of each kind are on the map, and how many others of each kind are told apart.
    #[arg(long, short, default_value_t = 200)]
    number: usize,
    /// The radius R of the EMD; half the largest distance within the jets makes it a metric.
    #[arg(long, default_value_t = 0.8)]
    radius: f64,
    /// How many neighbours of each kind vote.
    #[arg(long, default_value_t = 5)]
    neighbours: usize,
    /// Where the picture goes.
    #[arg(long, default_value = "out/emd_map.svg")]
    output: PathBuf,
    /// Print a JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// GeV; of the top quark.
const TOP_MASS: f64 = 172.5;
/// That of the jets' clustering.
const JET_RADIUS: f64 = 0.8;
/// The parts of equal energy of a mean jet, across the disk where they start.
const PARTS_ACROSS: usize = 19;
/// The gain of an iteration at which they have found their places.
const MEAN_TOLERANCE: f64 = 1e-4;

/// What is printed and drawn.
struct Found {
    plane: Plane,
    /// The barycentres of the top and of the QCD jets.
    means: [FreeBarycentre; 2],
    taggers: [Tagger; 2],
    /// EMDs per second.
    rate: f64,
    /// The EMDs to possible neighbours: those that were computed, and all.
    computed: [usize; 2],
}

/// For each of the jets, ln of the mean distance to the nearest QCD over that to the nearest top jets of the map: high where tops
/// are close. Also how many EMDs were computed, and how many there are.
fn nearness(
    emd: &Emd,
    jets: &[EnergyFlow],
    [qcd, top]: [&[EnergyFlow]; 2],
    neighbours: usize,
    bar: &mut Bar,
) -> Result<(Vec<f64>, [usize; 2]), Box<dyn Error>> {
    let mut counts = [0; 2];
    let mut nearest = |stage, kind| -> Result<Vec<f64>, Box<dyn Error>> {
        let (found, report) = emd.cross(jets, kind)?.nearest(neighbours, &mut Nested::new(stage, bar))?;
        counts[0] += report.computed;
        counts[1] += report.total;
        let mean =
            |list: &Vec<Neighbour>| list.iter().map(|near| near.value).sum::<f64>() / list.len() as f64;
        Ok(found.lists().iter().map(mean).collect())
    };
    let (qcd, top) = (nearest("QCD", qcd)?, nearest("top", top)?);
    Ok((qcd.iter().zip(&top).map(|(qcd, top)| (qcd / top).ln()).collect(), counts))
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let number = arguments.number;
    if number < 3 || !(1..=number).contains(&arguments.neighbours) {
        return Err("at least 3 jets of each kind are needed, and from 1 to as many neighbours".into());
    }
    // The jets of the file are shuffled; those that are told apart are not on the map.
    let jets = jet::read(&arguments.jets, 2 * number)?;
    let mut counts = [0; 2];
    let (map, others): (Vec<Jet>, Vec<Jet>) = jets.into_iter().partition(|jet| {
        counts[usize::from(jet.is_top)] += 1;
        counts[usize::from(jet.is_top)] <= number
    });
    let flows = |jets: &[Jet], kinds: &[bool]| -> Vec<EnergyFlow> {
        jets.iter().filter(|jet| kinds.contains(&jet.is_top)).map(|jet| jet.flow.clone()).collect()
    };

    let emd = EmdConfig::new().radius(arguments.radius).build()?;
    let start = Instant::now();
    let mut bar = Bar::new(arguments.json);
    let on_map = flows(&map, &[false, true]);
    let distances = emd.pairwise(&on_map)?.values(&mut bar)?.into_metric()?.to_array()?;
    let rate = (on_map.len() * (on_map.len() - 1) / 2) as f64 / start.elapsed().as_secs_f64();
    let kinds = [flows(&map, &[false]), flows(&map, &[true])];
    let (scores, computed) = nearness(
        &emd,
        &flows(&others, &[false, true]),
        [&kinds[0], &kinds[1]],
        arguments.neighbours,
        &mut bar,
    )?;
    bar.finish();
    // Their means, in parts of equal energy that begin all over the middle.
    let start = Grid::disk(0.5 * JET_RADIUS, PARTS_ACROSS)?.uniform(1.0)?;
    let barycentre = |jets: &[EnergyFlow]| {
        FreeSupportBarycentreConfig::new().tolerance(MEAN_TOLERANCE).build()?.find(
            jets,
            &vec![1.0; jets.len()],
            &start,
        )
    };
    let means = [barycentre(&kinds[1])?, barycentre(&kinds[0])?];

    let is_top: Vec<bool> = others.iter().map(|jet| jet.is_top).collect();
    let masses: Vec<f64> = others.iter().map(|jet| -(jet.mass - TOP_MASS).abs()).collect();
    let taggers =
        [Tagger::new("nearest neighbours", &scores, &is_top)?, Tagger::new("jet mass", &masses, &is_top)?];
    let found = Found { plane: Plane::new(&distances), means, taggers, rate, computed };
    draw::figure(&arguments.output, &map, &found)?;
    Ok(report(arguments, &found))
}

fn report(arguments: &Arguments, found: &Found) -> String {
    let Found { plane, means: [top, qcd], taggers, rate, computed } = found;
    let picture = arguments.output.display();
    if arguments.json {
        let taggers: Vec<_> = taggers
            .iter()
            .map(|tagger| {
                serde_json::json!({
                    "tagger": tagger.name, "auc": tagger.auc.value, "auc_error": tagger.auc.error,
                    "eps_qcd": tagger.eps_qcd.value, "eps_qcd_error": tagger.eps_qcd.error,
                })
            })
            .collect();
        let all = serde_json::json!({
            "jets_of_each_kind": arguments.number, "share_of_plane": plane.share, "taggers": taggers,
            "mean_squared_distance_top": top.value, "mean_squared_distance_qcd": qcd.value,
            "emds_per_second": rate, "neighbour_emds_computed": computed[0], "neighbour_emds": computed[1],
            "picture": picture.to_string(),
        });
        return format!("{all:#}\n");
    }
    let number = arguments.number;
    let row = |Tagger { name, auc, eps_qcd, .. }: &Tagger| {
        format!("{name:20} {:>12} {:>26}\n", auc.to_string(), eps_qcd.to_string())
    };
    let spared = 100.0 * (1.0 - computed[0] as f64 / computed[1] as f64);
    format!(
        "{number} top and {number} QCD jets on the map, as many others told apart; R = {}, beta = 1\n\n\
         {:20} {:>12} {:>26}\n{}\n\
         Top jets are {:.3} from their mean, QCD jets {:.3} from theirs (W2, root mean square).\n\
         The plane holds {:.0} % of the distances' variance.\n\
         {rate:.0} EMDs per second; of those to possible neighbours lower bounds spared {spared:.0} %.\n\
         The picture is {picture}.\n",
        arguments.radius,
        "tagger",
        "AUC",
        "eps(QCD) at eps(top) = 0.5",
        taggers.each_ref().map(row).concat(),
        top.value.sqrt(),
        qcd.value.sqrt(),
        100.0 * plane.share,
    )
}

fn main() -> ExitCode {
    hepml_examples::exit_with(run(&Arguments::parse()))
}
