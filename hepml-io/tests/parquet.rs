//! Parquet files that pyarrow and awkward wrote, truncated and corrupt ones.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{check_particles, check_table, data, drain, drain_table};
use hepml_io::{Error, ParquetFile, ParticleLayout};
use proptest::prelude::*;

fn open(name: &str) -> ParquetFile {
    ParquetFile::open(data(name)).unwrap()
}

#[test]
fn flat_columns_are_a_table_under_every_compression() {
    for name in ["flat_snappy.parquet", "flat_gzip.parquet", "flat_none.parquet", "flat_zstd.parquet"] {
        check_table(name, || open(name).table().unwrap());
        assert_eq!(open(name).rows(), 25);
        assert!(open(name).lists().is_empty());
    }
    assert!(
        !open("flat_text.parquet").columns().contains(&"name".to_owned()),
        "texts are no columns of numbers"
    );
}

#[test]
fn lists_are_particles_however_they_are_nested() {
    for name in
        ["lists_pyarrow.parquet", "lists_awkward.parquet", "records_awkward.parquet", "lists_zstd.parquet"]
    {
        check_particles(name, || open(name).find_particles().unwrap());
        assert_eq!(open(name).find_particles().unwrap().layout(), ParticleLayout::PtYPhiPid);
    }
    assert_eq!(
        open("records_awkward.parquet").lists(),
        ["particles.pt", "particles.y", "particles.phi", "particles.pid"]
    );
    let file = open("lists_pyarrow.parquet");
    let sets = file.particles(ParticleLayout::PtYPhi, &["pt", "y", "phi"], None, Some("weight")).unwrap();
    let sets = sets.read_all().unwrap();
    assert!(sets.labels().is_none() && sets.weights().is_some());
}

#[test]
fn what_is_not_there_or_missing_is_named() {
    let file = open("lists_pyarrow.parquet");
    let layout = ParticleLayout::PtYPhi;
    for (lists, label, words) in [
        (&["pt", "y", "azimuth"][..], None, "no list of numbers named \"azimuth\""),
        (&["pt", "y", "label"], None, "no list of numbers named \"label\""),
        (&["pt", "y"], None, "expected 3, got 2"),
        (&["pt", "y", "phi"], Some("pt"), "outside lists named \"pt\""),
    ] {
        let error = file.particles(layout, lists, label, None).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = open("flat_none.parquet").find_particles().unwrap_err().to_string();
    assert!(error.contains("expected lists pt"), "{error}");
    let error = open("null.parquet").table().unwrap().read_all().unwrap_err().to_string();
    assert!(error.contains("event 1") && error.contains("null"), "{error}");
    for (name, words) in [("lists_unequal.parquet", "of \"y\""), ("lists_null.parquet", "null")] {
        let error = open(name).find_particles().unwrap().read_all().unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("event "), "{error}");
    }
    let error = open("flat_brotli.parquet").table().unwrap_err();
    assert!(error.to_string().contains("rewrite"), "{error}");
    assert!(matches!(
        ParquetFile::from_bytes(&b"PAR1 no"[..]).unwrap_err(),
        Error::Malformed { .. } | Error::Truncated { .. }
    ));
}

/// What a damaged file may do: read, or fail; nothing else.
fn exercise(bytes: Vec<u8>) -> hepml_io::Result<usize> {
    let file = ParquetFile::from_bytes(bytes)?;
    let rows = drain_table(file.table());
    drain(file.find_particles()).or(rows)
}

#[test]
fn truncation_is_noticed() {
    let whole = std::fs::read(data("records_awkward.parquet")).unwrap();
    for length in (0..whole.len()).step_by(7) {
        assert!(exercise(whole[..length].to_vec()).is_err(), "truncated at {length}");
    }
}

/// The `parquet` crate panics on some corrupt pages: that is an error of the file.
#[test]
fn every_byte_may_be_wrong() {
    for name in ["flat_none.parquet", "flat_snappy.parquet", "flat_zstd.parquet"] {
        let whole = std::fs::read(data(name)).unwrap();
        let mut failed = 0;
        for index in 0..whole.len() {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[index] = value;
                failed += usize::from(exercise(damaged).is_err());
            }
        }
        assert!(failed > 100, "{name}: {failed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_do_no_harm(
        file in prop::sample::select(vec![
            "flat_snappy.parquet", "flat_none.parquet", "flat_zstd.parquet", "lists_pyarrow.parquet", "lists_zstd.parquet",
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = std::fs::read(data(file)).unwrap();
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let _ = exercise(bytes);
    }
}
