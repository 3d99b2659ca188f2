//! Reading HepMC files.

use std::io::Read;
use std::path::Path;

use hepml_core::Event;

use super::info::{HepMcInfo, HepMcRun, HepMcTool, unescape};
use super::{asciiv3, genevent};
use crate::error::{Error, Result};
use crate::event_reader::EventReader;
use crate::input::Input;
use crate::lines::Lines;
use crate::numbers::clipped;
use crate::weight_choice::WeightChoice;

/// What the START line of a block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Asciiv3,
    GenEvent,
}

impl Dialect {
    const fn name(self) -> &'static str {
        match self {
            Self::Asciiv3 => "HepMC3",
            Self::GenEvent => "HepMC2",
        }
    }
}

/// A streaming reader of HepMC3 `Asciiv3` and HepMC2 `IO_GenEvent` files: an iterator of events.
///
/// The header decides which of the two it is. Conventions are at the top of the [module](crate::hepmc). Memory holds one
/// event.
///
/// ```
/// use hepml_io::HepMcReader;
///
/// let file = "HepMC::Version 3.02.06
/// HepMC::Asciiv3-START_EVENT_LISTING
/// E 7 1 3
/// U MEV MM
/// W 2.5
/// A 0 GenCrossSection 12.5 0.5 -1 -1
/// P 1 0 11 0 0 45600 45600 0.511 4
/// P 2 0 -11 0 0 -45600 45600 0.511 4
/// V -1 0 [1,2]
/// P 3 -1 23 0 0 0 91200 91200 1
/// HepMC::Asciiv3-END_EVENT_LISTING
/// ";
/// let mut reader = HepMcReader::new(file.as_bytes())?;
/// let event = reader.next().expect("one event")?;
/// assert_eq!(event.particles[2].momentum.e, 91.2);
/// assert_eq!(event.parents(2), [0, 1]);
/// assert_eq!(reader.info().cross_section().map(|sigma| sigma.value_pb), Some(12.5));
/// # Ok::<(), hepml_io::Error>(())
/// ```
#[derive(Debug)]
pub struct HepMcReader {
    lines: Lines,
    /// The block that is being read; `None` between blocks.
    dialect: Option<Dialect>,
    /// The dialect of the last block and the version of the library that wrote it.
    last_dialect: &'static str,
    version: String,
    run: HepMcRun,
    run_weight_names: Vec<String>,
    /// The same if white space separated them: HepMC3's reader splits there, its writer does not.
    run_weight_words: Vec<String>,
    weights: WeightChoice,
    info: HepMcInfo,
    events: u64,
    done: bool,
}

