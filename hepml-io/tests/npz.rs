//! NumPy's .npy and .npz files, read as NumPy wrote them, written and read back, truncated and corrupt.
#![cfg(feature = "npz")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Cursor, Write};

use common::{check_particles, check_table, data, drain, drain_table, shared};
use hepml_core::ndarray::{Array2, array};
use hepml_core::{EventSet, MassHypothesis, PdgId};
use hepml_io::{
    ArrayNames, Error, EventRows, LabelledSets, NpyReader, NpzFile, ParticleLayout, read_npy, write_npy,
    write_npz,
};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

#[test]
fn energyflow_files_are_read() {
    check_particles("jets.npz", || NpzFile::open(data("jets.npz")).unwrap().particles().unwrap());
    check_particles("plain.npz", || NpzFile::open(data("plain.npz")).unwrap().particles().unwrap());
    let bytes = std::fs::read(data("jets.npz")).unwrap();
    check_particles("jets.npz", || NpzFile::from_bytes(bytes.clone()).unwrap().particles().unwrap());
}

#[test]
fn tables_of_every_type_and_order_are_read() {
    for entry in std::fs::read_dir(data("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("table") && name.contains(".npy") || name == "vector.npy" {
            check_table(&name, || NpyReader::open(data(&name)).unwrap().into_table().unwrap());
        }
    }
    check_table("plain.npz:extra", || NpzFile::open(data("plain.npz")).unwrap().table("extra").unwrap());
}

