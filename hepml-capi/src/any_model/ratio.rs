//! A ratio of any learner, or composed of others.

use std::io::Read;

use hepml::core::ndarray::Array1;
use hepml::core::{Load, LogRatio, ModelFile, Result, Save, Table};
use hepml::nn::{Architecture, EncodedOf, Encoder, Network, Scalar};
use hepml::ratio::{
    Calibrated, CrossFitted, EnsembleRatio, FalkonRatio, HistogramRatio, LinearRatio, NetworkRatio,
    Renormalised, SignedRatio, TreesRatio,
};

use super::about::About;
use super::events::{AnyEvents, OfArchitecture};
use super::needs::{Needing, Needs};
use super::unknown_kind;

/// Up to so many events trees are evaluated by one thread.
const EVENTS_OF_TREES: usize = 1024;

/// A model whose output is ln r.
pub(crate) struct AnyRatio<E> {
    model: Box<dyn LogRatio<E>>,
    needs: Needs,
}

impl<E> AnyRatio<E> {
    fn new(model: impl LogRatio<E> + 'static, needs: Needs) -> Self {
        Self { model: Box::new(model), needs }
    }

    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }
}

impl<E: AnyEvents> OfArchitecture<E> for AnyRatio<E> {
    fn load<A, T>(bytes: &[u8]) -> Result<Self>
    where
        A: Architecture,
        A::Encoder: Needing + Encoder<Events = E>,
        A::Network: Network<T, Input = EncodedOf<A, T>>,
        T: Scalar,
    {
        let model = NetworkRatio::<A, T>::from_bytes(bytes)?;
        let needs = model.model().encoder().needs();
        Ok(Self::new(model, needs))
    }
}

impl<E: AnyEvents> Load for AnyRatio<E> {
    fn load(reader: &mut dyn Read) -> Result<Self> {
        let file = ModelFile::load(reader)?;
        let (bytes, about) = (file.to_bytes()?, About::of(&file)?);
        // Models in models would each keep a copy while the next is read.
        drop(file);
        match about.kind.as_str() {
            "hepml-ratio/network" => {
                let network = about.innermost();
                E::network(&network.kind, network.precision(), &bytes)
            }
            "hepml-ratio/ensemble" => {
                let model = EnsembleRatio::<Self>::from_bytes(&bytes)?;
                let needs = Needs::of_all(model.members().iter().map(Self::needs));
                Ok(Self::new(model, needs))
            }
            "hepml-ratio/cross-fit" => {
                let model = CrossFitted::<Self>::from_bytes(&bytes)?;
                let needs = Needs::of_all(model.models().members().iter().map(Self::needs));
                Ok(Self::new(model, needs))
            }
            "hepml-ratio/calibrated" => {
                let model = Calibrated::<Self>::from_bytes(&bytes)?;
                let needs = model.model().needs.clone();
                Ok(Self::new(model, needs))
            }
            "hepml-ratio/renormalised" => {
                let model = Renormalised::<Self>::from_bytes(&bytes)?;
                let needs = model.model().needs.clone();
                Ok(Self::new(model, needs))
            }
            "hepml-ratio/signed-parts" => {
                let model = SignedRatio::<Self>::from_bytes(&bytes)?;
                let parts = [Some(model.positive()), model.negative(), model.below_negative()];
                let needs = Needs::of_all(parts.into_iter().flatten().map(Self::needs));
                Ok(Self::new(model, needs))
            }
            kind => E::ratio(kind, &bytes),
        }
    }
}

impl<E: AnyEvents> LogRatio<E> for AnyRatio<E> {
    fn log_ratio(&self, events: &E) -> Result<Array1<f64>> {
        self.model.log_ratio(events)
    }
}

impl AnyRatio<Table> {
    /// A ratio of this kind of tables, which is neither a network nor composed.
    pub(super) fn of_table(kind: &str, bytes: &[u8]) -> Result<Self> {
        Ok(match kind {
            "hepml-ratio/trees" => {
                let model = TreesRatio::from_bytes(bytes)?;
                let needs = Needs::columns(model.feature_count(), EVENTS_OF_TREES);
                Self::new(model, needs)
            }
            "hepml-ratio/falkon" => {
                let model = FalkonRatio::from_bytes(bytes)?;
                let needs = Needs::columns(model.means().len(), 0);
                Self::new(model, needs)
            }
            "hepml-ratio/histogram" => {
                let model = HistogramRatio::from_bytes(bytes)?;
                let needs = Needs::columns(model.inner_edges().len(), usize::MAX);
                Self::new(model, needs)
            }
            "hepml-ratio/linear" => {
                let model = LinearRatio::from_bytes(bytes)?;
                let needs = Needs::columns(model.feature_count(), usize::MAX);
                Self::new(model, needs)
            }
            kind => return Err(unknown_kind(kind)),
        })
    }
}
