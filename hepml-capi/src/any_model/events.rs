//! The events that models are of, and which models these are.

use hepml::core::{EventSet, ParticleSets, Result, Table};
use hepml::nn::{
    Architecture, AutoencoderConfig, BayesianMlpConfig, CnnConfig, DeepSetsConfig, EfnConfig, EncodedOf,
    Encoder, MlpConfig, Network, PfnConfig, ResidualMlpConfig, Scalar, VariationalAutoencoderConfig,
};

use super::needs::Needing;
use super::ratio::AnyRatio;
use super::unknown_kind;

/// What is made of a file for one architecture and precision.
pub(crate) trait OfArchitecture<E>: Sized {
    fn load<A, T>(bytes: &[u8]) -> Result<Self>
    where
        A: Architecture,
        A::Encoder: Needing + Encoder<Events = E>,
        A::Network: Network<T, Input = EncodedOf<A, T>>,
        T: Scalar;
}

/// The events that there are models of.
pub(crate) trait AnyEvents: EventSet {
    /// What is made of a network of this kind and precision.
    fn network<L: OfArchitecture<Self>>(kind: &str, precision: &str, bytes: &[u8]) -> Result<L>;

    /// A ratio of this kind, which is neither a network nor composed.
    fn ratio(kind: &str, bytes: &[u8]) -> Result<AnyRatio<Self>>;
}

macro_rules! by_kind {
    ($kind:ident, $precision:ident, $bytes:ident, $($architecture:ty),+) => {
        match ($kind, $precision) {
            $(
                (<$architecture as Architecture>::KIND, "f32") => L::load::<$architecture, f32>($bytes),
                (<$architecture as Architecture>::KIND, "f64") => L::load::<$architecture, f64>($bytes),
            )+
            _ => Err(unknown_kind(&format!("{} of {}", $kind, $precision))),
        }
    };
}

impl AnyEvents for Table {
    fn network<L: OfArchitecture<Self>>(kind: &str, precision: &str, bytes: &[u8]) -> Result<L> {
        by_kind!(
            kind,
            precision,
            bytes,
            MlpConfig,
            ResidualMlpConfig,
            BayesianMlpConfig,
            AutoencoderConfig,
            VariationalAutoencoderConfig
        )
    }

    fn ratio(kind: &str, bytes: &[u8]) -> Result<AnyRatio<Self>> {
        AnyRatio::of_table(kind, bytes)
    }
}

impl AnyEvents for ParticleSets {
    fn network<L: OfArchitecture<Self>>(kind: &str, precision: &str, bytes: &[u8]) -> Result<L> {
        by_kind!(kind, precision, bytes, PfnConfig, EfnConfig, DeepSetsConfig, CnnConfig)
    }

    fn ratio(kind: &str, _: &[u8]) -> Result<AnyRatio<Self>> {
        Err(unknown_kind(kind))
    }
}
