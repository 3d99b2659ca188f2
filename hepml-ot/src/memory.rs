//! Memory that grows with the product of two numbers of particles.

use crate::error::{Error, Result};

/// What one computation takes at most, in bytes: 8 GiB, for a transport between events of some 21 000 particles each.
///
/// Beyond, an operating system that promises more than it has would end the process.
pub(crate) const LARGEST: u128 = 1 << 33;
/// So many bytes are taken without asking.
const SMALL: u128 = 1 << 26;

/// An error where an allocation of `bytes` for `rows` x `columns` of what they are would fail, which ends a process.
pub(crate) fn check(what: &'static str, [rows, columns]: [usize; 2], bytes: u128) -> Result<()> {
    if bytes <= SMALL {
        return Ok(());
    }
    let there_is = || {
        // Asked for as a whole and given back; none of it is touched.
        let bytes = usize::try_from(bytes).ok()?;
        Vec::<u8>::new().try_reserve_exact(bytes).ok()
    };
    if bytes <= LARGEST && there_is().is_some() {
        return Ok(());
    }
    Err(Error::NoMemory { what, rows, columns, bytes })
}

/// The bytes of so many numbers of 8 bytes.
pub(crate) fn numbers(rows: usize, columns: usize) -> u128 {
    8 * rows as u128 * columns as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Divergence, Emd, EmdConfig, EnergyFlow, Isotropy, IsotropyCost, NSubjettinessConfig, SpectralEmd,
    };
    use hepml_core::FourMomentum;

    /// Particles of different energies along a line.
    fn line(count: u32, energy: f64) -> EnergyFlow {
        let energies: Vec<f64> = (0..count).map(|i| energy + f64::from(i % 7)).collect();
        let points: Vec<[f64; 2]> = (0..count).map(|i| [1e-6 * f64::from(i), 0.0]).collect();
        EnergyFlow::new(energies, points).unwrap()
    }

    fn refused<T>(result: &Result<T>) -> bool {
        matches!(result, Err(Error::NoMemory { .. }))
    }

    #[test]
    fn events_that_are_too_large_are_errors_and_no_aborts() {
        let (few, many) = (line(3, 1.0), line(1_000_000, 2.0));
        for emd in [Emd::default(), EmdConfig::new().beta(3.7).normalise(true).build().unwrap()] {
            assert!(refused(&emd.value(&many, &many)) && refused(&emd.solve(&many, &many)));
            // The costs are few, but the tree is large.
            assert!(refused(&emd.value(&few, &many)) && refused(&emd.value(&many, &few)));
        }
        // What needs no search needs no tree.
        assert!(Emd::default().value(&line(1, 1.0), &many).unwrap() > 0.0);
        let spectral = SpectralEmd::default();
        assert!(refused(&spectral.value(&many, &few)));
        let list = [few.clone(), many.clone()];
        let error = spectral.pairwise(&list).unwrap_err().to_string();
        assert!(error.starts_with("event 1: particles of an event with each other: 1000000 x"), "{error}");
        let momenta = vec![FourMomentum::new(1.0, 1.0, 0.0, 0.0); 10_000];
        let isotropy = Isotropy::ring(1_000_000, IsotropyCost::Linear).unwrap();
        assert!(refused(&isotropy.value(&momenta)));
        let tau = NSubjettinessConfig::new().build().unwrap();
        assert!(refused(&tau.tau(1, &line(3_000_000, 1.0))));
    }

    #[test]
    fn a_workspace_asks_once() {
        let mut workspace = crate::Workspace::new();
        let (a, b) = (line(3, 1.0), line(40, 2.0));
        let emd = Emd::default();
        assert!(refused(&emd.value_in(&mut workspace, &a, &line(1_000_000, 2.0))));
        assert_eq!(emd.value_in(&mut workspace, &a, &b).unwrap(), emd.value(&a, &b).unwrap());
    }

    #[test]
    fn what_no_memory_holds_is_an_error() {
        assert!(check("a", [2, 3], 0).is_ok() && check("a", [1 << 13; 2], SMALL).is_ok());
        assert!(check("a", [1 << 12; 2], SMALL + 1).is_ok());
        let error = check("the pairs", [usize::MAX; 2], numbers(1 << 40, 1 << 40)).unwrap_err();
        assert!(matches!(error, Error::NoMemory { .. }));
        let error = check("the pairs", [40_000, 50_000], numbers(40_000, 50_000)).unwrap_err().to_string();
        let expected = "the pairs: 40000 x 50000 need 16.0 GB of memory; there is not as much, or it is above the limit of 8.6 GB";
        assert_eq!(error, expected);
    }
}
