//! HDF5 files: arrays and tables as h5py, PyTables and pandas write them (feature `hdf5`).
//!
//! # Conventions
//! | what | is read as |
//! | --- | --- |
//! | data set `[n]` or `[n, m]` of numbers | table, one row an event |
//! | data set `[n]` of records (a compound type) | table; the columns are the fields of numbers, `name_0`, `name_1`, ... for a field that is an array; texts are left out |
//! | group that pandas wrote by `to_hdf`, `format="table"` or `format="fixed"` | table with the frame's columns in the frame's order; the index is left out |
//! | data set `[n, particles, columns]` | events of particles in a [`ParticleLayout`] |
//!
//! Numbers of 1 to 8 bytes in either byte order, read as f64; whole numbers that f64 cannot hold are an error. Storage may
//! be contiguous, compact or chunked, with the filters gzip, shuffle, fletcher32, lzf and scale-offset. Blosc, bzip2, lzo
//! and szip are [`Error::Unsupported`]: rewrite such a file by `ptrepack --complib=zlib` or `h5repack -f GZIP=4`.
//!
//! Rows are read in blocks of a few MB, so a file of any size can be read in batches. A file that claims more numbers
//! than it could hold by any compression is refused.

mod pickle;

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, Dataset, Datatype, DatatypeByteOrder, FloatingPointLayout, FormatError, Group};
use hepml_core::Error as CoreError;

use crate::array_names::ArrayNames;
use crate::columns::ParticleLayout;
use crate::error::{Error, Position, Result};
use crate::number_type::{Kind, NumberType};
use crate::particle_reader::{ParticleReader, RawEvent};
use crate::table_reader::TableReader;

const FORMAT: &str = "HDF5";

/// Rows are read in blocks of about this many bytes.
const BLOCK: u64 = 1 << 22;

/// No row and no chunk may be larger than this.
const LARGEST: u64 = 1 << 28;

/// More columns than any table has: their names cost memory before the first number.
const MOST_COLUMNS: u64 = 1 << 16;

/// Groups within groups are followed to this depth: links may form circles.
const DEEPEST: usize = 16;

/// And no more groups than this are looked into.
const MOST_GROUPS: usize = 1 << 12;

/// An open HDF5 file.
///
/// ```no_run
/// use hepml_io::{EventColumns, Hdf5File};
///
/// // The top-tagging reference set, 10,000 jets at a time.
/// let table = Hdf5File::open("train.h5")?.table("table")?;
/// let columns = EventColumns::top_tagging(table.columns())?;
/// let mut jets = table.into_particles(columns)?;
/// while let Some(batch) = jets.next_batch(10_000)? {
///     let labels = batch.labels().expect("is_signal_new");
/// #   let _ = labels;
/// }
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub struct Hdf5File {
    file: hdf5_pure::File,
    path: Option<String>,
}

