//! Fixtures that NumPy, h5py, pandas, pyarrow and awkward wrote (tools/io_table_reference.py), and what is in them.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hepml_core::{EventSet, MassHypothesis};
use hepml_io::{LabelledSets, ParticleReader, TableReader};
use serde_json::Value;

#[path = "../files/mod.rs"]
mod files;
pub use files::{data, shared};

/// Sums of n terms of size s are off by at most n eps s; a few roundings go into each term (pt cosh y, ...).
pub const ROUNDINGS: f64 = 16.0;

pub fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/tables.json")).unwrap()
}

/// Numbers, or texts of numbers where the last bit counts: serde_json rounds carelessly.
pub fn numbers(value: &Value) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap());
    value.as_array().unwrap().iter().map(number).collect()
}

fn close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got} and {expected} differ by more than {tolerance:e}"
    );
}

/// Compares a table with what the script found, read at once and in batches of 3.
pub fn check_table(what: &str, open: impl Fn() -> TableReader) {
    let expected = &reference()["tables"][what];
    let table = open().read_all().unwrap();
    assert_eq!(table.nrows() as u64, expected["rows"].as_u64().unwrap(), "{what}");
    assert_eq!(table.ncols() as u64, expected["width"].as_u64().unwrap(), "{what}");
    let shown: Vec<usize> = serde_json::from_value(expected["shown"].clone()).unwrap();
    let names: Vec<String> = serde_json::from_value(expected["columns"].clone()).unwrap();
    let columns = open().columns().to_vec();
    assert_eq!(shown.iter().map(|&index| columns[index].clone()).collect::<Vec<_>>(), names, "{what}");
    for ((&column, sum), last) in shown.iter().zip(numbers(&expected["sums"])).zip(numbers(&expected["last"]))
    {
        let values = table.column(column);
        let scale: f64 = values.iter().map(|value| value.abs()).sum();
        close(what, values.sum(), sum, ROUNDINGS * f64::EPSILON * scale);
        assert_eq!(values[values.len() - 1], last, "{what}, column {column}");
    }
    let mut reader = open();
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch(3).unwrap() {
        assert!(batch.nrows() <= 3);
        batches.push(batch);
    }
    let parts: Vec<_> = batches.iter().collect();
    let all: hepml_core::Table = EventSet::concat_events(&parts).unwrap();
    assert_eq!(all, table, "{what}");
}

/// Compares events with what the script found: rows, momenta, and momenta in batches of 3.
pub fn check_particles(what: &str, open: impl Fn() -> ParticleReader) {
    let expected = &reference()["particles"][what];
    check_particles_against(what, expected, &open);
    let all = open().read_all().unwrap();
    let mut reader = open();
    let mut batches: Vec<LabelledSets> = Vec::new();
    while let Some(batch) = reader.next_batch(3).unwrap() {
        assert!((1..=3).contains(&batch.sets().event_count()));
        batches.push(batch);
    }
    let sets: Vec<_> = batches.iter().map(LabelledSets::sets).collect();
    assert_eq!(&hepml_core::ParticleSets::concat_events(&sets).unwrap(), all.sets(), "{what}");
    let labels: Vec<f64> =
        batches.iter().flat_map(|batch| batch.labels().unwrap_or_default()).copied().collect();
    assert_eq!(labels, all.labels().unwrap_or_default(), "{what}");
}

pub fn check_particles_against(what: &str, expected: &Value, open: &impl Fn() -> ParticleReader) {
    let rows: Vec<_> = open().map(Result::unwrap).collect();
    let counts: Vec<usize> = rows.iter().map(|event| event.particles.nrows()).collect();
    assert_eq!(counts.len() as u64, expected["events"].as_u64().unwrap(), "{what}");
    let particles: usize = counts.iter().sum();
    assert_eq!(particles as u64, expected["particles"].as_u64().unwrap(), "{what}");
    if let Some(expected) = expected.get("counts") {
        assert_eq!(&serde_json::to_value(&counts).unwrap(), expected, "{what}");
    }
    for (column, sum) in numbers(&expected["column_sums"]).into_iter().enumerate() {
        let values: Vec<f64> =
            rows.iter().flat_map(|event| event.particles.column(column).to_vec()).collect();
        let scale: f64 = values.iter().map(|value| value.abs()).sum();
        let tolerance = f64::EPSILON * particles as f64 * scale;
        close(what, values.iter().sum(), sum, tolerance);
    }
    let sets = open().with_mass(MassHypothesis::AsRecorded).read_all().unwrap();
    assert_eq!(sets.sets().particle_count(), particles);
    let sum: hepml_core::FourMomentum = sets.sets().momenta().iter().sum();
    let scale = expected["momentum_scale"].as_f64().unwrap();
    for (got, expected) in <[f64; 4]>::from(sum).into_iter().zip(numbers(&expected["momentum_sums"])) {
        close(what, got, expected, f64::EPSILON * (particles as f64 + ROUNDINGS) * scale);
    }
    for (key, got) in [("labels", sets.labels()), ("weights", sets.weights())] {
        assert_eq!(got.map(<[f64]>::to_vec), expected.get(key).map(numbers), "{what}: {key}");
    }
    let of_rows: Option<Vec<f64>> = rows.iter().map(|event| event.label).collect();
    if !rows.is_empty() {
        assert_eq!(of_rows.as_deref(), sets.labels(), "{what}");
    }
}

/// Fails on anything but `Ok` and `Err`: a panic, or memory without bound, would end the test.
pub fn drain(reader: hepml_io::Result<ParticleReader>) -> hepml_io::Result<usize> {
    let mut events = 0;
    for event in reader? {
        event?;
        events += 1;
    }
    Ok(events)
}

/// As [`drain`], for tables.
pub fn drain_table(reader: hepml_io::Result<TableReader>) -> hepml_io::Result<usize> {
    let mut rows = 0;
    for row in reader? {
        row?;
        rows += 1;
    }
    Ok(rows)
}
