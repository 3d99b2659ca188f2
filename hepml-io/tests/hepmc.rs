//! HepMC files against what pyhepmc reads from them (tools/io_record_reference.py), and round trips.

#![cfg(all(feature = "gzip", feature = "zstd"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod records;

use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;

use hepml_core::{Event, FourMomentum, Particle, Vertex};
use hepml_io::{Error, EventReader, HepMcInfo, HepMcReader, HepMcRun, HepMcWriter};
use serde_json::Value;

use records::{Scratch, assert_close, data, numbers, reference, shared};

/// GenCrossSection is written with 9 digits in Asciiv3.
const CROSS_SECTION_DIGITS: f64 = 1e-8;

#[derive(Default)]
struct Sums {
    final_state: u64,
    momentum: [f64; 4],
    position: [f64; 4],
    worst_balance: f64,
    pdg: i64,
    mass: f64,
    parents: f64,
    flows: i64,
}

impl Sums {
    fn add(&mut self, event: &Event) {
        for particle in event.final_state() {
            self.final_state += 1;
            let p = particle.momentum;
            for (sum, x) in self.momentum.iter_mut().zip([p.e, p.px, p.py, p.pz]) {
                *sum += x.abs();
            }
        }
        for vertex in event.vertices() {
            for (sum, x) in self.position.iter_mut().zip(vertex.position.unwrap_or_default()) {
                *sum += x.abs();
            }
        }
        if let Some(off) = event.momentum_imbalance() {
            for x in [off.e, off.px, off.py, off.pz] {
                self.worst_balance = self.worst_balance.max(x.abs());
            }
        }
        for (index, particle) in event.particles.iter().enumerate() {
            self.pdg += i64::from(particle.id.0);
            self.mass += particle.generated_mass.unwrap();
            let e = particle.momentum.e;
            self.parents +=
                event.parents(index).iter().map(|&q| e * event.particles[q].momentum.e).sum::<f64>();
            self.flows += particle.color.map_or(0, |[c, a]| i64::from(c) + 2 * i64::from(a));
        }
    }

    fn check(&self, terms: usize, expected: &Value) {
        assert_eq!(self.final_state, expected["final"].as_u64().unwrap());
        assert_eq!(self.pdg, expected["sum_pdg"].as_i64().unwrap());
        for (what, got) in [("sum_abs_momentum", self.momentum), ("sum_abs_position", self.position)] {
            for (got, expected) in got.into_iter().zip(numbers(&expected[what])) {
                assert_close(what, got, expected, terms, expected);
            }
        }
        let parents = expected["parents"].as_f64().unwrap();
        assert_close("parents", self.parents, parents, terms, parents);
        // The imbalance is the rounding of sums of up to 250 GeV a particle.
        assert_close(
            "imbalance",
            self.worst_balance,
            expected["worst_balance"].as_f64().unwrap(),
            terms,
            250.0,
        );
    }
}

fn check_each(path: &Path, expected: &Value, flows: bool) {
    let mut reader = HepMcReader::open(path).unwrap();
    let expected = expected.as_array().unwrap();
    for (index, expected) in expected.iter().enumerate() {
        let event = reader.next().unwrap().unwrap();
        assert_eq!(event.number, expected["number"].as_i64().unwrap());
        assert_eq!(event.particles.len() as u64, expected["particles"].as_u64().unwrap());
        assert_eq!(event.vertices().len() as u64, expected["vertices"].as_u64().unwrap());
        assert_eq!(event.weights.values(), numbers(&expected["weights"]));
        let names: Vec<String> = serde_json::from_value(expected["weight_names"].clone()).unwrap();
        assert_eq!(event.weights.names(), names);
        let mut sums = Sums::default();
        sums.add(&event);
        sums.check(event.particles.len(), expected);
        let mass = expected["sum_mass"].as_f64().unwrap();
        assert_close("mass", sums.mass, mass, event.particles.len(), mass);
        if flows {
            assert_eq!(sums.flows, expected["flows"].as_i64().unwrap());
        }
        let sigma = reader.info().cross_section().unwrap();
        let expected_sigma = expected["cross_section"].as_f64().unwrap();
        assert!((sigma.value_pb / expected_sigma - 1.0).abs() < CROSS_SECTION_DIGITS);
        assert!((sigma.error_pb / expected_sigma * 100.0 - 1.0).abs() < CROSS_SECTION_DIGITS);
        assert_eq!((event.process, event.scale), (Some(221), Some(91.1875)), "event {index}");
        assert_eq!((event.alpha_qed, event.alpha_qcd), (Some(1.0 / 128.0), Some(0.118)));
        assert!(reader.info().attribute("GenPdfInfo").unwrap().starts_with("11 -11 1.0"));
    }
    assert!(reader.next().is_none());
    assert!(reader.next().is_none());
}