impl Hdf5File {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that cannot be read, or is no HDF5 file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        match hdf5_pure::File::open_streaming(path) {
            Ok(file) => Ok(Self { file, path: Some(name) }),
            Err(error) => Err(convert(&error, None).in_file(&name)),
        }
    }

    /// Takes a file's content.
    ///
    /// # Errors
    /// What is no HDF5 file.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let file = hdf5_pure::File::from_bytes(bytes.into()).map_err(|error| convert(&error, None))?;
        Ok(Self { file, path: None })
    }

    /// The names of what can be read as a table or as particles: data sets and groups of pandas, with their path.
    ///
    /// # Errors
    /// A file whose groups cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut groups = MOST_GROUPS;
        self.named(collect_names(&self.file.root(), "", 0, &mut groups, &mut names))?;
        Ok(names)
    }

    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        })
    }

    /// The data set or group of pandas called `name` as a table.
    ///
    /// # Errors
    /// Nothing of that name; something that is no table; a type of numbers or a filter that is not read.
    pub fn table(&self, name: &str) -> Result<TableReader> {
        let blocks = self.named(self.blocks(name))?;
        let columns = blocks.columns.clone();
        Ok(TableReader::new(columns, blocks).in_file(self.path.clone()))
    }

    fn blocks(&self, name: &str) -> Result<Blocks> {
        if let Ok(group) = self.file.group(name) {
            return self.frame(name, &group);
        }
        let dataset = self.dataset(name)?;
        let part = Part::new(name, dataset, &HashMap::new(), self.file.file_size())?;
        Blocks::new(name, vec![part], None)
    }

    fn dataset(&self, name: &str) -> Result<Dataset> {
        self.file.dataset(name).map_err(|error| match error {
            hdf5_pure::Error::Io(_) => convert(&error, None),
            hdf5_pure::Error::Format(FormatError::PathNotFound(_)) => {
                let known = self.names().unwrap_or_default();
                CoreError::UnknownName { what: "HDF5 data set", name: name.to_owned(), known }.into()
            }
            error => malformed(format!("{name:?}: {error}")),
        })
    }

    /// A data frame of pandas.
    fn frame(&self, name: &str, group: &Group) -> Result<Blocks> {
        let attributes = group.attrs().map_err(|error| convert(&error, Some(name)))?;
        match attributes.get("pandas_type").and_then(text) {
            Some("frame_table") => self.frame_table(name, &attributes),
            Some("frame") => self.frame_fixed(name, &attributes),
            Some(kind) => {
                let reason =
                    format!("{name:?} is a pandas object of type {kind:?}; only data frames are read");
                Err(Error::Unsupported { format: FORMAT, reason })
            }
            None => {
                let known = self.names().unwrap_or_default();
                Err(CoreError::UnknownName {
                    what: "HDF5 data set or pandas frame",
                    name: name.to_owned(),
                    known,
                }
                .into())
            }
        }
    }

    /// `format="table"`: records `index, values_block_0, ...`, whose columns are named in pickled attributes.
    fn frame_table(&self, name: &str, group: &HashMap<String, AttrValue>) -> Result<Blocks> {
        let path = format!("{name}/table");
        let dataset = self.dataset(&path)?;
        let attributes = dataset.attrs().map_err(|error| convert(&error, Some(&path)))?;
        let unpickled = |attribute: &str, pickled: &str| {
            pickle::names(pickled.as_bytes())
                .map_err(|reason| malformed(format!("attribute {attribute:?} of {name:?}: {reason}")))
        };
        let mut names = HashMap::new();
        for (attribute, value) in &attributes {
            if let (Some(field), Some(pickled)) = (attribute.strip_suffix("_kind"), text(value))
                && field != "index"
            {
                names.insert(field.to_owned(), unpickled(attribute, pickled)?);
            }
        }
        // The frame's own order: blocks gather columns of one type.
        let order = match group.get("non_index_axes").and_then(text) {
            Some(pickled) => Some(axis_names(pickled).map_or_else(
                |reason| Err(malformed(format!("attribute \"non_index_axes\" of {name:?}: {reason}"))),
                Ok,
            )?),
            None => None,
        };
        let mut part = Part::new(&path, dataset, &names, self.file.file_size())?;
        part.fields.retain(|field| field.source != "index");
        Blocks::new(name, vec![part], order)
    }

    /// `format="fixed"`: an array a block, `block0_values`, whose columns are named in `block0_items`.
    fn frame_fixed(&self, name: &str, group: &HashMap<String, AttrValue>) -> Result<Blocks> {
        let count = match group.get("nblocks") {
            Some(AttrValue::I64(count)) => u64::try_from(*count).ok(),
            Some(AttrValue::I32(count)) => u64::try_from(*count).ok(),
            Some(AttrValue::U64(count)) => Some(*count),
            _ => None,
        };
        let count = count.filter(|count| *count <= MOST_COLUMNS);
        let count = count.ok_or_else(|| malformed(format!("{name:?} has no number of blocks (nblocks)")))?;
        let mut parts = Vec::new();
        for block in 0..count {
            let path = format!("{name}/block{block}_values");
            let items = self.items(&format!("{name}/block{block}_items"))?;
            let mut part = Part::new(&path, self.dataset(&path)?, &HashMap::new(), self.file.file_size())?;
            if part.fields.len() != items.len() {
                let (found, expected) = (part.fields.len(), items.len());
                return Err(malformed(format!(
                    "{path:?} has {found} columns, expected {expected} of {items:?}"
                )));
            }
            for (field, item) in part.fields.iter_mut().zip(items) {
                field.column = item;
            }
            parts.push(part);
        }
        let order = self.items(&format!("{name}/axis0"))?;
        Blocks::new(name, parts, Some(order))
    }

    /// Names of columns: texts of fixed length, or whole numbers.
    fn items(&self, path: &str) -> Result<Vec<String>> {
        let dataset = self.dataset(path)?;
        check_size(path, &dataset, self.file.file_size())?;
        let read = || match dataset.datatype()? {
            Datatype::String { .. } => dataset.read_string(),
            _ => Ok(dataset.read_i64()?.iter().map(ToString::to_string).collect()),
        };
        read().map_err(|error| convert(&error, Some(path)))
    }

    /// The particles `[events, particles, columns]` with labels and weights, from the data sets called `names`.
    ///
    /// # Errors
    /// As [`table`](Self::table); another number of axes or of columns; labels or weights that are not one an event.
    pub fn particles(&self, layout: ParticleLayout, names: &ArrayNames) -> Result<ParticleReader> {
        let source = self.named(self.events(layout, names))?;
        let (labelled, weighted) = (source.labels.is_some(), source.weights.is_some());
        Ok(ParticleReader::new(layout, labelled, weighted, source).in_file(self.path.clone()))
    }

    /// The particles `X[events, particles, (pt, y, phi[, pid])]` with the labels `y` and the weights `weights`, if there
    /// are such data sets in the file's root; `None` without `X`.
    ///
    /// # Errors
    /// As [`particles`](Self::particles).
    pub fn find_particles(&self) -> Result<Option<ParticleReader>> {
        let contains = |name: &str| self.file.dataset(name).is_ok();
        if !contains("X") {
            return Ok(None);
        }
        let shape = self.named(
            self.dataset("X").and_then(|dataset| dataset.shape().map_err(|error| convert(&error, Some("X")))),
        )?;
        let layout = match shape[..] {
            [_, _, 3] => ParticleLayout::PtYPhi,
            [_, _, 4] => ParticleLayout::PtYPhiPid,
            _ => return Ok(None),
        };
        self.particles(layout, &ArrayNames::known("X", "y", "weights", contains)).map(Some)
    }

    fn events(&self, layout: ParticleLayout, names: &ArrayNames) -> Result<Events> {
        let path = &names.particles;
        let dataset = self.dataset(path)?;
        let shape = dataset.shape().map_err(|error| convert(&error, Some(path)))?;
        if shape.len() != 3 || shape[2] != layout.width() as u64 || shape[1] == 0 && shape[0] > 0 {
            let (width, columns) = (layout.width(), layout.columns());
            let reason = format!(
                "{path:?} has the shape {shape:?}, expected [events, particles, {width}] with the columns {columns:?}"
            );
            return Err(malformed(reason));
        }
        let particles = Part::flat(path, dataset, self.file.file_size())?;
        let column = |name: &Option<String>| -> Result<Option<Blocks>> {
            let Some(name) = name else { return Ok(None) };
            let dataset = self.dataset(name)?;
            let found = dataset.shape().map_err(|error| convert(&error, Some(name)))?;
            if found != [shape[0]] {
                let events = shape[0];
                return Err(malformed(format!(
                    "{name:?} has the shape {found:?}, expected [{events}], one an event"
                )));
            }
            let part = Part::new(name, dataset, &HashMap::new(), self.file.file_size())?;
            if part.fields.len() != 1 {
                return Err(malformed(format!(
                    "{name:?} has {} fields, expected one number an event",
                    part.fields.len()
                )));
            }
            Blocks::new(name, vec![part], None).map(Some)
        };
        Ok(Events {
            particles: Blocks::new(path, vec![particles], None)?,
            labels: column(&names.labels)?,
            weights: column(&names.weights)?,
        })
    }
}

