//! Pages of results: `MaxItems` and `Marker`.

use super::{SimulationError, SimulationRequest};

/// Results of an answer where the request does not say.
const DEFAULT: usize = 100;
/// Most results of an answer.
const MAX: i64 = 1000;

/// The results that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    pub(super) end: usize,
    check: u64,
}

impl Page {
    /// Which of the actions are on this page.
    pub(super) fn of(request: &SimulationRequest) -> Result<Self, SimulationError> {
        let max = match request.max_items {
            None => DEFAULT,
            Some(found @ 1..=MAX) => usize::try_from(found).unwrap_or(DEFAULT),
            Some(found) => return Err(SimulationError::MaxItems(found)),
        };
        let check = check(request);
        let start = match &request.marker {
            None => 0,
            Some(marker) => read(marker, check).ok_or(SimulationError::Marker)?,
        };
        let all = request.action_names.len();
        if start >= all && start > 0 {
            return Err(SimulationError::Marker);
        }
        Ok(Self { start, end: start.saturating_add(max).min(all), check })
    }

    /// What the request for the next page must say; `None` when there is none.
    pub(super) fn next(self, all: usize) -> Option<String> {
        (self.end < all).then(|| format!("{}.{:016x}", self.end, self.check))
    }
}

fn read(marker: &str, check: u64) -> Option<usize> {
    let (start, found) = marker.split_once('.')?;
    (*found == format!("{check:016x}")).then(|| start.parse().ok()).flatten()
}

/// A number that tells questions apart (FNV-1a): a marker of another question would skip some of this one's actions. It protects
/// nobody from anything else, so it needs no secret.
fn check(request: &SimulationRequest) -> u64 {
    let lists = [&request.action_names, &request.resource_arns, &request.policy_input_list];
    let texts = lists.into_iter().flatten();
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(actions: usize, max_items: i64, marker: Option<String>) -> SimulationRequest {
        SimulationRequest {
            action_names: (0..actions).map(|n| format!("s3:A{n}")).collect(),
            max_items: Some(max_items),
            marker,
            ..SimulationRequest::default()
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let (mut marker, mut seen) = (None, Vec::new());
        loop {
            let page = Page::of(&request(7, 3, marker)).unwrap();
            seen.push((page.start, page.end));
            marker = page.next(7);
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, [(0, 3), (3, 6), (6, 7)]);
    }

    #[test]
    fn a_marker_of_another_question_is_refused() {
        let first = Page::of(&request(7, 3, None)).unwrap();
        let marker = first.next(7).unwrap();
        for marker in [marker.clone(), "x".to_owned(), "3.0".to_owned(), format!("9{marker}")] {
            let other = request(8, 3, Some(marker));
            assert_eq!(Page::of(&other), Err(SimulationError::Marker));
        }
        let beyond = format!("700.{}", marker.split_once('.').unwrap().1);
        assert_eq!(Page::of(&request(7, 3, Some(beyond))), Err(SimulationError::Marker));
        for wrong in [0, -1, 1001, i64::MAX] {
            assert_eq!(Page::of(&request(7, wrong, None)), Err(SimulationError::MaxItems(wrong)));
        }
    }
}
