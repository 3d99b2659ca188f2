//! A small saved model of every kind, and what Rust says that it gives.

use hepml::core::ndarray::Array2;
use hepml::core::rand::{Rng, RngExt, SeedableRng};
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{
    EventSet, FourMomentum, LogRatio, Observables, ParticleSets, RatioEstimator, Save, Table, Weighted,
};
use hepml::nn::{
    Architecture, AutoencoderConfig, BayesianMlpConfig, CnnConfig, ConvBlock, DeepSetsConfig, EfnConfig,
    EncodedOf, Ensemble, EventsOf, Head, ImageEncoder, ImagePooling, LatentPrior, MlpConfig, Model, Network,
    ParticleInput, PfnConfig, Pooling, ResidualMlpConfig, Scalar, StackConfig, TableConfig, TrainingConfig,
    VariationalAutoencoderConfig,
};
use hepml::ratio::{
    CalibratedEstimator, CrossFitConfig, Degree, EnsembleConfig, EnsembleMean, EnsembleRatio, FalkonConfig,
    HistogramConfig, LinearConfig, NetworkConfig, PlattCalibration, RatioBins, Renormalised,
    SignedPartsConfig, TreesConfig,
};

/// The outputs of events, row after row.
type Values<E> = Box<dyn Fn(&E) -> Vec<f64>>;

pub(crate) struct Saved<E> {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_ratio: bool,
    pub(crate) columns: usize,
    /// What the model gives.
    pub(crate) values: Values<E>,
}

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Sums of three uniform numbers, about `shift` in the first column.
pub(crate) fn table(rows: usize, columns: usize, shift: f64, seed: u64) -> Table {
    let mut rng = rng(seed);
    Table::from_shape_fn((rows, columns), |(_, column)| {
        let sum: f64 = (0..3).map(|_| rng.random::<f64>() - 0.5).sum();
        2.0 * sum + if column == 0 { shift } else { 0.0 }
    })
}

/// Jets of 1 to 12 massless particles with a charge, about a random axis; steeper spectra for larger `slope`.
pub(crate) fn jets(events: usize, slope: f64, seed: u64) -> ParticleSets {
    let mut rng = rng(seed);
    let (mut momenta, mut charges, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for _ in 0..events {
        let (y, phi) = (2.0 * rng.random::<f64>() - 1.0, 6.0 * rng.random::<f64>() - 3.0);
        for _ in 0..rng.random_range(1..13) {
            let pt = 50.0 * rng.random::<f64>().powf(slope) + 0.1;
            let mut near = |centre: f64| centre + 0.6 * (rng.random::<f64>() - 0.5);
            momenta.push(FourMomentum::from_pt_y_phi_m(pt, near(y), near(phi), 0.0).unwrap());
            charges.push(f64::from(rng.random_range(-1..2)));
        }
        offsets.push(momenta.len());
    }
    let charges = Array2::from_shape_vec((charges.len(), 1), charges).unwrap();
    ParticleSets::new(momenta, charges, vec!["charge".to_owned()], offsets).unwrap()
}

const COLUMNS: usize = 3;

fn tagger<E: EventSet, M: Observables<E> + Save + 'static>(name: &str, columns: usize, model: M) -> Saved<E> {
    Saved {
        name: name.to_owned(),
        bytes: model.to_bytes().unwrap(),
        is_ratio: false,
        columns,
        values: Box::new(move |events| model.observe(events).unwrap().into_iter().collect()),
    }
}

fn ratio<E: EventSet, M: LogRatio<E> + Save + 'static>(name: &str, columns: usize, model: M) -> Saved<E> {
    Saved {
        name: name.to_owned(),
        bytes: model.to_bytes().unwrap(),
        is_ratio: true,
        columns,
        values: Box::new(move |events| model.log_ratio(events).unwrap().to_vec()),
    }
}

/// An untrained network, whose encoder has seen events.
fn untrained<A: Architecture, T: Scalar>(
    architecture: &A,
    head: Head,
    events: &Weighted<EventsOf<A>>,
    rng: &mut dyn Rng,
) -> Model<A, T> {
    let encoder = architecture.fit_encoder(events).unwrap();
    Model::untrained(architecture.clone(), encoder, head, rng).unwrap()
}

