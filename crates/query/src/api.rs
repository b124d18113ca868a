//! What AWS publishes about a service: its operations, their inputs and outputs, and what each value must be like.
//!
//! The tables of a program, read once from the service models in `data/`. Shapes refer to each other by index, so that nothing is looked up
//! by name while a request is read.

mod read;

use std::{collections::BTreeMap, sync::LazyLock};

use crate::pattern::Pattern;

/// One of the two services that share the Query protocol here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// IAM.
    Iam,
    /// STS.
    Sts,
}

impl Service {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Iam, Self::Sts];

    /// The service as a signature's scope names it.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// The service's tables.
    pub fn api(self) -> &'static Api {
        static IAM: LazyLock<Api> =
            LazyLock::new(|| Api::bundled(include_str!("../data/iam.json")));
        static STS: LazyLock<Api> =
            LazyLock::new(|| Api::bundled(include_str!("../data/sts.json")));
        match self {
            Self::Iam => &IAM,
            Self::Sts => &STS,
        }
    }
}

/// The tables of one service.
#[derive(Debug, Default)]
pub struct Api {
    /// `2010-05-08`.
    pub version: String,
    /// The namespace of its answers.
    pub namespace: String,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) shapes: Vec<Shape>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// Index of the structure that it takes; `None`: nothing.
    pub(crate) input: Option<usize>,
    /// Index of the structure that it gives; `None`: nothing.
    pub(crate) output: Option<usize>,
    /// The errors that it documents.
    pub errors: Vec<DocumentedError>,
    /// Whether AWS takes it unsigned.
    pub unsigned: bool,
}

/// An error as the service model has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedError {
    /// `NoSuchEntity`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// Whether the caller is to blame.
    pub sender: bool,
}

/// What a value must be like.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Least length of a text, list, map or blob, or least value of an integer.
    pub(crate) min: Option<i64>,
    /// Greatest length or value.
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<Pattern>,
    /// The values that a text may have; empty: any.
    pub(crate) allowed: Vec<String>,
    /// Whether values must not be shown, not even in an error.
    pub(crate) sensitive: bool,
}

/// The kind of a value; numbers are indices of shapes.
#[derive(Debug)]
pub(crate) enum Kind {
    Structure(Vec<Member>),
    List(usize),
    Map(usize, usize),
    Text,
    Integer,
    Boolean,
    Timestamp,
    Blob,
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) shape: usize,
    pub(crate) required: bool,
}

impl Api {
    /// The tables of a service model that comes with this crate. A test reads both: what can't be read has no operations.
    fn bundled(text: &str) -> Self {
        read::api(text).unwrap_or_default()
    }

    /// An operation by name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// All operations, ordered by name.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    pub(crate) fn shape(&self, index: usize) -> Option<&Shape> {
        self.shapes.get(index)
    }
}

#[cfg(test)]
mod tests;
