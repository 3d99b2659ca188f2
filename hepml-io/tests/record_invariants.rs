//! Random bytes, and files with random damage: errors at worst.

#![cfg(all(feature = "gzip", feature = "zstd"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "properties/records.rs"]
mod properties;

use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

fn data(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// An LHE file, and small HepMC files of both kinds.
static LHE: LazyLock<Vec<u8>> = LazyLock::new(|| data("ttbar.lhe"));
static HEPMC3: LazyLock<Vec<u8>> = LazyLock::new(|| data("z_bb_mev_cm.hepmc3"));
static HEPMC2: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = Vec::new();
    let compressed = data("z_bb.hepmc2.gz");
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut text).unwrap();
    text.truncate(12_000);
    text
});
static COMPRESSED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [data("ttbar.lhe.gz"), data("z_bb.hepmc3.zst")]);

/// What happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    Truncate(prop::sample::Index),
    Overwrite(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

/// Bytes that mean something to the readers, so that damage gets past the first check.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..8),
        "[-0-9eEdD+. ]{1,12}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            " 99999999999999999999 ",
            " -1 ",
            " nan ",
            " 1e999 ",
            "\n",
            "\r\n",
            "#",
            "<",
            ">",
            "'",
            "\"",
            "[",
            "]",
            "@",
            "</event>",
            "<event>",
            "<rwgt>",
            "<wgt id='",
            "</wgt>",
            "<!--",
            "-->",
            "<weights>",
            "E ",
            "P ",
            "V ",
            "A 0 ",
            "HepMC::",
            "W",
            "N 1 \"",
            "\\",
            "\u{e9}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => any::<prop::sample::Index>().prop_map(Damage::Truncate),
        6 => (any::<prop::sample::Index>(), tokens()).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
        2 => (any::<prop::sample::Index>(), 1usize..200).prop_map(|(at, count)| Damage::Remove(at, count)),
        2 => (any::<prop::sample::Index>(), 1usize..200).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(file: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match damage {
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Overwrite(at, new) => {
                let at = at.index(len);
                let end = (at + new.len()).min(len);
                bytes.splice(at..end, new.iter().copied());
            }
            Damage::Remove(at, count) => {
                let at = at.index(len);
                bytes.drain(at..(at + count).min(len));
            }
            Damage::Repeat(at, count) => {
                let at = at.index(len);
                let part = bytes[at..(at + count).min(len)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn random_bytes_are_at_worst_an_error(bytes in vec(any::<u8>(), 0..2000)) {
        properties::input(&bytes);
        properties::lhe(&bytes);
        properties::hepmc(&bytes);
    }

    #[test]
    fn damaged_lhe_files_are_at_worst_an_error(damages in vec(damage(), 1..6)) {
        properties::lhe(&damaged(&LHE, &damages));
    }

    #[test]
    fn damaged_hepmc_files_are_at_worst_an_error(damages in vec(damage(), 1..4), two in any::<bool>()) {
        properties::hepmc(&damaged(if two { &HEPMC2 } else { &HEPMC3 }, &damages));
    }

    #[test]
    fn damaged_compression_is_at_worst_an_error(damages in vec(damage(), 1..4), zstd in any::<bool>()) {
        let bytes = damaged(&COMPRESSED[usize::from(zstd)], &damages);
        properties::input(&bytes);
        properties::lhe(&bytes);
        properties::hepmc(&bytes);
    }
}
