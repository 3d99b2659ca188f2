//! What is in a file, whatever its format.

use std::collections::BTreeMap;
use std::path::Path;

use hepml_core::{Event, PdgId};

use crate::columns::ParticleLayout;
use crate::error::{Error, Result};
use crate::event_rows::EventRows;
use crate::format::{Format, records};
use crate::input::{Compression, Input};
use crate::npy::NpyReader;
use crate::particle_reader::ParticleReader;
use crate::table_reader::TableReader;
use crate::text::read_text;

/// At most so many kinds of particles are counted apart: a damaged file may have billions.
const MOST_KINDS: usize = 1 << 16;

/// What is in a file: the result of [`inspect`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The format, with its version where it has one: `"LHE 3.0"`, `"npz"`, ...
    pub format: String,
    /// How the file is compressed as a whole.
    pub compression: Compression,
    /// What else there is to say of the content, a line each: arrays with their shapes, columns, names of weights.
    pub contents: Vec<String>,
    /// The number of events: records, or rows of a table.
    pub events: u64,
    /// The number of particles, without padding; of event records, all that are recorded. `None` for tables.
    pub particles: Option<u64>,
    /// How many of them are in the final state, where the format says so.
    pub final_particles: Option<u64>,
    /// The sum of the (first) weights; without weights, each event counts 1.
    pub sum_weights: f64,
    /// The fraction of events with a negative weight; 0 without events.
    pub negative_fraction: f64,
    /// The kinds of particles and how many there are of each, the most frequent first.
    pub kinds: Vec<(PdgId, u64)>,
    /// How badly momentum is conserved, for event records with incoming particles.
    pub imbalance: Option<Imbalance>,
}

/// The event in which what comes in and what goes out differ most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imbalance {
    /// The event, counted from 0.
    pub event: u64,
    /// The largest modulus of a component of incoming minus final-state momentum, in GeV.
    pub largest: f64,
    /// The same over the energy of what comes in.
    pub relative: f64,
}

/// Reads a whole file of any format that this crate knows, in constant memory, and says what is in it.
///
/// LHE and HepMC are read as event records. Particles are sought in an array `X` (npz, HDF5) of three or four columns, in
/// the columns of the top-tagging reference set, in lists of the usual names (Parquet;
/// [`ParquetFile::find_particles`](crate::ParquetFile::find_particles)) and in the rows of a text, which are taken for
/// `pt y phi`, or with four columns for `px py pz E` if the first row's fourth number is no whole one, else for
/// `pt y phi pid`. Anything else is a table: an event a row, no particles. Of several tables the first counts.
///
/// # Errors
/// What is wrong with the file, with the line or byte and the event; a format that this build cannot read, with the
/// feature that it needs.
///
/// ```no_run
/// let summary = hepml_io::inspect("events.lhe.gz")?;
/// println!("{}: {} events, sum of weights {}", summary.format, summary.events, summary.sum_weights);
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub fn inspect(path: impl AsRef<Path>) -> Result<Summary> {
    let path = path.as_ref();
    let mut input = Input::open(path)?;
    let format = Format::of_input(&mut input)?;
    let compression = input.compression();
    if compression != Compression::None && matches!(format, Format::Npz | Format::Hdf5 | Format::Parquet) {
        let reason = format!(
            "a file of the format {format} is read here and there and cannot be compressed as a whole"
        );
        let error = Error::Unsupported {
            format: "compressed file",
            reason: format!("{reason}; decompress it first"),
        };
        return Err(error.in_file(&path.display().to_string()));
    }
    let mut tally = Tally::default();
    let (name, contents) = match format {
        Format::Lhe | Format::HepMc2 | Format::HepMc3 => tally.records(format, input)?,
        Format::Npy => {
            let reader = NpyReader::from_input(input)?;
            let contents = vec![format!("{:?}", reader.header().shape())];
            match reader.header().shape() {
                &[_, _, width @ (3 | 4)] => tally.particles(reader.into_particles(layout_of(width))?)?,
                _ => tally.table(reader.into_table()?)?,
            }
            (format.to_string(), contents)
        }
        Format::Text => {
            let layout = layout_of_text(&mut input)?;
            tally.particles(read_text(input, layout))?;
            (format.to_string(), vec![layout.columns().join(" ")])
        }
        Format::Npz => (format.to_string(), tally.npz(path)?),
        Format::Hdf5 => (format.to_string(), tally.hdf5(path)?),
        Format::Parquet => (format.to_string(), tally.parquet(path)?),
    };
    Ok(tally.summary(name, compression, contents))
}

