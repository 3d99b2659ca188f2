//! A network of any architecture, or an ensemble of them.

use std::io::Read;

use hepml::core::{Load, ModelFile, Observables, Result, Save, Table};
use hepml::nn::{Architecture, EncodedOf, Encoder, Ensemble, Model, Network, Scalar};

use super::about::About;
use super::events::{AnyEvents, OfArchitecture};
use super::needs::{Needing, Needs};

/// A model whose outputs are observables.
pub(crate) struct AnyTagger<E> {
    model: Box<dyn Observables<E>>,
    outputs: usize,
    needs: Needs,
}

impl<E> AnyTagger<E> {
    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }
}

impl<E: AnyEvents> OfArchitecture<E> for AnyTagger<E> {
    fn load<A, T>(bytes: &[u8]) -> Result<Self>
    where
        A: Architecture,
        A::Encoder: Needing + Encoder<Events = E>,
        A::Network: Network<T, Input = EncodedOf<A, T>>,
        T: Scalar,
    {
        let model = Model::<A, T>::from_bytes(bytes)?;
        let (outputs, needs) = (model.architecture().outputs(), model.encoder().needs());
        Ok(Self { model: Box::new(model), outputs, needs })
    }
}

impl<E: AnyEvents> Load for AnyTagger<E> {
    fn load(reader: &mut dyn Read) -> Result<Self> {
        let file = ModelFile::load(reader)?;
        let bytes = file.to_bytes()?;
        if file.kind() == "hepml-nn/ensemble" {
            let model = Ensemble::<Self>::from_bytes(&bytes)?;
            let needs = Needs::of_all(model.members().iter().map(Self::needs));
            let outputs = model.members()[0].outputs;
            return Ok(Self { model: Box::new(model), outputs, needs });
        }
        E::network(file.kind(), About::of(&file)?.precision(), &bytes)
    }
}

impl<E: AnyEvents> Observables<E> for AnyTagger<E> {
    fn observe(&self, events: &E) -> Result<Table> {
        self.model.observe(events)
    }
}