#[test]
fn files_agree_with_pyhepmc() {
    let reference = &reference()["hepmc"];
    check_each(&data("z_bb.hepmc3"), &reference["z_bb.hepmc3"], true);
    check_each(&data("z_bb.hepmc3.zst"), &reference["z_bb.hepmc3"], true);
    check_each(&data("z_bb_mev_cm.hepmc3"), &reference["z_bb_mev_cm.hepmc3"], true);
    // pyhepmc does not give the flows of HepMC2 files as attributes; the next test has them.
    check_each(&data("z_bb.hepmc2.gz"), &reference["z_bb.hepmc2.gz"], false);
}

#[test]
fn the_large_file_agrees_with_pyhepmc() {
    for (name, expected) in reference()["shared_hepmc"].as_object().unwrap() {
        let Some(path) = shared(name) else { continue };
        let mut sums = Sums::default();
        let (mut events, mut particles, mut vertices, mut weights) = (0, 0, 0, 0.0);
        for event in HepMcReader::open(&path).unwrap() {
            let event = event.unwrap();
            sums.add(&event);
            events += 1;
            particles += event.particles.len();
            vertices += event.vertices().len();
            weights += event.weights.first();
        }
        assert_eq!(events, expected["events"].as_u64().unwrap());
        assert_eq!(particles as u64, expected["particles"].as_u64().unwrap());
        assert_eq!(vertices as u64, expected["vertices"].as_u64().unwrap());
        assert_eq!(weights, expected["sum_weights"].as_f64().unwrap());
        sums.check(particles, expected);
    }
}

fn read(path: &Path) -> Vec<Event> {
    HepMcReader::open(path).unwrap().map(Result::unwrap).collect()
}

/// What of an event does not depend on the order of particles and vertices.
fn unordered(event: &Event) -> Vec<String> {
    let mut particles: Vec<String> = event
        .particles
        .iter()
        .enumerate()
        .map(|(index, p)| {
            let mut parents: Vec<_> =
                event.parents(index).iter().map(|&q| event.particles[q].momentum.e).collect();
            parents.sort_by(f64::total_cmp);
            // HepMC3 writes both flows of a particle or none, HepMC2 may leave out one that is zero.
            format!("{} {} {:?} {:?} {:?}", p.id, p.status, p.momentum, p.color.unwrap_or_default(), parents)
        })
        .collect();
    particles.sort();
    particles
}

#[test]
fn both_formats_hold_the_same_events() {
    let (three, two) = (read(&data("z_bb.hepmc3")), read(&data("z_bb.hepmc2.gz")));
    assert_eq!(three.len(), two.len());
    for (three, two) in three.iter().zip(&two) {
        assert_eq!(unordered(three), unordered(two));
        assert_eq!(three.weights, two.weights);
    }
}

#[test]
fn the_header_is_read() {
    let mut reader = HepMcReader::open(data("z_bb.hepmc3.zst")).unwrap();
    assert_eq!(reader.run().tools[0].name, "Pythia");
    assert_eq!(reader.run().tools[0].description, "e+e- -> Z -> b bbar\nwith a line break");
    assert_eq!(reader.weight_names(), ["Default", "muR=0.5_muF=1", "PDF:7"]);
    assert_eq!(EventReader::format(&reader), "HepMC3 3.02.05");
    reader.next().unwrap().unwrap();
    assert_eq!(reader.info().attribute("comment"), Some("two\nlines \\ and a backslash"));
    let reader = HepMcReader::open(data("z_bb.hepmc2.gz")).unwrap();
    assert!(EventReader::format(&reader).starts_with("HepMC2"));
}

