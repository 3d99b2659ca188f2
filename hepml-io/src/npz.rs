//! Archives of arrays in NumPy's `.npz` format, among them EnergyFlow's jet samples.
//!
//! # Conventions
//! EnergyFlow's layout is `X[events, particles, (pt, y, phi, pid)]`, padded with rows of zeros, and `y[events]`; three
//! columns are `(pt, y, phi)`. What the columns mean is said in [`ParticleLayout`]. Members are deflated or stored; each
//! is read as a stream of its own, event by event, and its checksum is verified at its end.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use hepml_core::Error as CoreError;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::array_names::ArrayNames;
use crate::columns::ParticleLayout;
use crate::error::{Error, Position, Result};
use crate::event_rows::EventRows;
use crate::npy::{NpyHeader, NpyReader, NpyRows, write_header, write_numbers};
use crate::particle_reader::{ParticleReader, RawEvent};
use crate::table_reader::TableReader;

const FORMAT: &str = "npz";

/// An `.npz` file whose list of members has been read.
///
/// ```
/// use hepml_core::ndarray::array;
/// use hepml_io::{EventRows, NpzFile, ParticleLayout, write_npz};
///
/// let event = EventRows { label: Some(1.0), ..EventRows::new(array![[30.0, 0.5, 1.0, 211.0], [5.0, 0.4, 1.2, 22.0]]) };
/// let mut bytes = std::io::Cursor::new(Vec::new());
/// write_npz(&mut bytes, ParticleLayout::PtYPhiPid, &[event.clone()])?;
///
/// let file = NpzFile::from_bytes(bytes.into_inner())?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["X", "y"]);
/// // The numbers as they are in the file ...
/// assert_eq!(file.particles()?.next().expect("an event")?, event);
/// // ... or four-momenta, with the labels.
/// let jets = file.particles()?.read_all()?;
/// assert_eq!(jets.labels(), Some(&[1.0][..]));
/// assert_eq!(jets.sets().feature("pdg_id")?.to_vec(), [211.0, 22.0]);
/// # Ok::<(), hepml_io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NpzFile {
    source: Source,
    members: Vec<Member>,
}

#[derive(Debug, Clone)]
enum Source {
    Path(PathBuf),
    Bytes(Arc<[u8]>),
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    start: u64,
    stored_size: u64,
    size: u64,
    crc: u32,
    deflated: bool,
}

trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

