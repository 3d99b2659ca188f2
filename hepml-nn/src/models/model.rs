//! Models.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use hepml_core::ndarray::s;
use hepml_core::rand::{Rng, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{EventSet, FitReport, Item, Load, ModelFile, Observables, Save, Table, check_finite};

use super::{FitSummary, Head};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::matrix::{Matrix, View};
use crate::network::{Architecture, EncodedOf, Encoder, EventsOf, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::saved;
use crate::scalar::Scalar;
use crate::tape::{Tape, Var};

/// The version of the layout of saved models.
const LAYOUT: u32 = 1;
/// The events that are encoded at once, and that a thread takes at a time.
const BLOCK_EVENTS: usize = 256;
/// The rows that are computed at once: values that fit the caches.
const BATCH_ROWS: usize = 256;

/// A network with its values and everything around it: architecture, preprocessing, and what is made of its outputs.
///
/// [`outputs`](Self::outputs) are what the network gives; the [observables](Observables) are what its [`Head`] makes of them
/// (class probabilities; targets in their own units), one row an event. What comes out for an event depends on no other event,
/// nor on the number of threads, bit for bit.
///
/// Saved and loaded, it gives the same bits. The file holds each parameter by its name, as f32 or f64, and in its header the
/// architecture, the preprocessing, the head and a summary of the fit.
#[derive(Debug, Clone)]
pub struct Model<A: Architecture, T: Scalar = f32> {
    architecture: A,
    encoder: A::Encoder,
    network: A::Network,
    parameters: Arc<Parameters<T>>,
    head: Head,
    summary: FitSummary,
}

/// What a saved model says of itself.
#[derive(Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct Header<A, E> {
    architecture: A,
    encoder: E,
    head: Head,
    precision: String,
    crate_version: String,
    fit: FitSummary,
}

/// What a thread keeps between batches.
#[derive(Default)]
struct Workspace<T: Scalar, I> {
    tape: Tape<T>,
    batch: I,
    events: Vec<usize>,
}

impl<A: Architecture, T: Scalar> Model<A, T> {
    /// A model from its parts: for training loops of one's own.
    ///
    /// # Errors
    /// A head for another number of outputs.
    pub fn new(
        architecture: A,
        encoder: A::Encoder,
        network: A::Network,
        parameters: Parameters<T>,
        head: Head,
    ) -> Result<Self> {
        head.check(architecture.outputs())?;
        let parameters = Arc::new(parameters);
        Ok(Self { architecture, encoder, network, parameters, head, summary: FitSummary::default() })
    }

    /// A model as it is before training, with first values drawn from `rng`.
    ///
    /// # Errors
    /// Those of [`Architecture::build`]; a head for another number of outputs.
    pub fn untrained(architecture: A, encoder: A::Encoder, head: Head, rng: &mut dyn Rng) -> Result<Self> {
        let mut parameters = Parameters::new();
        let network = architecture.build(&encoder, &mut parameters, rng)?;
        Self::new(architecture, encoder, network, parameters, head)
    }

    /// The same model with the summary of a fit.
    #[must_use]
    pub fn with_summary(mut self, report: &FitReport) -> Self {
        self.summary = report.into();
        self
    }

    /// Its configuration.
    pub fn architecture(&self) -> &A {
        &self.architecture
    }

    /// Its preprocessing.
    pub fn encoder(&self) -> &A::Encoder {
        &self.encoder
    }

    /// Its network.
    pub fn network(&self) -> &A::Network {
        &self.network
    }

    /// The values of its network.
    pub fn parameters(&self) -> &Arc<Parameters<T>> {
        &self.parameters
    }

    /// What is made of the outputs.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What it remembers of its fit.
    pub fn summary(&self) -> &FitSummary {
        &self.summary
    }

    /// A table [events, columns] of a function of the encoded events: of the network's outputs, its inner values, or anything
    /// else that can be computed for an event by itself.
    ///
    /// The function gets batches of events, with their numbers among all events, on a tape with the model's parameters and
    /// without noise. It is called from several threads; memory is needed for a batch a thread, and for the result.
    ///
    /// # Errors
    /// Events that cannot be encoded, and those of the function, naming the event; results of another shape, or that are not
    /// finite, naming event and column.
    pub fn for_events<F>(&self, events: &EventsOf<A>, columns: usize, function: F) -> Result<Table>
    where
        F: Fn(&mut Pass<'_, T>, &EncodedOf<A, T>, Range<usize>) -> Result<Var> + Sync,
    {
        let count = events.event_count();
        in_blocks(count, columns, |workspace: &mut Workspace<T, EncodedOf<A, T>>, block| {
            let result = if block == (0..count) {
                self.block(workspace, events, 0, columns, &function)
            } else {
                let indices: Vec<usize> = block.clone().collect();
                let part = events.select_events(&indices)?;
                self.block(workspace, &part, block.start, columns, &function)
            };
            result.map_err(|error| relabelled(error, |event| block.start + event))
        })
    }

    /// A table [rows, columns] of a function of rows that are no events (points of a latent space), called `what`.
    pub(crate) fn for_rows<F>(&self, what: &str, rows: &Table, columns: usize, function: F) -> Result<Table>
    where
        F: Fn(&mut Pass<'_, T>, Var) -> Result<Var> + Sync,
    {
        check_finite(what, rows)?;
        in_blocks(rows.nrows(), columns, |workspace: &mut Workspace<T, ()>, block| {
            let rows = Matrix::from_array(&rows.slice(s![block.clone(), ..]));
            workspace.tape.begin(&self.parameters);
            let mut pass = Pass::evaluation(&mut workspace.tape);
            let x = pass.constant(rows.view());
            let values = function(&mut pass, x)?;
            let mut numbers = Vec::with_capacity(block.len() * columns);
            collect(pass.value(values)?, block, columns, &mut numbers)?;
            workspace.tape.finish();
            Ok(numbers)
        })
    }

    /// The numbers of the events of a block, which are those from `first` on among all.
    fn block<F>(
        &self,
        workspace: &mut Workspace<T, EncodedOf<A, T>>,
        events: &EventsOf<A>,
        first: usize,
        columns: usize,
        function: &F,
    ) -> Result<Vec<f64>>
    where
        F: Fn(&mut Pass<'_, T>, &EncodedOf<A, T>, Range<usize>) -> Result<Var>,
    {
        let encoded = self.encoder.encode::<T>(events)?;
        let count = encoded.count();
        let mut numbers = Vec::with_capacity(count * columns);
        let mut start = 0;
        while start < count {
            let (mut end, mut rows) = (start + 1, encoded.rows_of(start));
            while end < count && rows + encoded.rows_of(end) <= BATCH_ROWS {
                rows += encoded.rows_of(end);
                end += 1;
            }
            let batch = if (start, end) == (0, count) {
                &encoded
            } else {
                workspace.events.clear();
                workspace.events.extend(start..end);
                workspace.batch.select_from(&encoded, &workspace.events)?;
                &workspace.batch
            };
            workspace.tape.begin(&self.parameters);
            let mut pass = Pass::evaluation(&mut workspace.tape);
            let values = function(&mut pass, batch, first + start..first + end)?;
            collect(pass.value(values)?, start..end, columns, &mut numbers)?;
            start = end;
        }
        // Nothing of the model stays behind.
        workspace.tape.finish();
        Ok(numbers)
    }
}

/// The table whose rows `function` gives, block by block, on all threads.
fn in_blocks<T: Scalar, I: Default>(
    count: usize,
    columns: usize,
    function: impl Fn(&mut Workspace<T, I>, Range<usize>) -> Result<Vec<f64>> + Sync,
) -> Result<Table> {
    // Without events there is an empty block, too: it checks the columns.
    let blocks: Vec<Range<usize>> =
        (0..count.max(1)).step_by(BLOCK_EVENTS).map(|start| start..count.min(start + BLOCK_EVENTS)).collect();
    let mut numbers = Vec::with_capacity(count * columns);
    // In order, so that the first bad event is named, however the threads run.
    for part in for_each(&blocks, function) {
        numbers.extend(part?);
    }
    Ok(Table::from_shape_vec((count, columns), numbers).expect("as many numbers as events times columns"))
}

/// `function` of each block, in order.
fn for_each<T: Scalar, I: Default, R: Send>(
    blocks: &[Range<usize>],
    function: impl Fn(&mut Workspace<T, I>, Range<usize>) -> R + Sync,
) -> Vec<R> {
    #[cfg(feature = "rayon")]
    if blocks.len() > 1 {
        use rayon::prelude::*;
        return blocks
            .par_iter()
            .map_init(Workspace::default, |workspace, block| function(workspace, block.clone()))
            .collect();
    }
    let mut workspace = Workspace::default();
    blocks.iter().map(|block| function(&mut workspace, block.clone())).collect()
}

/// Appends the values of some events, which must be finite.
fn collect<T: Scalar>(
    values: View<'_, T>,
    events: Range<usize>,
    columns: usize,
    numbers: &mut Vec<f64>,
) -> Result<()> {
    if values.shape() != (events.len(), columns) {
        let (a, b) = ((events.len(), columns), values.shape());
        return Err(Error::Shapes { operation: "numbers of events", a, b });
    }
    for (row, event) in events.enumerate() {
        for (column, value) in values.row(row).iter().enumerate() {
            if !value.is_finite() {
                let what = format!("output {column} of the network").into();
                let (item, value) = (Item::event(event), value.to_f64());
                return Err(hepml_core::Error::NotFinite { what, item, value }.into());
            }
            numbers.push(value.to_f64());
        }
    }
    Ok(())
}

/// The same error, about the event that is called so elsewhere.
pub(super) fn relabelled(error: Error, name: impl Fn(usize) -> usize) -> Error {
    use hepml_core::Error as Core;
    match error {
        Error::Core(mut error) => {
            if let Core::NotFinite { item: Item { event: Some(event), .. }, .. }
            | Core::OutOfRange { item: Item { event: Some(event), .. }, .. } = &mut error
            {
                *event = name(*event);
            }
            error.into()
        }
        error => error,
    }
}

impl<A: Architecture, T: Scalar> Model<A, T>
where
    A::Network: Network<T, Input = EncodedOf<A, T>>,
{
    /// What the network gives, [events, outputs], before the head.
    ///
    /// # Errors
    /// Events that cannot be encoded, or whose outputs are not finite, naming event and column.
    pub fn outputs(&self, events: &EventsOf<A>) -> Result<Table> {
        self.for_events(events, self.architecture.outputs(), |pass, input, _| {
            self.network.evaluate(pass, input)
        })
    }
}

/// What the head makes of the outputs, [events, outputs].
impl<A: Architecture, T: Scalar> Observables<EventsOf<A>> for Model<A, T>
where
    A::Network: Network<T, Input = EncodedOf<A, T>>,
{
    fn observe(&self, events: &EventsOf<A>) -> hepml_core::Result<Table> {
        Ok(self.head.apply(self.outputs(events)?)?)
    }
}

impl<A: Architecture, T: Scalar> Save for Model<A, T> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let header = Header {
            architecture: self.architecture.clone(),
            encoder: self.encoder.clone(),
            head: self.head.clone(),
            precision: T::NAME.to_owned(),
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            fit: self.summary.clone(),
        };
        let mut file = ModelFile::new(A::KIND, LAYOUT, &header)?;
        for id in self.parameters.ids() {
            saved::insert(&mut file, self.parameters.name(id)?.to_owned(), self.parameters.value(id)?)?;
        }
        file.save(writer)
    }
}

impl<A: Architecture, T: Scalar> Load for Model<A, T> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(A::KIND, LAYOUT)?;
        let header: Header<A, A::Encoder> = file.header()?;
        if header.precision != T::NAME {
            return Err(hepml_core::Error::Model(format!(
                "{} of {} numbers, but {} were expected",
                A::KIND,
                header.precision,
                T::NAME
            )));
        }
        // What is drawn is overwritten. A header that asks for more than there is fails before memory is taken for it.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let names = file.tensor_names();
        let numbers = names.map(|name| Ok(file.tensor(name)?.len())).sum::<hepml_core::Result<usize>>()?;
        let mut parameters = Parameters::of_file(numbers);
        let network = header.architecture.build(&header.encoder, &mut parameters, &mut rng)?;
        for id in parameters.ids() {
            let (name, (rows, columns)) = (parameters.name(id)?.to_owned(), parameters.value(id)?.shape());
            file.expect_shape(&name, &[rows, columns])?;
            parameters.set(id, &saved::get(&file, &name)?)?;
        }
        let known: BTreeSet<&str> = parameters.ids().map(|id| parameters.name(id)).collect::<Result<_>>()?;
        if let Some(name) = file.tensor_names().find(|name| !known.contains(name)) {
            return Err(hepml_core::Error::Model(format!(
                "tensor {name:?} is no parameter of its {}",
                A::KIND
            )));
        }
        let mut model = Self::new(header.architecture, header.encoder, network, parameters, header.head)?;
        model.summary = header.fit;
        Ok(model)
    }
}
