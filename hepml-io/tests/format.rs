//! Formats by content, and what `inspect` says of files of each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::{data, reference, shared};
use hepml_core::PdgId;
use hepml_io::{Compression, Error, Format, Summary, inspect, open_events};
use proptest::prelude::*;

fn write(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn content_decides_not_the_name() {
    for (content, format) in [
        (&b"PK\x03\x04rest"[..], Format::Npz),
        (b"PK\x05\x06", Format::Npz),
        (b"\x93NUMPY\x01\x00", Format::Npy),
        (b"\x89HDF\r\n\x1a\n\x00", Format::Hdf5),
        (b"PAR1\x15\x00", Format::Parquet),
        (b"<LesHouchesEvents version=\"1.0\">\n<init>", Format::Lhe),
        (b"<?xml version=\"1.0\"?>\n<!-- by someone -->\n<LesHouchesEvents version=\"3.0\">", Format::Lhe),
        (b"\nHepMC::Version 3.02.06\nHepMC::Asciiv3-START_EVENT_LISTING\nW weight", Format::HepMc3),
        (b"HepMC::Version 2.06.09\r\nHepMC::IO_GenEvent-START_EVENT_LISTING\r\n", Format::HepMc2),
        (b"1 2 3", Format::Text),
        (b"# pt y phi\n\n  1.5D+01 -0.3 .5 # hard\n", Format::Text),
        ("# \u{3b7}\n1 2 3\n".as_bytes(), Format::Text),
    ] {
        assert_eq!(Format::of_start(content).unwrap(), format, "{:?}", String::from_utf8_lossy(content));
    }
    let mut user_block = vec![0; 512];
    user_block.extend(b"\x89HDF\r\n\x1a\n");
    assert_eq!(Format::of_start(&user_block).unwrap(), Format::Hdf5);
    // A character cut in two at the end of what is looked at.
    assert_eq!(Format::of_start(b"1 2 3\n# \xce").unwrap(), Format::Text);
    for content in
        [&b""[..], b"\n\n", b"# nothing else\n", b"pt,y,phi\n1,2,3\n", b"\xff\xfe1 2 3", b"HepMC::Asciiv4"]
    {
        let error = Format::of_start(content).unwrap_err();
        assert!(matches!(error, Error::UnknownFormat(_)), "{error}");
    }
    let error = Format::detect(write("empty.lhe", b"")).unwrap_err();
    assert!(error.to_string().contains("empty.lhe") && error.to_string().contains("is empty"), "{error}");
}

fn check_particles(summary: &Summary, what: &str) {
    let expected = &reference()["particles"][what];
    assert_eq!(summary.events, expected["events"].as_u64().unwrap(), "{what}");
    assert_eq!(summary.particles, expected["particles"].as_u64(), "{what}");
    let weights = expected.get("weights").map(common::numbers);
    let sum: f64 = weights.as_ref().map_or(summary.events as f64, |weights| weights.iter().sum());
    assert!((summary.sum_weights - sum).abs() <= 1e-14 * summary.events as f64, "{what}");
    let negative = weights.map_or(0, |weights| weights.iter().filter(|weight| **weight < 0.0).count());
    assert_eq!(summary.negative_fraction, negative as f64 / summary.events as f64, "{what}");
    assert!(summary.imbalance.is_none());
}

#[cfg(feature = "npz")]
#[test]
fn arrays_of_numpy_are_inspected() {
    let jets = inspect(data("jets.npz")).unwrap();
    check_particles(&jets, "jets.npz");
    assert_eq!((jets.format.as_str(), jets.compression), ("npz", Compression::None));
    assert_eq!(jets.contents[0], "X [12, 9, 4]");
    // Every particle has an id, and the most frequent come first.
    assert_eq!(jets.kinds.iter().map(|(_, count)| count).sum::<u64>(), jets.particles.unwrap());
    assert!(jets.kinds.is_sorted_by_key(|&(_, count)| std::cmp::Reverse(count)));
    check_particles(&inspect(data("plain.npz")).unwrap(), "plain.npz");
    let table = inspect(data("table.npy.gz")).unwrap();
    assert_eq!((table.events, table.particles, table.compression), (7, None, Compression::Gzip));
    assert_eq!((table.sum_weights, table.contents), (7.0, vec!["[7, 2]".to_owned()]));
}

#[cfg(feature = "hdf5")]
#[test]
fn hdf5_files_are_inspected() {
    for name in ["toptagging_table.h5", "toptagging_fixed.h5"] {
        check_particles(&inspect(data(name)).unwrap(), name);
    }
    let olympics = inspect(data("olympics_fixed.h5")).unwrap();
    assert_eq!((olympics.events, olympics.particles), (5, None));
    let arrays = inspect(data("arrays_v114.h5")).unwrap();
    assert_eq!(arrays.particles, reference()["particles"]["arrays_v114.h5:X"]["particles"].as_u64());
    let error = inspect(data("blosc.h5")).unwrap_err().to_string();
    assert!(error.contains("blosc.h5") && error.contains("ptrepack"), "{error}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_files_are_inspected() {
    for name in ["lists_zstd.parquet", "records_awkward.parquet"] {
        check_particles(&inspect(data(name)).unwrap(), name);
    }
    let flat = inspect(data("flat_snappy.parquet")).unwrap();
    assert_eq!((flat.events, flat.particles), (25, None));
}

#[cfg(not(all(feature = "hdf5", feature = "parquet")))]
#[test]
fn a_missing_feature_is_named() {
    for (name, feature, there) in [
        ("toptagging_fixed.h5", "hdf5", cfg!(feature = "hdf5")),
        ("flat_none.parquet", "parquet", cfg!(feature = "parquet")),
        ("jets.npz", "npz", cfg!(feature = "npz")),
    ] {
        if !there {
            let error = inspect(data(name)).unwrap_err().to_string();
            assert!(error.contains(&format!("rebuild with the feature `{feature}`")), "{error}");
        }
    }
}

#[test]
fn texts_are_inspected() {
    let text = inspect(write("three.txt", b"# pt y phi\n1 0 0\n2 1 1\n\n3 0 0\n")).unwrap();
    assert_eq!((text.events, text.particles, text.format.as_str()), (2, Some(3), "text"));
    let ids = inspect(write("ids.txt", b"1 0 0 22\n2 1 1 211\n4 0 0 22\n")).unwrap();
    assert_eq!(ids.kinds, [(PdgId(22), 2), (PdgId(211), 1)]);
    let components = inspect(write("components.txt", b"-3 4 0 5.01\n")).unwrap();
    assert_eq!(components.particles, Some(1));
    let error = inspect(write("bad.txt", b"1 0 0\n1 0\n")).unwrap_err().to_string();
    assert!(error.contains("bad.txt") && error.contains("line 2"), "{error}");
    assert!(inspect(Path::new("no such file")).is_err());
}

const LHE: &str = "<LesHouchesEvents version=\"1.0\">
<init>
2212 2212 6.5E+03 6.5E+03 0 0 0 0 3 1
5.0E+01 1.0E-01 1.0E+00 1
</init>
<event>
4 1 -2.5E+00 9.0E+01 7.5E-03 1.2E-01
21 -1 0 0 101 102 0 0 5.0E+01 5.0E+01 0 0 9
21 -1 0 0 102 101 0 0 -5.0E+01 5.0E+01 0 0 9
22 1 1 2 0 0 3.0E+01 0 4.0E+01 5.0E+01 0 0 9
22 1 1 2 0 0 -3.0E+01 0 -4.0E+01 4.9E+01 0 0 9
</event>
</LesHouchesEvents>
";

#[test]
fn event_records_are_inspected() {
    let lhe = inspect(write("photons.dat", LHE.as_bytes())).unwrap();
    assert_eq!((lhe.events, lhe.particles, lhe.final_particles), (1, Some(4), Some(2)));
    assert_eq!((lhe.sum_weights, lhe.negative_fraction), (-2.5, 1.0));
    assert_eq!(lhe.kinds, [(PdgId(21), 2), (PdgId(22), 2)]);
    let imbalance = lhe.imbalance.unwrap();
    assert_eq!((imbalance.event, imbalance.largest, imbalance.relative), (0, 1.0, 0.01));
    let error = open_events(data("jets.npz")).unwrap_err_text();
    assert!(error.contains("npz"), "{error}");
}

trait ErrorText {
    fn unwrap_err_text(self) -> String;
}

impl<T> ErrorText for hepml_io::Result<T> {
    fn unwrap_err_text(self) -> String {
        self.err().unwrap().to_string()
    }
}

#[cfg(all(feature = "gzip", feature = "npz", feature = "zstd"))]
#[test]
fn the_files_to_check_against_are_inspected() {
    for (name, format, compression, particles) in [
        ("pylhe-testfile-pythia-6.413-ttbar.lhe", "LHE", Compression::None, true),
        ("pylhe-testfile-madgraph5-3.5.8-pp_to_jj.lhe.gz", "LHE", Compression::Gzip, true),
        ("events.eeH.hepmc3.zst", "HepMC3", Compression::Zstd, true),
        ("lhco_sr_train.npy", "npy", Compression::None, false),
        ("zjets_pythia.npz", "npz", Compression::None, false),
        ("single-event.dat", "text", Compression::None, true),
    ] {
        let Some(path) = shared(name) else { continue };
        let summary = inspect(path).unwrap();
        assert!(summary.format.starts_with(format), "{name}: {}", summary.format);
        assert_eq!((summary.compression, summary.particles.is_some()), (compression, particles), "{name}");
        assert!(summary.events > 0, "{name}");
        let records = matches!(format, "LHE" | "HepMC3");
        assert_eq!(summary.imbalance.is_some(), records, "{name}");
        if let Some(imbalance) = summary.imbalance {
            // Numbers of 10 digits: what is lost is far below a permille of the energy.
            assert!(imbalance.relative < 1e-3, "{name}: {imbalance:?}");
        }
    }
    if let Some(path) = shared("jets_top_qcd.npz") {
        let summary = inspect(path).unwrap();
        let expected = &reference()["shared"]["jets_top_qcd.npz"]["particles"];
        assert_eq!((summary.events, summary.particles), (40_000, expected.as_u64()));
    }
}

proptest! {
    #[test]
    fn random_content_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Format::of_start(&bytes);
    }
}