fn networks<A: Architecture>(
    list: &mut Vec<Saved<EventsOf<A>>>,
    architecture: &A,
    head: &Head,
    columns: usize,
    events: &Weighted<EventsOf<A>>,
) where
    A::Network: Network<f32, Input = EncodedOf<A, f32>> + Network<f64, Input = EncodedOf<A, f64>>,
{
    let rng = &mut rng(list.len() as u64);
    let small: Model<A, f32> = untrained(architecture, head.clone(), events, rng);
    let large: Model<A, f64> = untrained(architecture, head.clone(), events, rng);
    list.push(tagger(&format!("{} f32", A::KIND), columns, small));
    list.push(tagger(&format!("{} f64", A::KIND), columns, large));
}

fn stack<const N: usize>(widths: [usize; N]) -> StackConfig {
    StackConfig::new(widths)
}

fn training() -> TrainingConfig {
    TrainingConfig::new().epochs(2).batch_size(50).rate(1e-2).threads(1)
}

/// Models of tables with three columns.
pub(crate) fn of_tables() -> Vec<Saved<Table>> {
    let events = Weighted::unit(table(100, COLUMNS, 0.0, 1));
    let mut list = Vec::new();
    let named = TableConfig::default().names(["x", "y", "z"]);
    let mlp = MlpConfig::new(3).hidden(stack([5, 4]).layer_norm(true)).table(named);
    networks(&mut list, &mlp, &Head::Softmax, COLUMNS, &events);
    let residual = ResidualMlpConfig::new(2).blocks(2, 4).context([1]);
    networks(&mut list, &residual, &Head::Sigmoid, COLUMNS, &events);
    let bayesian = BayesianMlpConfig::new(1).widths([4]);
    networks(&mut list, &bayesian, &Head::Identity, COLUMNS, &events);
    let autoencoder = AutoencoderConfig::new(2).encoder(stack([4])).decoder(stack([4]));
    networks(&mut list, &autoencoder, &Head::Identity, COLUMNS, &events);
    for prior in [
        LatentPrior::Gaussian { dimensions: 2 },
        LatentPrior::Mixture { dimensions: 2, components: 3 },
        LatentPrior::Dirichlet { alphas: vec![0.5, 0.7] },
    ] {
        let variational = VariationalAutoencoderConfig::new(prior).encoder(stack([4])).decoder(stack([4]));
        networks(&mut list, &variational, &Head::Identity, COLUMNS, &events);
    }
    let member = |seed| {
        let config = MlpConfig::new(2).hidden(stack([4]));
        untrained::<_, f32>(&config, Head::Softmax, &events, &mut rng(seed))
    };
    let ensemble = Ensemble::new((0..3).map(member).collect()).unwrap();
    list.push(tagger("hepml-nn/ensemble", COLUMNS, ensemble));
    ratios_of_tables(&mut list);
    list
}

