//! The difference of two texts as a unified diff, which `patch` and people read.

/// Lines that are shown around a change.
const AROUND: usize = 3;

/// Most pairs of lines that are compared; behind them lines count as changed one and all.
const PAIRS_MAX: usize = 4_000_000;

/// From one text of a file to another: one hunk, from the first line that differs to the last. Empty where none does.
pub(super) fn unified(file: &str, from: &str, to: &str) -> String {
    if from == to {
        return String::new();
    }
    let old: Vec<&str> = from.split_inclusive('\n').collect();
    let new: Vec<&str> = to.split_inclusive('\n').collect();
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (_, old_rest) = old.split_at(before);
    let (_, new_rest) = new.split_at(before);
    let ends = old_rest.iter().rev().zip(new_rest.iter().rev());
    let behind = ends.take_while(|(a, b)| a == b).count();
    let (old_changed, after) = old_rest.split_at(old_rest.len() - behind);
    let (new_changed, _) = new_rest.split_at(new_rest.len() - behind);
    let first = before.saturating_sub(AROUND);
    let context = before - first + behind.min(AROUND);
    let range = |changed: &[&str]| {
        let count = changed.len() + context;
        format!("{},{count}", if count == 0 { first } else { first + 1 })
    };
    let (from, to) = (range(old_changed), range(new_changed));
    let mut out = format!("--- {file}\n+++ {file}\n@@ -{from} +{to} @@\n");
    let shown = old.iter().take(before).skip(first).map(|line| (' ', *line));
    let shown = shown.chain(changes(old_changed, new_changed));
    for (mark, line) in shown.chain(after.iter().take(AROUND).map(|line| (' ', *line))) {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
    out
}

/// Lines that stay, go and come, so that as many as possible stay.
fn changes<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let width = new.len() + 1;
    let few = (old.len() + 1).saturating_mul(width) <= PAIRS_MAX;
    // How many lines of what is behind each pair of places can stay.
    let mut stay = vec![0_u32; if few { (old.len() + 1) * width } else { 0 }];
    let at = |stay: &[u32], i: usize, j: usize| stay.get(i * width + j).copied().unwrap_or(0);
    if few {
        for (i, one) in old.iter().enumerate().rev() {
            for (j, other) in new.iter().enumerate().rev() {
                let best = if one == other {
                    at(&stay, i + 1, j + 1) + 1
                } else {
                    at(&stay, i + 1, j).max(at(&stay, i, j + 1))
                };
                if let Some(cell) = stay.get_mut(i * width + j) {
                    *cell = best;
                }
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut shown = Vec::with_capacity(old.len() + new.len());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if few && one == other => {
                shown.push((' ', *one));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || at(&stay, i + 1, j) >= at(&stay, i, j + 1) => {
                shown.push(('-', *one));
                i += 1;
            }
            (_, Some(other)) => {
                shown.push(('+', *other));
                j += 1;
            }
            (_, None) => return shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stands_among_its_neighbours() {
        let lines = |changed: &str| format!("1\n2\n3\n4\n{changed}6\n7\n8\n9\n");
        assert_eq!(
            unified("p", &lines("5\n"), &lines("five\nand a half\n")),
            "--- p\n+++ p\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+and a half\n 6\n 7\n 8\n"
        );
        assert_eq!(unified("p", "a\n", "a\n"), "");
    }

    #[test]
    fn what_stays_between_two_changes_is_not_marked() {
        assert_eq!(
            unified("p", "{\na\nb\nc\nd\n}\n", "{\nnew\na\nb\nC\nd\n}\n"),
            "--- p\n+++ p\n@@ -1,6 +1,7 @@\n {\n+new\n a\n b\n-c\n+C\n d\n }\n"
        );
        let (old, new) = ("a\n".repeat(2_100), "b\n".repeat(2_100));
        let diff = unified("p", &old, &new);
        let marked = |mark| diff.lines().skip(3).filter(|line| line.starts_with(mark)).count();
        assert_eq!((marked('-'), marked('+')), (2_100, 2_100));
    }

    #[test]
    fn a_last_line_without_an_end_is_marked() {
        assert_eq!(
            unified("p", "{}", "{ }"),
            "--- p\n+++ p\n@@ -1,1 +1,1 @@\n-{}\n\\ No newline at end of file\n+{ }\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("p", "a\nb\n", "a\n"), "--- p\n+++ p\n@@ -1,2 +1,1 @@\n a\n-b\n");
        assert_eq!(unified("p", "a\n", "a\na\n"), "--- p\n+++ p\n@@ -1,1 +1,2 @@\n a\n+a\n");
    }
}
