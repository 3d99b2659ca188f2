//! Particles as text: one a line, events separated by blank lines.
//!
//! # Conventions
//! A line holds the columns of a [`ParticleLayout`], `pt y phi` unless said otherwise, separated by white space, in C's or Fortran's notation. `#` begins
//! a comment, which may follow the numbers. One or more blank lines end an event; a line with nothing but a comment does
//! not. A file without a particle has no event. An event without particles cannot be written.

use std::io::Write;
use std::path::Path;

use hepml_core::Error as CoreError;

use crate::columns::ParticleLayout;
use crate::error::Result;
use crate::event_rows::EventRows;
use crate::input::Input;
use crate::lines::Lines;
use crate::numbers::real;
use crate::particle_reader::{ParticleReader, RawEvent};

pub(crate) const FORMAT: &str = "text";

/// Opens a file of particles `pt y phi` (or another layout), one a line.
///
/// # Errors
/// A file that cannot be read. What is wrong in it comes while reading: a line that is not numbers of the layout, naming
/// line and event; a particle that is not valid, likewise.
///
/// ```no_run
/// use hepml_io::{ParticleLayout, open_text};
///
/// for event in open_text("jet_a.txt", ParticleLayout::PtYPhi)? {
///     let scalar_sum: f64 = event?.particles.column(0).sum();
///     assert!(scalar_sum > 0.0);
/// }
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub fn open_text(path: impl AsRef<Path>, layout: ParticleLayout) -> Result<ParticleReader> {
    Ok(read_text(Input::open(path)?, layout))
}

/// As [`open_text`], from an [`Input`].
///
/// ```
/// use hepml_core::EventSet;
/// use hepml_io::{Input, ParticleLayout, read_text};
///
/// let input = Input::new(&b"# two events\n30 0.5 1.0\n5 0.4 1.2 # soft\n\n20 0 0\n"[..])?;
/// let events = read_text(input, ParticleLayout::PtYPhi).read_all()?;
/// assert_eq!(events.sets().event_count(), 2);
/// # Ok::<(), hepml_io::Error>(())
/// ```
pub fn read_text(input: Input, layout: ParticleLayout) -> ParticleReader {
    let path = input.path().map(ToOwned::to_owned);
    let mut lines = Lines::new(input, FORMAT);
    lines.set_event(Some(0));
    ParticleReader::new(layout, false, false, TextEvents { lines, layout, event: 0 }).in_file(path)
}

struct TextEvents {
    lines: Lines,
    layout: ParticleLayout,
    event: u64,
}

impl TextEvents {
    fn event(&mut self) -> Result<Option<RawEvent>> {
        let mut values = Vec::new();
        while self.lines.advance()? {
            let text = self.lines.text();
            let numbers = text.split('#').next().unwrap_or_default();
            if numbers.trim().is_empty() {
                if text.trim().is_empty() && !values.is_empty() {
                    break;
                }
                continue;
            }
            let before = values.len();
            for (column, word) in numbers.split_whitespace().enumerate() {
                let Some(name) = self.layout.columns().get(column) else {
                    return Err(self.wrong_columns(numbers));
                };
                values.push(real(word, name).map_err(|fault| self.lines.malformed(fault))?);
            }
            if values.len() - before < self.layout.width() {
                return Err(self.wrong_columns(numbers));
            }
            // Here and not only when the row is used, so that the error says the line.
            self.layout.check(&values[before..]).map_err(|error| self.lines.malformed(error.to_string()))?;
        }
        if values.is_empty() {
            return Ok(None);
        }
        self.event += 1;
        self.lines.set_event(Some(self.event));
        Ok(Some(RawEvent { values, label: None, weight: None }))
    }

    fn wrong_columns(&self, numbers: &str) -> crate::Error {
        let (columns, found) = (self.layout.columns(), numbers.split_whitespace().count());
        self.lines.malformed(format!(
            "expected the {} columns {}, found {found}",
            columns.len(),
            columns.join(" ")
        ))
    }
}

impl Iterator for TextEvents {
    type Item = Result<RawEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}

/// Writes events as text, one particle a line, events separated by a blank line.
///
/// Numbers are written in the shortest form that reads back to the same bits. Labels and weights have no place in this
/// format and are an error. Give a buffered writer.
///
/// # Errors
/// An event without particles, with a label or with a weight; a particle that is not valid in the layout or would be
/// padding; each names its event. Writing fails.
pub fn write_text(mut writer: impl Write, layout: ParticleLayout, events: &[EventRows]) -> Result<()> {
    writeln!(writer, "# {}", layout.columns().join(" "))?;
    for (index, event) in events.iter().enumerate() {
        crate::particle_reader::check_rows(layout, index, event, event)?;
        if event.particles.is_empty() {
            return Err(
                CoreError::Empty { what: format!("event {index}, which text cannot say,").into() }.into()
            );
        }
        if event.label.is_some() || event.weight.is_some() {
            let reason = format!("event {index} has a label or a weight, for which text has no place");
            return Err(crate::Error::Unsupported { format: FORMAT, reason });
        }
        if index > 0 {
            writeln!(writer)?;
        }
        for row in event.particles.rows() {
            let words: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
            writeln!(writer, "{}", words.join(" "))?;
        }
    }
    writer.flush()?;
    Ok(())
}
