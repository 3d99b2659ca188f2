//! What HepMC files say besides particles and vertices.

use crate::numbers::{Fault, Fields};

/// What stands before the events of a file: weights, tools, attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HepMcRun {
    /// The programs that made the events.
    pub tools: Vec<HepMcTool>,
    /// Attributes of the run, as text.
    pub attributes: Vec<(String, String)>,
}

/// A program that took part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HepMcTool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it did.
    pub description: String,
}

/// What a file says of an event and [`hepml_core::Event`] has no place for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HepMcInfo {
    /// The attributes of the event as text: `GenCrossSection`, `GenPdfInfo`, ...; those that became fields of the event
    /// (`signal_process_id`, `event_scale`, `alphaQED`, `alphaQCD`) are not repeated. HepMC2's `C`, `F` and `H` lines
    /// appear as `GenCrossSection`, `GenPdfInfo` and `HepMC2::H`, its number of interactions as `mpi`.
    pub attributes: Vec<(String, String)>,
    /// The position (x, y, z, ct) of the event in mm, where the file has one.
    pub position: Option<[f64; 4]>,
}

/// A cross section as known when the event was written: it becomes more exact from event to event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HepMcCrossSection {
    /// Its value in pb.
    pub value_pb: f64,
    /// Its error in pb.
    pub error_pb: f64,
}

impl HepMcInfo {
    /// The text of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cross section (`GenCrossSection`; the one of the first weight if there are several).
    ///
    /// `None` if the event has none, or none that is two finite numbers.
    pub fn cross_section(&self) -> Option<HepMcCrossSection> {
        let parse = |text: &str| -> Result<_, Fault> {
            let [value_pb, error_pb] = Fields::new(text).reals(["cross section", "its error"])?;
            Ok(HepMcCrossSection { value_pb, error_pb })
        };
        self.attribute("GenCrossSection").and_then(|text| parse(text).ok())
    }
}

/// Text in which `\|` stands for a newline and `\\` for a backslash.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('|') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// The inverse of [`unescape`].
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_undone() {
        for text in ["", "a\nb", "\\", "\\|\n\\\\|", "|\n|"] {
            assert_eq!(unescape(&escape(text)), text);
            assert!(!escape(text).contains('\n'));
        }
    }

    #[test]
    fn a_cross_section_is_two_finite_numbers() {
        let info = |text: &str| HepMcInfo {
            attributes: vec![("GenCrossSection".into(), text.into())],
            position: None,
        };
        let expected = HepMcCrossSection { value_pb: 12.5, error_pb: 0.5 };
        assert_eq!(info("12.5 0.5 -1 -1").cross_section(), Some(expected));
        assert_eq!(info("nan 0.5").cross_section(), None);
        assert_eq!(HepMcInfo::default().cross_section(), None);
    }
}
