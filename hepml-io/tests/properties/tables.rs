//! What must hold for any bytes offered as a table or as particles: no panic, no memory without bound, and what was read
//! is written and read back the same. Used by the tests and by the fuzz targets.

#![allow(dead_code, unreachable_pub, reason = "each user uses a part")]

use std::io::Cursor;

use hepml_io::{
    EventRows, Input, NpyReader, NpzFile, ParticleLayout, ParticleReader, TableReader, read_text, write_npy,
    write_npz, write_text,
};

/// More events than any honest input of a fuzzer's size holds, but for long runs of zeros in a deflated member.
const MOST: usize = 10_000;

/// The events up to the first error.
fn events(reader: hepml_io::Result<ParticleReader>) -> Vec<EventRows> {
    reader.map_or_else(|_| Vec::new(), |reader| reader.take(MOST).map_while(Result::ok).collect())
}

/// An `.npy` file: as a table, as particles.
pub fn npy(data: &[u8]) {
    let open = || NpyReader::new(Cursor::new(data.to_vec()));
    for layout in [ParticleLayout::PtYPhi, ParticleLayout::EPxPyPz] {
        events(open().and_then(|reader| reader.into_particles(layout)));
    }
    let Ok(Some(table)) = open().and_then(NpyReader::into_table).and_then(|mut table| table.next_batch(MOST))
    else {
        return;
    };
    if table.ncols() > 0 {
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &table).expect("finite, with columns");
        let back = NpyReader::new(Cursor::new(bytes))
            .and_then(NpyReader::into_table)
            .and_then(TableReader::read_all);
        assert_eq!(back.expect("as written"), table);
    }
}

/// An `.npz` file: its arrays as tables, its particles.
pub fn npz(data: &[u8]) {
    let Ok(file) = NpzFile::from_bytes(data) else { return };
    for name in file.names() {
        if let Ok(table) = file.table(name) {
            table.take(MOST).take_while(Result::is_ok).for_each(drop);
        }
    }
    let Ok(layout) = file.particles().map(|reader| reader.layout()) else { return };
    let events = events(file.particles());
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, layout, &events).expect("as read");
    let back = NpzFile::from_bytes(bytes.into_inner()).expect("as written");
    let back: Result<Vec<EventRows>, _> = back.particles().expect("as written").collect();
    assert_eq!(back.expect("as written"), events);
}

/// Text, in every layout.
pub fn text(data: &[u8]) {
    for layout in [
        ParticleLayout::PtYPhi,
        ParticleLayout::PtYPhiPid,
        ParticleLayout::PtEtaPhiM,
        ParticleLayout::PxPyPzE,
    ] {
        let open = |bytes: Vec<u8>| Input::new(Cursor::new(bytes)).map(|input| read_text(input, layout));
        let mut events = events(open(data.to_vec()));
        // Events of nothing but padding cannot be written.
        events.retain(|event| !event.particles.is_empty());
        let mut bytes = Vec::new();
        write_text(&mut bytes, layout, &events).expect("as read");
        let back: Result<Vec<EventRows>, _> = open(bytes).expect("plain").collect();
        assert_eq!(back.expect("as written"), events);
    }
}