/// What the columns of an array of particles are, by their number.
fn layout_of(width: u64) -> ParticleLayout {
    if width == 3 { ParticleLayout::PtYPhi } else { ParticleLayout::PtYPhiPid }
}

/// What the columns of a text are, by the look of its first row.
fn layout_of_text(input: &mut Input) -> Result<ParticleLayout> {
    let start = String::from_utf8_lossy(input.peek(1 << 14)?).into_owned();
    let rows = start.lines().map(|line| line.split('#').next().unwrap_or_default());
    let numbers: Vec<f64> = rows
        .map(|row| row.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<f64>>())
        .find(|row| !row.is_empty())
        .unwrap_or_default();
    Ok(match numbers[..] {
        [_, _, _, last] if last.fract() == 0.0 => ParticleLayout::PtYPhiPid,
        [_, _, _, _] => ParticleLayout::PxPyPzE,
        _ => ParticleLayout::PtYPhi,
    })
}

#[derive(Default)]
struct Tally {
    events: u64,
    particles: Option<u64>,
    final_particles: Option<u64>,
    sum_weights: f64,
    negative: u64,
    kinds: BTreeMap<PdgId, u64>,
    imbalance: Option<Imbalance>,
}

impl Tally {
    fn event(&mut self, weight: Option<f64>) {
        let weight = weight.unwrap_or(1.0);
        self.events += 1;
        self.sum_weights += weight;
        self.negative += u64::from(weight < 0.0);
    }

