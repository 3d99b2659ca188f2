//! The formats, told apart by their content.

use std::fmt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::event_reader::EventReader;
use crate::hepmc::HepMcReader;
use crate::input::Input;
use crate::lhe::LheReader;

/// As much of a file as is looked at.
const START: usize = 1 << 14;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Les Houches event records.
    Lhe,
    /// Event records of HepMC2 (`IO_GenEvent`).
    HepMc2,
    /// Event records of HepMC3 (`Asciiv3`).
    HepMc3,
    /// An array of NumPy.
    Npy,
    /// A zip archive, which is taken for one of arrays of NumPy.
    Npz,
    /// HDF5.
    Hdf5,
    /// Apache Parquet.
    Parquet,
    /// Rows of numbers as text.
    Text,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lhe => "LHE",
            Self::HepMc2 => "HepMC2",
            Self::HepMc3 => "HepMC3",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Hdf5 => "HDF5",
            Self::Parquet => "Parquet",
            Self::Text => "text",
        })
    }
}

impl Format {
    /// The format of a file, by its content; compression (gzip, Zstandard) is looked through. The name plays no part.
    ///
    /// # Errors
    /// A file that cannot be read; [`Error::UnknownFormat`] with what the file begins with.
    pub fn detect(path: impl AsRef<Path>) -> Result<Self> {
        Self::of_input(&mut Input::open(path)?)
    }

    /// The format of an input, of which nothing is consumed.
    ///
    /// # Errors
    /// As [`detect`](Self::detect).
    pub fn of_input(input: &mut Input) -> Result<Self> {
        let path = input.path().map(ToOwned::to_owned);
        let format = input.peek(START).map_err(Error::from).and_then(Self::of_start);
        format.map_err(|error| match path {
            Some(path) => error.in_file(&path),
            None => error,
        })
    }

    /// The format of a file that begins with `start`, decompressed; some kB of it are enough.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] with what the file begins with.
    ///
    /// ```
    /// use hepml_io::Format;
    ///
    /// assert_eq!(Format::of_start(b"# pt y phi\n30.5 0.1 2.0\n")?, Format::Text);
    /// assert_eq!(Format::of_start(b"<LesHouchesEvents version=\"3.0\">\n")?, Format::Lhe);
    /// # Ok::<(), hepml_io::Error>(())
    /// ```
    pub fn of_start(start: &[u8]) -> Result<Self> {
        // HDF5 allows a block of the user's in front: the signature then is at 512, 1024, ...
        let hdf5 = |at: usize| start.get(at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n"));
        let known = match start {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Npz),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Self::Npy),
            [b'P', b'A', b'R', b'1', ..] => Some(Self::Parquet),
            _ if [0, 512, 1024, 2048, 4096, 8192].into_iter().any(hdf5) => Some(Self::Hdf5),
            _ => Self::of_text(start),
        };
        known.ok_or_else(|| {
            if start.is_empty() {
                return Error::UnknownFormat("the file is empty".into());
            }
            let begin = String::from_utf8_lossy(&start[..start.len().min(40)]).into_owned();
            Error::UnknownFormat(format!(
                "expected LHE, HepMC, npy, npz, HDF5, Parquet or rows of numbers, but the file begins with {begin:?}"
            ))
        })
    }

    fn of_text(start: &[u8]) -> Option<Self> {
        // The cut may go through a character.
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
            }
            Err(_) => return None,
        };
        for line in text.lines().map(str::trim) {
            match line {
                "HepMC::Asciiv3-START_EVENT_LISTING" => return Some(Self::HepMc3),
                "HepMC::IO_GenEvent-START_EVENT_LISTING" => return Some(Self::HepMc2),
                _ if line.starts_with("<LesHouchesEvents") => return Some(Self::Lhe),
                _ => {}
            }
        }
        let first = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut words =
            first.filter(|line| !line.is_empty()).take(1).flat_map(str::split_ascii_whitespace).peekable();
        words.peek()?;
        words.all(|word| crate::numbers::real(word, "a number").is_ok()).then_some(Self::Text)
    }

    /// Whether a file of this format holds event records, which [`open_events`] reads.
    pub fn is_event_record(self) -> bool {
        matches!(self, Self::Lhe | Self::HepMc2 | Self::HepMc3)
    }
}

/// Opens a file of event records, LHE or HepMC, whichever it is.
///
/// # Errors
/// A file that cannot be read, whose beginning is malformed, or that is none of these formats.
///
/// ```no_run
/// for event in hepml_io::open_events("events.hepmc3.zst")? {
///     println!("{} particles", event?.particles.len());
/// }
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub fn open_events(path: impl AsRef<Path>) -> Result<Box<dyn EventReader>> {
    let mut input = Input::open(path)?;
    let format = Format::of_input(&mut input)?;
    records(format, input)
}

/// The reader of an input of event records.
pub(crate) fn records(format: Format, input: Input) -> Result<Box<dyn EventReader>> {
    match format {
        Format::Lhe => Ok(Box::new(LheReader::from_input(input)?)),
        Format::HepMc2 | Format::HepMc3 => Ok(Box::new(HepMcReader::from_input(input)?)),
        other => {
            let reason = format!("expected event records, LHE or HepMC, found {other}");
            let error = Error::UnknownFormat(reason);
            Err(match input.path() {
                Some(path) => error.in_file(path),
                None => error,
            })
        }
    }
}
