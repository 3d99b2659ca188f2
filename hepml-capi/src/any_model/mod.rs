//! A saved model of any kind.
//!
//! Which type a file is of is known when it is read only. So every type that can be saved is named here, and compiled in both
//! precisions: that is why this is no part of hepml-nn or hepml-ratio, whose users would all pay for it with their time to
//! compile.

mod about;
mod events;
mod needs;
mod ratio;
mod tagger;

use hepml::core::{Error as CoreError, Load, LogRatio, ModelFile, Observables, ParticleSets, Result, Table};
use serde_json::{Value, json};

use about::About;
pub(crate) use events::AnyEvents;
pub(crate) use needs::Needs;
use ratio::AnyRatio;
use tagger::AnyTagger;

/// What the innermost kinds of models of tables are called; those of sets are in [`SETS`].
const TABLES: [&str; 9] = [
    "hepml-nn/mlp",
    "hepml-nn/residual-mlp",
    "hepml-nn/bayesian-mlp",
    "hepml-nn/autoencoder",
    "hepml-nn/variational-autoencoder",
    "hepml-ratio/trees",
    "hepml-ratio/falkon",
    "hepml-ratio/histogram",
    "hepml-ratio/linear",
];
const SETS: [&str; 4] = ["hepml-nn/pfn", "hepml-nn/efn", "hepml-nn/deep-sets", "hepml-nn/cnn"];

/// A model that was read or fitted.
pub(crate) struct AnyModel {
    bytes: Vec<u8>,
    about: About,
    function: Function,
    report: Value,
}

/// What a model computes.
pub(crate) enum Function {
    OfTables(Outputs<Table>),
    OfSets(Outputs<ParticleSets>),
}

/// What it gives for events.
pub(crate) enum Outputs<E> {
    Tagger(AnyTagger<E>),
    Ratio(AnyRatio<E>),
}

impl AnyModel {
    /// The model in a file, of which it keeps the bytes: saved again it is the same file, whichever version wrote it.
    ///
    /// # Errors
    /// A file of no model, or of a kind that has no outputs, named.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let about = About::of(&ModelFile::from_bytes(&bytes)?)?;
        let innermost = about.innermost().kind.as_str();
        let function = if TABLES.contains(&innermost) {
            Function::OfTables(Outputs::load(&about, &bytes)?)
        } else if SETS.contains(&innermost) {
            Function::OfSets(Outputs::load(&about, &bytes)?)
        } else {
            return Err(unknown_kind(innermost));
        };
        let report = about.report();
        Ok(Self { bytes, about, function, report })
    }

    /// The same model with the report of a fit in this process.
    pub(crate) fn with_report(self, report: Value) -> Self {
        Self { report, ..self }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// The report of its fit, or what is left of it.
    pub(crate) fn report(&self) -> &Value {
        &self.report
    }

    pub(crate) fn needs(&self) -> &Needs {
        match &self.function {
            Function::OfTables(outputs) => outputs.needs(),
            Function::OfSets(outputs) => outputs.needs(),
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        match &self.function {
            Function::OfTables(outputs) => outputs.count(),
            Function::OfSets(outputs) => outputs.count(),
        }
    }

    pub(crate) fn is_ratio(&self) -> bool {
        matches!(self.function, Function::OfTables(Outputs::Ratio(_)) | Function::OfSets(Outputs::Ratio(_)))
    }

    /// What it says of itself.
    pub(crate) fn metadata(&self) -> Value {
        let (about, needs) = (self.about.to_json(), self.needs());
        let input = if needs.columns.is_some() { "table" } else { "sets" };
        json!({
            "kind": self.about.kind,
            "version": self.about.version,
            "input": input,
            "columns": needs.columns,
            "features": needs.features,
            "outputs": self.outputs(),
            "is_ratio": self.is_ratio(),
            "header": about["header"],
            "models": about["models"],
        })
    }
}

impl<E: AnyEvents> Outputs<E> {
    fn load(about: &About, bytes: &[u8]) -> Result<Self> {
        if about.kind.starts_with("hepml-nn/") {
            Ok(Self::Tagger(AnyTagger::from_bytes(bytes)?))
        } else {
            Ok(Self::Ratio(AnyRatio::from_bytes(bytes)?))
        }
    }

    /// The outputs of the events, row after row.
    ///
    /// # Errors
    /// Events that it does not take, naming event and column or particle.
    pub(crate) fn of(&self, events: &E) -> Result<Vec<f64>> {
        match self {
            Self::Tagger(tagger) => tagger.observe(events).map(|table| table.into_iter().collect()),
            Self::Ratio(ratio) => ratio.log_ratio(events).map(|z| z.to_vec()),
        }
    }

    /// The same, by this thread alone: so many events at a time that the model shares none out.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn in_blocks(&self, events: &E, block: usize) -> Result<Vec<f64>> {
        let count = events.event_count();
        if count <= block {
            return self.of(events);
        }
        let mut numbers = Vec::new();
        for start in (0..count).step_by(block) {
            let indices: Vec<usize> = (start..count.min(start + block)).collect();
            let part = events.select_events(&indices)?;
            numbers.extend(self.of(&part).map_err(|error| later(error, start))?);
        }
        Ok(numbers)
    }
}

impl<E> Outputs<E> {
    fn needs(&self) -> &Needs {
        match self {
            Self::Tagger(tagger) => tagger.needs(),
            Self::Ratio(ratio) => ratio.needs(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Tagger(tagger) => tagger.outputs(),
            Self::Ratio(_) => 1,
        }
    }
}

/// The same error, about an event that is so many later.
fn later(mut error: CoreError, by: usize) -> CoreError {
    if let CoreError::NotFinite { item, .. } | CoreError::OutOfRange { item, .. } = &mut error {
        item.event = item.event.map(|event| event + by);
    }
    error
}

fn unknown_kind(kind: &str) -> CoreError {
    CoreError::Model(format!("its kind is {kind:?}, which is none that gives outputs of such events"))
}