    fn kind(&mut self, id: PdgId) {
        if self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&id) {
            *self.kinds.entry(id).or_default() += 1;
        }
    }

    fn records(&mut self, format: Format, input: Input) -> Result<(String, Vec<String>)> {
        let mut reader = records(format, input)?;
        self.particles = Some(0);
        self.final_particles = Some(0);
        for event in reader.by_ref() {
            self.record(&event?);
        }
        Ok((reader.format(), reader.weight_names().iter().map(|name| format!("weight {name:?}")).collect()))
    }

    fn record(&mut self, event: &Event) {
        if let Some(difference) = event.momentum_imbalance() {
            let components = <[f64; 4]>::from(difference);
            let largest = components.iter().fold(0.0, |largest: f64, component| largest.max(component.abs()));
            let incoming =
                difference.e + event.final_state().map(|particle| particle.momentum.e).sum::<f64>();
            let relative = if incoming > 0.0 { largest / incoming } else { 0.0 };
            if self.imbalance.is_none_or(|known| largest > known.largest) {
                self.imbalance = Some(Imbalance { event: self.events, largest, relative });
            }
        }
        self.event(Some(event.weights.first()));
        *self.particles.get_or_insert(0) += event.particles.len() as u64;
        *self.final_particles.get_or_insert(0) += event.final_state().count() as u64;
        for particle in &event.particles {
            self.kind(particle.id);
        }
    }

    fn particles(&mut self, reader: ParticleReader) -> Result<()> {
        let layout = reader.layout();
        self.particles = Some(0);
        for event in reader {
            let EventRows { particles, weight, .. } = event?;
            self.event(weight);
            *self.particles.get_or_insert(0) += particles.nrows() as u64;
            if layout.has_id() {
                for &id in particles.column(3) {
                    #[expect(clippy::cast_possible_truncation, reason = "checked by the reader")]
                    self.kind(PdgId(id as i32));
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, reader: TableReader) -> Result<()> {
        for row in reader {
            row?;
            self.event(None);
        }
        Ok(())
    }

    #[cfg(feature = "npz")]
    fn npz(&mut self, path: &Path) -> Result<Vec<String>> {
        let file = crate::NpzFile::open(path)?;
        let mut shapes = Vec::new();
        for name in file.names() {
            shapes.push((name.to_owned(), file.header(name)?.shape().to_vec()));
        }
        let contents = shapes.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        let find =
            |wanted: &dyn Fn(&str, &[u64]) -> bool| shapes.iter().find(|(name, shape)| wanted(name, shape));
        if find(&|name, shape| name == "X" && matches!(shape, [_, _, 3 | 4])).is_some() {
            self.particles(file.particles()?)?;
        } else if let Some((name, _)) = find(&|_, shape| matches!(shape, [_] | [_, _])) {
            self.table(file.table(name)?)?;
        } else {
            let reason = format!("expected an array of one or two axes, or particles X, found {shapes:?}");
            return Err(no_events("npz", path, reason));
        }
        Ok(contents)
    }

    #[cfg(not(feature = "npz"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn npz(&mut self, path: &Path) -> Result<Vec<String>> {
        Err(missing("npz", "npz", path))
    }

    #[cfg(feature = "hdf5")]
    fn hdf5(&mut self, path: &Path) -> Result<Vec<String>> {
        let file = crate::Hdf5File::open(path)?;
        let names = file.names()?;
        if let Some(reader) = file.find_particles()? {
            self.particles(reader)?;
            return Ok(names);
        }
        let mut failed = None;
        for name in &names {
            let table = match file.table(name) {
                Ok(table) => table,
                // Something else than a table: the next may be one.
                Err(error) => {
                    failed = failed.or(Some(error));
                    continue;
                }
            };
            match crate::EventColumns::top_tagging(table.columns()) {
                Ok(columns) => self.particles(table.into_particles(columns)?)?,
                Err(_) => self.table(table)?,
            }
            return Ok(names);
        }
        Err(failed.unwrap_or_else(|| no_events("HDF5", path, "the file has no data sets".into())))
    }

    #[cfg(not(feature = "hdf5"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn hdf5(&mut self, path: &Path) -> Result<Vec<String>> {
        Err(missing("HDF5", "hdf5", path))
    }

    #[cfg(feature = "parquet")]
    fn parquet(&mut self, path: &Path) -> Result<Vec<String>> {
        let file = crate::ParquetFile::open(path)?;
        match file.find_particles() {
            Ok(reader) => self.particles(reader)?,
            // Lists of something else, beside columns.
            Err(_) if !file.columns().is_empty() => self.table(file.table()?)?,
            Err(error) => return Err(error),
        }
        let lists = file.lists().into_iter().map(|name| format!("list {name}"));
        Ok(lists.chain(file.columns()).collect())
    }

    #[cfg(not(feature = "parquet"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn parquet(&mut self, path: &Path) -> Result<Vec<String>> {
        Err(missing("Parquet", "parquet", path))
    }

    fn summary(self, format: String, compression: Compression, contents: Vec<String>) -> Summary {
        let mut kinds: Vec<(PdgId, u64)> = self.kinds.into_iter().collect();
        // Stable: among equals, the smaller id comes first.
        kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        Summary {
            format,
            compression,
            contents,
            events: self.events,
            particles: self.particles,
            final_particles: self.final_particles,
            sum_weights: self.sum_weights,
            negative_fraction: if self.events == 0 { 0.0 } else { self.negative as f64 / self.events as f64 },
            kinds,
            imbalance: self.imbalance,
        }
    }
}

/// The error of a file that is fine but holds nothing that could be an event.
#[cfg(any(feature = "npz", feature = "hdf5"))]
fn no_events(format: &'static str, path: &Path, reason: String) -> Error {
    Error::Unsupported { format, reason }.in_file(&path.display().to_string())
}

/// The error of a build that lacks a feature.
#[cfg(not(all(feature = "npz", feature = "hdf5", feature = "parquet")))]
fn missing(format: &'static str, feature: &str, path: &Path) -> Error {
    let reason = format!("this build cannot read it; rebuild with the feature `{feature}` of hepml-io");
    Error::Unsupported { format, reason }.in_file(&path.display().to_string())
}
