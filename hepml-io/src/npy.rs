//! Arrays in NumPy's `.npy` format, read as a stream.
//!
//! # Conventions
//! Format versions 1 to 3; numbers of 1 to 8 bytes (`f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1`) in either byte order, read
//! as f64. An 8-byte integer that f64 cannot hold exactly is an error. Arrays in Fortran order are read whole (their
//! events are not contiguous), those in C order event by event. Source: `numpy.lib.format` of the NumPy manual.
//!
//! Read by hand because the type of the numbers is known only at run time and events are wanted one by one; the crates
//! for `.npy` read whole arrays of a type fixed at compile time. Nothing is allocated on the word of a header: buffers grow
//! with the data that arrive.

use std::io::{self, Read, Write};
use std::path::Path;

use hepml_core::ndarray::ArrayRef2;
use hepml_core::{Error as CoreError, Table};

use crate::columns::ParticleLayout;
use crate::error::{Error, Position, Result};
use crate::input::Input;
use crate::number_type::NumberType;
use crate::particle_reader::{ParticleReader, RawEvent};
use crate::table_reader::TableReader;

const FORMAT: &str = "npy";

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy itself refuses headers longer than 10,000 bytes unless told otherwise.
const LONGEST_HEADER: u64 = 1 << 16;

/// Numbers are read in pieces of this many bytes at most.
const PIECE: usize = 1 << 16;

/// What the header of an array says: type, order and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyHeader {
    number: NumberType,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl NpyHeader {
    /// The lengths of the axes.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Whether the first axis runs fastest.
    pub fn fortran_order(&self) -> bool {
        self.fortran_order
    }

    /// Reads magic, version and header; `byte` counts what was read.
    fn read(reader: &mut impl Read, byte: &mut u64) -> Result<Self> {
        let mut start = [0; 8];
        read_exact(reader, &mut start, byte, None, || "the magic number and version of an array".into())?;
        if &start[..6] != MAGIC {
            return Err(malformed(0, None, "expected the magic number 93 4e 55 4d 50 59 of an array".into()));
        }
        let long = match start[6] {
            1 => false,
            2 | 3 => true,
            version => {
                let reason = format!("version {version} of the format is not known");
                return Err(Error::Unsupported { format: FORMAT, reason });
            }
        };
        let mut length = [0; 4];
        let bytes = if long { &mut length[..] } else { &mut length[..2] };
        read_exact(reader, bytes, byte, None, || "the length of the header".into())?;
        let length = u64::from(u32::from_le_bytes(length));
        if length > LONGEST_HEADER {
            return Err(malformed(
                *byte,
                None,
                format!("a header of {length} bytes, expected at most {LONGEST_HEADER}"),
            ));
        }
        let begin = *byte;
        let mut text = Vec::new();
        let got = reader.take(length).read_to_end(&mut text).map_err(|error| reading(error, begin, None))?;
        *byte += got as u64;
        if (got as u64) < length {
            return Err(truncated(*byte, None, format!("a header of {length} bytes")));
        }
        HeaderText { text: &text, at: 0, begin }.header()
    }

    /// The number of bytes of an element.
    fn element(&self) -> usize {
        self.number.size()
    }

    /// The number of elements of everything below the first axis.
    fn per_row(&self) -> u64 {
        // `header` checked that the product does not overflow, but a leading 0 hides the others.
        self.shape.iter().skip(1).product()
    }
}

/// The Python literal of a header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct HeaderText<'a> {
    text: &'a [u8],
    at: usize,
    begin: u64,
}