impl std::fmt::Debug for Hdf5File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hdf5File").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Collects the paths of data sets and of pandas' groups, from at most `groups` groups.
fn collect_names(
    group: &Group,
    prefix: &str,
    depth: usize,
    groups: &mut usize,
    names: &mut Vec<String>,
) -> Result<()> {
    let fail = |error: hdf5_pure::Error| convert(&error, Some(prefix));
    for name in group.datasets().map_err(fail)? {
        names.push(format!("{prefix}{name}"));
    }
    for name in group.groups().map_err(fail)? {
        let path = format!("{prefix}{name}");
        let child = group.group(&name).map_err(fail)?;
        let kind = child.attrs().map_err(fail)?.get("pandas_type").and_then(text).map(ToOwned::to_owned);
        if kind.is_some() {
            names.push(path);
        } else if depth < DEEPEST && *groups > 0 {
            *groups -= 1;
            collect_names(&child, &format!("{path}/"), depth + 1, groups, names)?;
        }
    }
    Ok(())
}

/// The names in pandas' `[(1, [names])]`: the pickled list within.
fn axis_names(pickled: &str) -> Result<Vec<String>, String> {
    // Protocol 0, which PyTables uses: `(lp0` `(I1` `(lp1` names ... `a` `tp9` `a.`.
    let start = pickled.rfind("(lp").ok_or("no list of names")?;
    let list = &pickled[start..];
    let end = list.rfind("tp").ok_or("no list of names")?;
    pickle::names(format!("{}.", &list[..end]).as_bytes())
}

