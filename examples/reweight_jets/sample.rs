//! Jets of both kinds with their substructure.

use hepml::core::rand::{Rng, RngExt};
use hepml::core::{EventSet, FourMomentum, ParticleSets, Result, Table, Weighted};
use hepml_examples::{Jets, observables};

/// Jets of one kind: their constituents, what trees see of them, and what is drawn.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) sets: Weighted<ParticleSets>,
    pub(crate) substructure: Weighted<Table>,
    /// [`Observable::ALL`] in columns.
    pub(crate) drawn: Table,
}

/// What is drawn, and the range of its bins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observable {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) range: [f64; 2],
    pub(crate) bins: usize,
}

impl Observable {
    pub(crate) const ALL: [Self; 6] = [
        Self { name: "mass", label: "jet mass [GeV]", range: [0.0, 300.0], bins: 20 },
        Self { name: "multiplicity", label: "constituents", range: [0.0, 160.0], bins: 20 },
        Self { name: "pt", label: "jet pT [GeV]", range: [550.0, 650.0], bins: 10 },
        Self { name: "width", label: "width, sum z dR", range: [0.0, 0.5], bins: 20 },
        Self { name: "tau21", label: "tau2/tau1", range: [0.0, 1.0], bins: 20 },
        Self { name: "tau32", label: "tau3/tau2", range: [0.0, 1.0], bins: 20 },
    ];
}

impl Side {
    fn new(sets: Weighted<ParticleSets>) -> Result<Self> {
        let table = observables::observe(sets.events())?;
        let mut drawn = Table::zeros((sets.len(), Observable::ALL.len()));
        for ((set, seen), mut row) in sets.events().events().zip(table.rows()).zip(drawn.rows_mut()) {
            let scalar_pt: f64 = set.momenta().iter().map(FourMomentum::pt).sum();
            row[0] = seen[0] * scalar_pt;
            row[1] = seen[1];
            row[2] = set.total_momentum().pt();
            (row[3], row[4], row[5]) = (seen[3], seen[5], seen[6]);
        }
        let substructure = Weighted::new(table, sets.weights().to_vec())?;
        Ok(Self { sets, substructure, drawn })
    }

    fn select(&self, jets: &[usize]) -> Result<Self> {
        Ok(Self {
            sets: self.sets.select(jets)?,
            substructure: self.substructure.select(jets)?,
            drawn: self.drawn.select_events(jets)?,
        })
    }

    pub(crate) fn weights(&self) -> &[f64] {
        self.sets.weights()
    }
}

/// Top and QCD jets.
pub(crate) struct Sample {
    pub(crate) top: Side,
    pub(crate) qcd: Side,
}

impl Sample {
    pub(crate) fn new(jets: &Jets) -> Result<Self> {
        Ok(Self { top: Side::new(jets.of_kind(true)?)?, qcd: Side::new(jets.of_kind(false)?)? })
    }

    /// A random part with that share of the jets of each kind, and the rest.
    pub(crate) fn split(&self, share: f64, rng: &mut dyn Rng) -> Result<[Self; 2]> {
        let mut split = |side: &Side| -> Result<[Side; 2]> {
            let mut order: Vec<usize> = (0..side.sets.len()).collect();
            for i in (1..order.len()).rev() {
                order.swap(i, rng.random_range(0..=i));
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of the length"
            )]
            let (first, rest) = order.split_at((share * order.len() as f64).round() as usize);
            Ok([side.select(first)?, side.select(rest)?])
        };
        let ([first_top, rest_top], [first_qcd, rest_qcd]) = (split(&self.top)?, split(&self.qcd)?);
        Ok([Self { top: first_top, qcd: first_qcd }, Self { top: rest_top, qcd: rest_qcd }])
    }

    /// The numbers of top and QCD jets.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.top.sets.len(), self.qcd.sets.len()]
    }
}
