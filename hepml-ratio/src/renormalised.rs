//! Ratios whose mean over the denominator is 1.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::{EventSet, Load, LogRatio, ModelFile, Save, Weighted};

use crate::error::Result;
use crate::report::{ExponentialMean, Scored};

const KIND: &str = "hepml-ratio/renormalised";
/// The version of the layout of saved models.
const LAYOUT: u32 = 1;

/// A ratio over its mean: z - ln E_den\[e^z\], so that the reweighted denominator keeps its sum of weights.
///
/// ```
/// use hepml_core::{LogRatio, Result, Table, Weighted, ndarray::{Array1, array}};
/// use hepml_ratio::Renormalised;
///
/// struct Twice;
/// impl LogRatio<Table> for Twice {
///     fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
///         Ok(Array1::from_elem(events.nrows(), 2.0_f64.ln()))
///     }
/// }
/// let denominator = Weighted::unit(array![[1.0], [2.0]]);
/// let model = Renormalised::new(Twice, &denominator)?;
/// assert!(model.log_ratio(denominator.events())?.iter().all(|z| z.abs() < 1e-15));
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Renormalised<M> {
    model: M,
    log_normalisation: f64,
}

impl<M> Renormalised<M> {
    /// The model over its mean on these events of the denominator, with weights of either sign.
    ///
    /// # Errors
    /// Those of the model; no events; a z that is NaN or plus infinity, naming the event; weights, or weights times r, that do
    /// not sum to a positive number.
    pub fn new<E: EventSet>(model: M, denominator: &Weighted<E>) -> Result<Self>
    where
        M: LogRatio<E>,
    {
        let z = model.log_ratio(denominator.events())?.to_vec();
        Scored::new(&z, denominator.weights())?;
        if let Some(event) = z.iter().position(|z| *z == f64::INFINITY) {
            return Err(hepml_core::Error::not_finite("log ratio", z[event]).at_event(event).into());
        }
        let mean = ExponentialMean::new(z.iter().copied(), denominator.weights())?;
        if mean.scaled.value <= 0.0 {
            let what = "weights times r of the denominator";
            return Err(hepml_stats::Error::NonPositiveSum { what, sum: mean.scaled.value }.into());
        }
        Ok(Self { model, log_normalisation: mean.shift + mean.scaled.value.ln() })
    }

    /// The model before.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// ln E_den\[e^z\] of the model before.
    pub fn log_normalisation(&self) -> f64 {
        self.log_normalisation
    }
}

impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for Renormalised<M> {
    fn log_ratio(&self, events: &E) -> hepml_core::Result<Array1<f64>> {
        Ok(self.model.log_ratio(events)? - self.log_normalisation)
    }
}

impl<M: Save> Save for Renormalised<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &self.log_normalisation)?;
        file.insert_model("model", &self.model)?;
        file.save(writer)
    }
}

impl<M: Load> Load for Renormalised<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        Ok(Self { model: file.model("model")?, log_normalisation: file.header()? })
    }
}
