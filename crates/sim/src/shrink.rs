//! Makes a list of faults shorter that still breaks a promise: delta debugging.

/// The shortest list that was found of the places `0..planned` for which `fails` is still true, with at most `tries` questions.
///
/// Halves are left out first, then ever smaller parts, down to single faults (Zeller and Hildebrandt, "Simplifying and isolating
/// failure-inducing input", 2002). A fault less moves what is drawn behind it, so what fails fails for its own reasons; that it does is
/// all that counts.
pub fn shrink(planned: usize, tries: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..planned).collect();
    let mut tried = 0;
    let mut ask = |list: &[usize]| {
        tried += 1;
        (tried <= tries).then(|| fails(list))
    };
    if ask(&[]) == Some(true) {
        return Vec::new();
    }
    let mut parts = 2;
    while kept.len() > 1 && parts <= kept.len() {
        let size = kept.len().div_ceil(parts);
        let mut smaller = None;
        for start in (0..kept.len()).step_by(size) {
            let end = (start + size).min(kept.len());
            let mut rest = kept.clone();
            rest.drain(start..end);
            match ask(&rest) {
                None => return kept,
                Some(true) => {
                    smaller = Some(rest);
                    break;
                }
                Some(false) => {}
            }
        }
        match smaller {
            Some(rest) => {
                kept = rest;
                parts = (parts - 1).max(2);
            }
            None if parts == kept.len() => break,
            None => parts = (2 * parts).min(kept.len()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_it_takes() {
        let needs = |wanted: &'static [usize]| {
            move |list: &[usize]| wanted.iter().all(|n| list.contains(n))
        };
        assert_eq!(shrink(40, 1_000, needs(&[3, 29])), [3, 29]);
        assert_eq!(shrink(40, 1_000, needs(&[])), [0_usize; 0]);
        assert_eq!(shrink(5, 1_000, needs(&[0, 1, 2, 3, 4])), [0, 1, 2, 3, 4]);
        assert_eq!(shrink(1, 1_000, needs(&[0])), [0]);
    }

    #[test]
    fn it_ends_after_so_many_questions_with_a_list_that_fails() {
        let mut asked = 0;
        let kept = shrink(64, 9, |list| {
            asked += 1;
            list.contains(&17) && list.contains(&40)
        });
        assert_eq!(asked, 9);
        assert!(kept.contains(&17) && kept.contains(&40) && kept.len() < 64, "{kept:?}");
    }
}
