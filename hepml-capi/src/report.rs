//! Reports of fits as JSON.

use hepml::core::FitReport;
use serde_json::{Map, Value, json};

/// A report: numbers that are not finite are null.
pub(crate) fn to_json(report: &FitReport) -> Value {
    let FitReport { stopped, curves, measures, warnings, parts } = report;
    let measures: Map<String, Value> = measures
        .iter()
        .map(|(name, measure)| (name.clone(), json!({ "value": measure.value, "error": measure.error })))
        .collect();
    let curves: Map<String, Value> =
        curves.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
    let parts: Map<String, Value> = parts.iter().map(|(name, part)| (name.clone(), to_json(part))).collect();
    json!({ "stopped": stopped, "measures": measures, "curves": curves, "warnings": warnings, "parts": parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_keep_all_they_hold() {
        let mut part = FitReport::new();
        part.warn("few events");
        let mut report = FitReport::new();
        report.measure("trees", 12.0, None);
        report.measure("held-out loss", 0.25, Some(f64::NAN));
        report.curve("loss/train", vec![1.0, f64::INFINITY]);
        report.part("fold 0", part);
        let expected = json!({
            "stopped": false,
            "measures": {
                "trees": { "value": 12.0, "error": null },
                "held-out loss": { "value": 0.25, "error": null },
            },
            "curves": { "loss/train": [1.0, null] },
            "warnings": [],
            "parts": {
                "fold 0": {
                    "stopped": false, "measures": {}, "curves": {}, "warnings": ["few events"], "parts": {},
                },
            },
        });
        assert_eq!(to_json(&report), expected);
    }
}
