//! Tables, read row by row.

use hepml_core::{Error as CoreError, Item, Table};

use crate::columns::EventColumns;
use crate::error::Result;
use crate::particle_reader::{ParticleReader, RawEvent};

/// The rows of a table, in whatever format, read one by one: in memory is one row (or block of rows), or one batch.
///
/// As an iterator it yields the rows as they are; [`next_batch`](Self::next_batch) and [`read_all`](Self::read_all) give
/// a [`Table`], all of whose numbers are finite. After an error there is nothing more to read.
pub struct TableReader {
    source: Box<dyn Iterator<Item = Result<Vec<f64>>> + Send>,
    columns: Vec<String>,
    path: Option<String>,
    row: usize,
    finished: bool,
}

impl TableReader {
    pub(crate) fn new(
        columns: Vec<String>,
        source: impl Iterator<Item = Result<Vec<f64>>> + Send + 'static,
    ) -> Self {
        Self { source: Box::new(source), columns, path: None, row: 0, finished: false }
    }

    /// Makes errors name the file.
    pub(crate) fn in_file(self, path: Option<String>) -> Self {
        Self { path, ..self }
    }

    /// The names of the columns; `"0"`, `"1"`, ... where the file has none.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The same rows with only the columns called `names`, in that order.
    ///
    /// # Errors
    /// A name that no column has.
    pub fn select(mut self, names: &[&str]) -> Result<Self> {
        let indices = names.iter().map(|name| self.column(name)).collect::<Result<Vec<usize>>>()?;
        let columns = indices.iter().map(|&index| self.columns[index].clone()).collect();
        // The outer reader names the file in errors: once is enough.
        let path = self.path.take();
        let source = self.map(move |row| row.map(|row| indices.iter().map(|&index| row[index]).collect()));
        Ok(Self::new(columns, source).in_file(path))
    }

    /// The index of the column called `name`.
    ///
    /// # Errors
    /// [`UnknownName`](CoreError::UnknownName) with the names there are.
    pub fn column(&self, name: &str) -> Result<usize> {
        let index = self.columns.iter().position(|known| known == name);
        index.ok_or_else(|| {
            CoreError::UnknownName { what: "column", name: name.to_owned(), known: self.columns.clone() }
                .into()
        })
    }

    /// The rows as events of particles.
    ///
    /// # Errors
    /// A column that the table does not have.
    pub fn into_particles(mut self, columns: EventColumns) -> Result<ParticleReader> {
        columns.check(self.columns.len())?;
        let path = self.path.take();
        let (layout, labelled, weighted) =
            (columns.layout(), columns.label().is_some(), columns.weight().is_some());
        let source = self.map(move |row| {
            row.map(|row| RawEvent {
                values: columns.gather(&row),
                label: columns.label().map(|column| row[column]),
                weight: columns.weight().map(|column| row[column]),
            })
        });
        Ok(ParticleReader::new(layout, labelled, weighted, source).in_file(path))
    }

    /// The next `rows` rows, fewer at the end of the file, `None` after it.
    ///
    /// # Errors
    /// What is wrong with the file; a number that is not finite, naming row (as event) and column.
    pub fn next_batch(&mut self, rows: usize) -> Result<Option<Table>> {
        let mut values = Vec::new();
        let mut count = 0;
        while count < rows {
            let Some(row) = self.next().transpose()? else { break };
            if let Some((column, &value)) = row.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                self.finished = true;
                let what = format!("column {:?}", self.columns[column]).into();
                let error = CoreError::NotFinite { what, item: Item::event(self.row - 1), value };
                return Err(self.named(error.into()));
            }
            values.extend(row);
            count += 1;
        }
        if count == 0 && rows > 0 {
            return Ok(None);
        }
        Ok(Some(Table::from_shape_vec((count, self.columns.len()), values).expect("rows of equal length")))
    }

    /// All rows that are left.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch).
    pub fn read_all(mut self) -> Result<Table> {
        let all = self.next_batch(usize::MAX)?;
        Ok(all.unwrap_or_else(|| Table::zeros((0, self.columns.len()))))
    }

    fn named(&self, error: crate::Error) -> crate::Error {
        match &self.path {
            Some(path) => error.in_file(path),
            None => error,
        }
    }
}

impl Iterator for TableReader {
    type Item = Result<Vec<f64>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let next = self.source.next();
        match &next {
            Some(Ok(_)) => self.row += 1,
            _ => self.finished = true,
        }
        next.map(|row| row.map_err(|error| self.named(error)))
    }
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableReader")
            .field("columns", &self.columns)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}
