//! The toy: events of a calculation beyond leading order, whose weights may be negative.

use std::error::Error;

use hepml::core::rand::{Rng, RngExt};
use hepml::core::{Table, Weighted};

/// The mean pT in GeV.
const PT: f64 = 30.0;
/// The width of the rapidities: their density is sech^2(y/WIDTH)/(2 WIDTH).
const WIDTH: f64 = 1.5;
/// The sizes |w| are uniform on 1 - SPREAD .. 1 + SPREAD.
const SPREAD: f64 = 0.5;

/// Events with density q(pT, y) = exp(-pT/30 GeV)/(30 GeV) sech^2(y/1.5)/3 and weights of either sign.
///
/// A weight is negative with the probability f + a (u + v), where u = exp(-pT/30 GeV) - 1/2 and v = (3 tanh^2(y/1.5) - 1)/4 are
/// zero on average, and a = 0.6 min(f, 1/2 - f): soft and forward events have more negative weights, as those of NLO
/// generators do, and nowhere as many as half. The density is then q (1 - 2 f - 2 a (u + v)), whose integrals over pT and over y
/// are elementary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spectrum {
    negative: f64,
    amplitude: f64,
}

/// One of the two observables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Observable {
    Pt,
    Rapidity,
}

impl Spectrum {
    /// With the mean fraction of negative weights.
    pub(crate) fn new(negative: f64) -> Result<Self, Box<dyn Error>> {
        if !(0.0..0.5).contains(&negative) {
            return Err(format!(
                "--negative {negative}: has to be at least 0 and below 0.5, or the net weight would not be positive"
            )
            .into());
        }
        Ok(Self { negative, amplitude: 0.6 * f64::min(negative, 0.5 - negative) })
    }

    pub(crate) fn sample(&self, events: usize, rng: &mut dyn Rng) -> Result<Weighted<Table>, Box<dyn Error>> {
        let mut table = Table::zeros((events, 2));
        let mut weights = Vec::with_capacity(events);
        for mut row in table.rows_mut() {
            let [pt, rapidity, size, sign] = std::array::from_fn(|_| rng.random::<f64>());
            // By the inverse distribution functions; tanh(y/WIDTH) is uniform on (-1, 1).
            let soft = 1.0 - pt;
            let tanh = (2.0 * rapidity - 1.0).max(-1.0 + f64::EPSILON);
            row[0] = -PT * soft.ln();
            row[1] = WIDTH * tanh.atanh();
            let probability =
                self.negative + self.amplitude * (soft - 0.5 + 0.25 * (3.0 * tanh * tanh - 1.0));
            let size = 1.0 + SPREAD * (2.0 * size - 1.0);
            weights.push(if sign < probability { -size } else { size });
        }
        Ok(Weighted::new(table, weights)?)
    }

    /// The expected sum of the weights of one event between two values of an observable.
    pub(crate) fn integral(&self, observable: Observable, low: f64, high: f64) -> f64 {
        self.below(observable, high) - self.below(observable, low)
    }

    /// The integral of the density below a value.
    fn below(&self, observable: Observable, value: f64) -> f64 {
        let (net, amplitude) = (1.0 - 2.0 * self.negative, self.amplitude);
        match observable {
            Observable::Pt => {
                let soft = (-value / PT).exp();
                // int of (s - 1/2) ds from soft to 1.
                net * (1.0 - soft) - 2.0 * amplitude * 0.5 * (soft - soft * soft)
            }
            Observable::Rapidity => {
                let tanh = (value / WIDTH).tanh();
                // int of (3 t^2 - 1)/8 dt from -1 to tanh.
                net * 0.5 * (1.0 + tanh) - 2.0 * amplitude * 0.125 * (tanh.powi(3) - tanh)
            }
        }
    }
}
