//! HDF5 files that h5py, PyTables and pandas wrote, truncated and corrupt ones.
#![cfg(feature = "hdf5")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{check_particles, check_table, data, drain, drain_table};
use hepml_io::{ArrayNames, Error, EventColumns, Hdf5File, ParticleLayout, ParticleReader};
use proptest::prelude::*;

fn open(name: &str) -> Hdf5File {
    Hdf5File::open(data(name)).unwrap()
}

#[test]
fn arrays_and_records_of_h5py_are_read() {
    for libver in ["earliest", "v114"] {
        let name = format!("arrays_{libver}.h5");
        for dataset in ["contiguous", "group/chunked", "lzf", "compound", "vector", "never_written"] {
            check_table(&format!("{name}:{dataset}"), || open(&name).table(dataset).unwrap());
        }
        let names = ArrayNames::new("X").with_labels("y").with_weights("w");
        check_particles(&format!("{name}:X"), || {
            open(&name).particles(ParticleLayout::PtYPhiPid, &names).unwrap()
        });
        let mut known = open(&name).names().unwrap();
        known.sort();
        let expected = [
            "X",
            "compound",
            "contiguous",
            "group/chunked",
            "lzf",
            "never_written",
            "text",
            "vector",
            "w",
            "y",
        ];
        assert_eq!(known, expected);
    }
}

fn top_tagging(file: &Hdf5File) -> hepml_io::Result<ParticleReader> {
    let table = file.table("table")?;
    let columns = EventColumns::top_tagging(table.columns())?;
    table.into_particles(columns)
}

fn olympics(file: &Hdf5File) -> hepml_io::Result<ParticleReader> {
    let table = file.table("df")?;
    let columns = EventColumns::lhc_olympics(table.columns().len())?;
    table.into_particles(columns)
}

#[test]
fn the_top_tagging_reference_set_is_read_however_pandas_wrote_it() {
    for name in ["toptagging_table.h5", "toptagging_fixed.h5", "toptagging_columns.h5"] {
        check_table(name, || open(name).table("table").unwrap());
        check_particles(name, || top_tagging(&open(name)).unwrap());
        assert_eq!(open(name).names().unwrap(), ["table"]);
    }
}

#[test]
fn the_lhc_olympics_file_is_read_however_pandas_wrote_it() {
    for name in ["olympics_fixed.h5", "olympics_table.h5"] {
        check_table(name, || open(name).table("df").unwrap());
        check_particles(name, || olympics(&open(name)).unwrap());
    }
}

#[test]
fn some_columns_of_a_table_can_be_read() {
    let table = open("toptagging_table.h5").table("table").unwrap();
    let labels = table.select(&["is_signal_new", "E_1"]).unwrap();
    assert_eq!(labels.columns(), ["is_signal_new", "E_1"]);
    let labels = labels.read_all().unwrap();
    assert_eq!(labels.column(0).to_vec(), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let error = open("toptagging_table.h5").table("table").unwrap().select(&["E_99"]).unwrap_err();
    assert!(error.to_string().contains("no column named \"E_99\""), "{error}");
}

#[test]
fn what_is_not_read_says_so() {
    let error = open("blosc.h5").table("table").unwrap_err().to_string();
    assert!(error.contains("blosc") && error.contains("ptrepack"), "{error}");
    let error = open("layout_v5.h5").table("chunked").unwrap_err();
    assert!(error.to_string().contains("HDF5 2"), "{error}");
    let file = open("arrays_earliest.h5");
    for (name, words) in [
        ("nothing", "named \"nothing\""),
        ("group", "named \"group\""),
        ("text", "single value"),
        ("X", "shape [8, 6, 4]"),
    ] {
        let error = file.table(name).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("arrays_earliest.h5"), "{error}");
    }
    for (layout, names, words) in [
        (ParticleLayout::PtYPhi, ArrayNames::new("X"), "expected [events, particles, 3]"),
        (ParticleLayout::PtYPhiPid, ArrayNames::new("contiguous"), "[6, 3]"),
        (ParticleLayout::PtYPhiPid, ArrayNames::new("X").with_labels("vector"), "expected [8]"),
        (ParticleLayout::PtYPhiPid, ArrayNames::new("X").with_weights("z"), "named \"z\""),
    ] {
        let error = file.particles(layout, &names).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = Hdf5File::from_bytes(&b"no HDF5"[..]).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. } | Error::Truncated { .. }), "{error}");
    assert!(matches!(Hdf5File::open(data("nothing.h5")).unwrap_err(), Error::InFile { .. }));
}

/// What a damaged file may do: read, or fail; nothing else.
fn exercise(bytes: Vec<u8>) -> hepml_io::Result<()> {
    let file = Hdf5File::from_bytes(bytes)?;
    for name in file.names()? {
        let _ = drain_table(file.table(&name));
    }
    let _ = drain(file.particles(ParticleLayout::PtYPhiPid, &ArrayNames::new("X").with_labels("y")));
    Ok(())
}

#[test]
fn truncation_is_noticed() {
    for name in ["toptagging_table.h5", "toptagging_fixed.h5", "arrays_v114.h5"] {
        let whole = std::fs::read(data(name)).unwrap();
        for length in (0..whole.len()).step_by(61) {
            let _ = exercise(whole[..length].to_vec());
        }
    }
    let whole = std::fs::read(data("toptagging_fixed.h5")).unwrap();
    for length in (0..whole.len() - 1).step_by(500) {
        let result =
            Hdf5File::from_bytes(whole[..length].to_vec()).and_then(|file| drain(top_tagging(&file)));
        assert!(result.is_err(), "truncated at {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_do_no_harm(
        file in prop::sample::select(vec!["arrays_v114.h5", "arrays_earliest.h5", "toptagging_table.h5", "toptagging_fixed.h5"]),
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