fn ratios_of_tables(list: &mut Vec<Saved<Table>>) {
    let [above, below] =
        [(0.3, 2), (-0.3, 3)].map(|(shift, seed)| Weighted::unit(table(200, COLUMNS, shift, seed)));
    let mlp = || {
        let mlp = MlpConfig::new(1).hidden(stack([4]));
        NetworkConfig::new(mlp).training(training()).examination(0.0)
    };
    let trees = || TreesConfig::new().trees(5).max_leaves(4).examination(0.0);
    macro_rules! fit {
        ($name:literal, $config:expr) => {
            let fitted = $config.fit(&above, &below, &mut rng(4), &mut ()).unwrap();
            list.push(ratio($name, COLUMNS, fitted.model));
        };
    }
    fit!("hepml-ratio/network f32", mlp());
    fit!("hepml-ratio/network f64", mlp().precision::<f64>());
    fit!("hepml-ratio/trees", trees());
    fit!("hepml-ratio/falkon", FalkonConfig::default().centres(10).examination(0.0));
    fit!("hepml-ratio/histogram", HistogramConfig::new(RatioBins::Quantiles(3)).examination(0.0));
    fit!("hepml-ratio/linear", LinearConfig::default().degree(Degree::Quadratic).examination(0.0));
    fit!("hepml-ratio/ensemble of trees", EnsembleConfig::new(trees(), 2).examination(0.0));
    fit!("hepml-ratio/cross-fit of networks", CrossFitConfig::new(mlp(), 2));
    let calibrated = |estimator| CalibratedEstimator {
        estimator,
        calibration: PlattCalibration::new(),
        held_out: 0.3,
        examination: 0.0,
    };
    fit!("hepml-ratio/calibrated ensemble", calibrated(EnsembleConfig::new(trees(), 2).examination(0.0)));
    let fitted = trees().fit(&above, &below, &mut rng(4), &mut ()).unwrap();
    let renormalised = Renormalised::new(fitted.model, &below).unwrap();
    let twice =
        EnsembleRatio::new(vec![renormalised.clone(), renormalised], EnsembleMean::Geometric).unwrap();
    list.push(ratio("ensemble of hepml-ratio/renormalised", COLUMNS, twice));

    // Few negative weights, all of small size, so that r is positive at every event.
    let signed = |side: &Weighted<Table>| {
        let weights = (0..side.len()).map(|event| if event % 10 == 0 { -0.1 } else { 1.0 });
        side.reweighted(weights.collect()).unwrap()
    };
    let [above, below] = [signed(&above), signed(&below)];
    let config = SignedPartsConfig::new(LinearConfig::default().ridge(1e3).examination(0.0)).examination(0.0);
    let fitted = config.fit(&above, &below, &mut rng(4), &mut ()).unwrap();
    assert!(fitted.model.negative().is_some() && fitted.model.below_negative().is_some());
    list.push(ratio("hepml-ratio/signed-parts", COLUMNS, fitted.model));
}

/// Models of jets whose particles have a charge.
pub(crate) fn of_sets() -> Vec<Saved<ParticleSets>> {
    let events = Weighted::unit(jets(60, 1.0, 1));
    let mut list = Vec::new();
    let pfn = |outputs| PfnConfig::new(outputs).phi(stack([6, 5])).f(stack([4]));
    networks(&mut list, &pfn(2), &Head::Softmax, 0, &events);
    let efn = EfnConfig::new(2).phi(stack([5])).f(stack([4])).upright(true);
    networks(&mut list, &efn, &Head::Softmax, 0, &events);
    let inputs = vec![ParticleInput::LnPt, ParticleInput::Distance, ParticleInput::Charge];
    let deep_sets = DeepSetsConfig::new(inputs, 3).pooling(Pooling::Max).phi(stack([5])).f(stack([4]));
    networks(&mut list, &deep_sets, &Head::Softmax, 0, &events);
    let blocks = vec![
        ConvBlock::new(2, 3).pooling(ImagePooling::Max(2)),
        ConvBlock::new(3, 2).pooling(ImagePooling::GlobalMean),
    ];
    let image = ImageEncoder::new(8, 0.5).charged(true).standardise(true);
    let cnn = CnnConfig::new(2).image(image).blocks(blocks).head(stack([4]));
    networks(&mut list, &cnn, &Head::Softmax, 0, &events);
    let member = |seed| untrained::<_, f64>(&pfn(2), Head::Softmax, &events, &mut rng(seed));
    let ensemble = Ensemble::new((0..2).map(member).collect()).unwrap();
    list.push(tagger("hepml-nn/ensemble of PFNs", 0, ensemble));

    let sides = [(1.0, 2), (2.0, 3)].map(|(slope, seed)| Weighted::unit(jets(100, slope, seed)));
    let config = NetworkConfig::new(pfn(1)).training(training()).examination(0.0);
    let fitted = config.fit(&sides[0], &sides[1], &mut rng(4), &mut ()).unwrap();
    list.push(ratio("hepml-ratio/network of a PFN", 0, fitted.model));
    let fitted = EnsembleConfig::new(config, 2)
        .examination(0.0)
        .fit(&sides[0], &sides[1], &mut rng(4), &mut ())
        .unwrap();
    list.push(ratio("hepml-ratio/ensemble of PFNs", 0, fitted.model));
    list
}