impl HeaderText<'_> {
    fn header(mut self) -> Result<NpyHeader> {
        let (mut number, mut fortran_order, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while self.peek() != Some(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            match key.as_str() {
                "descr" => number = Some(self.number()?),
                "fortran_order" => fortran_order = Some(self.boolean()?),
                "shape" => shape = Some(self.shape()?),
                _ => return Err(self.wrong(&format!("no key {key:?}"))),
            }
            if self.peek() != Some(b',') {
                break;
            }
            self.expect(b',')?;
        }
        self.expect(b'}')?;
        if self.peek().is_some() {
            return Err(self.wrong("nothing after the header"));
        }
        let missing = |key: &str| malformed(self.begin, None, format!("the header has no {key:?}"));
        let header = NpyHeader {
            number: number.ok_or_else(|| missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        };
        let bytes = header
            .shape
            .iter()
            .filter(|&&length| length > 0)
            .try_fold(8_u64, |all, &length| all.checked_mul(length));
        if bytes.is_none() {
            return Err(malformed(
                self.begin,
                None,
                format!("a shape {:?} with more bytes than there are", header.shape),
            ));
        }
        Ok(header)
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong(&format!("{:?}", char::from(byte))))
        }
    }

    fn string(&mut self) -> Result<String> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else { return Err(self.wrong("a quoted text")) };
        let start = self.at + 1;
        let length = self.text[start..].iter().position(|&byte| byte == quote);
        let length = length.ok_or_else(|| self.wrong("a closed quotation"))?;
        self.at = start + length + 1;
        Ok(String::from_utf8_lossy(&self.text[start..start + length]).into_owned())
    }

    fn number(&mut self) -> Result<NumberType> {
        if self.peek() == Some(b'[') {
            let reason =
                "structured arrays are not read; save the columns as a 2D array, or use HDF5 or Parquet";
            return Err(Error::Unsupported { format: FORMAT, reason: reason.into() });
        }
        let descr = self.string()?;
        NumberType::of_numpy(&descr).map_err(|reason| Error::Unsupported { format: FORMAT, reason })
    }

    fn boolean(&mut self) -> Result<bool> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.wrong("True or False"))
    }

    fn shape(&mut self) -> Result<Vec<u64>> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while self.peek() != Some(b')') {
            let start = self.at;
            while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
                self.at += 1;
            }
            let digits = std::str::from_utf8(&self.text[start..self.at]).expect("ASCII digits");
            let length = digits.parse().map_err(|_| self.wrong("a length below 2^64"))?;
            // NumPy 1 under Python 2 wrote longs.
            if self.text.get(self.at) == Some(&b'L') {
                self.at += 1;
            }
            shape.push(length);
            if self.peek() != Some(b',') {
                break;
            }
            self.expect(b',')?;
        }
        self.expect(b')')?;
        Ok(shape)
    }

    fn wrong(&self, expected: &str) -> Error {
        let found = self.text.get(self.at..).unwrap_or_default();
        let found = String::from_utf8_lossy(&found[..found.len().min(20)]).into_owned();
        malformed(
            self.begin + self.at as u64,
            None,
            format!("expected {expected} in the header, found {found:?}"),
        )
    }
}

fn malformed(byte: u64, event: Option<u64>, reason: String) -> Error {
    Error::Malformed { format: FORMAT, position: Position { line: None, byte: Some(byte), event }, reason }
}

fn truncated(byte: u64, event: Option<u64>, expected: String) -> Error {
    Error::Truncated { format: FORMAT, position: Position { line: None, byte: Some(byte), event }, expected }
}

/// An I/O error in its place: decompressors report truncated and corrupt data as such.
fn reading(error: io::Error, byte: u64, event: Option<u64>) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => truncated(byte, event, "more compressed data".into()),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            malformed(byte, event, format!("the compressed data are corrupt ({error})"))
        }
        _ => error.into(),
    }
}

/// Fills `buffer`, or says what was expected where the file ends.
fn read_exact(
    reader: &mut impl Read,
    buffer: &mut [u8],
    byte: &mut u64,
    event: Option<u64>,
    expected: impl Fn() -> String,
) -> Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => return Err(truncated(*byte, event, expected())),
            Ok(count) => {
                filled += count;
                *byte += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading(error, *byte, event)),
        }
    }
    Ok(())
}

/// An array whose header has been read and whose numbers are to come.
///
/// ```
/// use hepml_core::ndarray::array;
/// use hepml_io::{NpyReader, write_npy};
///
/// let table = array![[1.0, 2.5], [3.0, -4.0], [5.0, 6.0]];
/// let mut file = Vec::new();
/// write_npy(&mut file, &table)?;
/// let reader = NpyReader::new(std::io::Cursor::new(file))?;
/// assert_eq!(reader.header().shape(), [3, 2]);
/// assert_eq!(reader.into_table()?.read_all()?, table);
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub struct NpyReader {
    reader: Box<dyn Read + Send>,
    header: NpyHeader,
    byte: u64,
    /// Raw bytes of a piece of the array.
    buffer: Vec<u8>,
    path: Option<String>,
}

