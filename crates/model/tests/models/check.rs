//! Runs a model to its end: every state that can be reached is looked at.

use std::{fmt::Debug, hash::Hash, io};

use stateright::{Checker, HasDiscoveries, Model, report::WriteReporter};

/// Cores that a search takes: the gate's machine has two.
const THREADS: usize = 2;

/// Looks at every state; all properties must hold, and what must happen sometimes must happen. Gives the number of states.
pub(crate) fn holds<M>(name: &str, model: M) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Hash + Clone + PartialEq + Send + Sync,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    let checker = model
        .checker()
        .threads(THREADS)
        .spawn_bfs()
        .report(&mut WriteReporter::new(&mut io::stdout()));
    let states = checker.unique_state_count();
    println!(
        "{name}: {states} states, {} steps, {} deep",
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    states
}

/// A model with a bug: this property must break.
pub(crate) fn breaks<M>(name: &str, model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Hash + Clone + PartialEq + Send + Sync,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    let checker = model
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let states = checker.unique_state_count();
    let found = checker.discovery(property);
    let steps = found.map(stateright::Path::into_actions);
    println!("{name}: `{property}` breaks within {states} states: {steps:?}");
    assert!(steps.is_some(), "{name} must break `{property}`");
}