impl HepMcReader {
    /// Opens a file (plain, gzip or Zstandard) and reads what stands before the events.
    ///
    /// # Errors
    /// A file that cannot be read or whose beginning is no HepMC header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_input(Input::open(path)?)
    }

    /// Reads from any reader (plain, gzip or Zstandard).
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
        let mut reader = Self {
            lines: Lines::new(input, "HepMC"),
            dialect: None,
            last_dialect: "HepMC",
            version: String::new(),
            run: HepMcRun::default(),
            run_weight_names: Vec::new(),
            run_weight_words: Vec::new(),
            weights: WeightChoice::default(),
            info: HepMcInfo::default(),
            events: 0,
            done: false,
        };
        match reader.find_block().and_then(|found| if found { reader.read_run() } else { Ok(()) }) {
            Ok(()) if reader.dialect.is_some() => Ok(reader),
            Ok(()) => Err(reader.lines.in_file(reader.lines.truncated("a START_EVENT_LISTING line"))),
            Err(error) => Err(reader.lines.in_file(error)),
        }
    }

    /// Makes the weight called `name` the first of every event; the others follow in their order.
    ///
    /// An event without it is an error that lists the names it has.
    #[must_use]
    pub fn with_weight(mut self, name: impl Into<String>) -> Self {
        self.weights.choose(name.into());
        self
    }

    /// What stands before the events of the current block.
    pub fn run(&self) -> &HepMcRun {
        &self.run
    }

    /// What the file says of the event that was read last.
    pub fn info(&self) -> &HepMcInfo {
        &self.info
    }

    /// The version of the library that wrote the current block.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Finds the next START line; `false` at the end of the file.
    fn find_block(&mut self) -> Result<bool> {
        self.lines.set_event(None);
        while self.lines.advance()? {
            let line = self.lines.text().trim();
            if line.is_empty() {
                continue;
            }
            if let Some(version) = line.strip_prefix("HepMC::Version") {
                version.trim().clone_into(&mut self.version);
                continue;
            }
            let dialect = match line {
                "HepMC::Asciiv3-START_EVENT_LISTING" => Dialect::Asciiv3,
                "HepMC::IO_GenEvent-START_EVENT_LISTING" => Dialect::GenEvent,
                _ if line.starts_with("HepMC::") && line.contains("START") => {
                    let reason = format!("{:?} is neither Asciiv3 nor IO_GenEvent", clipped(line));
                    return Err(Error::Unsupported { format: "HepMC", reason });
                }
                _ => {
                    let found = clipped(line);
                    let reason =
                        format!("expected HepMC::Version or a START_EVENT_LISTING line, found {found:?}");
                    return Err(self.lines.malformed(reason));
                }
            };
            self.dialect = Some(dialect);
            self.last_dialect = dialect.name();
            self.lines.set_format(dialect.name());
            self.run = HepMcRun::default();
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads the lines of a block before its first event; holds the line that ends them.
    fn read_run(&mut self) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        while self.lines.advance()? {
            let line = self.lines.text();
            if ends_event(line) {
                self.lines.hold();
                break;
            }
            if line.trim().is_empty() {
                continue;
            }
            if self.dialect == Some(Dialect::GenEvent) {
                return Err(self.lines.malformed("expected an E line"));
            }
            let (kind, rest) = line.split_at_checked(1).unwrap_or((line, ""));
            let rest = rest.trim_start();
            match kind {
                "W" => names = unescape(rest.trim_end()).split('\n').map(str::to_owned).collect(),
                "T" => {
                    let text = unescape(rest);
                    let mut parts = text.splitn(3, '\n').map(str::to_owned);
                    let mut next = || parts.next().unwrap_or_default();
                    self.run.tools.push(HepMcTool { name: next(), version: next(), description: next() });
                }
                "A" => {
                    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                    self.run.attributes.push((name.to_owned(), unescape(value)));
                }
                _ => {
                    let found = clipped(line);
                    return Err(self
                        .lines
                        .malformed(format!("expected a line of type W, T, A or E, found {found:?}")));
                }
            }
        }
        self.weights.declare(names.iter().cloned());
        self.run_weight_words =
            names.iter().flat_map(|name| name.split_whitespace()).map(str::to_owned).collect();
        self.run_weight_names = names;
        Ok(())
    }

    fn read_event(&mut self) -> Result<Option<Event>> {
        loop {
            let Some(dialect) = self.dialect else {
                if !self.find_block()? {
                    return Ok(None);
                }
                self.read_run()?;
                continue;
            };
            self.lines.set_event(Some(self.events));
            if !self.lines.advance()? {
                self.lines.set_event(None);
                return Err(self.lines.truncated("an event or an END_EVENT_LISTING line"));
            }
            let line = self.lines.text().trim_end();
            if line.is_empty() {
                continue;
            }
            if line.starts_with("HepMC::") {
                let end = match dialect {
                    Dialect::Asciiv3 => "HepMC::Asciiv3-END_EVENT_LISTING",
                    Dialect::GenEvent => "HepMC::IO_GenEvent-END_EVENT_LISTING",
                };
                if line == end {
                    self.dialect = None;
                    continue;
                }
                // Two files glued together where the first was cut off end up here too.
                return Err(self.lines.fault(format!("expected {end}, found {:?}", clipped(line))));
            }
            if !ends_event(line) {
                return Err(self.lines.fault(format!("expected an E line, found {:?}", clipped(line))));
            }
            let start = self.lines.position();
            let parsed = match dialect {
                Dialect::Asciiv3 => asciiv3::read_event(&mut self.lines),
                Dialect::GenEvent => genevent::read_event(&mut self.lines),
            }?;
            let mut event = parsed.event;
            self.weights.begin();
            let mut values = parsed.weights;
            if values.is_empty() {
                values.push(1.0);
            } else {
                if self.run_weight_names.len() != values.len() && self.run_weight_words.len() == values.len()
                {
                    self.run_weight_names.clone_from(&self.run_weight_words);
                }
                let names = parsed.weight_names.as_deref().unwrap_or(&self.run_weight_names);
                for name in names {
                    self.weights.push(name);
                }
            }
            event.weights = self.weights.finish(values).map_err(|reason| Error::Malformed {
                format: dialect.name(),
                position: start,
                reason,
            })?;
            self.info = parsed.info;
            self.events += 1;
            return Ok(Some(event));
        }
    }
}

/// Whether a line begins the next event or ends the block.
pub(super) fn ends_event(line: &str) -> bool {
    line.starts_with("E ") || line.starts_with("HepMC::")
}

impl Iterator for HepMcReader {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read_event() {
            Ok(Some(event)) => Some(Ok(event)),
            Ok(None) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = true;
                Some(Err(self.lines.in_file(error)))
            }
        }
    }
}

impl std::iter::FusedIterator for HepMcReader {}

impl EventReader for HepMcReader {
    fn format(&self) -> String {
        format!("{} {}", self.last_dialect, self.version).trim_end().to_owned()
    }

    fn weight_names(&self) -> &[String] {
        self.weights.names()
    }
}