#[test]
fn what_is_no_array_of_numbers_is_unsupported() {
    for (name, word) in [("structured.npy", "structured"), ("objects.npy", "pickle")] {
        let error = NpyReader::open(data(name)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(
            matches!(error, Error::InFile { source, .. } if matches!(*source, Error::Unsupported { .. }))
        );
    }
}

/// A file of one array with the given header and content.
fn npy(header: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(content);
    bytes
}

fn f8(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn header(shape: &str) -> String {
    format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn table(bytes: Vec<u8>) -> hepml_io::Result<hepml_core::Table> {
    NpyReader::new(Cursor::new(bytes))?.into_table()?.read_all()
}

fn particles(bytes: Vec<u8>) -> hepml_io::Result<LabelledSets> {
    NpyReader::new(Cursor::new(bytes))?.into_particles(ParticleLayout::PtYPhi)?.read_all()
}

#[test]
fn headers_are_python_literals_in_any_spelling() {
    let content = f8(&[1.0, 2.0]);
    for text in [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }",
        "{\"shape\":(1,2,),\"fortran_order\":False,\"descr\":\"<f8\"}",
        "{ 'shape' : ( 1L , 2L ) , 'descr' : '<f8' , 'fortran_order' : False }  \n",
    ] {
        assert_eq!(table(npy(text, &content)).unwrap(), array![[1.0, 2.0]], "{text}");
    }
    for version in [2, 3] {
        let text = header("(1, 2)");
        let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(&content);
        assert_eq!(table(bytes).unwrap(), array![[1.0, 2.0]]);
    }
}

#[test]
fn bad_headers_say_what_was_expected() {
    for (text, expected) in [
        ("", "'{'"),
        ("{'descr': '<f8', 'fortran_order': False}", "\"shape\""),
        ("{'descr': '<f8', 'shape': (1,)}", "\"fortran_order\""),
        ("{'fortran_order': False, 'shape': (1,)}", "\"descr\""),
        ("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", "True or False"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "length"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "length"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "more bytes"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", "no key"),
        ("{'descr': '<f8", "quotation"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "nothing after"),
        ("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", "'<c16'"),
        ("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "'<f16'"),
        ("{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", "'<U3'"),
        ("{'descr': '', 'fortran_order': False, 'shape': (1,)}", "''"),
    ] {
        let error = table(npy(text, &[])).unwrap_err().to_string().replace('"', "'");
        assert!(error.contains(&expected.replace('"', "'")), "{text}: {error}");
    }
    let error = table(b"\x93NUMPY\x09\x00".to_vec()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let error = table(b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec()).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[test]
fn shapes_that_are_no_table_or_events_are_refused() {
    for shape in ["()", "(1, 2, 3)", "(3, 0)"] {
        assert!(matches!(table(npy(&header(shape), &[])).unwrap_err(), Error::Malformed { .. }), "{shape}");
    }
    for shape in ["()", "(2,)", "(2, 3)", "(1, 2, 4)", "(1, 1, 1, 3)", "(3, 0, 3)"] {
        let error = particles(npy(&header(shape), &[])).unwrap_err();
        assert!(error.to_string().contains("shape is"), "{shape}: {error}");
    }
    assert_eq!(table(npy(&header("(0, 3)"), &[])).unwrap().dim(), (0, 3));
    assert_eq!(particles(npy(&header("(0, 5, 3)"), &[])).unwrap().sets().event_count(), 0);
}

/// A header may claim 10^12 events: nothing is allocated for what does not come.
#[test]
fn lying_headers_are_truncated_files() {
    for shape in ["(1000000000000, 3)", "(3, 60000)", "(1000000000000,)"] {
        let error = table(npy(&header(shape), &f8(&[0.5; 6]))).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{shape}: {error}");
    }
    for shape in ["(1000000000000, 2, 3)", "(1, 1000000000000, 3)"] {
        let error = particles(npy(&header(shape), &f8(&[0.5; 12]))).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{shape}: {error}");
    }
    let fortran = header("(1000000000, 3)").replace("False", "True");
    assert!(matches!(table(npy(&fortran, &f8(&[0.5; 6]))).unwrap_err(), Error::Truncated { .. }));
    // Names of columns would cost memory before the first number.
    assert!(matches!(table(npy(&header("(1, 1000000000000)"), &[])).unwrap_err(), Error::Malformed { .. }));
}

#[test]
fn truncation_names_the_event_and_more_than_the_array_is_refused() {
    let whole = npy(&header("(3, 2)"), &f8(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let begin = whole.len() - 48;
    for length in 0..whole.len() {
        match table(whole[..length].to_vec()).unwrap_err() {
            Error::Truncated { position, .. } => {
                let event = length.checked_sub(begin).map(|bytes| bytes as u64 / 16);
                assert_eq!((position.byte, position.event), (Some(length as u64), event), "at {length}");
            }
            error => panic!("at {length}: {error}"),
        }
    }
    let error = table([whole, vec![0]].concat()).unwrap_err();
    assert!(error.to_string().contains("found more"), "{error}");
}

#[test]
fn particles_are_checked_and_named() {
    let head = header("(2, 2, 3)");
    let good = [5.0, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, -0.1, 0.4];
    let sets = particles(npy(&head, &f8(&good))).unwrap();
    assert_eq!(sets.sets().offsets(), [0, 1, 2], "padding in front of a particle is left out as well");
    for (index, value, words) in [
        (9, -1.0, "pt of event 1, particle 1 is -1"),
        (10, f64::NAN, "y of event 1, particle 1 is not finite"),
        (7, f64::INFINITY, "y of event 1, particle 0 is not finite"),
        (10, 800.0, "energy of event 1, particle 1 is not finite"),
    ] {
        let mut bad = good;
        bad[index] = value;
        let error = particles(npy(&head, &f8(&bad))).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = table(npy(&header("(2, 2)"), &f8(&[1.0, 2.0, 3.0, f64::NAN]))).unwrap_err();
    assert!(error.to_string().contains("column \"1\" of event 1 is not finite"), "{error}");
}

#[test]
fn whole_numbers_that_f64_cannot_hold_are_refused() {
    let big = (1_i64 << 53) + 1;
    for (descr, bytes) in [
        ("<i8", big.to_le_bytes()),
        ("<u8", big.cast_unsigned().to_le_bytes()),
        ("<i8", i64::MAX.to_le_bytes()),
        ("<u8", u64::MAX.to_le_bytes()),
    ] {
        let error = table(npy(&header("(1, 1)").replace("<f8", descr), &bytes)).unwrap_err();
        assert!(error.to_string().contains("exactly"), "{error}");
    }
    for (descr, bytes, value) in [
        (">i8", i64::MIN.to_be_bytes(), -9_223_372_036_854_775_808.0),
        ("<u8", (1_u64 << 63).to_le_bytes(), 9_223_372_036_854_775_808.0),
        ("<i8", (-5_i64).to_le_bytes(), -5.0),
    ] {
        assert_eq!(table(npy(&header("(1, 1)").replace("<f8", descr), &bytes)).unwrap(), array![[value]]);
    }
}

fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archives_without_the_right_arrays_are_refused() {
    let error = NpzFile::from_bytes(&b"not a zip archive"[..]).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    let other = archive(&[("readme.txt", b"hello".to_vec())]);
    let error = NpzFile::from_bytes(other).unwrap().particles().unwrap_err();
    assert!(error.to_string().contains("no array in the npz file named \"X\""), "{error}");
    let no_array = archive(&[("X.npy", b"hello, this is text".to_vec())]);
    let error = NpzFile::from_bytes(no_array).unwrap().particles().unwrap_err();
    assert!(error.to_string().contains("magic"), "{error}");
    let short = archive(&[
        ("X.npy", npy(&header("(2, 1, 3)"), &f8(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]))),
        ("y.npy", npy(&header("(3,)"), &f8(&[0.0; 3]))),
    ]);
    let error = NpzFile::from_bytes(short.clone()).unwrap().particles().unwrap_err();
    assert!(error.to_string().contains("one number an event"), "{error}");
    let names = ArrayNames::new("X");
    let file = NpzFile::from_bytes(short).unwrap();
    assert_eq!(file.particles_as(ParticleLayout::PtYPhi, &names).unwrap().count(), 2);
}

#[test]
fn labels_that_are_missing_or_not_finite_name_the_event() {
    let x = npy(&header("(2, 1, 3)"), &f8(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
    for (y, words) in [
        (npy(&header("(2,)"), &f8(&[0.0])), "event 1: the file ends"),
        (npy(&header("(2,)"), &f8(&[0.0, f64::NAN])), "label of event 1 is not finite"),
        (npy(&header("(2,)"), &f8(&[0.0, 1.0, 2.0])), "found more"),
    ] {
        let file = NpzFile::from_bytes(archive(&[("X.npy", x.clone()), ("y.npy", y)])).unwrap();
        let error = file.particles().unwrap().read_all().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// 256 MiB of zeros, deflated to a few hundred kB, are read event by event.
#[test]
fn a_bomb_is_read_as_a_stream() {
    let rows = 1 << 20;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("X.npy", SimpleFileOptions::default().large_file(true)).unwrap();
    zip.write_all(&npy(&header(&format!("({rows}, 10, 3)")), &[])).unwrap();
    let piece = vec![0; 240 * 1024];
    for _ in 0..rows / 1024 {
        zip.write_all(&piece).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    let file = NpzFile::from_bytes(bytes).unwrap();
    let mut reader = file.particles().unwrap();
    let batch = reader.next_batch(1000).unwrap().unwrap();
    assert_eq!((batch.sets().event_count(), batch.sets().particle_count()), (1000, 0));
    assert_eq!(drain(Ok(reader)).unwrap(), rows - 1000);
}

#[test]
fn a_size_that_lies_is_refused() {
    let x = npy(&header("(200, 1, 3)"), &f8(&[0.0; 600]));
    let bytes = archive(&[("X.npy", x.clone())]);
    // The central directory comes last; its size fields hold the size of the member.
    let size = u32::try_from(x.len()).unwrap().to_le_bytes();
    let place = bytes.windows(4).rposition(|window| window == size).unwrap();
    for claim in [1_u32, 4000, u32::MAX - 1] {
        let mut lying = bytes.clone();
        lying[place..place + 4].copy_from_slice(&claim.to_le_bytes());
        let result = NpzFile::from_bytes(lying).and_then(|file| drain(file.particles()));
        assert!(result.is_err(), "a claim of {claim} bytes was accepted");
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_noticed_or_harmless() {
    let whole = std::fs::read(data("jets.npz")).unwrap();
    let reading = |bytes: Vec<u8>| NpzFile::from_bytes(bytes).and_then(|file| file.particles()?.read_all());
    let expected = reading(whole.clone()).unwrap();
    for length in 0..whole.len() {
        assert!(reading(whole[..length].to_vec()).is_err(), "truncated at {length}");
    }
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[index] ^= 1 << bit;
            if let Ok(sets) = reading(flipped) {
                // Time stamps and the like, or a member whose name changed.
                let (same, unlabelled) =
                    (sets == expected, sets.labels().is_none() || sets.weights().is_none());
                assert!(same || unlabelled && sets.sets() == expected.sets(), "byte {index}, bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_written_is_read_back_to_the_bit() {
    let original: Vec<EventRows> =
        NpzFile::open(data("jets.npz")).unwrap().particles().unwrap().map(Result::unwrap).collect();
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, ParticleLayout::PtYPhiPid, &original).unwrap();
    let file = NpzFile::from_bytes(bytes.into_inner()).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["X", "y", "weights"]);
    let back: Vec<EventRows> = file.particles().unwrap().map(Result::unwrap).collect();
    assert_eq!(back, original);

    let mut none = Cursor::new(Vec::new());
    write_npz(&mut none, ParticleLayout::PtYPhi, &[]).unwrap();
    assert_eq!(drain(NpzFile::from_bytes(none.into_inner()).unwrap().particles()).unwrap(), 0);
    let empty = vec![EventRows::new(Array2::zeros((0, 3))); 2];
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, ParticleLayout::PtYPhi, &empty).unwrap();
    let back = NpzFile::from_bytes(bytes.into_inner()).unwrap().particles().unwrap().read_all().unwrap();
    assert_eq!(back.sets().offsets(), [0, 0, 0]);
}

#[test]
fn what_the_layout_cannot_say_is_not_written() {
    let write = |events: &[EventRows]| write_npz(Cursor::new(Vec::new()), ParticleLayout::PtYPhi, events);
    let good = EventRows::new(array![[1.0, 0.0, 0.0]]);
    for (bad, words) in [
        (EventRows::new(array![[0.0, 0.0, 0.0]]), "event 1, particle 0"),
        (EventRows::new(array![[1.0, f64::NAN, 0.0]]), "event 1, particle 0"),
        (EventRows::new(array![[1.0, 0.0, 0.0, 22.0]]), "columns"),
        (EventRows::new(Array2::zeros((0, 4))), "event 1"),
        (EventRows { label: Some(1.0), ..good.clone() }, "event 1"),
        (EventRows { weight: Some(1.0), ..good.clone() }, "event 1"),
    ] {
        let error = write(&[good.clone(), bad]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = write(&[EventRows { label: Some(f64::NAN), ..good }]).unwrap_err();
    assert!(error.to_string().contains("label of event 0"), "{error}");
    assert!(write_npy(Vec::new(), &array![[f64::NAN]]).is_err());
    assert!(write_npy(Vec::new(), &Array2::zeros((2, 0))).is_err());
}

#[test]
fn labels_select_events_and_rows_come_back() {
    let sets = NpzFile::open(data("jets.npz")).unwrap().particles().unwrap().read_all().unwrap();
    let (labels, weights) = (sets.labels().unwrap(), sets.weights().unwrap());
    let signal = sets.with_label(1.0).unwrap();
    let expected: f64 = labels.iter().zip(weights).filter(|(label, _)| **label == 1.0).map(|(_, w)| w).sum();
    assert!((signal.sum_weights() - expected).abs() <= 12.0 * f64::EPSILON * expected.abs().max(1.0));
    assert_eq!(signal.len() + sets.with_label(0.0).unwrap().len(), labels.len());
    let rows = sets.to_rows(ParticleLayout::PtYPhiPid).unwrap();
    let original: Vec<EventRows> =
        NpzFile::open(data("jets.npz")).unwrap().particles().unwrap().map(Result::unwrap).collect();
    for (a, b) in rows.iter().zip(&original) {
        assert_eq!((a.label, a.weight, a.particles.dim()), (b.label, b.weight, b.particles.dim()));
        for (x, y) in a.particles.iter().zip(&b.particles) {
            // Massless at |y| < 3: E - |pz| > E e^-6/2, so y keeps 1e-13; phi and pt keep a few ulp.
            assert!((x - y).abs() <= 1e-13 * y.abs().max(1.0), "{x} {y}");
        }
    }
}

#[test]
fn masses_of_the_table_need_ids() {
    let reader = NpzFile::open(data("plain.npz")).unwrap().particles().unwrap();
    let error = reader.with_mass(MassHypothesis::Pdg).read_all().unwrap_err();
    assert!(error.to_string().contains("pid"), "{error}");
}

/// pt, y and phi of a particle stay as they are whatever its mass, and the mass is the table's.
#[test]
fn masses_of_the_table_change_energies_only() {
    let open = || NpzFile::open(data("jets.npz")).unwrap().particles().unwrap();
    let rows: Vec<EventRows> = open().map(Result::unwrap).collect();
    let sets = open().with_mass(MassHypothesis::Pdg).read_all().unwrap();
    for (event, rows) in rows.iter().enumerate() {
        for (momentum, row) in sets.sets().event(event).momenta().iter().zip(rows.particles.rows()) {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number")]
            let mass = PdgId(row[3] as i32).mass().unwrap();
            // Relative to the energy: the mass is a difference of squares.
            assert!(
                (momentum.mass_squared() - mass * mass).abs() <= 8.0 * f64::EPSILON * momentum.e * momentum.e
            );
            assert!((momentum.pt() - row[0]).abs() <= 4.0 * f64::EPSILON * row[0]);
            assert!((momentum.rapidity() - row[1]).abs() <= 1e-12, "{} {}", momentum.rapidity(), row[1]);
        }
        let momenta = rows.momenta(ParticleLayout::PtYPhiPid, MassHypothesis::Pdg).unwrap();
        assert_eq!(momenta, sets.sets().event(event).momenta());
    }
}

#[test]
fn the_jets_to_check_against_have_numpys_aggregates() {
    let Some(path) = shared("jets_top_qcd.npz") else { return };
    let open = || NpzFile::open(&path).unwrap().particles().unwrap();
    let (mut events, mut particles, mut tops) = (0, 0, 0.0);
    let mut sums = [0.0; 4];
    for event in open() {
        let event = event.unwrap();
        events += 1;
        particles += event.particles.nrows();
        tops += event.label.unwrap();
        for row in event.particles.rows() {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
    assert_eq!((events, tops), (40_000, 20_000.0));
    let expected = &common::reference()["shared"]["jets_top_qcd.npz"];
    assert_eq!(particles as u64, expected["particles"].as_u64().unwrap());
    // Plain sums of up to 3e6 terms: far below n eps in practice, and n eps of the sum of moduli in the worst case.
    for (got, (sum, moduli)) in sums.into_iter().zip(
        common::numbers(&expected["column_sums"])
            .into_iter()
            .zip(common::numbers(&expected["column_moduli"])),
    ) {
        assert!((got - sum).abs() <= particles as f64 * f64::EPSILON * moduli, "{got} {sum}");
    }
    let first = open().next_batch(10).unwrap().unwrap();
    assert_eq!(first.sets().feature_names(), ["pdg_id"]);
}

#[test]
fn the_tables_to_check_against_are_read() {
    if let Some(path) = shared("lhco_sr_train.npy") {
        let table = read_npy(&path).unwrap();
        assert_eq!(table.dim(), (60_000, 6));
        assert_eq!(table.column(5).sum(), 395.0, "signal events, as the README beside the file says");
    }
    if let Some(path) = shared("zjets_pythia.npz") {
        let file = NpzFile::open(&path).unwrap();
        for name in ["truth", "reco"] {
            assert_eq!(file.table(name).unwrap().read_all().unwrap().dim(), (60_000, 6));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = table(bytes.clone());
        let _ = particles([&b"\x93NUMPY\x01\x00\x40\x00"[..], &bytes].concat());
        let _ = NpzFile::from_bytes(bytes).map(|file| drain(file.particles()));
    }

    #[test]
    fn random_changes_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = std::fs::read(data("plain.npz")).unwrap();
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Ok(file) = NpzFile::from_bytes(bytes) {
            let _ = drain(file.particles());
            let _ = drain_table(file.table("extra"));
        }
    }

    #[test]
    fn random_header_text_does_no_harm(text in "[{}(),:'a-z0-9<> LTF_]{0,80}") {
        let _ = table(npy(&text, &[0; 64]));
    }

    #[test]
    fn tables_survive_a_round_trip(
        rows in 0_usize..5,
        columns in 1_usize..5,
        values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 16),
    ) {
        let original = Array2::from_shape_fn((rows, columns), |(i, j)| values[4 * i.min(3) + j]);
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &original).unwrap();
        prop_assert_eq!(table(bytes).unwrap(), original);
    }
}
