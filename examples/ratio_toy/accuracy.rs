//! The table of accuracies.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::ValueEnum;
use hepml::core::{Observer, Progress};
use hepml_examples::Bar;
use serde_json::{Value, json};

use crate::Arguments;
use crate::learner::{LearnerName, LossName};
use crate::study::Failure;
use crate::toy::ToyName;

const EVENTS: [usize; 3] = [1_000, 10_000, 100_000];
const SEEDS: u64 = 5;

/// A fit of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    toy: ToyName,
    learner: LearnerName,
    loss: LossName,
    n: usize,
    seed: u64,
}

/// The errors of ln r of a fit, learned and parametric.
type Errors = [f64; 2];

impl Cell {
    /// What it is called in the file of fits.
    fn key(self) -> String {
        let Self { toy, learner, loss, n, seed } = self;
        format!("{toy} {learner} {loss} {n} {seed}")
    }

    /// Fits it, on one thread.
    fn fit(self) -> Result<Value, Failure> {
        let study = self.toy.study(self.learner, self.loss, self.n, self.seed, &mut ())?;
        let mut all = study.json();
        all["key"] = self.key().into();
        Ok(all)
    }
}

/// What the threads share.
struct Shared {
    file: File,
    bar: Bar,
    done: u64,
    known: HashMap<String, Errors>,
}

/// The errors in a line of the file of fits.
fn errors(line: &Value) -> Option<(String, Errors)> {
    let number = |name: &str| line[name].as_f64();
    let errors = [number("mean_abs_error_log_ratio")?, number("mean_abs_error_parametric")?];
    Some((line["key"].as_str()?.to_owned(), errors))
}

/// Fits what is not in the file yet, as many at a time as there are threads, and prints the medians.
pub(crate) fn table(arguments: &Arguments) -> Result<String, Failure> {
    let toys = arguments.toy.map_or(ToyName::value_variants().to_vec(), |toy| vec![toy]);
    let losses = arguments.loss.map_or(LossName::value_variants().to_vec(), |loss| vec![loss]);
    let events = arguments.n.map_or(EVENTS.to_vec(), |n| vec![n]);
    let last = arguments.seed.checked_add(SEEDS);
    let last = last.ok_or_else(|| format!("--seed {}: too large for {SEEDS} seeds", arguments.seed))?;
    let mut cells = Vec::new();
    for &toy in &toys {
        let learner = arguments.learner.unwrap_or(toy.default_learner());
        for &loss in &losses {
            for &n in &events {
                toy.check(learner, loss, n)?;
                cells.extend((arguments.seed..last).map(|seed| Cell { toy, learner, loss, n, seed }));
            }
        }
    }

    let path = &arguments.fits;
    let name = path.display();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut known: HashMap<String, Errors> = HashMap::new();
    if path.exists() {
        for (index, line) in BufReader::new(File::open(path)?).lines().enumerate() {
            let parsed = serde_json::from_str(&line?).ok().and_then(|line| errors(&line));
            let place = index + 1;
            known.extend([parsed.ok_or_else(|| format!("{name}, line {place}: no fit of --table"))?]);
        }
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let missing: Vec<Cell> = cells.iter().filter(|cell| !known.contains_key(&cell.key())).copied().collect();
    // The longest first, so that no thread is left with one at the end.
    let mut order = missing.clone();
    order.sort_by_key(|cell| std::cmp::Reverse(cell.n));
    let total = Some(order.len() as u64);
    let bar = Bar::new(arguments.json);
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(Shared { file, bar, done: 0, known });
    let work = || -> Result<(), Failure> {
        // A pool of one thread, so that what learns in parallel keeps to this one.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        while let Some(cell) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let line = alone.install(|| cell.fit()).map_err(|error| format!("{}: {error}", cell.key()));
            let line = line.inspect_err(|_| next.store(order.len(), Ordering::Relaxed))?;
            let mut shared = shared.lock().map_err(|_| "another fit has panicked")?;
            // In one piece, so that a program that is killed leaves whole lines.
            shared.file.write_all(format!("{line}\n").as_bytes())?;
            shared.known.extend(errors(&line));
            shared.done += 1;
            let step = shared.done;
            let _ = shared.bar.step(&Progress { stage: "fits", step, total, measures: &[] });
        }
        Ok(())
    };
    // Threads of our own: one of rayon's that waits for another pool would begin the next fit meanwhile.
    thread::scope(|scope| {
        let workers: Vec<_> = (0..rayon::current_num_threads()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a fit has panicked")?)
    })?;
    let Shared { bar, known, .. } = shared.into_inner().map_err(|_| "a fit has panicked")?;
    bar.finish();

    let median = |toy, loss, n, which: usize| -> f64 {
        let mut errors: Vec<f64> = cells
            .iter()
            .filter(|cell| cell.toy == toy && cell.loss == loss && cell.n == n)
            .filter_map(|cell| known.get(&cell.key()).map(|errors| errors[which]))
            .collect();
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    };
    let mut rows = Vec::new();
    for &toy in &toys {
        for &n in &events {
            let row: Vec<f64> = losses.iter().map(|&loss| median(toy, loss, n, 0)).collect();
            rows.push((toy, n, row, median(toy, losses[0], n, 1)));
        }
    }
    if arguments.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(toy, n, row, parametric)| {
                let losses: serde_json::Map<_, _> =
                    losses.iter().zip(row).map(|(loss, error)| (loss.to_string(), json!(error))).collect();
                json!({ "toy": toy.to_string(), "n": n, "losses": losses, "parametric": parametric })
            })
            .collect();
        return Ok(format!("{:#}\n", json!(rows)));
    }
    let names: Vec<String> =
        losses.iter().map(|loss| format!(" {} |", loss.to_string().to_uppercase())).collect();
    let mut text = vec![
        format!("| toy | events of each side |{} parametric |", names.concat()),
        format!("| --- | ---: |{} ---: |", " ---: |".repeat(losses.len())),
    ];
    text.extend(rows.iter().map(|(toy, n, row, parametric)| {
        let row: Vec<String> = row.iter().map(|error| format!(" {error:.3} |")).collect();
        format!("| {toy} | {n} |{} {parametric:.3} |", row.concat())
    }));
    Ok(text.join("\n") + "\n")
}
