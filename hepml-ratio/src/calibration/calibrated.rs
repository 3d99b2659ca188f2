//! A model with a calibration on top.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::{Error as CoreError, Item, Load, LogRatio, ModelFile, Save};

use crate::calibration::CalibrationMap;

const KIND: &str = "hepml-ratio/calibrated";
const LAYOUT: u32 = 1;

/// A model whose z goes through a calibration map.
///
/// Saved (where the model is) as a [`ModelFile`] of kind `hepml-ratio/calibrated`.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated<M> {
    model: M,
    map: CalibrationMap,
}

impl<M> Calibrated<M> {
    pub(crate) fn new(model: M, map: CalibrationMap) -> Self {
        Self { model, map }
    }

    /// The model underneath.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The function of z.
    pub fn map(&self) -> &CalibrationMap {
        &self.map
    }
}

impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for Calibrated<M> {
    /// # Errors
    /// What the model returns; a log ratio that is not finite, calibrated or not, naming the event.
    fn log_ratio(&self, events: &E) -> Result<Array1<f64>, CoreError> {
        let mut z = self.model.log_ratio(events)?;
        for (event, z) in z.iter_mut().enumerate() {
            let calibrated = self.map.apply(*z);
            for (what, value) in [("log ratio to calibrate", *z), ("calibrated log ratio", calibrated)] {
                if !value.is_finite() {
                    return Err(CoreError::NotFinite { what: what.into(), item: Item::event(event), value });
                }
            }
            *z = calibrated;
        }
        Ok(z)
    }
}

impl<M: Save> Save for Calibrated<M> {
    fn save(&self, writer: &mut dyn Write) -> Result<(), CoreError> {
        let mut file = self.map.save(KIND, LAYOUT)?;
        file.insert_model("model", &self.model)?;
        file.save(writer)
    }
}

impl<M: Load> Load for Calibrated<M> {
    fn load(reader: &mut dyn Read) -> Result<Self, CoreError> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        Ok(Self { map: CalibrationMap::load(&file)?, model: file.model("model")? })
    }
}
