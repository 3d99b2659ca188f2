//! The EMD, watched.

use std::sync::atomic::{AtomicU64, Ordering};

use hepml::ot::{Divergence, Emd, EnergyFlow, PreparedFlow, Result, Workspace};

/// What the solver says of all pairs together, from whatever thread.
#[derive(Default)]
pub(crate) struct Statistics {
    pivots: AtomicU64,
    /// The bits of an f64 that is not negative: they are ordered as it is.
    worst_gap: AtomicU64,
}

impl Statistics {
    /// Of all pairs.
    pub(crate) fn pivots(&self) -> u64 {
        self.pivots.load(Ordering::Relaxed)
    }

    /// The largest duality gap (its modulus: it may be negative by a rounding), relative to the EMD or, if that is smaller, to 1e-6
    /// of the energy of the two.
    pub(crate) fn worst_gap(&self) -> f64 {
        f64::from_bits(self.worst_gap.load(Ordering::Relaxed))
    }

    fn add(&self, workspace: &Workspace, value: f64, energy: f64) {
        self.pivots.fetch_add(workspace.pivots() as u64, Ordering::Relaxed);
        let gap = workspace.gap().abs() / value.max(1e-6 * energy);
        self.worst_gap.fetch_max(gap.to_bits(), Ordering::Relaxed);
    }
}

/// The energy of two jets in the unit of their EMD.
fn energy(emd: &Emd, [a, b]: [f64; 2]) -> f64 {
    if emd.is_normalised() { 2.0 } else { a + b }
}

/// The EMD between jets of which each is prepared once.
pub(crate) struct Measured<'s> {
    pub(crate) emd: &'s Emd,
    pub(crate) statistics: &'s Statistics,
}

impl Divergence for Measured<'_> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = (PreparedFlow<'a>, f64)
    where
        Self: 'a;
    type Workspace = Workspace;

    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<Self::Prepared<'a>> {
        Ok((self.emd.prepare(event)?, event.total_energy()))
    }

    fn prepared_value(
        &self,
        workspace: &mut Workspace,
        a: &(PreparedFlow<'_>, f64),
        b: &(PreparedFlow<'_>, f64),
    ) -> Result<f64> {
        let value = self.emd.prepared_value(workspace, &a.0, &b.0)?;
        self.statistics.add(workspace, value, energy(self.emd, [a.1, b.1]));
        Ok(value)
    }
}

/// The EMD between jets as if each pair were the only one.
pub(crate) struct OneOff<'s> {
    pub(crate) emd: &'s Emd,
    pub(crate) statistics: &'s Statistics,
}

impl Divergence for OneOff<'_> {
    type Event = EnergyFlow;
    type Prepared<'a>
        = &'a EnergyFlow
    where
        Self: 'a;
    type Workspace = Workspace;

    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<&'a EnergyFlow> {
        Ok(event)
    }

    fn prepared_value(&self, workspace: &mut Workspace, a: &&EnergyFlow, b: &&EnergyFlow) -> Result<f64> {
        let value = self.emd.value_in(workspace, a, b)?;
        self.statistics.add(workspace, value, energy(self.emd, [a.total_energy(), b.total_energy()]));
        Ok(value)
    }
}