impl NpyReader {
    /// Opens a file, which may be compressed as a whole (`.npy.gz`).
    ///
    /// # Errors
    /// A file that cannot be read; a header that is malformed, or of numbers that are not read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_input(Input::open(path)?)
    }

    /// Takes any reader, which may be compressed as a whole.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(reader: impl Read + Send + 'static) -> Result<Self> {
        Self::from_input(Input::new(reader)?)
    }

    /// Reads from an input that is open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_input(input: Input) -> Result<Self> {
        let path = input.path().map(ToOwned::to_owned);
        let opened = Self::from_stream(Box::new(input));
        match path {
            Some(path) => {
                opened.map_err(|error| error.in_file(&path)).map(|reader| reader.in_file(Some(path)))
            }
            None => opened,
        }
    }

    pub(crate) fn from_stream(mut reader: Box<dyn Read + Send>) -> Result<Self> {
        let mut byte = 0;
        let header = NpyHeader::read(&mut reader, &mut byte)?;
        Ok(Self { reader, header, byte, buffer: Vec::new(), path: None })
    }

    pub(crate) fn in_file(self, path: Option<String>) -> Self {
        Self { path, ..self }
    }

    /// What the header says.
    pub fn header(&self) -> &NpyHeader {
        &self.header
    }

    /// The array as a table: 2D, one row an event, or 1D, one number an event.
    ///
    /// # Errors
    /// Another number of axes; rows without columns.
    pub fn into_table(mut self) -> Result<TableReader> {
        let columns = match self.header.shape[..] {
            [_] => 1,
            [rows, 0] if rows > 0 => return Err(self.wrong_shape("at least one column")),
            [_, columns] => columns,
            _ => return Err(self.wrong_shape("one or two axes")),
        };
        // Names cost memory before any data have been seen.
        if columns > LONGEST_HEADER {
            return Err(self.wrong_shape("at most 65536 columns"));
        }
        let names = (0..columns).map(|column| column.to_string()).collect();
        let path = self.path.take();
        Ok(TableReader::new(names, self.into_rows()).in_file(path))
    }

    /// The array as events of particles: 3D `[events, particles, columns]`.
    ///
    /// # Errors
    /// Another number of axes; columns other than those of the layout; no room for a particle.
    pub fn into_particles(mut self, layout: ParticleLayout) -> Result<ParticleReader> {
        self.check_particles(layout)?;
        let path = self.path.take();
        let source =
            self.into_rows().map(|row| row.map(|values| RawEvent { values, label: None, weight: None }));
        Ok(ParticleReader::new(layout, false, false, source).in_file(path))
    }

    pub(crate) fn check_particles(&self, layout: ParticleLayout) -> Result<()> {
        match self.header.shape[..] {
            [_, _, columns] if columns != layout.width() as u64 => Err(self.wrong_shape(&format!(
                "{} columns a particle, {:?},",
                layout.width(),
                layout.columns()
            ))),
            [events, 0, _] if events > 0 => Err(self.wrong_shape("room for at least one particle an event")),
            [_, _, _] => Ok(()),
            _ => Err(self.wrong_shape("three axes, [events, particles, columns],")),
        }
    }

    /// The elements below each entry of the first axis, one entry after another.
    pub(crate) fn into_rows(self) -> NpyRows {
        NpyRows { array: self, row: 0, transposed: None, finished: false }
    }

    fn wrong_shape(&self, expected: &str) -> Error {
        let error = malformed(
            self.byte,
            None,
            format!("expected {expected} but the shape is {:?}", self.header.shape),
        );
        match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        }
    }

    /// Reads `count` numbers; `event` and `expected` are for the error.
    fn numbers(&mut self, count: u64, event: u64, expected: &impl Fn() -> String) -> Result<Vec<f64>> {
        let size = self.header.element();
        let mut values = Vec::new();
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = count;
        while left > 0 {
            let now = left.min((PIECE / size) as u64);
            #[expect(clippy::cast_possible_truncation, reason = "at most PIECE")]
            buffer.resize(now as usize * size, 0);
            let begin = self.byte;
            read_exact(&mut self.reader, &mut buffer, &mut self.byte, Some(event), expected)?;
            values.reserve(buffer.len() / size);
            for (index, bytes) in buffer.chunks_exact(size).enumerate() {
                values.push(
                    self.header
                        .number
                        .decode(bytes)
                        .map_err(|reason| malformed(begin + (index * size) as u64, Some(event), reason))?,
                );
            }
            left -= now;
        }
        self.buffer = buffer;
        Ok(values)
    }

    /// Checks that nothing follows the array, which also lets a zip member check its checksum.
    fn end(&mut self) -> Result<()> {
        let mut byte = [0];
        loop {
            match self.reader.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    let reason = format!(
                        "expected the end after an array of shape {:?}, found more",
                        self.header.shape
                    );
                    return Err(malformed(self.byte, None, reason));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(reading(error, self.byte, None)),
            }
        }
    }
}

