//! The names of the events' weights, shared between events, and which of them comes first.

use std::sync::Arc;

use hepml_core::EventWeights;

use crate::numbers::Fault;

/// Collects an event's names of weights; shares them between events as long as they stay the same.
#[derive(Debug, Default)]
pub(crate) struct WeightChoice {
    /// The names of the last event in the order of the file.
    in_file: Vec<String>,
    /// How many names of this event agree with `in_file`, and whether there were any others.
    agreed: usize,
    changed: bool,
    /// The names with the chosen one first.
    shared: Arc<[String]>,
    wanted: Option<String>,
    /// Where the chosen one is in the file's order.
    index: usize,
}

impl WeightChoice {
    pub(crate) fn choose(&mut self, name: String) {
        self.wanted = Some(name);
        self.changed = true;
        let in_file = std::mem::take(&mut self.in_file);
        self.declare(in_file);
    }

    /// Sets the names that are known before the first event.
    pub(crate) fn declare(&mut self, names: impl IntoIterator<Item = String>) {
        self.in_file = names.into_iter().collect();
        self.agreed = self.in_file.len();
        self.share();
    }

    /// The names, the chosen one first.
    pub(crate) fn names(&self) -> &[String] {
        &self.shared
    }

    /// Begins the names of an event.
    pub(crate) fn begin(&mut self) {
        self.agreed = 0;
        self.changed = false;
    }

    pub(crate) fn push(&mut self, name: &str) {
        if self.in_file.get(self.agreed).is_none_or(|known| known != name) {
            self.in_file.truncate(self.agreed);
            self.in_file.push(name.to_owned());
            self.changed = true;
        }
        self.agreed += 1;
    }

    /// The weights of an event from its values, in the order of the names that were pushed (no names: none).
    pub(crate) fn finish(&mut self, mut values: Vec<f64>) -> Result<EventWeights, Fault> {
        if self.changed || self.agreed < self.in_file.len() {
            self.in_file.truncate(self.agreed);
            self.share();
        }
        if let Some(wanted) = &self.wanted {
            if self.in_file.get(self.index).is_none_or(|name| name != wanted) {
                return Err(format!("there is no weight named {wanted:?}; known are {:?}", self.in_file));
            }
            if let Some(front) = values.get_mut(..=self.index) {
                front.rotate_right(1);
            }
        }
        EventWeights::new(self.shared.clone(), values).map_err(|error| error.to_string())
    }

    /// The names with the chosen one first.
    fn share(&mut self) {
        let mut names = self.in_file.clone();
        self.index = 0;
        if let Some(index) =
            self.wanted.as_ref().and_then(|wanted| names.iter().position(|name| name == wanted))
        {
            names[..=index].rotate_right(1);
            self.index = index;
        }
        self.shared = names.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shared_while_they_stay_the_same() {
        let mut choice = WeightChoice::default();
        let mut event = |names: &[&str]| {
            choice.begin();
            for name in names {
                choice.push(name);
            }
            let values = (0..names.len().max(1)).map(|i| i as f64).collect();
            let weights = choice.finish(values).unwrap();
            (weights.names().as_ptr(), weights.names().to_vec())
        };
        let first = event(&["a", "b"]);
        assert_eq!(event(&["a", "b"]), first);
        assert_eq!(event(&["a"]).1, ["a"]);
        assert_eq!(event(&["b", "a"]).1, ["b", "a"]);
        assert!(event(&[]).1.is_empty());
    }
}
