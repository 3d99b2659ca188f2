//! Networks that tell top from QCD jets.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;
use hepml::core::ndarray::Array3;
use hepml::core::rand::Rng;
use hepml::core::{FitReport, Load, ModelFile, Observer, ParticleSets, Save, Table, Weighted};
use hepml::nn::{
    Architecture, CnnConfig, EfnConfig, EncodedOf, EventsOf, LearnerConfig, MlpConfig, Model, Network,
    PfnConfig, StackConfig, TableConfig, TrainingConfig,
};
use hepml_examples::{Jets, observables};

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A multilayer perceptron on mass, multiplicity, pt dispersion, width and N-subjettiness ratios.
    Mlp,
    /// An energy flow network: infrared and collinear safe.
    Efn,
    /// A particle flow network.
    Pfn,
    /// A convolutional network on images of the jets.
    Cnn,
}

/// A trained network.
pub(crate) enum Tagger {
    Mlp(Model<MlpConfig>),
    Efn(Model<EfnConfig>),
    Pfn(Model<PfnConfig>),
    Cnn(Model<CnnConfig>),
}

/// QCD and top: one output each.
const CLASSES: usize = 2;

/// Trains one that holds out a share of the jets to see how far it has come.
fn train<A: Architecture>(
    architecture: A,
    events: &Weighted<EventsOf<A>>,
    jets: &Jets,
    training: &TrainingConfig,
    validation: f64,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<(Model<A>, FitReport), Box<dyn Error>>
where
    A::Network: Network<f32, Input = EncodedOf<A, f32>>,
{
    let labels: Vec<usize> = jets.is_top.iter().map(|is_top| usize::from(*is_top)).collect();
    let fitted = LearnerConfig::classifier(architecture)
        .training(training.clone())
        .validation(validation)
        .fit_classes(events, &labels, rng, observer)?;
    Ok((fitted.model, fitted.report))
}

impl Tagger {
    pub(crate) fn train(
        kind: Kind,
        jets: &Jets,
        training: &TrainingConfig,
        validation: f64,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<(Self, FitReport), Box<dyn Error>> {
        let sets = &jets.sets;
        Ok(match kind {
            Kind::Mlp => {
                let config = MlpConfig::new(CLASSES)
                    .hidden(StackConfig::new([64, 64]))
                    .table(TableConfig::default().names(observables::NAMES));
                let table = Weighted::new(observables::observe(sets.events())?, sets.weights().to_vec())?;
                let (model, report) = train(config, &table, jets, training, validation, rng, observer)?;
                (Self::Mlp(model), report)
            }
            Kind::Efn => {
                let config = EfnConfig::new(CLASSES);
                let (model, report) = train(config, sets, jets, training, validation, rng, observer)?;
                (Self::Efn(model), report)
            }
            Kind::Pfn => {
                let config = PfnConfig::new(CLASSES);
                let (model, report) = train(config, sets, jets, training, validation, rng, observer)?;
                (Self::Pfn(model), report)
            }
            Kind::Cnn => {
                let config = CnnConfig::new(CLASSES);
                let (model, report) = train(config, sets, jets, training, validation, rng, observer)?;
                (Self::Cnn(model), report)
            }
        })
    }

    /// A saved one, whichever it is.
    pub(crate) fn load(path: &Path) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let load = || match ModelFile::from_bytes(&bytes)?.kind() {
            MlpConfig::KIND => Model::from_bytes(&bytes).map(Self::Mlp),
            EfnConfig::KIND => Model::from_bytes(&bytes).map(Self::Efn),
            PfnConfig::KIND => Model::from_bytes(&bytes).map(Self::Pfn),
            CnnConfig::KIND => Model::from_bytes(&bytes).map(Self::Cnn),
            other => Err(hepml::core::Error::Model(format!("{other:?} is no tagger of this program"))),
        };
        load().map_err(|error| format!("{}: {error}", path.display()).into())
    }

    pub(crate) fn save(&self, path: &Path) -> hepml::core::Result<()> {
        match self {
            Self::Mlp(model) => model.save_file(path),
            Self::Efn(model) => model.save_file(path),
            Self::Pfn(model) => model.save_file(path),
            Self::Cnn(model) => model.save_file(path),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Mlp(_) => "MLP",
            Self::Efn(_) => "EFN",
            Self::Pfn(_) => "PFN",
            Self::Cnn(_) => "CNN",
        }
    }

    /// The numbers that it has learned.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Mlp(model) => model.parameters().size(),
            Self::Efn(model) => model.parameters().size(),
            Self::Pfn(model) => model.parameters().size(),
            Self::Cnn(model) => model.parameters().size(),
        }
    }

    /// ln p(top)/p(QCD) of each jet, for as many of the one as of the other in the training.
    pub(crate) fn scores(&self, jets: &ParticleSets) -> Result<Vec<f64>, Box<dyn Error>> {
        let outputs: Table = match self {
            Self::Mlp(model) => model.outputs(&observables::observe(jets)?)?,
            Self::Efn(model) => model.outputs(jets)?,
            Self::Pfn(model) => model.outputs(jets)?,
            Self::Cnn(model) => model.outputs(jets)?,
        };
        Ok(outputs.rows().into_iter().map(|row| row[1] - row[0]).collect())
    }

    /// The filters [filters, rapidities, azimuths] of an energy flow network.
    pub(crate) fn filters(&self, grid: &[f64]) -> Result<Option<Array3<f64>>, Box<dyn Error>> {
        match self {
            Self::Efn(model) => Ok(Some(model.network().filters(model.parameters(), grid, grid)?)),
            _ => Ok(None),
        }
    }
}
