//! What a file says of a model besides its tensors.

use std::collections::BTreeMap;

use hepml::core::serde::{Deserialize, Serialize};
use hepml::core::{Error as CoreError, ModelFile, Result};
use hepml::nn::FitSummary;
use serde_json::{Map, Value, json};

/// Kind, version and header of a model, and of those that it contains.
#[derive(Serialize, Deserialize)]
#[serde(crate = "hepml::core::serde")]
pub(crate) struct About {
    pub(super) kind: String,
    pub(super) version: u32,
    pub(super) header: Value,
    pub(super) models: BTreeMap<String, About>,
}

impl About {
    pub(super) fn of(file: &ModelFile) -> Result<Self> {
        serde_json::from_str(&file.about()).map_err(|error| CoreError::Model(error.to_string()))
    }

    /// The model inside the model inside ..., which takes the events.
    pub(super) fn innermost(&self) -> &Self {
        self.models.values().next().map_or(self, Self::innermost)
    }

    /// The numbers that the network computes with.
    pub(super) fn precision(&self) -> &str {
        self.header.get("precision").and_then(Value::as_str).unwrap_or("no precision")
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("it was JSON")
    }

    /// What it remembers of its fit, in the form of a report; an empty object if nothing.
    pub(super) fn report(&self) -> Value {
        let mut parts = Map::new();
        for (name, model) in &self.models {
            let report = model.report();
            if report.as_object().is_some_and(|report| !report.is_empty()) {
                parts.insert(name.clone(), report);
            }
        }
        let summary = self.header.get("fit").and_then(|fit| FitSummary::deserialize(fit).ok());
        match summary {
            Some(FitSummary { stopped, measures, warnings }) => {
                let measures: Map<String, Value> = measures
                    .into_iter()
                    .map(|(name, value)| (name, json!({ "value": value, "error": null })))
                    .collect();
                json!({ "stopped": stopped, "measures": measures, "curves": {}, "warnings": warnings, "parts": parts })
            }
            // A network is all that there is to the fit of its ratio.
            None if self.kind == "hepml-ratio/network" => {
                parts.into_iter().next().map_or_else(|| json!({}), |(_, report)| report)
            }
            None if parts.is_empty() => json!({}),
            None => {
                let stopped = parts.values().any(|part| part["stopped"] == json!(true));
                json!({ "stopped": stopped, "measures": {}, "curves": {}, "warnings": [], "parts": parts })
            }
        }
    }
}
