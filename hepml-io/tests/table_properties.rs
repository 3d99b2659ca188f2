//! The properties of `properties/tables.rs` on random and damaged content, and on the corpus of the fuzz targets.

#![cfg(feature = "npz")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

#[path = "properties/tables.rs"]
mod tables;

use std::path::PathBuf;

use proptest::prelude::*;

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn replay(target: &str, property: impl Fn(&[u8])) {
    let folder = folder("../fuzz/corpus").join(target);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    for entry in entries {
        property(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

#[test]
fn the_corpus_is_replayed() {
    replay("npy", tables::npy);
    replay("npz", tables::npz);
    replay("text", tables::text);
}

fn damaged(name: &str, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = std::fs::read(folder("tests/data").join(name)).unwrap();
    for (index, value) in changes {
        let index = index.index(bytes.len());
        bytes[index] = *value;
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5)
}

proptest! {
    #[test]
    fn arrays(
        name in prop::sample::select(vec!["table_f8.npy", "table_fortran.npy", "table_i8.npy", "table_b1.npy"]),
        changes in changes(),
    ) {
        tables::npy(&damaged(name, &changes));
    }

    #[test]
    fn archives(name in prop::sample::select(vec!["jets.npz", "plain.npz"]), changes in changes()) {
        tables::npz(&damaged(name, &changes));
    }

    #[test]
    fn texts(text in "([0-9]{1,3}\\.?[0-9]{0,2}(e[0-9])?[ \t]{1,2}-?[0-9]\\.[0-9] [0-9]{1,3}( [0-9]{1,3})?[ \n]{0,2}\n){0,6}") {
        tables::text(text.as_bytes());
    }
}
