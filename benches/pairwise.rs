//! All pairs of the jets of `data/`: what lower bounds spare, and the price of a pair as the events become more.
//!
//! `cargo bench -p hepml-benches --bench pairwise [-- spared | prices]`; counts do not depend on the machine. Times are of all threads together,
//! so that the load of the machine matters little; RAYON_NUM_THREADS=1 makes them those of a core.

#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::ops::ControlFlow;
use std::time::Instant;

use hepml::core::Progress;
use hepml::io::NpzFile;
use hepml::ot::{CorrelationCounts, Divergence, EmdConfig, EnergyFlow, LogAxis, PairHistogram, PairReport};

/// The jets with a label: 1 for top, 0 for QCD.
fn jets_of(label: f64) -> Vec<EnergyFlow> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz");
    let jets =
        NpzFile::open(path).and_then(|file| file.particles()?.read_all()).expect("data/jets.npz is readable");
    let flows = EnergyFlow::from_jets(jets.sets()).expect("the jets have finite rapidities");
    let labels = jets.labels().expect("the jets have labels");
    flows.into_iter().zip(labels).filter(|(_, is)| **is == label).map(|(flow, _)| flow).collect()
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// How many EMDs neighbours and streams with a limit need.
fn spared(count: usize) {
    let (qcd, top) = (&jets_of(0.0)[..count], &jets_of(1.0)[..count]);
    println!("EMDs computed, % of the pairs of {count} jets");
    for (beta, normalise) in [(1.0, false), (1.0, true), (2.0, true)] {
        let emd = EmdConfig::new().radius(0.8).beta(beta).normalise(normalise).build().expect("positive");
        for (name, jets) in [("QCD", qcd), ("top", top)] {
            let pairs = emd.pairwise(jets).expect("jets have energy");
            let mut sorted = pairs.values(&mut ()).expect("finite jets").values().to_vec();
            sorted.sort_by(f64::total_cmp);
            let start = Instant::now();
            print!("beta {beta}, norm {normalise}, {name}:");
            for k in [1, 5, 10, 20] {
                let (_, report) = pairs.nearest(k, &mut ()).expect("finite jets");
                print!("  {k} nearest {:.1}", percent(report.computed, report.total));
            }
            println!("  ({:.2} s)", start.elapsed().as_secs_f64());
            print!("   closer than the quantile:");
            for quantile in [1, 5, 10, 25, 50] {
                let highest = sorted[sorted.len() * quantile / 100];
                let axis = LogAxis::new(0.1 * highest, highest, 10).expect("positive");
                let mut counts = CorrelationCounts::new(axis);
                let report = pairs.stream(&mut counts, &mut ()).expect("finite jets");
                print!("  {quantile} % {:.1}", percent(report.computed, report.total));
            }
            println!();
        }
        for (name, new, reference) in [("QCD in top", qcd, top), ("top in QCD", top, qcd)] {
            print!("   {name}:");
            let pairs = emd.cross(&new[..count / 4], reference).expect("jets have energy");
            for k in [1, 5, 10] {
                let (_, report) = pairs.nearest(k, &mut ()).expect("finite jets");
                print!("  {k} nearest {:.1}", percent(report.computed, report.total));
            }
            println!();
        }
    }
}

/// The time of a pair among 100, 1000 and 3000 jets.
fn prices() {
    let both = jets_of(0.0).into_iter().zip(jets_of(1.0));
    let mut jets: Vec<EnergyFlow> = both.flat_map(|(qcd, top)| [qcd, top]).collect();
    // The file has fewer than 3000: the first ones again, mirrored.
    let mirrored: Vec<EnergyFlow> = jets
        .iter()
        .map(|jet| {
            let points: Vec<[f64; 2]> = jet.points().iter().map(|[y, phi]| [-y, *phi]).collect();
            EnergyFlow::new(jet.energies(), points).expect("finite as before")
        })
        .collect();
    jets.extend(mirrored);
    let emd = EmdConfig::new().radius(0.8).build().expect("positive");
    let handlers = |highest: f64| {
        let axis = LogAxis::new(0.1 * highest, highest, 10).expect("positive");
        (CorrelationCounts::new(axis.clone()), PairHistogram::new(axis))
    };
    for count in [100, 1000, 3000] {
        let start = Instant::now();
        let pairs = emd.pairwise(&jets[..count]).expect("jets have energy");
        let each = 1e6 * start.elapsed().as_secs_f64() / count as f64;
        println!("{count} jets, each prepared in {each:.1} us");
        let price = |what: &str, start: Instant, report: PairReport| {
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "   {what}: {:.2} us a pair, {:.1} us an EMD, {} of {} pairs settled, {:.2} % computed",
                1e6 * seconds / report.settled as f64,
                1e6 * seconds / report.computed as f64,
                report.settled,
                report.total,
                percent(report.computed, report.settled)
            );
        };
        let start = Instant::now();
        // The price is that of the first pairs.
        let mut enough = |progress: &Progress<'_>| {
            if progress.step < 50_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let report = pairs.stream(&mut handlers(1e6), &mut enough).expect("finite jets");
        price("streamed", start, report);
        let start = Instant::now();
        let report = pairs.stream(&mut handlers(50.0), &mut ()).expect("finite jets");
        price("streamed up to 50 GeV", start, report);
        let start = Instant::now();
        let (_, report) = pairs.nearest(5, &mut ()).expect("finite jets");
        price("5 nearest", start, report);
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|argument| argument == name);
    if wanted("spared") {
        spared(400);
    }
    if wanted("prices") {
        prices();
    }
}
