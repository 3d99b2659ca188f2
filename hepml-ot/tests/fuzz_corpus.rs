//! The property of the fuzz target `emd` on its corpus (fuzz/corpus/emd), findings among it, and on random bytes.

#[path = "properties/exact.rs"]
mod exact;

use std::path::PathBuf;

use hepml_core::Streams;
use hepml_core::rand::RngExt;

#[test]
fn corpus() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/emd");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        // The published crate does not carry the corpus.
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    for path in paths {
        println!("{}", path.display());
        exact::exact(&std::fs::read(&path).unwrap());
    }
}

#[test]
fn random_bytes() {
    let streams = Streams::new(20_190_201);
    for case in 0..20_000 {
        let mut rng = streams.stream(case);
        let mut bytes = vec![0; rng.random_range(0..400)];
        rng.fill(&mut bytes[..]);
        println!("{case}");
        exact::exact(&bytes);
    }
}
