//! Parquet files: flat columns as a table, lists as particles (feature `parquet`).
//!
//! # Conventions
//! A column of numbers (or truth values) outside any list is a column of a table; one within a list, as awkward, pyarrow
//! and pandas write ragged arrays, gives one number a particle. A list of records `particles` with the fields `pt`, ...
//! has the columns `particles.pt`, ...; three separate lists are just `pt`, `y`, `phi`. Whole numbers that f64 cannot hold,
//! missing values (null) and lists of unequal length are errors that name the event. A list that is null is an event
//! without particles. Texts, dates, decimals and lists within lists are not read.
//!
//! Pages may be compressed by snappy, gzip, lz4 or Zstandard, all in pure Rust; brotli is
//! [`Error::Unsupported`]. In memory are some pages of each column that is read.

mod zstd_pages;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hepml_core::Error as CoreError;
use parquet::basic::{CompressionCodec, ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::Type;

use crate::columns::ParticleLayout;
use crate::error::{Error, Position, Result};
use crate::number_type::{exact_i64, exact_u64, half};
use crate::particle_reader::{ParticleReader, RawEvent};
use crate::table_reader::TableReader;
use zstd_pages::ZstdPages;

const FORMAT: &str = "Parquet";

/// Rows are decoded in blocks of this many.
const BLOCK: usize = 256;

/// An open Parquet file.
///
/// ```no_run
/// use hepml_io::{ParquetFile, ParticleLayout};
///
/// let file = ParquetFile::open("jets.parquet")?;
/// let lists = ["particles.pt", "particles.eta", "particles.phi"];
/// let jets = file.particles(ParticleLayout::PtEtaPhi, &lists, Some("label"), None)?.read_all()?;
/// # Ok::<(), hepml_io::Error>(())
/// ```
#[derive(Clone)]
pub struct ParquetFile {
    source: Source,
    reader: Arc<dyn FileReader>,
    leaves: Vec<Leaf>,
}

#[derive(Clone)]
enum Source {
    Path(PathBuf),
    Bytes(Bytes),
}

/// A column of the file.
#[derive(Debug, Clone)]
struct Leaf {
    name: String,
    index: usize,
    /// `None` for what is no number.
    number: Option<Number>,
    max_definition: i16,
    /// The definition level from which on the list has an element; `None` outside lists.
    element: Option<i16>,
    max_repetition: i16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Bool,
    Signed,
    Unsigned,
    Float,
    Half,
}

impl ParquetFile {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// A file that cannot be read or is no Parquet file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || -> Result<Self> {
            let reader =
                SerializedFileReader::new(File::open(path)?).map_err(|error| convert(&error, None))?;
            Self::from_reader(Source::Path(path.to_owned()), Arc::new(reader))
        };
        open().map_err(|error| error.in_file(&path.display().to_string()))
    }

    /// Takes a file's content.
    ///
    /// # Errors
    /// What is no Parquet file.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = Bytes::from(bytes.into());
        let reader = guarded(None, || SerializedFileReader::new(bytes.clone()))?;
        Self::from_reader(Source::Bytes(bytes), Arc::new(reader))
    }

    fn from_reader(source: Source, reader: Arc<dyn FileReader>) -> Result<Self> {
        let leaves = leaves(reader.metadata())?;
        Ok(Self { source, reader, leaves })
    }

    /// The number of events, as the footer has it.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The names of the columns of numbers outside lists.
    pub fn columns(&self) -> Vec<String> {
        self.numbers(false).map(|leaf| leaf.name.clone()).collect()
    }

    /// The names of the columns of numbers within lists.
    pub fn lists(&self) -> Vec<String> {
        self.numbers(true).map(|leaf| leaf.name.clone()).collect()
    }

    fn numbers(&self, in_list: bool) -> impl Iterator<Item = &Leaf> {
        let wanted = i16::from(in_list);
        self.leaves.iter().filter(move |leaf| leaf.number.is_some() && leaf.max_repetition == wanted)
    }

    /// All columns of numbers outside lists, as a table; [`TableReader::select`] takes some of them.
    ///
    /// # Errors
    /// No such column; compression that is not read.
    pub fn table(&self) -> Result<TableReader> {
        let leaves: Vec<Leaf> = self.numbers(false).cloned().collect();
        if leaves.is_empty() {
            let reason = format!("no column of numbers outside lists; lists are {:?}", self.lists());
            return Err(self.in_file(malformed(None, reason)));
        }
        let columns = leaves.iter().map(|leaf| leaf.name.clone()).collect();
        let blocks = Blocks::new(self, leaves).map_err(|error| self.in_file(error))?;
        let rows = blocks.map(|event| event.map(|event| event.into_iter().map(|values| values[0]).collect()));
        Ok(TableReader::new(columns, rows).in_file(self.path()))
    }

    /// The lists called `lists`, one a column of the layout, as particles; label and weight are columns outside lists.
    ///
    /// # Errors
    /// A column that the file does not have, or has within (outside) a list; another number of lists than the layout has
    /// columns; compression that is not read.
    pub fn particles(
        &self,
        layout: ParticleLayout,
        lists: &[&str],
        label: Option<&str>,
        weight: Option<&str>,
    ) -> Result<ParticleReader> {
        let width = layout.width();
        if lists.len() != width {
            return Err(CoreError::shape("lists, one a column of the layout", width, lists.len()).into());
        }
        let mut leaves = lists.iter().map(|name| self.leaf(name, true)).collect::<Result<Vec<_>>>()?;
        for name in label.iter().chain(&weight) {
            leaves.push(self.leaf(name, false)?);
        }
        let names: Vec<String> = leaves.iter().map(|leaf| leaf.name.clone()).collect();
        let blocks = Blocks::new(self, leaves).map_err(|error| self.in_file(error))?;
        let (labelled, weighted) = (label.is_some(), weight.is_some());
        let events = blocks.enumerate().map(move |(index, event)| {
            let columns = event?;
            let count = columns[0].len();
            if let Some(other) = (1..width).find(|&other| columns[other].len() != count) {
                let found = columns[other].len();
                let reason = format!("{count} of {:?}, but {found} of {:?}", names[0], names[other]);
                return Err(malformed(Some(index as u64), reason));
            }
            let values =
                (0..count).flat_map(|i| columns[..width].iter().map(move |column| column[i])).collect();
            let label = labelled.then(|| columns[width][0]);
            let weight = weighted.then(|| columns[width + usize::from(labelled)][0]);
            Ok(RawEvent { values, label, weight })
        });
        Ok(ParticleReader::new(layout, labelled, weighted, events).in_file(self.path()))
    }

    /// The particles under the names that are in use, whatever their case, within one record or as separate lists.
    ///
    /// `pt`, `y` or `rapidity` or `eta`, `phi`, with `mass` or `m` (for eta only), else with `pid`, `pdg_id` or `pdgid`;
    /// or `e` or `energy`, `px`, `py`, `pz`. The label is `label`, `is_signal` or `is_signal_new`, the weight `weight` or
    /// `weights`, if there are such columns.
    ///
    /// # Errors
    /// No such lists; as [`particles`](Self::particles).
    pub fn find_particles(&self) -> Result<ParticleReader> {
        let mut records: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
        for leaf in self.numbers(true) {
            let (record, field) = leaf.name.rsplit_once('.').unwrap_or(("", &leaf.name));
            records.entry(record).or_default().insert(field.to_lowercase(), &leaf.name);
        }
        let flat = |names: &[&str]| {
            self.numbers(false)
                .map(|leaf| leaf.name.as_str())
                .find(|name| names.contains(&name.to_lowercase().as_str()))
        };
        for fields in records.values() {
            if let Some((layout, lists)) = known_fields(fields) {
                let (label, weight) =
                    (flat(&["label", "is_signal", "is_signal_new"]), flat(&["weight", "weights"]));
                return self.particles(layout, &lists, label, weight);
            }
        }
        let reason = format!("expected lists pt, y or eta, phi, or e, px, py, pz, found {:?}", self.lists());
        Err(self.in_file(malformed(None, reason)))
    }

    fn leaf(&self, name: &str, in_list: bool) -> Result<Leaf> {
        self.numbers(in_list).find(|leaf| leaf.name == name).cloned().ok_or_else(|| {
            let what = if in_list { "list of numbers" } else { "column of numbers outside lists" };
            let known = if in_list { self.lists() } else { self.columns() };
            self.in_file(CoreError::UnknownName { what, name: name.to_owned(), known }.into())
        })
    }

    fn path(&self) -> Option<String> {
        match &self.source {
            Source::Path(path) => Some(path.display().to_string()),
            Source::Bytes(_) => None,
        }
    }

    fn in_file(&self, error: Error) -> Error {
        match self.path() {
            Some(path) => error.in_file(&path),
            None => error,
        }
    }

    /// A reader of one column in one row group.
    fn column(&self, group: usize, leaf: &Leaf) -> Result<ColumnReader> {
        let metadata = self.reader.metadata();
        let column = metadata.row_group(group).column(leaf.index);
        match column.compression_codec() {
            CompressionCodec::ZSTD => {
                let (start, length, values) = extent(metadata, group, leaf)?;
                let mut stream: Box<dyn Read + Send> = match &self.source {
                    Source::Bytes(bytes) => {
                        let mut cursor = Cursor::new(bytes.clone());
                        cursor.set_position(start);
                        Box::new(cursor)
                    }
                    Source::Path(path) => {
                        let mut file = File::open(path)?;
                        file.seek(SeekFrom::Start(start))?;
                        Box::new(std::io::BufReader::new(file))
                    }
                };
                stream = Box::new(stream);
                let pages = ZstdPages::new(stream.take(length), values);
                Ok(get_column_reader(column.column_descr_ptr(), Box::new(pages)))
            }
            CompressionCodec::UNCOMPRESSED
            | CompressionCodec::SNAPPY
            | CompressionCodec::GZIP
            | CompressionCodec::LZ4
            | CompressionCodec::LZ4_RAW => {
                guarded(Some(&leaf.name), || self.reader.get_row_group(group)?.get_column_reader(leaf.index))
            }
            codec => {
                let reason = format!(
                    "column {:?} is compressed by {codec:?}, which is not read; rewrite the file with snappy, gzip or zstd",
                    leaf.name
                );
                Err(Error::Unsupported { format: FORMAT, reason })
            }
        }
    }
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile")
            .field("path", &self.path())
            .field("leaves", &self.leaves)
            .finish_non_exhaustive()
    }
}