impl NpzFile {
    /// Opens a file and reads its list of members.
    ///
    /// # Errors
    /// A file that cannot be read, or is no zip archive; a member that is encrypted or compressed otherwise than by
    /// deflate.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_source(Source::Path(path.to_owned()))
            .map_err(|error| error.in_file(&path.display().to_string()))
    }

    /// Takes a file's content.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        Self::from_source(Source::Bytes(bytes.into()))
    }

    fn from_source(source: Source) -> Result<Self> {
        let mut archive = ZipArchive::new(source.reader()?).map_err(zip_error)?;
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(zip_error)?;
            let name = file.name().map_err(zip_error)?.into_owned();
            let Some(name) = name.strip_suffix(".npy") else { continue };
            let deflated = match file.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => {
                    let reason =
                        format!("member {name:?} is compressed by {other}; only deflate and none are read");
                    return Err(Error::Unsupported { format: FORMAT, reason });
                }
            };
            if file.encrypted() {
                let reason = format!("member {name:?} is encrypted");
                return Err(Error::Unsupported { format: FORMAT, reason });
            }
            let start = file.data_start().ok_or_else(|| malformed(format!("member {name:?} has no data")))?;
            members.push(Member {
                name: name.to_owned(),
                start,
                stored_size: file.compressed_size(),
                size: file.size(),
                crc: file.crc32(),
                deflated,
            });
        }
        Ok(Self { source, members })
    }

    /// The names of the arrays, without the `.npy` of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// Whether there is an array called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The array called `name`, its header read and its numbers to come.
    ///
    /// # Errors
    /// [`UnknownName`](CoreError::UnknownName); a member that is no array of numbers.
    pub fn array(&self, name: &str) -> Result<NpyReader> {
        let member = self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            let known = self.names().map(ToOwned::to_owned).collect();
            CoreError::UnknownName { what: "array in the npz file", name: name.to_owned(), known }
        })?;
        let opened = self.source.member(member).and_then(NpyReader::from_stream);
        match self.member_path(name) {
            Some(path) => opened.map_err(|error| error.in_file(&path)).map(|array| array.in_file(Some(path))),
            None => opened,
        }
    }

    /// What the header of the array called `name` says.
    ///
    /// # Errors
    /// As [`array`](Self::array).
    pub fn header(&self, name: &str) -> Result<NpyHeader> {
        self.array(name).map(|array| array.header().clone())
    }

    fn member_path(&self, name: &str) -> Option<String> {
        match &self.source {
            Source::Path(path) => Some(format!("{}, array {name:?}", path.display())),
            Source::Bytes(_) => None,
        }
    }

    /// The array called `name` as a table: 2D, one row an event, or 1D, one number an event.
    ///
    /// # Errors
    /// As [`array`](Self::array) and [`NpyReader::into_table`].
    pub fn table(&self, name: &str) -> Result<TableReader> {
        self.array(name)?.into_table()
    }

    /// The particles in EnergyFlow's layout: `X`, with the labels `y` and the weights `weights` if there are such arrays.
    ///
    /// `X` has the columns (pt, y, phi, pid), or (pt, y, phi).
    ///
    /// # Errors
    /// As [`particles_as`](Self::particles_as).
    pub fn particles(&self) -> Result<ParticleReader> {
        let names = ArrayNames::known("X", "y", "weights", |name| self.contains(name));
        let layout = match self.header("X")?.shape() {
            [_, _, 3] => ParticleLayout::PtYPhi,
            _ => ParticleLayout::PtYPhiPid,
        };
        self.particles_as(layout, &names)
    }

    /// The particles in any layout, with labels and weights, from the arrays called `names`.
    ///
    /// # Errors
    /// As [`array`](Self::array) and [`NpyReader::into_particles`]; labels or weights that are not one an event.
    pub fn particles_as(&self, layout: ParticleLayout, names: &ArrayNames) -> Result<ParticleReader> {
        let particles = self.array(&names.particles)?;
        particles.check_particles(layout)?;
        let events = particles.header().shape()[0];
        let column = |name: &Option<String>| -> Result<Option<NpyRows>> {
            let Some(name) = name else { return Ok(None) };
            let array = self.array(name)?;
            if array.header().shape() == [events] {
                Ok(Some(array.into_rows()))
            } else {
                let reason = format!(
                    "array {name:?} has the shape {:?}, expected [{events}], one number an event",
                    array.header().shape()
                );
                Err(self.in_file(malformed(reason)))
            }
        };
        let (labels, weights) = (column(&names.labels)?, column(&names.weights)?);
        let (labelled, weighted) = (labels.is_some(), weights.is_some());
        let source = Events { particles: particles.into_rows(), labels, weights };
        let path = match &self.source {
            Source::Path(path) => Some(path.display().to_string()),
            Source::Bytes(_) => None,
        };
        Ok(ParticleReader::new(layout, labelled, weighted, source).in_file(path))
    }

    fn in_file(&self, error: Error) -> Error {
        match &self.source {
            Source::Path(path) => error.in_file(&path.display().to_string()),
            Source::Bytes(_) => error,
        }
    }
}

/// Particles, labels and weights side by side; all have the same number of entries.
struct Events {
    particles: NpyRows,
    labels: Option<NpyRows>,
    weights: Option<NpyRows>,
}

