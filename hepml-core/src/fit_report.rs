//! What a fit says about itself.

/// A fitted model and the report of its fit.
#[derive(Debug, Clone)]
pub struct Fitted<M> {
    /// The model.
    pub model: M,
    /// How the fit went.
    pub report: FitReport,
}

impl<M> Fitted<M> {
    /// The same fit with another (wrapped, erased) model.
    pub fn map<N>(self, wrap: impl FnOnce(M) -> N) -> Fitted<N> {
        Fitted { model: wrap(self.model), report: self.report }
    }
}

/// A number with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// The value.
    pub value: f64,
    /// One standard deviation, where it is known.
    pub error: Option<f64>,
}

/// The diagnostics of a fit: losses, effective sample sizes, normalisations, warnings, and the reports of its parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FitReport {
    /// Whether the observer stopped the fit before its end.
    pub stopped: bool,
    /// Named curves, one value a step or epoch (`"loss/train"`).
    pub curves: Vec<(String, Vec<f64>)>,
    /// Named numbers.
    pub measures: Vec<(String, Measure)>,
    /// What the user should know before trusting the model.
    pub warnings: Vec<String>,
    /// The reports of nested fits (folds, ensemble members, iterations).
    pub parts: Vec<(String, FitReport)>,
}

impl FitReport {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named number.
    pub fn measure(&mut self, name: impl Into<String>, value: f64, error: Option<f64>) {
        self.measures.push((name.into(), Measure { value, error }));
    }

    /// Adds a named curve.
    pub fn curve(&mut self, name: impl Into<String>, values: Vec<f64>) {
        self.curves.push((name.into(), values));
    }

    /// Adds a warning.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Adds the report of a part; a part that was stopped makes the whole stopped.
    pub fn part(&mut self, name: impl Into<String>, report: FitReport) {
        self.stopped |= report.stopped;
        self.parts.push((name.into(), report));
    }

    /// The named number, if there is one.
    pub fn get(&self, name: &str) -> Option<Measure> {
        self.measures.iter().find(|(n, _)| n == name).map(|(_, measure)| *measure)
    }
}