/// A column of a part: where in a record, of which type, under which name.
#[derive(Debug, Clone)]
struct Field {
    /// The field of the record.
    source: String,
    column: String,
    offset: usize,
    number: NumberType,
}

/// A data set whose rows give some of the columns.
struct Part {
    path: String,
    dataset: Dataset,
    rows: u64,
    row_bytes: u64,
    fields: Vec<Field>,
}

impl Part {
    /// The columns of a data set of numbers or records; `names` are those of the elements of array fields.
    fn new(
        path: &str,
        dataset: Dataset,
        names: &HashMap<String, Vec<String>>,
        file_size: u64,
    ) -> Result<Self> {
        let (shape, datatype, row_bytes) = check_size(path, &dataset, file_size)?;
        let mut fields = Vec::new();
        if let Datatype::Compound { members, .. } = &datatype {
            if shape.len() != 1 {
                return Err(malformed(format!(
                    "{path:?} has the shape {shape:?}, expected one axis of records"
                )));
            }
            for member in members {
                // Beyond the end is refused below; here, so that nothing overflows on the way.
                let offset = usize::try_from(member.byte_offset.min(LARGEST)).expect("at most LARGEST");
                member_fields(&member.name, &member.datatype, offset, names, &mut fields)?;
            }
            if fields.is_empty() {
                return Err(malformed(format!("{path:?} has no field of numbers")));
            }
        } else {
            let columns = match shape[..] {
                [_] => 1,
                [rows, columns] if columns > 0 || rows == 0 => columns,
                _ => {
                    return Err(malformed(format!(
                        "{path:?} has the shape {shape:?}, expected one or two axes"
                    )));
                }
            };
            fields = elements(path, &datatype, columns)?;
        }
        // A type may claim fields beyond its own size.
        let size = |field: &Field| (field.offset + field.number.size()) as u64;
        if fields.iter().any(|field| size(field) > row_bytes) {
            return Err(malformed(format!("{path:?} has a field beyond the end of its records")));
        }
        Ok(Self { path: path.to_owned(), dataset, rows: shape[0], row_bytes, fields })
    }

    /// Everything below the first axis of a data set of numbers, as one row.
    fn flat(path: &str, dataset: Dataset, file_size: u64) -> Result<Self> {
        let (shape, datatype, row_bytes) = check_size(path, &dataset, file_size)?;
        let fields = elements(path, &datatype, shape[1..].iter().product())?;
        Ok(Self { path: path.to_owned(), dataset, rows: shape[0], row_bytes, fields })
    }
}

