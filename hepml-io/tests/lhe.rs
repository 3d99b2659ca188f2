//! LHE files against what pylhe reads from them (tools/io_record_reference.py), and round trips.

#![cfg(all(feature = "gzip", feature = "zstd"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::path::Path;

use hepml_core::{Event, EventSet, Selection};
use hepml_io::lhe::XWGTUP;
use hepml_io::{Error, EventReader, LheReader, LheWriter};
use serde_json::Value;

use records::{Scratch, assert_close, compress_gzip, data, numbers, reference, shared};

/// XSECUP is written with 7 digits.
const XSECUP_DIGITS: f64 = 5e-7;

/// What pylhe calls by id, we list after XWGTUP; pylhe's dictionary leaves XWGTUP out.
fn check(path: &Path, expected: &Value) {
    let mut reader = LheReader::open(path).unwrap();
    let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    let particles = || events.iter().flat_map(|event| &event.particles);
    assert_eq!(events.len() as u64, expected["events"].as_u64().unwrap());
    assert_eq!(particles().count() as u64, expected["particles"].as_u64().unwrap());
    assert_eq!(
        events.iter().flat_map(Event::final_state).count() as u64,
        expected["final"].as_u64().unwrap()
    );
    assert_eq!(particles().map(|p| i64::from(p.id.0)).sum::<i64>(), expected["sum_pdg"].as_i64().unwrap());
    let colors = particles().map(|p| p.color.unwrap()).map(|[c, a]| i64::from(c) + 2 * i64::from(a));
    assert_eq!(colors.sum::<i64>(), expected["sum_color"].as_i64().unwrap());
    // MOTHUP(1) + MOTHUP(2): these files leave the second 0 for a single mother.
    let mothers: usize = events
        .iter()
        .flat_map(|event| (0..event.particles.len()).map(|i| event.parents(i)))
        .map(|parents| match parents {
            [] => 0,
            [mother] => mother + 1,
            [first, .., last] => first + last + 2,
        })
        .sum();
    assert_eq!(mothers as u64, expected["mothers"].as_u64().unwrap());
    let weights: f64 = events.iter().map(|event| event.weights.values()[0]).sum();
    assert_close(
        "sum of weights",
        weights,
        expected["sum_weights"].as_f64().unwrap(),
        events.len(),
        weights.abs(),
    );
    let names: Vec<String> = serde_json::from_value(expected["weight_names"].clone()).unwrap();
    for (name, sum) in names.iter().zip(numbers(&expected["sum_named"])) {
        let values: Vec<f64> = events.iter().map(|event| event.weights.named(name).unwrap()).collect();
        let scale = values.iter().map(|w| w.abs()).sum();
        assert_close(name, values.iter().sum(), sum, events.len(), scale);
    }
    assert_eq!(reader.weight_names().len(), if names.is_empty() { 0 } else { names.len() + 1 });
    let init = &reader.run().init;
    assert_eq!(i64::from(init.weighting), expected["weighting"].as_i64().unwrap());
    let sigma = expected["cross_section"].as_f64().unwrap();
    assert_close("cross section", init.cross_section_pb(), sigma, init.processes.len(), sigma);
    let mut sums = [0.0; 4];
    let mut worst: f64 = 0.0;
    for event in &events {
        for particle in event.final_state() {
            let p = particle.momentum;
            for (sum, x) in sums.iter_mut().zip([p.e, p.px, p.py, p.pz]) {
                *sum += x.abs();
            }
        }
        let off = event.momentum_imbalance().unwrap();
        worst = [off.e, off.px, off.py, off.pz].into_iter().fold(worst, |worst, x| worst.max(x.abs()));
    }
    for (sum, expected) in sums.into_iter().zip(numbers(&expected["sum_abs_momentum"])) {
        assert_close("momentum", sum, expected, particles().count(), expected);
    }
    // The imbalance is rounding of the file's decimals; ours may differ from pylhe's by that of the sum of a few TeV.
    let expected_worst = expected["worst_balance"].as_f64().unwrap();
    assert_close("imbalance", worst, expected_worst, 16, 1e4);
}

#[test]
fn files_agree_with_pylhe() {
    let reference = reference();
    check(&data("ttbar.lhe"), &reference["lhe"]["ttbar.lhe"]);
    for (name, expected) in reference["shared_lhe"].as_object().unwrap() {
        if let Some(path) = shared(name) {
            check(&path, expected);
        }
    }
}

#[test]
fn compressed_files_are_the_same() {
    let plain: Vec<_> = LheReader::open(data("ttbar.lhe")).unwrap().map(Result::unwrap).collect();
    let gzip: Vec<_> = LheReader::open(data("ttbar.lhe.gz")).unwrap().map(Result::unwrap).collect();
    assert_eq!(plain, gzip);
}

#[test]
fn the_header_is_read() {
    let reader = LheReader::open(data("ttbar.lhe")).unwrap();
    let run = reader.run();
    assert_eq!(run.generators()[0].name, "Pythia");
    assert_eq!(run.weight_groups.len(), 2);
    assert_eq!(run.weight_groups[0].name(), Some("scale variation"));
    assert_eq!(run.weight_groups[0].weights[0].text, "muR=0.5 & muF=0.5");
    assert_eq!(run.weight_ids(), ["1001", "1002", "pdf_1"]);
    assert_eq!(reader.weight_names(), [XWGTUP, "1001", "1002", "pdf_1"]);
    assert_eq!(run.init.cross_section_error_pb(), 5.0_f64.sqrt());
    assert_eq!(EventReader::format(&reader), "LHE 3.0");
    let Some(path) = shared("pylhe-testfile-madgraph5-3.5.8-pp_to_jj.lhe.gz") else { return };
    let reader = LheReader::open(path).unwrap();
    assert_eq!(reader.run().weight_ids().len(), 145);
    assert!(reader.run().header.contains("<MGGenerationInfo>"));
    assert!(!reader.run().header.contains("<initrwgt>"));
    assert_eq!(reader.run().generators()[0].version, "3.5.8");
}