/// The layout that a record's fields (lower case, with the columns' names) make up, and its columns in order.
fn known_fields<'a>(fields: &BTreeMap<String, &'a str>) -> Option<(ParticleLayout, Vec<&'a str>)> {
    let get = |names: &[&str]| names.iter().find_map(|name| fields.get(*name).copied());
    let all = |parts: &[Option<&'a str>]| parts.iter().copied().collect::<Option<Vec<&'a str>>>();
    let (pt, phi, id) = (get(&["pt"]), get(&["phi"]), get(&["pid", "pdg_id", "pdgid"]));
    let (y, eta, mass) = (get(&["y", "rapidity"]), get(&["eta"]), get(&["mass", "m"]));
    let energy = get(&["e", "energy"]);
    let layouts = [
        (ParticleLayout::PtYPhiPid, all(&[pt, y, phi, id])),
        (ParticleLayout::PtYPhi, all(&[pt, y, phi])),
        (ParticleLayout::PtEtaPhiM, all(&[pt, eta, phi, mass])),
        (ParticleLayout::PtEtaPhiPid, all(&[pt, eta, phi, id])),
        (ParticleLayout::PtEtaPhi, all(&[pt, eta, phi])),
        (ParticleLayout::EPxPyPz, all(&[energy, get(&["px"]), get(&["py"]), get(&["pz"])])),
    ];
    layouts.into_iter().find_map(|(layout, columns)| columns.map(|columns| (layout, columns)))
}

/// Where a column chunk is, and how many values it has.
fn extent(metadata: &ParquetMetaData, group: usize, leaf: &Leaf) -> Result<(u64, u64, u64)> {
    let column = metadata.row_group(group).column(leaf.index);
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let numbers = [start, column.compressed_size(), column.num_values()].map(u64::try_from);
    match numbers {
        [Ok(start), Ok(length), Ok(values)] => Ok((start, length, values)),
        _ => Err(malformed(
            None,
            format!("column {:?} of row group {group} has a negative size or place", leaf.name),
        )),
    }
}

/// The columns of the schema, lists under the name of what they are a list of.
fn leaves(metadata: &ParquetMetaData) -> Result<Vec<Leaf>> {
    let schema = metadata.file_metadata().schema_descr();
    let mut leaves = Vec::new();
    for index in 0..schema.num_columns() {
        let descriptor = schema.column(index);
        let mut node = schema.root_schema();
        let mut name: Vec<&str> = Vec::new();
        let (mut definition, mut element) = (0, None);
        // What the group above means: a list whose repeated child has no name of its own, or that child.
        let (mut list, mut repeated_in_list) = (false, false);
        let parts = descriptor.path().parts();
        for part in parts {
            let child = if node.is_group() {
                node.get_fields().iter().find(|child| child.name() == part)
            } else {
                None
            };
            let Some(child) = child else {
                return Err(malformed(None, format!("column {:?} is not in the schema", parts.join("."))));
            };
            let info = child.get_basic_info();
            let repetition = if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED };
            if repetition != Repetition::REQUIRED {
                definition += 1;
            }
            let repeated = repetition == Repetition::REPEATED;
            if repeated {
                element = Some(definition);
            }
            // `pt (LIST) > repeated list > element` is called `pt`.
            if !(list && repeated || repeated_in_list) {
                name.push(part);
            }
            repeated_in_list = list && repeated && child.is_group() && child.get_fields().len() == 1;
            list = info.converted_type() == ConvertedType::LIST
                || matches!(info.logical_type_ref(), Some(LogicalType::List));
            node = child;
        }
        leaves.push(Leaf {
            name: name.join("."),
            index,
            number: number(node),
            max_definition: descriptor.max_def_level(),
            element,
            max_repetition: descriptor.max_rep_level(),
        });
    }
    for group in 0..metadata.num_row_groups() {
        for leaf in &leaves {
            extent(metadata, group, leaf)?;
        }
    }
    Ok(leaves)
}

