//! A fitted polynomial.

use std::io::{Read, Write};

use hepml_core::nalgebra::{DMatrix, DVector};
use hepml_core::ndarray::{Array1, Array2, ArrayRef1};
use hepml_core::{
    Error as CoreError, FitReport, Item, Load, LogRatio, ModelFile, Save, Table, Weighted, check_finite,
};

use super::degree::Degree;
use crate::standardisation::Standardisation;

const KIND: &str = "hepml-ratio/linear";
const VERSION: u32 = 1;

/// A ratio whose logarithm is a polynomial of first or second degree.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearRatio {
    pub(super) degree: Degree,
    pub(super) standardisation: Standardisation,
    /// Of 1, u_i, and u_i u_j with i <= j in the order (0, 0), (0, 1), ..., for the standardised features u.
    pub(super) parameters: DVector<f64>,
}

impl LinearRatio {
    /// The degree of the polynomial.
    pub fn degree(&self) -> Degree {
        self.degree
    }

    /// The constant of ln r = constant + b^T x + x^T Q x.
    pub fn constant(&self) -> f64 {
        self.polynomial(&self.parameters).0
    }

    /// b of ln r = constant + b^T x + x^T Q x, `[features]`.
    pub fn linear(&self) -> Array1<f64> {
        self.polynomial(&self.parameters).1
    }

    /// The symmetric Q of ln r = constant + b^T x + x^T Q x, `[features, features]`; zero at first degree.
    pub fn quadratic(&self) -> Array2<f64> {
        self.polynomial(&self.parameters).2
    }

    /// The number of features of an event.
    pub fn feature_count(&self) -> usize {
        self.standardisation.mean.len()
    }

    /// The pairs of columns of the quadratic terms.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let features = match self.degree {
            Degree::Linear => 0,
            Degree::Quadratic => self.feature_count(),
        };
        (0..features).flat_map(move |i| (i..features).map(move |j| (i, j)))
    }

    /// The terms 1, u_i, u_i u_j of an event.
    pub(super) fn terms(&self, event: &ArrayRef1<f64>) -> Vec<f64> {
        let mut terms = Vec::with_capacity(self.parameters.len());
        terms.push(1.0);
        terms.extend(event.iter().enumerate().map(|(column, x)| self.standardisation.apply(column, *x)));
        for (i, j) in self.pairs() {
            terms.push(terms[1 + i] * terms[1 + j]);
        }
        terms
    }

    /// Checks that the squares of the terms of all events with a weight are finite.
    pub(super) fn check_terms(&self, name: &str, side: &Weighted<Table>) -> hepml_core::Result<()> {
        for ((event, row), weight) in side.events().rows().into_iter().enumerate().zip(side.weights()) {
            let mut terms = self.terms(&row).into_iter();
            if *weight != 0.0
                && let Some(value) = terms.find(|term| !(term * term).is_finite())
            {
                let what = format!("square of a term of the polynomial, in the {name},").into();
                return Err(CoreError::NotFinite { what, item: Item::event(event), value });
            }
        }
        Ok(())
    }

    /// The constant, b and Q in the features themselves, of parameters in the standardised ones.
    fn polynomial(&self, parameters: &DVector<f64>) -> (f64, Array1<f64>, Array2<f64>) {
        let features = self.feature_count();
        let scales = self
            .standardisation
            .deviation
            .mapv(|deviation| if deviation > 0.0 { 1.0 / deviation } else { 0.0 });
        let means = &self.standardisation.mean;
        let mut quadratic = Array2::zeros((features, features));
        for ((i, j), parameter) in self.pairs().zip(parameters.iter().skip(1 + features)) {
            let value = parameter * scales[i] * scales[j];
            if i == j {
                quadratic[[i, i]] = value;
            } else {
                quadratic[[i, j]] = 0.5 * value;
                quadratic[[j, i]] = 0.5 * value;
            }
        }
        let at_means = quadratic.dot(means);
        let scaled: Array1<f64> =
            parameters.iter().skip(1).zip(&scales).map(|(b, scale)| b * scale).collect();
        let constant = parameters[0] - scaled.dot(means) + means.dot(&at_means);
        (constant, scaled - 2.0 * at_means, quadratic)
    }

    /// The coefficients of 1, x_i, x_i x_j (i <= j), of parameters in the standardised features.
    fn coefficients(&self, parameters: &DVector<f64>) -> DVector<f64> {
        let (constant, linear, quadratic) = self.polynomial(parameters);
        let pairs = self.pairs().map(|(i, j)| if i == j { 1.0 } else { 2.0 } * quadratic[[i, j]]);
        DVector::from_vec(std::iter::once(constant).chain(linear).chain(pairs).collect())
    }

    /// The coefficients with their errors, those that are numbers: units may be such that they overflow.
    pub(super) fn report_coefficients(&self, covariance: &DMatrix<f64>, report: &mut FitReport) {
        let count = self.parameters.len();
        // The coefficients are linear in the parameters.
        let mut jacobian = DMatrix::zeros(count, count);
        for k in 0..count {
            let mut unit = DVector::zeros(count);
            unit[k] = 1.0;
            jacobian.set_column(k, &self.coefficients(&unit));
        }
        let covariance = &jacobian * covariance * jacobian.transpose();
        let names = std::iter::once("constant".to_owned())
            .chain((0..self.feature_count()).map(|i| i.to_string()))
            .chain(self.pairs().map(|(i, j)| format!("{i}*{j}")));
        for ((k, name), value) in names.enumerate().zip(self.coefficients(&self.parameters).iter()) {
            let error = covariance[(k, k)].max(0.0).sqrt();
            if value.is_finite() {
                let error = Some(error).filter(|error| error.is_finite());
                report.measure(format!("coefficient/{name}"), *value, error);
            }
        }
    }
}

impl LogRatio<Table> for LinearRatio {
    /// # Errors
    /// Another number of columns; an entry that is not finite, naming event and column; an ln r that overflows, naming the event.
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        if events.ncols() != self.feature_count() {
            return Err(CoreError::shape("columns of the table", self.feature_count(), events.ncols()));
        }
        check_finite("events", events)?;
        events
            .rows()
            .into_iter()
            .enumerate()
            .map(|(event, row)| {
                let z: f64 = self.terms(&row).iter().zip(self.parameters.iter()).map(|(t, p)| t * p).sum();
                if z.is_finite() {
                    Ok(z)
                } else {
                    Err(CoreError::NotFinite { what: "ln r".into(), item: Item::event(event), value: z })
                }
            })
            .collect()
    }
}

impl Save for LinearRatio {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, VERSION, &self.degree)?;
        file.insert_f64("means", &self.standardisation.mean)?;
        file.insert_f64("deviations", &self.standardisation.deviation)?;
        file.insert_f64("parameters", &Array1::from_iter(self.parameters.iter().copied()))?;
        file.save(writer)
    }
}

impl Load for LinearRatio {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let degree: Degree = file.header()?;
        let standardisation =
            Standardisation { mean: file.f64("means")?, deviation: file.f64("deviations")? };
        let parameters: Array1<f64> = file.f64("parameters")?;
        if !standardisation.is_sound() || parameters.iter().any(|parameter| !parameter.is_finite()) {
            return Err(CoreError::Model(format!("{KIND}: means, deviations or parameters are none")));
        }
        let terms = degree.terms(standardisation.mean.len());
        if parameters.len() != terms {
            return Err(CoreError::shape("parameters of a saved model", terms, parameters.len()));
        }
        Ok(Self { degree, standardisation, parameters: DVector::from_vec(parameters.to_vec()) })
    }
}
