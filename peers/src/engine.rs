//! What is measured of an engine, the same for every one of them.

mod casbin;
mod cedar;
mod iam;
mod plain;
mod rego;
#[cfg(feature = "rustfs")]
mod rustfs;
mod tidegate;

use std::{
    error::Error,
    hint::black_box,
    ops::Range,
    time::{Duration, Instant},
};

use crate::{allocator::bytes_held, policy::Policy, workload::Question};

/// A policy engine. Nothing in it may remember a request.
pub(crate) trait Engine: Sized {
    /// What it is called in a table.
    const NAME: &'static str;
    /// What it loads: text in its own language.
    type Source;
    /// A request in the engine's own types.
    type Request;

    /// The policies in the engine's language. Not measured.
    fn translate(policies: &[Policy]) -> Self::Source;

    /// Parses and compiles.
    fn load(source: &Self::Source) -> Result<Self, Box<dyn Error>>;

    /// Everything between the values of a question and the call that decides.
    fn request(&self, question: &Question) -> Self::Request;

    /// Whether the request is allowed.
    fn decide(&mut self, request: &Self::Request) -> bool;
}

/// An engine with a set of policies: the operations that are timed, each as one call for many requests, so that what is measured
/// holds no call that the compiler can't see through.
pub(crate) trait Runner {
    fn name(&self) -> &'static str;

    /// Whether it allows this one.
    fn answer(&mut self, question: &Question) -> bool;

    /// Builds the requests that [`Runner::decide`] is timed with.
    fn prepare(&mut self, questions: &[Question]);

    /// Time to decide these of the prepared requests.
    fn decide(&mut self, which: Range<usize>) -> Duration;

    /// Time to build these requests, decide and drop them.
    fn build_and_decide(&mut self, questions: &[Question]) -> Duration;

    /// Time to load the policies once; dropping them again does not count.
    fn load(&self) -> Duration;

    /// Bytes that the loaded policies hold.
    fn bytes(&self) -> isize;
}

struct Loaded<E: Engine> {
    source: E::Source,
    engine: E,
    prepared: Vec<E::Request>,
}

impl<E: Engine> Loaded<E> {
    fn fresh(&self) -> E {
        E::load(&self.source).expect("it was loaded before")
    }
}

impl<E: Engine> Runner for Loaded<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn answer(&mut self, question: &Question) -> bool {
        let request = self.engine.request(question);
        self.engine.decide(&request)
    }

    fn prepare(&mut self, questions: &[Question]) {
        self.prepared = questions.iter().map(|q| self.engine.request(q)).collect();
    }

    fn decide(&mut self, which: Range<usize>) -> Duration {
        let start = Instant::now();
        for request in &self.prepared[which] {
            black_box(self.engine.decide(black_box(request)));
        }
        start.elapsed()
    }

    fn build_and_decide(&mut self, questions: &[Question]) -> Duration {
        let start = Instant::now();
        for question in questions {
            let request = self.engine.request(black_box(question));
            black_box(self.engine.decide(black_box(&request)));
        }
        start.elapsed()
    }

    fn load(&self) -> Duration {
        let start = Instant::now();
        let engine = black_box(self.fresh());
        let elapsed = start.elapsed();
        drop(engine);
        elapsed
    }

    fn bytes(&self) -> isize {
        bytes_held(|| self.fresh()).1
    }
}

/// An engine that a set is loaded into, or the reason why it can't be.
type Load = fn(&[Policy]) -> Result<Box<dyn Runner>, String>;

fn load<E: Engine + 'static>(policies: &[Policy]) -> Result<Box<dyn Runner>, String> {
    let source = E::translate(policies);
    let engine = E::load(&source).map_err(|error| format!("{}: {error}", E::NAME))?;
    Ok(Box::new(Loaded { source, engine, prepared: Vec::new() }))
}

/// All engines, in the order of the tables. The first is what the others are compared with.
pub(crate) const ALL: &[Load] = &[
    load::<tidegate::Composed>,
    load::<tidegate::EffectAlone>,
    load::<tidegate::PolicyByPolicy>,
    load::<plain::Plain>,
    load::<iam::Iam>,
    #[cfg(feature = "rustfs")]
    load::<rustfs::Rustfs>,
    load::<rego::Rego>,
    load::<cedar::Cedar>,
    load::<casbin::Casbin>,
];