fn number(leaf: &Type) -> Option<Number> {
    let info = leaf.get_basic_info();
    let unsigned = match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::Integer(integer)), _) => !integer.is_signed,
        (Some(LogicalType::Float16), _) => return Some(Number::Half),
        (
            None,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => false,
        (
            None,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
        ) => true,
        _ => return None,
    };
    match leaf.get_physical_type() {
        PhysicalType::BOOLEAN => Some(Number::Bool),
        PhysicalType::INT32 | PhysicalType::INT64 if unsigned => Some(Number::Unsigned),
        PhysicalType::INT32 | PhysicalType::INT64 => Some(Number::Signed),
        PhysicalType::FLOAT | PhysicalType::DOUBLE => Some(Number::Float),
        _ => None,
    }
}

/// The numbers of some columns, row by row: one number, or those of a list.
struct Blocks {
    file: ParquetFile,
    leaves: Vec<Leaf>,
    group: usize,
    readers: Vec<ColumnReader>,
    /// Rows of the row group that are still to be decoded.
    left: u64,
    /// Decoded rows in reverse, one list a column.
    decoded: Vec<Vec<Vec<f64>>>,
    /// Rows decoded so far.
    rows: u64,
    finished: bool,
}

impl Blocks {
    fn new(file: &ParquetFile, leaves: Vec<Leaf>) -> Result<Self> {
        let mut blocks = Self {
            file: file.clone(),
            leaves,
            group: 0,
            readers: Vec::new(),
            left: 0,
            decoded: Vec::new(),
            rows: 0,
            finished: false,
        };
        // What cannot be read is said before the first row.
        blocks.open_group()?;
        Ok(blocks)
    }

