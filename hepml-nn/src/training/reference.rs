//! Reference values for the tests of this module, by tools/nn_optimiser_reference.py.

use serde_json::Value;

/// The part of the reference values of that name.
pub(super) fn reference(part: &str) -> Value {
    let document: Value = serde_json::from_str(include_str!("../../tests/reference/training.json")).unwrap();
    document[part].clone()
}

/// A list of numbers.
pub(super) fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// A list of lists of numbers.
pub(super) fn rows(list: &Value) -> Vec<Vec<f64>> {
    list.as_array().unwrap().iter().map(numbers).collect()
}
