//! Replays the corpus of the fuzz targets (fuzz/corpus), findings among it.

#![cfg(all(feature = "gzip", feature = "zstd"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

#[path = "properties/records.rs"]
mod records;

use std::path::PathBuf;

fn replay(target: &str, property: impl Fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        // The published crate does not carry the corpus.
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    for path in paths {
        println!("{}", path.display());
        property(&std::fs::read(&path).unwrap());
    }
}

#[test]
fn lhe() {
    replay("lhe", records::lhe);
}

#[test]
fn hepmc() {
    replay("hepmc", records::hepmc);
}

#[test]
fn input() {
    replay("input", records::input);
}
