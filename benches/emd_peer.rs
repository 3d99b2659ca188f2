//! The exact EMD against the `wasserstein` package (1.1.0), one thread each, in the same run and on the same jets.
//!
//! `pip install wasserstein==1.1.0` into the `python3` on the path (or the one that HEPML_PYTHON names), then
//! `cargo bench -p hepml-benches --bench emd_peer`. Rounds alternate between the two, so that whatever else the machine
//! does hits both; medians are printed, and the values are compared.

#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::Instant;

use hepml::ot::{Divergence, EmdConfig, EnergyFlow, Workspace};
use hepml_benches::jets_with;

const JETS: usize = 60;
const ROUNDS: usize = 5;

fn write_jets(jets: &[EnergyFlow]) -> std::io::Result<std::path::PathBuf> {
    let path = std::env::temp_dir().join(format!("hepml-emd-peer-{}.txt", std::process::id()));
    let mut file = BufWriter::new(File::create(&path)?);
    for jet in jets {
        for (pt, [y, phi]) in jet.energies().iter().zip(jet.points()) {
            writeln!(file, "{pt:?} {y:?} {phi:?}")?;
        }
        writeln!(file)?;
    }
    file.flush()?;
    Ok(path)
}

/// Seconds and values of all pairs on this thread.
fn ours(jets: &[EnergyFlow], beta: f64, normalise: bool) -> (f64, Vec<f64>) {
    let emd = EmdConfig::new().beta(beta).normalise(normalise).build().expect("positive parameters");
    let mut workspace = Workspace::new();
    let start = Instant::now();
    let mut values = Vec::with_capacity(jets.len() * (jets.len() - 1) / 2);
    for (i, a) in jets.iter().enumerate() {
        for b in &jets[i + 1..] {
            values.push(emd.value_in(&mut workspace, a, b).expect("finite jets"));
        }
    }
    (start.elapsed().as_secs_f64(), values)
}

/// Seconds and values as the peer's script reports them.
fn theirs(path: &std::path::Path, beta: f64, normalise: bool) -> Result<(f64, Vec<f64>), String> {
    let python = std::env::var("HEPML_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/wasserstein_pairwise.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(path)
        .args([beta.to_string(), u8::from(normalise).to_string()])
        .env("OMP_NUM_THREADS", "1")
        .output()
        .map_err(|error| format!("{python}: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(message.lines().last().unwrap_or("no message").to_owned());
    }
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let values = report["values"].as_array().ok_or("no values")?;
    let values =
        values.iter().map(|value| value.as_f64().ok_or("a value is no number")).collect::<Result<_, _>>()?;
    Ok((report["seconds"].as_f64().ok_or("no seconds")?, values))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let jets = jets_with(30, 150, JETS);
    let pairs = (JETS * (JETS - 1) / 2) as f64;
    let mean = jets.iter().map(EnergyFlow::len).sum::<usize>() as f64 / JETS as f64;
    let path = write_jets(&jets).expect("the temporary folder is writable");
    println!(
        "{JETS} jets of 30 to 150 particles (mean {mean:.0}), all pairs, one thread, median of {ROUNDS} rounds"
    );
    for (beta, normalise) in [(1.0, true), (1.0, false), (2.0, true)] {
        let (mut own, mut peer) = (Vec::new(), Vec::new());
        let mut worst = 0.0_f64;
        for _ in 0..ROUNDS {
            let (seconds, values) = ours(&jets, beta, normalise);
            own.push(seconds);
            match theirs(&path, beta, normalise) {
                Ok((seconds, peers)) => {
                    peer.push(seconds);
                    assert_eq!(peers.len(), values.len(), "the peer computed other pairs");
                    for (ours, theirs) in values.iter().zip(&peers) {
                        worst = worst.max((ours - theirs).abs() / theirs.abs().max(1e-6));
                    }
                }
                Err(reason) => {
                    println!("skipped: the peer cannot run ({reason})");
                    println!("beta {beta}, norm {normalise}: hepml {:.0} us/EMD", 1e6 * seconds / pairs);
                    let _ = std::fs::remove_file(&path);
                    return;
                }
            }
        }
        let (own, peer) = (median(own), median(peer));
        println!(
            "beta {beta}, norm {normalise}: hepml {:.0} us/EMD, wasserstein {:.0} us/EMD, ratio {:.2}, worst relative \
             difference {worst:.1e}",
            1e6 * own / pairs,
            1e6 * peer / pairs,
            peer / own
        );
    }
    let _ = std::fs::remove_file(&path);
}