    /// Opens the next row group that has rows; `false` if there is none.
    fn open_group(&mut self) -> Result<bool> {
        while self.left == 0 {
            let metadata = self.file.reader.metadata();
            if self.group == metadata.num_row_groups() {
                return Ok(false);
            }
            let rows = metadata.row_group(self.group).num_rows();
            self.left = u64::try_from(rows)
                .map_err(|_| malformed(None, format!("row group {} has {rows} rows", self.group)))?;
            self.readers = self
                .leaves
                .iter()
                .map(|leaf| self.file.column(self.group, leaf))
                .collect::<Result<Vec<_>>>()?;
            self.group += 1;
        }
        Ok(true)
    }

    fn row(&mut self) -> Result<Option<Vec<Vec<f64>>>> {
        if self.decoded.is_empty() {
            if !self.open_group()? {
                return Ok(None);
            }
            #[expect(clippy::cast_possible_truncation, reason = "at most BLOCK")]
            let count = self.left.min(BLOCK as u64) as usize;
            let mut rows = vec![Vec::with_capacity(self.leaves.len()); count];
            for (leaf, reader) in self.leaves.iter().zip(&mut self.readers) {
                let column = leaf.read(reader, count, self.rows)?;
                for (row, values) in rows.iter_mut().zip(column) {
                    row.push(values);
                }
            }
            rows.reverse();
            self.decoded = rows;
            self.left -= count as u64;
            self.rows += count as u64;
        }
        Ok(self.decoded.pop())
    }
}

