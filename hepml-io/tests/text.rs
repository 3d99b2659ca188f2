//! Particles as text.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;

use common::{drain, shared};
use hepml_core::EventSet;
use hepml_core::ndarray::{Array2, array};
use hepml_io::{Error, EventRows, Input, LabelledSets, ParticleLayout, open_text, read_text, write_text};
use proptest::prelude::*;

fn rows(text: &str) -> hepml_io::Result<Vec<EventRows>> {
    read_text(Input::new(Cursor::new(text.to_owned())).unwrap(), ParticleLayout::PtYPhi).collect()
}

fn sets(text: &str, layout: ParticleLayout) -> hepml_io::Result<LabelledSets> {
    read_text(Input::new(Cursor::new(text.to_owned())).unwrap(), layout).read_all()
}

#[test]
fn blank_lines_separate_and_comments_do_not() {
    let one = EventRows::new(array![[1.0, 0.5, -0.25], [2.0, 1.0, 3e-3]]);
    let two = EventRows::new(array![[3.0, -1.0, 2.0]]);
    let text = "# head\n\n\n1 0.5 -0.25\n# comment\n\t2.  1e0\t3e-3 # soft\r\n \n\n# next\n3 -1 2";
    assert_eq!(rows(text).unwrap(), [one.clone(), two.clone()]);
    assert_eq!(rows("1 0.5 -0.25\n2 1 3e-3\n\n3 -1 2\n\n\n").unwrap(), [one, two]);
    for empty in ["", "\n\n", "# nothing\n"] {
        assert!(rows(empty).unwrap().is_empty());
    }
    // Padding is left out in text too, and an event may consist of it.
    assert_eq!(sets("0 0 0\n\n1 0 0\n", ParticleLayout::PtYPhi).unwrap().sets().offsets(), [0, 0, 1]);
}

#[test]
fn errors_name_line_and_event() {
    for (text, line, event, words) in [
        ("1 0 0\n\n1 0\n", 3, 1, "expected the 3 columns pt y phi, found 2"),
        ("1 0 0 22\n", 1, 0, "found 4"),
        ("1 0 0\n1 zero 0\n", 2, 0, "expected y, found \"zero\""),
        ("1 0 0\n\n1,0,0\n", 3, 1, "expected pt, found \"1,0,0\""),
    ] {
        match rows(text).unwrap_err() {
            Error::Malformed { position, reason, .. } => {
                assert_eq!((position.line, position.event), (Some(line), Some(event)), "{text:?}");
                assert!(reason.contains(words), "{reason}");
            }
            error => panic!("{error}"),
        }
    }
    for (text, words) in [
        ("1 0 0\n\n1 0 0\n-1 0 0\n", "line 4, byte 13, event 1: pt is -1"),
        ("1 0 0\n\n1 0 0\n1 0 nan\n", "line 4, byte 13, event 1: phi is not finite"),
        ("1 inf 0\n", "line 1, byte 0, event 0: y is not finite"),
    ] {
        let error = rows(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let mut reader = read_text(Input::new(&b"1 0 0\n\nx\n\n1 0 0\n"[..]).unwrap(), ParticleLayout::PtYPhi);
    assert!(reader.next().unwrap().is_ok());
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none(), "nothing follows an error");
}

#[test]
fn other_layouts_are_read() {
    let all = sets("3 4 0 5\n0 0 0 0\n", ParticleLayout::PxPyPzE).unwrap();
    assert_eq!(all.sets().momenta(), [hepml_core::FourMomentum::new(5.0, 3.0, 4.0, 0.0)]);
    let with_id = sets("3 0.5 1 211\n", ParticleLayout::PtYPhiPid).unwrap();
    assert_eq!(with_id.sets().feature("pdg_id").unwrap().to_vec(), [211.0]);
    for (text, layout, words) in [
        ("3 0.5 1 211.5\n", ParticleLayout::PtYPhiPid, "whole number"),
        ("3 0.5 1 3e9\n", ParticleLayout::PtYPhiPid, "whole number"),
        ("3 4 0 -5\n", ParticleLayout::PxPyPzE, "event 0: E is -5"),
        ("3 4 0 0\n", ParticleLayout::PxPyPzE, "without energy"),
        ("3 0.5 1 -0.1\n", ParticleLayout::PtEtaPhiM, "event 0: mass is -0.1"),
    ] {
        let error = sets(text, layout).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_text_cannot_say_is_not_written() {
    let good = EventRows::new(array![[1.0, 0.0, 0.0]]);
    for bad in [
        EventRows::new(Array2::zeros((0, 3))),
        EventRows { label: Some(1.0), ..good.clone() },
        EventRows { weight: Some(1.0), ..good.clone() },
        EventRows::new(array![[1.0, 0.0]]),
        EventRows::new(array![[0.0, 0.0, 0.0]]),
    ] {
        let error = write_text(Vec::new(), ParticleLayout::PtYPhi, &[good.clone(), bad]).unwrap_err();
        assert!(error.to_string().contains("event 1"), "{error}");
    }
}

#[test]
fn fastjets_example_events_are_read() {
    let Some(path) = shared("single-event.dat") else { return };
    let events = open_text(path, ParticleLayout::PxPyPzE).unwrap().read_all().unwrap();
    assert_eq!(events.sets().event_count(), 1);
    // Particles of a collision at rest in the transverse plane: what is not seen is small.
    let total = events.sets().event(0).total_momentum();
    assert!(events.sets().particle_count() > 100 && total.pt() < 0.05 * total.e, "{total:?}");
}

proptest! {
    #[test]
    fn random_text_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[0-9eE+.\\- \n#]{0,100}") {
        for content in [bytes, text.into_bytes()] {
            if let Ok(input) = Input::new(Cursor::new(content)) {
                let _ = drain(Ok(read_text(input, ParticleLayout::PtYPhi)));
            }
        }
    }

    #[test]
    fn events_survive_a_round_trip(
        events in prop::collection::vec(
            prop::collection::vec((f64::MIN_POSITIVE..1e300, -20.0..20.0_f64, -1e9..1e9_f64), 1..4),
            0..4,
        ),
    ) {
        let events: Vec<EventRows> = events
            .iter()
            .map(|event| {
                EventRows::new(Array2::from_shape_fn((event.len(), 3), |(i, j)| [event[i].0, event[i].1, event[i].2][j]))
            })
            .collect();
        let mut text = Vec::new();
        write_text(&mut text, ParticleLayout::PtYPhi, &events).unwrap();
        prop_assert_eq!(rows(&String::from_utf8(text).unwrap()).unwrap(), events);
    }
}
