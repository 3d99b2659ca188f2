//! What every toy can do.

use hepml_core::ndarray::Array1;
use hepml_core::rand::Rng;
use hepml_core::{Error, EventSet, Item, LogRatio, Result, Table, Weighted, check_finite};

/// Two densities that can be sampled and whose ratio is known exactly.
///
/// ```
/// use hepml_core::LogRatio;
/// use hepml_core::ndarray::array;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_ratio::toys::{Gaussians, Toy};
///
/// let toy = Gaussians::shifted(0.5)?; // N(0.5, 1) against N(-0.5, 1): ln r = x
/// assert!((toy.log_ratio(&array![[0.3]])?[0] - 0.3).abs() < 1e-15);
/// assert!((toy.kl() - 0.5).abs() < 1e-15);
/// let numerator = toy.sample(true, 1000, &mut ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(numerator.sum_weights(), 1000.0);
/// # Ok::<(), hepml_ratio::Error>(())
/// ```
pub trait Toy<E: EventSet>: LogRatio<E> {
    /// Independent events of weight 1, of the numerator or of the denominator.
    fn sample(&self, numerator: bool, events: usize, rng: &mut dyn Rng) -> Weighted<E>;

    /// The Kullback-Leibler divergence E_num[ln r], which is minus the least MLC loss.
    fn kl(&self) -> f64;
}

/// The logarithms of the ratio of a table with one column, checked: every entry finite and inside the support.
pub(super) fn of_column(
    table: &Table,
    allowed: &'static str,
    inside: impl Fn(f64) -> bool,
    log_ratio: impl Fn(f64) -> f64,
) -> Result<Array1<f64>> {
    if table.ncols() != 1 {
        return Err(Error::shape("columns of the table", 1, table.ncols()));
    }
    check_finite("events", table)?;
    table
        .column(0)
        .iter()
        .enumerate()
        .map(|(event, &x)| {
            if !inside(x) {
                return Err(Error::OutOfRange {
                    what: "column 0".into(),
                    item: Item::event(event),
                    value: x,
                    allowed,
                });
            }
            let z = log_ratio(x);
            if z.is_finite() {
                Ok(z)
            } else {
                Err(Error::NotFinite { what: "ln r".into(), item: Item::event(event), value: z })
            }
        })
        .collect()
}

/// A table of one column of draws, with weights 1.
pub(super) fn column(events: usize, draw: impl FnMut() -> f64) -> Weighted<Table> {
    let values: Vec<f64> = std::iter::repeat_with(draw).take(events).collect();
    Weighted::unit(Table::from_shape_vec((events, 1), values).expect("one value an event"))
}