impl Iterator for Blocks {
    type Item = Result<Vec<Vec<f64>>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let row = self.row();
        self.finished = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

/// Levels and values of some rows of a column.
#[derive(Default)]
struct Levels {
    definition: Vec<i16>,
    repetition: Vec<i16>,
    values: Vec<Result<f64, String>>,
}

impl Leaf {
    /// The numbers of `count` rows, the first of which is row `first` of the file.
    fn read(&self, reader: &mut ColumnReader, count: usize, first: u64) -> Result<Vec<Vec<f64>>> {
        let unsigned = self.number == Some(Number::Unsigned);
        let levels = guarded(Some(&self.name), || match reader {
            ColumnReader::BoolColumnReader(reader) => {
                self.levels(reader, count, |&v| Ok(f64::from(u8::from(v))))
            }
            ColumnReader::Int32ColumnReader(reader) if unsigned => {
                self.levels(reader, count, |&v| Ok(f64::from(v.cast_unsigned())))
            }
            ColumnReader::Int32ColumnReader(reader) => self.levels(reader, count, |&v| Ok(f64::from(v))),
            ColumnReader::Int64ColumnReader(reader) if unsigned => {
                self.levels(reader, count, |&v| exact_u64(v.cast_unsigned()))
            }
            ColumnReader::Int64ColumnReader(reader) => self.levels(reader, count, |&v| exact_i64(v)),
            ColumnReader::FloatColumnReader(reader) => self.levels(reader, count, |&v| Ok(f64::from(v))),
            ColumnReader::DoubleColumnReader(reader) => self.levels(reader, count, |&v| Ok(v)),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.levels(reader, count, |v| match v.data() {
                    &[low, high] => Ok(half(u16::from_le_bytes([low, high]))),
                    other => Err(format!("a half-precision number of {} bytes", other.len())),
                })
            }
            _ => Err(ParquetError::General("a column of numbers that are none".into())),
        });
        let Levels { definition, repetition, values } = levels.map_err(|error| at_row(error, first))?;
        let fail = |row: usize, reason: String| {
            malformed(Some(first + row as u64), format!("column {:?}: {reason}", self.name))
        };
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(count);
        let mut values = values.into_iter();
        // Without levels there is one value a row.
        let entries = if self.max_definition > 0 { definition.len() } else { values.len() };
        for entry in 0..entries {
            let level = definition.get(entry).copied().unwrap_or(self.max_definition);
            if repetition.get(entry).copied().unwrap_or(0) == 0 {
                rows.push(Vec::new());
            }
            let row = rows.len().saturating_sub(1);
            if level == self.max_definition {
                let value = values.next().ok_or_else(|| fail(row, "fewer values than levels".into()))?;
                let value = value.map_err(|reason| fail(row, reason))?;
                let numbers =
                    rows.last_mut().ok_or_else(|| fail(row, "a list without a beginning".into()))?;
                numbers.push(value);
            } else if self.element.is_none_or(|element| level >= element) {
                return Err(fail(row, "a missing value (null)".into()));
            }
        }
        if rows.len() != count {
            let expected =
                format!("{count} rows of column {:?} from row {first} on, found {}", self.name, rows.len());
            return Err(Error::Truncated {
                format: FORMAT,
                position: event(first + rows.len() as u64),
                expected,
            });
        }
        Ok(rows)
    }

    fn levels<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        count: usize,
        convert: impl Fn(&T::T) -> Result<f64, String>,
    ) -> Result<Levels, ParquetError> {
        let mut levels = Levels::default();
        let mut values = Vec::new();
        let mut read = 0;
        while read < count {
            let (records, ..) = reader.read_records(
                count - read,
                (self.max_definition > 0).then_some(&mut levels.definition),
                (self.max_repetition > 0).then_some(&mut levels.repetition),
                &mut values,
            )?;
            if records == 0 {
                break;
            }
            read += records;
        }
        levels.values = values.iter().map(convert).collect();
        Ok(levels)
    }
}

fn event(row: u64) -> Position {
    Position { line: None, byte: None, event: Some(row) }
}

fn malformed(row: Option<u64>, reason: String) -> Error {
    Error::Malformed { format: FORMAT, position: Position { event: row, ..Position::default() }, reason }
}

/// The library's error as ours; `column` is what was being read.
fn convert(error: &ParquetError, column: Option<&str>) -> Error {
    let place = column.map_or(String::new(), |column| format!("column {column:?}: "));
    match error {
        ParquetError::EOF(reason) => {
            let expected = format!("{place}more data ({reason})");
            Error::Truncated { format: FORMAT, position: Position::default(), expected }
        }
        ParquetError::NYI(reason) => {
            Error::Unsupported { format: FORMAT, reason: format!("{place}{reason}") }
        }
        error => malformed(None, format!("{place}{error}")),
    }
}

/// Runs a piece of the `parquet` crate, which panics on some corrupt pages, and makes an error of it if it does.
///
/// What it was working on must not be used afterwards: readers end at an error.
fn guarded<T>(column: Option<&str>, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| convert(&error, column)),
        Err(_) => Err(convert(&ParquetError::General("the data are corrupt".into()), column)),
    }
}

/// The same error with the row at which it came.
fn at_row(mut error: Error, row: u64) -> Error {
    if let Error::Malformed { position, .. } | Error::Truncated { position, .. } = &mut error {
        position.event.get_or_insert(row);
    }
    error
}
