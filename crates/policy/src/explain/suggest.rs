//! The least change that would allow a request: changes are thought of for whatever stands in the way, one obstacle after the other,
//! and the engine decides again with each. Only what it then allows is suggested.

use crate::{Effect, PolicySet, PolicyType, Request, authorize, document::StatementEffect};

use super::{
    change::{Change, Scene},
    check::{Check, Outcome, Part, checks, obstacles},
    deny::to_undo_a_deny,
    silence::to_end_a_silence,
};

/// Changes that together allow the request.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The changes, none of which can be left out.
    pub changes: Vec<Change>,
}

/// More changes than this are no advice.
const CHANGES_MAX: usize = 12;

/// What is tried against one obstacle at most.
const TRIES_MAX: usize = 24;

/// What stands in the way, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obstacle<'a> {
    pub(super) set: &'a PolicySet,
    pub(super) request: &'a Request<'a>,
    pub(super) policy_type: PolicyType,
    pub(super) part: &'a Part,
}

/// Looks for changes that allow a request that is denied; `None` where none were found, or where it is allowed.
pub(super) fn suggest(set: &PolicySet, request: &Request<'_>) -> Option<Suggestion> {
    let mut changes: Vec<Change> = Vec::new();
    let mut scene = Scene::with(set, request, &changes)?;
    while !authorize(&scene.set, &scene.request(request)).is_allowed() {
        if changes.len() > CHANGES_MAX {
            return None;
        }
        (changes, scene) = next(set, request, &changes, &scene)?;
    }
    // A change may have made an earlier one needless: whom a resource's policy names needs no other allow.
    for place in (0..changes.len()).rev() {
        let mut fewer = changes.clone();
        fewer.remove(place);
        if let Some(without) = Scene::with(set, request, &fewer)
            && authorize(&without.set, &without.request(request)).is_allowed()
        {
            (changes, scene) = (fewer, without);
        }
    }
    (!changes.is_empty()).then(|| Suggestion { changes: scene.whole(changes) })
}

/// The changes with some more, under which less stands in the way.
fn next(
    set: &PolicySet,
    request: &Request<'_>,
    changes: &[Change],
    scene: &Scene,
) -> Option<(Vec<Change>, Scene)> {
    let here = scene.request(request);
    let before = obstacles(&scene.set, &here);
    let checks = checks(&scene.set, &here);
    let candidates = checks.iter().filter(|check| check.outcome.blocks()).flat_map(|check| {
        let parts = check.parts.iter().filter(|part| stands_in_the_way(check, part));
        parts.flat_map(|part| {
            let (policy_type, set) = (check.policy_type, &scene.set);
            let obstacle = Obstacle { set, request: &here, policy_type, part };
            if check.outcome == Outcome::Denies {
                to_undo_a_deny(&obstacle)
            } else {
                to_end_a_silence(&obstacle)
            }
        })
    });
    candidates.take(TRIES_MAX).find_map(|candidate| {
        let more: Vec<Change> = changes.iter().cloned().chain(candidate).collect();
        let scene = Scene::with(set, request, &more)?;
        let after = obstacles(&scene.set, &scene.request(request));
        (after < before).then_some((more, scene))
    })
}

/// Whether these policies of a check are among those that deny, or that do not allow.
pub(super) fn stands_in_the_way(check: &Check, part: &Part) -> bool {
    match check.outcome {
        Outcome::Denies => part.matched.iter().any(|found| found.effect == StatementEffect::Deny),
        Outcome::Lacks => part.effect == Effect::ImplicitDeny,
        Outcome::Allows | Outcome::Spared(_) => false,
    }
}
