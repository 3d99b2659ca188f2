//! What holds for the exact EMD whatever bytes two events are made of. Used by the tests and by the fuzz target.

#![allow(dead_code, unreachable_pub, reason = "each user takes a part")]
#![allow(clippy::unwrap_used, reason = "a property fails by panicking")]

use hepml_ot::{Divergence, EmdConfig, EnergyFlow, Error, GroundCost, Transport, Workspace};

/// Of energy times the largest cost: the gap that the solver may leave.
const GAP: f64 = 1e-11;
/// Of energy times the largest cost: between ways to the same value.
const ROUNDING: f64 = 1e-12;
/// The particles of an event: more would only make the fuzzer slow.
const PARTICLES: usize = 40;

/// Bytes, zeros after the last.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> f64 {
        f64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number of few values, of many scales, or anything at all.
    fn coordinate(&mut self, kind: u8) -> f64 {
        match kind {
            0 => f64::from(self.byte() % 8) * 0.25,
            1 => f64::from(self.byte()) / 32.0 - 4.0,
            2 => f64::from(self.byte().cast_signed()) * 10_f64.powi(i32::from(self.byte() % 32) - 16),
            _ => self.number(),
        }
    }

    fn energy(&mut self, kind: u8) -> f64 {
        match kind {
            0 => 1.0,
            1 => f64::from(self.byte() % 4),
            2 => f64::from(self.byte()) * 10_f64.powi(i32::from(self.byte() % 32) - 16),
            _ => self.number().abs(),
        }
    }

    fn event(&mut self, energies: u8, coordinates: u8) -> Option<EnergyFlow> {
        let particles = usize::from(self.byte()) % (PARTICLES + 1);
        let rows: Vec<[f64; 3]> = (0..particles)
            .map(|_| [self.energy(energies), self.coordinate(coordinates), self.coordinate(coordinates)])
            .collect();
        // Numbers that are none are refused at the door.
        EnergyFlow::from_rows(&rows).ok()
    }
}

/// Both events' energies, and the largest cost between them.
fn sizes(cost: &impl GroundCost, normalised: bool, [a, b]: [&EnergyFlow; 2]) -> (f64, f64) {
    let points = |event: &EnergyFlow| {
        let massive = event.points().iter().zip(event.energies()).filter(|(_, energy)| **energy > 0.0);
        massive.map(|(point, _)| *point).collect::<Vec<_>>()
    };
    let mut largest = if normalised { 0.0 } else { 1.0 };
    for from in points(a) {
        for to in points(b) {
            largest = cost.cost(from, to).max(largest);
        }
    }
    (if normalised { 2.0 } else { a.total_energy() + b.total_energy() }, largest)
}

/// The plan takes and gives what there is, and the potentials prove it.
fn check_solution(solution: &Transport, normalised: bool, [a, b]: [&EnergyFlow; 2], size: f64) {
    assert!(solution.value.is_finite() && solution.value >= 0.0);
    assert!(solution.gap.abs() <= GAP * size, "gap {} of {size}", solution.gap);
    let plan = solution.plan();
    let sides = [
        (a, &solution.removed, plan.sum_axis(hepml_core::ndarray::Axis(1))),
        (b, &solution.created, plan.sum_axis(hepml_core::ndarray::Axis(0))),
    ];
    for (event, left, carried) in sides {
        let total = if normalised { event.total_energy() } else { 1.0 };
        for ((energy, left), carried) in event.energies().iter().zip(left).zip(carried) {
            let energy = energy / total;
            let all = if normalised { 1.0 } else { a.total_energy().max(b.total_energy()) };
            assert!(
                *left >= 0.0 && (carried + left - energy).abs() <= ROUNDING * all,
                "{carried} + {left} of {energy}"
            );
        }
    }
}

/// An EMD is a certified number, the same by every way and either way round, or an error that says why there is none.
pub fn exact(data: &[u8]) {
    let bytes = &mut Bytes(data);
    let (flags, beta, radius) = (bytes.byte(), bytes.byte(), bytes.byte());
    let (normalised, periodic) = (flags & 1 == 1, flags & 2 == 2);
    let beta = [1.0, 2.0, 0.5, 1.7, 3.3, 1.0, 12.0, f64::from(beta) / 64.0][usize::from(beta % 8)];
    let radius = [1.0, 0.4, 1e-3, 1e3, 1e-9, 1e9, f64::from(radius), bytes.number()][usize::from(radius % 8)];
    let config = EmdConfig::new().radius(radius).beta(beta).normalise(normalised).periodic_phi(periodic);
    let Ok(emd) = config.build() else {
        assert!(!(radius > 0.0 && radius.is_finite() && beta > 0.0));
        return;
    };
    let (energies, coordinates) = (flags >> 2 & 3, flags >> 4 & 3);
    let Some(a) = bytes.event(energies, coordinates) else { return };
    let again = flags >> 6 & 1 == 1;
    let Some(b) = (if again { Some(a.clone()) } else { bytes.event(energies, coordinates) }) else { return };

    let workspace = &mut Workspace::new();
    let value = match emd.value_in(workspace, &a, &b) {
        Ok(value) => value,
        Err(error) => {
            let expected =
                matches!(error, Error::CostNotFinite { .. } | Error::NoEnergy { .. } | Error::ValueOverflows);
            assert!(expected, "{error}");
            assert!(emd.solve(&a, &b).is_err());
            assert!(emd.pairwise(&[a, b]).and_then(|pairs| pairs.values(&mut ()).map(|_| ())).is_err());
            return;
        }
    };
    assert!(value.is_finite() && value >= 0.0, "{value}");
    let (energy, largest) = sizes(emd.ground_cost(), normalised, [&a, &b]);
    let size = energy * largest;
    if size.is_infinite() {
        // What roundings are of nobody can say then; another order of sums may overflow.
        return;
    }
    assert!(
        workspace.gap().is_finite() && workspace.gap().abs() <= GAP * size,
        "gap {} of {size}",
        workspace.gap()
    );
    assert!(!again || value == 0.0, "{value} between an event and itself");
    let close = |way: &str, other: f64| {
        assert!((value - other).abs() <= ROUNDING * size, "{way}: {other} != {value}, of {size}");
    };
    close("again", emd.value_in(workspace, &a, &b).unwrap());
    close("the other way round", emd.value_in(workspace, &b, &a).unwrap());
    match emd.solve(&a, &b) {
        Ok(solution) => {
            close("with its plan", solution.value);
            check_solution(&solution, normalised, [&a, &b], size);
        }
        // Potentials can be larger than what they add up to.
        Err(error) => assert!(matches!(error, Error::ValueOverflows), "{error}"),
    }
    let events = [a, b];
    close("all pairs", emd.pairwise(&events).unwrap().values(&mut ()).unwrap().values()[0]);
}