impl std::fmt::Debug for NpyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NpyReader")
            .field("header", &self.header)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The entries of the first axis, one by one.
pub(crate) struct NpyRows {
    array: NpyReader,
    row: u64,
    /// The whole array, if it is in Fortran order.
    transposed: Option<Vec<f64>>,
    finished: bool,
}

impl NpyRows {
    fn row(&mut self) -> Result<Option<Vec<f64>>> {
        let shape = self.array.header.shape.clone();
        let rows = shape.first().copied().unwrap_or(1);
        if self.row == rows {
            self.array.end()?;
            return Ok(None);
        }
        let (row, per_row) = (self.row, self.array.header.per_row());
        self.row += 1;
        if !self.array.header.fortran_order || shape.len() < 2 {
            let expected = || format!("{rows} events of shape {:?}", &shape[1.min(shape.len())..]);
            return self.array.numbers(per_row, row, &expected).map(Some);
        }
        let values = if let Some(values) = &self.transposed {
            values
        } else {
            let expected = || format!("an array of shape {shape:?} in Fortran order");
            let values = self.array.numbers(rows * per_row, 0, &expected)?;
            self.transposed.insert(values)
        };
        // Element [i, j, k, ...] stands at i + rows (j + lengths[1] (k + ...)); here j, k, ... in C order.
        #[expect(clippy::cast_possible_truncation, reason = "an array that is in memory")]
        let entry = (0..per_row)
            .map(|mut c_index| {
                let mut stride = per_row;
                let mut place = 0;
                for &length in shape[1..].iter().rev() {
                    // The last axis runs fastest in C order and has the largest stride in Fortran order.
                    stride /= length;
                    place += c_index % length * stride;
                    c_index /= length;
                }
                values[(row + rows * place) as usize]
            })
            .collect();
        Ok(Some(entry))
    }
}

impl Iterator for NpyRows {
    type Item = Result<Vec<f64>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let row = self.row();
        self.finished = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

/// Writes the header of an array of 64-bit floats in C order.
pub(crate) fn write_header(writer: &mut impl Write, shape: &[usize]) -> io::Result<()> {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut header =
        format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}{comma}), }}", lengths.join(", "));
    // Magic, version, length and header together fill a multiple of 64 bytes, ending in a newline.
    let fill = 64 - (10 + header.len() + 1) % 64;
    header.extend(std::iter::repeat_n(' ', fill % 64));
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a few numbers are short");
    writer.write_all(MAGIC)?;
    writer.write_all(&[1, 0])?;
    writer.write_all(&length.to_le_bytes())?;
    writer.write_all(header.as_bytes())
}

/// Writes numbers, 8 bytes each.
pub(crate) fn write_numbers<'a>(
    writer: &mut impl Write,
    numbers: impl IntoIterator<Item = &'a f64>,
) -> io::Result<()> {
    for number in numbers {
        writer.write_all(&number.to_le_bytes())?;
    }
    Ok(())
}

/// Writes a table as an `.npy` file of 64-bit floats.
///
/// Give a buffered writer, such as `BufWriter::new(File::create(path)?)`.
///
/// # Errors
/// A number that is not finite; rows without columns; writing fails.
pub fn write_npy(mut writer: impl Write, table: &ArrayRef2<f64>) -> Result<()> {
    if table.ncols() == 0 && table.nrows() > 0 {
        return Err(CoreError::Empty { what: "list of columns of a table".into() }.into());
    }
    hepml_core::check_finite("table", table)?;
    write_header(&mut writer, &[table.nrows(), table.ncols()])?;
    write_numbers(&mut writer, table)?;
    writer.flush()?;
    Ok(())
}

/// Reads a whole table from an `.npy` file: [`NpyReader`] in one call.
///
/// # Errors
/// As [`NpyReader::open`], [`NpyReader::into_table`] and [`TableReader::read_all`].
pub fn read_npy(path: impl AsRef<Path>) -> Result<Table> {
    NpyReader::open(path)?.into_table()?.read_all()
}
