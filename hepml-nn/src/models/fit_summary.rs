//! What a saved model remembers of its fit.

use std::collections::BTreeMap;

use hepml_core::FitReport;
use hepml_core::serde::{Deserialize, Serialize};

/// The numbers and warnings of a [`FitReport`], without its curves and errors: what travels with a saved model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct FitSummary {
    /// Whether the observer stopped the fit before its end.
    pub stopped: bool,
    /// The named numbers; those that are not finite are left out.
    pub measures: BTreeMap<String, f64>,
    /// What the user should know before trusting the model.
    pub warnings: Vec<String>,
}

impl From<&FitReport> for FitSummary {
    fn from(report: &FitReport) -> Self {
        let measures = report.measures.iter().map(|(name, measure)| (name.clone(), measure.value));
        Self {
            stopped: report.stopped,
            measures: measures.filter(|(_, value)| value.is_finite()).collect(),
            warnings: report.warnings.clone(),
        }
    }
}
