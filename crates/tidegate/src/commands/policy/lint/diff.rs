//! The difference of two texts as a unified diff, which `patch` and people read.

/// Lines that are shown around a change.
const AROUND: usize = 3;

/// From one text of a file to another: one hunk, from the first line that differs to the last. Empty where none does.
pub(super) fn unified(file: &str, from: &str, to: &str) -> String {
    if from == to {
        return String::new();
    }
    let old: Vec<&str> = from.split_inclusive('\n').collect();
    let new: Vec<&str> = to.split_inclusive('\n').collect();
    let same = |a: &[&str], b: &[&str]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let before = same(&old, &new);
    let reversed = |lines: &[&'_ str]| {
        lines.iter().skip(before).rev().map(|l| (*l).to_owned()).collect::<Vec<_>>()
    };
    let (old_end, new_end) = (reversed(&old), reversed(&new));
    let behind = old_end.iter().zip(&new_end).take_while(|(a, b)| a == b).count();
    let (old_last, new_last) = (old.len() - behind, new.len() - behind);
    let first = before.saturating_sub(AROUND);
    let context = behind.min(AROUND);
    let range = |last: usize| {
        let count = last + context - first;
        format!("{},{count}", if count == 0 { first } else { first + 1 })
    };
    let mut out =
        format!("--- {file}\n+++ {file}\n@@ -{} +{} @@\n", range(old_last), range(new_last));
    let mut show = |mark: char, lines: &[&str], range: core::ops::Range<usize>| {
        for line in lines.get(range).unwrap_or_default() {
            out.push(mark);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    show(' ', &old, first..before);
    show('-', &old, before..old_last);
    show('+', &new, before..new_last);
    show(' ', &old, old_last..old_last + context);
    out
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
    fn a_last_line_without_an_end_is_marked() {
        assert_eq!(
            unified("p", "{}", "{ }"),
            "--- p\n+++ p\n@@ -1,1 +1,1 @@\n-{}\n\\ No newline at end of file\n+{ }\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("p", "a\nb\n", "a\n"), "--- p\n+++ p\n@@ -1,2 +1,1 @@\n a\n-b\n");
        assert_eq!(unified("p", "a\n", "a\na\n"), "--- p\n+++ p\n@@ -1,1 +1,2 @@\n a\n+a\n");
    }
}
