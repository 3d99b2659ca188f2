//! What holds for the readers of event records whatever bytes they are given.
//!
//! The fuzz targets (fuzz/), the replay of their corpus and the proptests call these.

#![allow(dead_code, unreachable_pub, reason = "each user takes a part")]
#![allow(clippy::unwrap_used, reason = "a property fails by panicking")]

use std::io::{Cursor, Read, Write};
use std::sync::{Arc, Mutex};

use hepml_core::Event;
use hepml_io::{Error, HepMcInfo, HepMcReader, HepMcWriter, Input, LheReader, LheWriter};

/// A writer whose bytes can be had back.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Decompressing ends, without a panic.
pub fn input(data: &[u8]) {
    let Ok(mut input) = Input::new(Cursor::new(data.to_vec())) else { return };
    let _ = input.peek(7);
    let mut buffer = [0; 1 << 12];
    // Few bytes may stand for very many.
    for _ in 0..1 << 12 {
        match input.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn check_event(event: &Event) {
    for (index, particle) in event.particles.iter().enumerate() {
        particle.momentum.validated().unwrap();
        let parents = event.parents(index);
        assert!(parents.iter().all(|&parent| parent < event.particles.len()));
        if let Some(vertex) = particle.production_vertex() {
            assert!(event.vertices()[vertex].outgoing.contains(&index));
        }
    }
    assert!(event.weights.values().iter().all(|weight| weight.is_finite()));
}

/// Events up to the first error, which ends the reader; all that is read is valid.
fn read<T>(mut reader: T) -> (T, Vec<Event>)
where
    T: Iterator<Item = hepml_io::Result<Event>>,
{
    let mut events = Vec::new();
    loop {
        match reader.next() {
            Some(Ok(event)) => {
                check_event(&event);
                events.push(event);
            }
            Some(Err(error)) => {
                assert!(!error.to_string().is_empty());
                assert!(reader.next().is_none());
                break;
            }
            None => break,
        }
    }
    (reader, events)
}

/// LHE: what can be read can be written, and is read back the same.
pub fn lhe(data: &[u8]) {
    let Ok(reader) = LheReader::new(Cursor::new(data.to_vec())) else { return };
    let (reader, events) = read(reader);
    assert_eq!(reader.tally().events(), events.len() as u64);
    let out = Shared::default();
    // A header may hold what would end the block when it is written.
    let Ok(mut writer) = LheWriter::new(out.clone(), reader.run()) else { return };
    let mut written = Vec::new();
    for mut event in events {
        match writer.write(&event) {
            Ok(()) => {
                event.number = i64::try_from(written.len()).unwrap();
                written.push(event);
            }
            // Names of weights with control characters.
            Err(Error::Unsupported { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    writer.finish().unwrap();
    let again: Vec<Event> = LheReader::new(Cursor::new(out.bytes())).unwrap().map(Result::unwrap).collect();
    assert_eq!(again.len(), written.len());
    for (again, written) in again.iter().zip(&written) {
        assert_eq!(again.weights.values(), written.weights.values());
        assert_eq!(again.particles, written.particles);
        assert_eq!(again.vertices(), written.vertices());
        assert_eq!(
            (again.process, again.scale, again.alpha_qed, again.alpha_qcd),
            (written.process, written.scale, written.alpha_qed, written.alpha_qcd)
        );
    }
}

/// HepMC: what can be read can be written, and is read back the same.
pub fn hepmc(data: &[u8]) {
    let Ok(mut reader) = HepMcReader::new(Cursor::new(data.to_vec())) else { return };
    let mut events: Vec<(Event, HepMcInfo)> = Vec::new();
    while let Some(Ok(event)) = reader.next() {
        check_event(&event);
        events.push((event, reader.info().clone()));
    }
    assert!(reader.next().is_none());
    let out = Shared::default();
    let mut writer = HepMcWriter::new(out.clone(), reader.run());
    let mut written = Vec::new();
    for (event, info) in events {
        match writer.write_with_info(&event, &info) {
            Ok(()) => written.push((event, info)),
            // Names of attributes that are empty, names of weights that begin with a blank or change between blocks.
            Err(Error::Unsupported { .. } | Error::Core(hepml_core::Error::ColumnMismatch { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    if writer.finish().is_err() {
        return;
    }
    let mut reader = HepMcReader::new(Cursor::new(out.bytes())).unwrap();
    for (event, info) in &written {
        assert_eq!(&reader.next().unwrap().unwrap(), event);
        assert_eq!(reader.info(), info);
    }
    assert!(reader.next().is_none());
}