impl Iterator for Events {
    type Item = Result<RawEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let values = self.particles.next().transpose();
        let of_event = |rows: &mut Option<NpyRows>| -> Result<Option<f64>> {
            // At the end this reads on, so that the checksum is verified.
            let row = rows.as_mut().and_then(Iterator::next).transpose()?;
            Ok(row.map(|row| row[0]))
        };
        let label = of_event(&mut self.labels);
        let weight = of_event(&mut self.weights);
        let event = || -> Result<Option<RawEvent>> {
            let (label, weight) = (label?, weight?);
            Ok(values?.map(|values| RawEvent { values, label, weight }))
        };
        event().transpose()
    }
}

impl Source {
    fn reader(&self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(match self {
            Self::Path(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }

    /// The decompressed content of a member, on a handle of its own.
    fn member(&self, member: &Member) -> Result<Box<dyn Read + Send>> {
        let mut reader = self.reader()?;
        reader.seek(SeekFrom::Start(member.start))?;
        let stored = reader.take(member.stored_size);
        let checked = |content: Box<dyn Read + Send>| Checked {
            content,
            left: member.size,
            crc: Crc::new(),
            expected: member.crc,
        };
        Ok(Box::new(if member.deflated {
            checked(Box::new(DeflateDecoder::new(BufReader::with_capacity(1 << 16, stored))))
        } else {
            checked(Box::new(stored))
        }))
    }
}

/// The content of a member: no longer than promised, and with the promised checksum.
struct Checked {
    content: Box<dyn Read + Send>,
    left: u64,
    crc: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            if self.left > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.crc.sum() != self.expected {
                let reason = "the checksum of the zip member does not match its content";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
        }
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the zip member is longer than the archive says")
        })?;
        self.crc.update(&buffer[..count]);
        Ok(count)
    }
}

fn malformed(reason: String) -> Error {
    Error::Malformed { format: FORMAT, position: Position::default(), reason }
}

fn zip_error(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Error::Truncated {
            format: FORMAT,
            position: Position::default(),
            expected: "the rest of a zip archive".into(),
        },
        ZipError::Io(error) => error.into(),
        ZipError::UnsupportedArchive(reason) => {
            Error::Unsupported { format: FORMAT, reason: reason.to_string() }
        }
        error => malformed(format!("expected a complete zip archive: {error}")),
    }
}

/// Writes events as a compressed `.npz` file that NumPy and EnergyFlow read: `X` padded with zeros, `y`, `weights`.
///
/// Numbers are 64-bit floats: what is read back is what was written, bit for bit. `y` (`weights`) is written if the events
/// have labels (weights). Each event needs rows in the columns of `layout`; events without particles are allowed.
/// The padding holds events x (largest number of particles) in the file, but not in memory.
///
/// # Errors
/// A particle that is not valid in the layout or would be padding, naming event and particle; labels or weights of only
/// some events; writing fails.
pub fn write_npz(writer: impl Write + Seek, layout: ParticleLayout, events: &[EventRows]) -> Result<()> {
    let mut largest = 1;
    for (index, event) in events.iter().enumerate() {
        crate::particle_reader::check_rows(layout, index, event, &events[0])?;
        largest = largest.max(event.particles.nrows());
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Sizes are not known beforehand.
        .large_file(true);
    let mut zip = ZipWriter::new(writer);
    zip.start_file("X.npy", options).map_err(zip_error)?;
    write_header(&mut zip, &[events.len(), largest, layout.width()])?;
    for event in events {
        write_numbers(&mut zip, &event.particles)?;
        let padding = (largest - event.particles.nrows()) * layout.width();
        write_numbers(&mut zip, std::iter::repeat_n(&0.0, padding))?;
    }
    for (name, column) in [
        ("y.npy", (|event| event.label) as fn(&EventRows) -> Option<f64>),
        ("weights.npy", |event| event.weight),
    ] {
        let values: Vec<f64> = events.iter().filter_map(column).collect();
        if !values.is_empty() {
            zip.start_file(name, options).map_err(zip_error)?;
            write_header(&mut zip, &[values.len()])?;
            write_numbers(&mut zip, &values)?;
        }
    }
    zip.finish().map_err(zip_error)?.flush()?;
    Ok(())
}
