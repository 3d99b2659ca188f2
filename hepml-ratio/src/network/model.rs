//! Ratios that networks have learned.

use std::fmt;
use std::io::{Read, Write};

use hepml_core::ndarray::{Array1, Axis};
use hepml_core::{FitReport, Load, LogRatio, ModelFile, Observables, Save};
use hepml_nn::{Architecture, EncodedOf, EventsOf, Model, Network, Scalar};

use crate::loss::RatioLoss;

const KIND: &str = "hepml-ratio/network";
/// The version of the layout of saved models.
const LAYOUT: u32 = 1;

/// A ratio that a network has learned: its observable is z = ln r.
///
/// What comes out for an event depends on no other event, nor on the number of threads, bit for bit.
#[derive(Clone)]
pub struct NetworkRatio<A: Architecture, T: Scalar = f32> {
    model: Model<A, T>,
    loss: RatioLoss,
}

impl<A: Architecture, T: Scalar> fmt::Debug for NetworkRatio<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("NetworkRatio");
        fields
            .field("architecture", &A::KIND)
            .field("precision", &T::NAME)
            .field("loss", &self.loss)
            .finish_non_exhaustive()
    }
}

impl<A: Architecture, T: Scalar> NetworkRatio<A, T> {
    pub(super) fn new(model: Model<A, T>, loss: RatioLoss) -> Self {
        Self { model, loss }
    }

    pub(super) fn with_summary(mut self, report: &FitReport) -> Self {
        self.model = self.model.with_summary(report);
        self
    }

    /// The network with everything around it, and what it remembers of its fit.
    pub fn model(&self) -> &Model<A, T> {
        &self.model
    }

    /// What was minimised.
    pub fn loss(&self) -> RatioLoss {
        self.loss
    }
}

impl<A: Architecture, T: Scalar> LogRatio<EventsOf<A>> for NetworkRatio<A, T>
where
    A::Network: Network<T, Input = EncodedOf<A, T>>,
{
    fn log_ratio(&self, events: &EventsOf<A>) -> hepml_core::Result<Array1<f64>> {
        Ok(self.model.observe(events)?.index_axis_move(Axis(1), 0))
    }
}

impl<A: Architecture, T: Scalar> Save for NetworkRatio<A, T> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &self.loss)?;
        file.insert_model("network", &self.model)?;
        file.save(writer)
    }
}

impl<A: Architecture, T: Scalar> Load for NetworkRatio<A, T> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let model: Model<A, T> = file.model("network")?;
        let outputs = model.architecture().outputs();
        if outputs != 1 {
            return Err(hepml_core::Error::shape("outputs of the network of a ratio", 1, outputs));
        }
        Ok(Self { model, loss: file.header()? })
    }
}