#[test]
fn a_chosen_weight_comes_first() {
    for name in ["z_bb.hepmc3", "z_bb.hepmc2.gz"] {
        let mut reader = HepMcReader::open(data(name)).unwrap().with_weight("PDF:7");
        let event = reader.next().unwrap().unwrap();
        assert_eq!(event.weights.names(), ["PDF:7", "Default", "muR=0.5_muF=1"]);
        assert_eq!(event.weights.values(), [1.0 / 3.0, 1.5, -0.25]);
        let mut reader = HepMcReader::open(data(name)).unwrap().with_weight("none");
        let message = reader.next().unwrap().unwrap_err().to_string();
        assert!(message.contains("muR=0.5_muF=1"), "{message}");
    }
}

fn written(events: &[(Event, HepMcInfo)], run: &HepMcRun) -> String {
    let copy = Scratch::new("copy.hepmc3");
    let mut writer = HepMcWriter::create(copy.path(), run).unwrap();
    for (event, info) in events {
        writer.write_with_info(event, info).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read_to_string(copy.path()).unwrap()
}

fn read_all(text: &str) -> (Vec<(Event, HepMcInfo)>, HepMcRun) {
    let mut reader = HepMcReader::new(Cursor::new(text.to_owned())).unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.next() {
        events.push((event.unwrap(), reader.info().clone()));
    }
    (events, reader.run().clone())
}

#[test]
fn what_is_written_is_read_back_bit_for_bit() {
    let mut paths = vec![data("z_bb.hepmc3"), data("z_bb_mev_cm.hepmc3"), data("z_bb.hepmc2.gz")];
    paths.extend(shared("events.eeH.hepmc3.zst"));
    for path in paths {
        let mut reader = HepMcReader::open(&path).unwrap();
        let mut events = Vec::new();
        while let Some(event) = reader.next() {
            events.push((event.unwrap(), reader.info().clone()));
        }
        let run = reader.run().clone();
        let text = written(&events, &run);
        let (again, run_again) = read_all(&text);
        assert_eq!(run_again, run);
        for ((event, info), (event_again, info_again)) in events.iter().zip(&again) {
            // One order of attributes: the reader keeps that of the file.
            assert_eq!(info_again.attributes, info.attributes);
            assert_eq!(event_again.vertices(), event.vertices());
            assert_eq!(event_again, event);
        }
        assert_eq!(again.len(), events.len());
        assert_eq!(written(&again, &run_again), text);
    }
}

#[test]
fn a_lhe_event_becomes_a_hepmc_event() {
    let mut events = hepml_io::LheReader::open(data("ttbar.lhe")).unwrap();
    let event = events.next().unwrap().unwrap();
    let text = written(&[(event.clone(), HepMcInfo::default())], &HepMcRun::default());
    let (again, _) = read_all(&text);
    let again = &again[0].0;
    assert_eq!(again.vertices(), event.vertices());
    assert_eq!(again.weights, event.weights);
    for (again, particle) in again.particles.iter().zip(&event.particles) {
        assert_eq!(again.momentum, particle.momentum);
        assert_eq!((again.id, again.status, again.color), (particle.id, particle.status, particle.color));
    }
}

#[test]
fn any_graph_survives() {
    let particle = |i| {
        let mut particle = Particle::new(21, 1, FourMomentum::new(f64::from(i), 0.0, 0.0, 0.5));
        particle.generated_mass = Some(0.0);
        particle
    };
    let mut event = Event::new(3, 1.0, (0..6).map(particle).collect());
    let vertex = |incoming: &[usize], outgoing: &[usize], status| Vertex {
        incoming: incoming.to_vec(),
        outgoing: outgoing.to_vec(),
        status,
        position: None,
    };
    // Late mothers, a vertex without mothers, one without children, an implicit one that a later one overtakes.
    event.add_vertex(vertex(&[5], &[0], 0)).unwrap();
    event.add_vertex(vertex(&[1], &[4], 0)).unwrap();
    event.add_vertex(vertex(&[], &[2], 7)).unwrap();
    event.add_vertex(vertex(&[2, 3], &[], 0)).unwrap();
    event.add_vertex(Vertex { position: Some([0.1, 0.2, 0.3, 0.4]), ..vertex(&[0], &[1, 5], 0) }).unwrap();
    let info =
        HepMcInfo { attributes: vec![("a".into(), "b\\\nc".into())], position: Some([1.0, 2.0, 3.0, 4.0]) };
    let (again, _) = read_all(&written(&[(event.clone(), info.clone())], &HepMcRun::default()));
    assert_eq!(again, [(event, info)]);
}

#[test]
fn writing_what_the_format_cannot_hold_is_an_error() {
    let mut writer = HepMcWriter::new(Vec::new(), &HepMcRun::default());
    let mut event = Event::new(0, 1.0, vec![Particle::new(1, 1, FourMomentum::new(f64::NAN, 0.0, 0.0, 0.0))]);
    let message = writer.write(&event).unwrap_err().to_string();
    assert!(message.contains("event 0, particle 0"), "{message}");
    event.particles.clear();
    writer.write(&event).unwrap();
    let named = hepml_core::EventWeights::new(vec!["a".to_owned()].into(), vec![1.0]).unwrap();
    event.weights = named;
    assert!(writer.write(&event).is_err());
    let info = HepMcInfo { attributes: vec![("a b".into(), String::new())], position: None };
    let mut writer = HepMcWriter::new(Vec::new(), &HepMcRun::default());
    assert!(writer.write_with_info(&event, &info).is_err());
}

const START: &str = "HepMC::Version 3.02.06\nHepMC::Asciiv3-START_EVENT_LISTING\n";
const END: &str = "HepMC::Asciiv3-END_EVENT_LISTING\n";
const GOOD: &str =
    "E 0 1 3\nU GEV MM\nP 1 0 1 0 0 1 1 0 4\nP 2 0 -1 0 0 -1 1 0 4\nV -1 0 [1,2]\nP 3 -1 23 0 0 0 2 2 1\n";

#[test]
fn blocks_follow_one_another() {
    let block = format!("{START}{GOOD}{END}");
    assert_eq!(read_all(&block.repeat(3)).0.len(), 3);
    assert_eq!(read_all(&format!("\n{block}\n\n{block}\n")).0.len(), 2);
    assert_eq!(read_all(&format!("{START}{END}")).0.len(), 0);
    assert_eq!(read_all(&block.replace('\n', "\r\n")).0, read_all(&block).0);
    let two = "HepMC::Version 2.06.09\nHepMC::IO_GenEvent-START_EVENT_LISTING\n\
        E 5 -1 -1 -1 -1 0 0 1 1 2 1 77 0\nU GEV CM\nH 0 0 0 0 0 0 0 0 0 0 0 0 0\nV -1 0 1 0 0 2 1 1 0\n\
        P 1 11 0 0 1 1 0 4 0 0 -1 0\nP 2 12 0 0 1 1 0 1 0 0 0 1 1 501\nHepMC::IO_GenEvent-END_EVENT_LISTING\n";
    let (events, _) = read_all(&format!("{block}{two}"));
    let (event, info) = &events[1];
    assert_eq!(event.parents(1), [0]);
    assert_eq!(event.vertices()[0].position, Some([10.0, 0.0, 0.0, 20.0]));
    assert_eq!(event.weights.values(), [1.0]);
    assert_eq!((event.scale, event.process), (None, None));
    assert_eq!(event.particles[1].color, Some([501, 0]));
    assert_eq!(info.attribute("HepMC2::H"), Some("0 0 0 0 0 0 0 0 0 0 0 0 0"));
}

#[test]
fn names_of_weights_may_be_separated_by_white_space() {
    let file =
        |header: &str| format!("{START}{header}{}{END}", GOOD.replace("U GEV MM\n", "U GEV MM\nW 1 2 3\n"));
    assert_eq!(read_all(&file("W a b c\n")).0[0].0.weights.names(), ["a", "b", "c"]);
    assert_eq!(read_all(&file("W a\\|b c\\|d\n")).0[0].0.weights.names(), ["a", "b c", "d"]);
    assert!(read_all(&file("")).0[0].0.weights.names().is_empty());
    let mut reader = HepMcReader::new(Cursor::new(file("W a b\n"))).unwrap();
    assert!(reader.next().unwrap().is_err());
}

#[test]
fn errors_name_line_and_event() {
    let bad = [
        ("P 3 -1 23 0 0 0 2 2 1", "P 3 -1 23 0 0 0 nan 2 1", "E is not finite", 14),
        ("P 3 -1 23 0 0 0 2 2 1", "P 3 -1 23 0 0 0 2 2", "the status", 14),
        ("P 3 -1 23 0 0 0 2 2 1", "P 3 -2 23 0 0 0 2 2 1", "vertex -2 is not declared", 9),
        ("P 3 -1 23 0 0 0 2 2 1", "P 3 4 23 0 0 0 2 2 1", "particle 4 does not exist", 9),
        ("P 3 -1 23 0 0 0 2 2 1", "P 3 3 23 0 0 0 2 2 1", "its own mother", 14),
        ("P 3 -1 23 0 0 0 2 2 1", "P 4 -1 23 0 0 0 2 2 1", "expected particle 3", 14),
        ("[1,2]", "[1,2", "[a,b,...]", 13),
        ("[1,2]", "[1,1]", "ends in two vertices", 9),
        ("[1,2]", "[1,9]", "particle 9 does not exist", 9),
        ("V -1", "V 1", "must be negative", 13),
        ("V -1 0 [1,2]", "V -1 0 [1]\nV -1 0 [2]", "declared twice", 9),
        ("E 0 1 3", "E 0 1 99999999999", "declares 99999999999 particles", 9),
        ("E 0 1 3", "E 0 1 -3", "the number of particles", 9),
        ("U GEV MM", "U TEV MM", "GEV or MEV", 10),
        ("U GEV MM", "X GEV MM", "expected a line of type", 10),
        ("U GEV MM", "W 1 inf", "a weight is not finite", 10),
    ];
    for (from, to, words, line) in bad {
        let text = format!("{START}{GOOD}{}{END}", GOOD.replace(from, to));
        let mut reader = HepMcReader::new(Cursor::new(text)).unwrap();
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err();
        assert!(reader.next().is_none());
        let Error::Malformed { position, reason, format } = &error else { panic!("{to}: {error}") };
        assert_eq!(*format, "HepMC3");
        assert!(reason.contains(words), "{to}: {error}");
        assert_eq!((position.line, position.event), (Some(line), Some(1)), "{to}: {error}");
    }
}

#[test]
fn errors_of_the_older_format_name_line_and_event() {
    let start = "HepMC::Version 2.06.09\nHepMC::IO_GenEvent-START_EVENT_LISTING\n";
    let end = "HepMC::IO_GenEvent-END_EVENT_LISTING\n";
    let good = "E 5 -1 -1 -1 -1 0 0 1 1 2 0 1 2.5\nN 1 \"a\"\nU GEV CM\nV -1 0 1 0 0 2 1 1 0\n\
        P 1 11 0 0 1 1 0 4 0 0 -1 0\nP 2 12 0 0 1 1 0 1 0 0 0 1 1 501\n";
    let bad = [
        ("E 5 -1 -1 -1 -1 0 0 1", "E 5 -1 -1 -1 -1 0 0 2", "declares 2 vertices", 9),
        ("1 2 0 1 2.5", "1 2 0 99999999999 2.5", "expected a weight", 9),
        ("1 2 0 1 2.5", "1 2 99999999999 1 2.5", "a random state", 9),
        ("N 1 \"a\"", "N 2 \"a\"", "expected 2 quoted names", 10),
        ("N 1 \"a\"", "N 1 \"a", "closing quote", 10),
        ("N 1 \"a\"", "N 2 \"a\" \"b\"", "names of the event weights", 9),
        ("2 1 1 0\n", "2 1 2 0\n", "fewer particles", 9),
        ("2 1 1 0\n", "2 1 0 0\n", "one particle more", 14),
        ("2 1 1 0\n", "2 1 99999999999 0\n", "fewer particles", 9),
        ("2 1 1 0\n", "2 1 1 99999999999\n", "a weight of the vertex", 12),
        ("V -1 0 1 0 0 2", "V -1 0 1e308 0 0 2", "a position in mm is not finite", 9),
        ("V -1", "V 1", "must be negative", 12),
        ("0 1 0 0 0 1 1 501", "0 1 0 0 -7 1 1 501", "vertex -7 is not declared", 9),
        ("0 1 0 0 0 1 1 501", "0 1 0 0 0 99999999999 1 501", "index of a flow", 14),
        ("P 2 12 0 0 1 1", "P 2 12 0 0 inf 1", "pz is not finite", 14),
        ("U GEV CM", "Q", "expected a line of type", 11),
    ];
    for (from, to, words, line) in bad {
        assert!(good.contains(from), "{from}");
        let text = format!("{start}{good}{}{end}", good.replace(from, to));
        let mut reader = HepMcReader::new(Cursor::new(text)).unwrap();
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err();
        assert!(reader.next().is_none());
        let Error::Malformed { position, reason, format } = &error else { panic!("{to}: {error}") };
        assert_eq!(*format, "HepMC2");
        assert!(reason.contains(words), "{to}: {error}");
        assert_eq!((position.line, position.event), (Some(line), Some(1)), "{to}: {error}");
    }
}

#[test]
fn a_vertex_of_very_many_particles_is_no_hurdle() {
    let count = 200_000;
    let mut text = format!("{START}E 0 1 {count}\nU GEV MM\n");
    for number in 1..=count / 2 {
        writeln!(text, "P {number} 0 21 0 0 1 1 0 4").unwrap();
    }
    let incoming: Vec<String> = (1..=count / 2).rev().map(|number| number.to_string()).collect();
    writeln!(text, "V -1 0 [{}]", incoming.join(",")).unwrap();
    for number in count / 2 + 1..=count {
        writeln!(text, "P {number} -1 21 0 0 1 1 0 1").unwrap();
    }
    text.push_str(END);
    let (events, _) = read_all(&text);
    assert_eq!(events[0].0.parents(count - 1).len(), count / 2);
}

#[test]
fn every_truncation_is_an_error() {
    for name in ["z_bb_mev_cm.hepmc3", "two"] {
        let text = if name == "two" {
            let mut text = String::new();
            let bytes = std::fs::File::open(data("z_bb.hepmc2.gz")).unwrap();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes), &mut text).unwrap();
            text
        } else {
            std::fs::read_to_string(data(name)).unwrap()
        };
        let end = text.rfind("HepMC::").unwrap();
        let whole = read_all(&text).0;
        // Every byte of the last lines, and one in 61 before.
        let lengths = (0..end).step_by(61).chain(end - 300..end + 20);
        for length in lengths {
            match HepMcReader::new(Cursor::new(text[..length].to_owned())) {
                Err(error) => assert!(matches!(error, Error::Truncated { .. } | Error::Malformed { .. })),
                Ok(reader) => {
                    let mut events: Vec<_> = reader.collect();
                    let error = events.pop().unwrap().unwrap_err();
                    let truncated = matches!(error, Error::Truncated { .. });
                    assert!(truncated, "{name} cut at {length}: {error}");
                    // What was read before is right.
                    for (event, (whole, _)) in events.iter().zip(&whole) {
                        assert_eq!(event.as_ref().unwrap(), whole);
                    }
                }
            }
        }
    }
}

#[test]
fn other_formats_are_named() {
    let error =
        HepMcReader::new(&b"HepMC::Version 1.2\nHepMC::IO_Ascii-START_EVENT_LISTING\n"[..]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let error = HepMcReader::new(&b"<LesHouchesEvents>\n"[..]).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    let error = HepMcReader::new(&b""[..]).unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
}