/// The columns of an array of numbers.
fn elements(path: &str, datatype: &Datatype, columns: u64) -> Result<Vec<Field>> {
    let number = number_type(datatype).ok_or_else(|| unsupported_type(path, datatype))?;
    if columns > MOST_COLUMNS {
        return Err(malformed(format!("{path:?} has {columns} columns, expected at most {MOST_COLUMNS}")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most MOST_COLUMNS")]
    let columns = columns as usize;
    let field = |index: usize| Field {
        source: String::new(),
        column: index.to_string(),
        offset: index * number.size(),
        number,
    };
    Ok((0..columns).map(field).collect())
}

/// Appends the columns of a field of records; texts give none.
fn member_fields(
    name: &str,
    datatype: &Datatype,
    offset: usize,
    names: &HashMap<String, Vec<String>>,
    fields: &mut Vec<Field>,
) -> Result<()> {
    let (base, count) = match datatype {
        Datatype::String { .. } | Datatype::VariableLength { .. } => return Ok(()),
        Datatype::Array { base_type, dimensions } => {
            let count = dimensions.iter().try_fold(1_u64, |all, &length| all.checked_mul(length.into()));
            match (count, &**base_type) {
                (_, Datatype::String { .. } | Datatype::VariableLength { .. }) => return Ok(()),
                (Some(count), base) if count <= MOST_COLUMNS => (base, Some(count)),
                _ => return Err(malformed(format!("field {name:?} has too many elements"))),
            }
        }
        base => (base, None),
    };
    let number = number_type(base).ok_or_else(|| unsupported_type(name, base))?;
    #[expect(clippy::cast_possible_truncation, reason = "at most MOST_COLUMNS")]
    let elements = count.unwrap_or(1) as usize;
    let known = names.get(name);
    if let Some(known) = known
        && known.len() != elements
    {
        return Err(malformed(format!("field {name:?} has {elements} columns, but {} names", known.len())));
    }
    for index in 0..elements {
        let column = match (known, count) {
            (Some(known), _) => known[index].clone(),
            (None, Some(_)) => format!("{name}_{index}"),
            (None, None) => name.to_owned(),
        };
        fields.push(Field {
            source: name.to_owned(),
            column,
            offset: offset + index * number.size(),
            number,
        });
    }
    if fields.len() as u64 > MOST_COLUMNS {
        return Err(malformed(format!("more than {MOST_COLUMNS} columns")));
    }
    Ok(())
}

fn number_type(datatype: &Datatype) -> Option<NumberType> {
    let (kind, size, order) = match datatype {
        Datatype::FixedPoint { size, byte_order, layout } => {
            if layout.bit_offset != 0 || u64::from(layout.bit_precision) != 8 * u64::from(*size) {
                return None;
            }
            (if layout.signed { Kind::Signed } else { Kind::Unsigned }, *size, *byte_order)
        }
        Datatype::FloatingPoint { size, byte_order, layout } => {
            let half = FloatingPointLayout {
                bit_offset: 0,
                bit_precision: 16,
                exponent_location: 10,
                exponent_size: 5,
                mantissa_location: 0,
                mantissa_size: 10,
                exponent_bias: 15,
            };
            let expected = match size {
                2 => half,
                4 => FloatingPointLayout::IEEE754_BINARY32,
                8 => FloatingPointLayout::IEEE754_BINARY64,
                _ => return None,
            };
            if *layout != expected {
                return None;
            }
            (Kind::Float, *size, *byte_order)
        }
        // What h5py makes of truth values, and what PyTables does.
        Datatype::Enumeration { base_type, .. } => return number_type(base_type),
        Datatype::BitField { size: 1, byte_order, .. } => (Kind::Bool, 1, *byte_order),
        _ => return None,
    };
    let big_endian = match order {
        DatatypeByteOrder::LittleEndian => false,
        DatatypeByteOrder::BigEndian => true,
        DatatypeByteOrder::Vax => return None,
    };
    NumberType::new(kind, usize::try_from(size).ok()?, big_endian)
}

/// Shape, type and bytes of a row of a data set, if they are credible and its filters are known.
fn check_size(path: &str, dataset: &Dataset, file_size: u64) -> Result<(Vec<u64>, Datatype, u64)> {
    let fail = |error: hdf5_pure::Error| convert(&error, Some(path));
    let filters = dataset.filter_pipeline();
    if let Some(filter) = filters.iter().find(|filter| ![1, 2, 3, 6, 32000].contains(&filter.id)) {
        let filter = match &filter.name {
            Some(name) if !name.is_empty() => format!("{name} ({})", filter.id),
            _ => filter.id.to_string(),
        };
        let reason = format!(
            "{path:?} is compressed by the filter {filter}, which is not read; rewrite the file by \
             `ptrepack --complib=zlib --complevel=5 IN OUT` or `h5repack -f GZIP=4 IN OUT`"
        );
        return Err(Error::Unsupported { format: FORMAT, reason });
    }
    let (shape, datatype) = (dataset.shape().map_err(fail)?, dataset.datatype().map_err(fail)?);
    if shape.is_empty() {
        return Err(malformed(format!("{path:?} is a single value, expected an array")));
    }
    let element = dataset.element_size().map_err(fail)?;
    let bytes = |lengths: &[u64]| lengths.iter().try_fold(element, |all, &length| all.checked_mul(length));
    let credible = |bytes: Option<u64>| bytes.filter(|bytes| *bytes <= LARGEST);
    let row = credible(bytes(&shape[1..]));
    let chunk = match dataset.chunk_shape().map_err(fail)? {
        Some(chunk) => credible(bytes(&chunk)),
        None => Some(0),
    };
    let (Some(row), Some(_)) = (row, chunk) else {
        return Err(malformed(format!("{path:?} has rows or chunks of more than {LARGEST} bytes")));
    };
    // Deflate shrinks by at most 1032; a little is left for small files with fill values.
    let most = file_size.saturating_mul(1100).saturating_add(1 << 20);
    if bytes(&shape).is_none_or(|bytes| bytes > most) {
        let reason =
            format!("{path:?} claims the shape {shape:?}, more than a file of {file_size} bytes can hold");
        return Err(malformed(reason));
    }
    Ok((shape, datatype, row))
}

/// The rows of a table, read block by block.
struct Blocks {
    columns: Vec<String>,
    /// Which field of which part is each column.
    order: Vec<(usize, usize)>,
    parts: Vec<Part>,
    rows: u64,
    block_rows: u64,
    /// The raw rows of each part from `begin` on.
    raw: Vec<Vec<u8>>,
    begin: u64,
    end: u64,
    row: u64,
    failed: bool,
}

impl Blocks {
    fn new(name: &str, parts: Vec<Part>, names: Option<Vec<String>>) -> Result<Self> {
        let rows = parts.first().map_or(0, |part| part.rows);
        if let Some(part) = parts.iter().find(|part| part.rows != rows) {
            return Err(malformed(format!(
                "{:?} has {} rows, expected {rows} as its neighbours",
                part.path, part.rows
            )));
        }
        let all: Vec<(&str, (usize, usize))> = parts
            .iter()
            .enumerate()
            .flat_map(|(p, part)| {
                part.fields.iter().enumerate().map(move |(f, field)| (field.column.as_str(), (p, f)))
            })
            .collect();
        let (columns, order): (Vec<String>, Vec<(usize, usize)>) = match names {
            None => all.iter().map(|(column, place)| ((*column).to_owned(), *place)).unzip(),
            // Columns that are no numbers have a name but no place.
            Some(names) => {
                let places: HashMap<&str, (usize, usize)> = all.iter().copied().collect();
                names
                    .into_iter()
                    .filter_map(|name| places.get(name.as_str()).copied().map(|at| (name, at)))
                    .unzip()
            }
        };
        if columns.is_empty() {
            return Err(malformed(format!("{name:?} has no column of numbers")));
        }
        let bytes: u64 = parts.iter().map(|part| part.row_bytes).sum();
        Ok(Self {
            columns,
            order,
            rows,
            block_rows: (BLOCK / bytes.max(1)).max(1),
            raw: vec![Vec::new(); parts.len()],
            parts,
            begin: 0,
            end: 0,
            row: 0,
            failed: false,
        })
    }

    fn next_row(&mut self) -> Result<Option<Vec<f64>>> {
        if self.row == self.rows {
            return Ok(None);
        }
        if self.row == self.end {
            let count = self.block_rows.min(self.rows - self.row);
            for (part, raw) in self.parts.iter().zip(&mut self.raw) {
                *raw = part
                    .dataset
                    .read_raw_rows(self.row, count)
                    .map_err(|error| at_row(convert(&error, Some(&part.path)), self.row))?;
                if raw.len() as u64 != count * part.row_bytes {
                    let expected = format!("{count} rows of {} bytes in {:?}", part.row_bytes, part.path);
                    return Err(Error::Truncated { format: FORMAT, position: event(self.row), expected });
                }
            }
            (self.begin, self.end) = (self.row, self.row + count);
        }
        let mut values = Vec::with_capacity(self.order.len());
        for &(part, field) in &self.order {
            let (part, raw) = (&self.parts[part], &self.raw[part]);
            let field = &part.fields[field];
            #[expect(clippy::cast_possible_truncation, reason = "within what was read")]
            let start = ((self.row - self.begin) * part.row_bytes) as usize + field.offset;
            let value = field.number.decode(&raw[start..start + field.number.size()]).map_err(|reason| {
                let reason = format!("column {:?} of {:?}: {reason}", field.column, part.path);
                Error::Malformed { format: FORMAT, position: event(self.row), reason }
            })?;
            values.push(value);
        }
        self.row += 1;
        Ok(Some(values))
    }
}

impl Iterator for Blocks {
    type Item = Result<Vec<f64>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.next_row();
        self.failed = row.is_err();
        row.transpose()
    }
}

/// Particles, labels and weights side by side.
struct Events {
    particles: Blocks,
    labels: Option<Blocks>,
    weights: Option<Blocks>,
}

impl Iterator for Events {
    type Item = Result<RawEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut event = || -> Result<Option<RawEvent>> {
            let Some(values) = self.particles.next_row()? else { return Ok(None) };
            let of_event = |blocks: &mut Option<Blocks>| -> Result<Option<f64>> {
                let row = blocks.as_mut().map(Blocks::next_row).transpose()?.flatten();
                Ok(row.map(|row| row[0]))
            };
            Ok(Some(RawEvent {
                values,
                label: of_event(&mut self.labels)?,
                weight: of_event(&mut self.weights)?,
            }))
        };
        event().transpose()
    }
}

fn text(value: &AttrValue) -> Option<&str> {
    match value {
        AttrValue::String(text)
        | AttrValue::AsciiString(text)
        | AttrValue::StringSized { value: text, .. } => Some(text),
        _ => None,
    }
}

fn event(row: u64) -> Position {
    Position { line: None, byte: None, event: Some(row) }
}

fn malformed(reason: String) -> Error {
    Error::Malformed { format: FORMAT, position: Position::default(), reason }
}

fn unsupported_type(path: &str, datatype: &Datatype) -> Error {
    let reason = format!("{path:?} is of the type {datatype}; only numbers of 1 to 8 bytes are read");
    Error::Unsupported { format: FORMAT, reason }
}

/// The library's error as ours; `path` is what was being read.
fn convert(error: &hdf5_pure::Error, path: Option<&str>) -> Error {
    let place = path.filter(|path| !path.is_empty()).map_or(String::new(), |path| format!("{path:?}: "));
    match error {
        hdf5_pure::Error::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::Io(std::io::Error::new(error.kind(), error.to_string()))
        }
        hdf5_pure::Error::Io(_) | hdf5_pure::Error::Format(FormatError::UnexpectedEof { .. }) => {
            Error::Truncated {
                format: FORMAT,
                position: Position::default(),
                expected: format!("{place}more data ({error})"),
            }
        }
        hdf5_pure::Error::Format(FormatError::InvalidLayoutVersion(version)) => {
            let reason = format!(
                "{place}storage layout version {version}, which HDF5 2 writes unless told otherwise, is not read; write the \
                 file for HDF5 1.14 (h5py: libver=(\"earliest\", \"v114\"))"
            );
            Error::Unsupported { format: FORMAT, reason }
        }
        error => malformed(format!("{place}{error}")),
    }
}

/// The same error with the row at which it came.
fn at_row(mut error: Error, row: u64) -> Error {
    if let Error::Malformed { position, .. } | Error::Truncated { position, .. } = &mut error {
        position.event.get_or_insert(row);
    }
    error
}