#[test]
fn weights_in_pb_sum_to_the_cross_section() {
    for (name, digits) in [
        // IDWTUP = -4: the mean of XWGTUP, which is XSECUP to its 7 digits.
        ("pylhe-testfile-madgraph5-3.5.8-pp_to_jj.lhe.gz", XSECUP_DIGITS),
        // IDWTUP = 3: unit weights share XSECUP.
        ("pylhe-testfile-pythia-6.413-ttbar.lhe", 100.0 * f64::EPSILON),
    ] {
        let Some(path) = shared(name) else { continue };
        let mut reader = LheReader::open(path).unwrap();
        let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        let init = &reader.run().init;
        let sum: f64 = init.weights_in_pb(&events).unwrap().iter().sum();
        let sigma = init.cross_section_pb();
        assert!((sum - sigma).abs() <= digits * sigma, "{name}: {sum} and {sigma}");
        let normalization = init.normalization(reader.tally()).unwrap();
        let streamed: f64 = events.iter().map(|event| normalization.weight_in_pb(event).unwrap()).sum();
        assert_eq!(streamed, sum);
    }
    // The fixture: IDWTUP = -4, weights 500, 501, 502, 503, whose mean is 501.5.
    let mut reader = LheReader::open(data("ttbar.lhe")).unwrap();
    let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    let weights = reader.run().init.weights_in_pb(&events).unwrap();
    assert_eq!(weights, [125.0, 125.25, 125.5, 125.75]);
}

#[test]
fn batches_and_a_chosen_weight() {
    let mut reader = LheReader::open(data("ttbar.lhe")).unwrap().with_weight("1002");
    let selection = Selection { min_pt: 1.0, ..Selection::default() };
    let batch = reader.read_particle_sets(3, &selection).unwrap().unwrap();
    assert_eq!(batch.weights(), [-490.25; 3]);
    assert_eq!(batch.events().event_count(), 3);
    assert_eq!(batch.events().event(0).len(), 6);
    assert_eq!(reader.read_chunk(10).unwrap().len(), 1);
    assert!(reader.read_particle_sets(3, &selection).unwrap().is_none());
    let sizes: Vec<_> = LheReader::open(data("ttbar.lhe"))
        .unwrap()
        .chunks(3)
        .unwrap()
        .map(|chunk| chunk.unwrap().len())
        .collect();
    assert_eq!(sizes, [3, 1]);
    let error = LheReader::open(data("ttbar.lhe")).unwrap().with_weight("9").next().unwrap().unwrap_err();
    let Error::InFile { path, source } = &error else { panic!("{error}") };
    assert!(path.ends_with("ttbar.lhe"));
    assert!(source.to_string().contains(r#"known are ["XWGTUP", "1001", "1002", "pdf_1"]"#), "{source}");
}

fn round_trip(path: &Path) {
    let mut reader = LheReader::open(path).unwrap();
    let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    for (name, compressed) in [("copy.lhe", false), ("copy.lhe.gz", true)] {
        let copy = Scratch::new(name);
        let mut writer = LheWriter::create(copy.path(), reader.run()).unwrap();
        for event in &events {
            writer.write(event).unwrap();
        }
        writer.finish().unwrap();
        let mut again = LheReader::open(copy.path()).unwrap();
        let read: Vec<_> = again.by_ref().map(Result::unwrap).collect();
        assert_eq!(read, events);
        let version = "3.0".to_owned();
        assert_eq!(again.run(), &hepml_io::LheRun { version, ..reader.run().clone() });
        let gzipped = std::fs::read(copy.path()).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(gzipped, compressed);
    }
}

#[test]
fn what_is_written_is_read_back_bit_for_bit() {
    round_trip(&data("ttbar.lhe"));
    for name in ["pylhe-testfile-madgraph5-3.5.8-pp_to_jj.lhe.gz", "pylhe-testfile-pythia-6.413-ttbar.lhe"] {
        if let Some(path) = shared(name) {
            round_trip(&path);
        }
    }
}

#[test]
fn files_that_do_not_exist_or_cannot_be_written_are_named() {
    let error = LheReader::open("no/such/file.lhe").unwrap_err().to_string();
    assert!(error.starts_with("no/such/file.lhe: "), "{error}");
    let error = LheWriter::create("x.lhe.zst", &hepml_io::LheRun::default()).unwrap_err().to_string();
    assert!(error.contains("not written"), "{error}");
}

#[test]
fn a_truncated_gzip_file_is_truncated() {
    let bytes = std::fs::read(data("ttbar.lhe.gz")).unwrap();
    let cut = bytes[..bytes.len() - 30].to_vec();
    let result: Result<Vec<_>, _> = LheReader::new(std::io::Cursor::new(cut)).and_then(Iterator::collect);
    assert!(matches!(result, Err(Error::Truncated { .. })), "{result:?}");
    // A whole gzip stream of half a file is truncated as well.
    let text = std::fs::read(data("ttbar.lhe")).unwrap();
    let half = compress_gzip(&text[..text.len() / 2]);
    let events: Vec<_> = LheReader::new(std::io::Cursor::new(half)).unwrap().collect();
    assert!(events.len() > 1 && events[..events.len() - 1].iter().all(Result::is_ok));
    assert!(matches!(events.last(), Some(Err(Error::Truncated { .. }))));
}
