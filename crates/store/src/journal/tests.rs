//! Whatever is cut off or flipped in a journal: what comes back is a prefix of what was written, in whole frames.

use proptest::prelude::*;

use super::*;
use crate::Tree;

fn batch(n: u8) -> Batch {
    let mut batch = Batch::default();
    batch.put(Tree::Local, vec![n], vec![n; usize::from(n)]);
    batch.delete(Tree::Local, vec![n.wrapping_add(100)]);
    batch
}

fn written(folder: &Path, frames: u8) -> PathBuf {
    let mut journal = Journal::begin(folder, 1).unwrap();
    for n in 1..=frames {
        let mut body = Vec::new();
        write_rows(&batch(n), &mut body);
        journal.append(&body, false).unwrap();
    }
    folder.join("journal-1")
}

fn puts(rows: &Layer) -> usize {
    rows.values().filter(|v| v.is_some()).count()
}

#[test]
fn what_was_written_comes_back_in_order_over_several_journals() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(folder.path(), 9).unwrap();
    let write = |journal: &mut Journal, value: &'static [u8]| {
        let mut batch = Batch::default();
        batch.put(Tree::Local, &b"k"[..], value);
        let mut body = Vec::new();
        write_rows(&batch, &mut body);
        journal.append(&body, true).unwrap();
    };
    write(&mut journal, b"old");
    // Ten comes behind nine, not before it.
    journal.rotate().unwrap();
    write(&mut journal, b"new");
    let (rows, paths) = left_over(folder.path()).unwrap();
    assert_eq!(rows.values().collect::<Vec<_>>(), [&Some(Bytes::from_static(b"new"))]);
    assert_eq!(next_number(&paths), 11);
    remove(folder.path(), &paths).unwrap();
    assert!(left_over(folder.path()).unwrap().0.is_empty());
}

#[test]
fn damage_before_the_last_journal_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 3);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(
        puts(&left_over(folder.path()).unwrap().0),
        2,
        "the last frame of the last journal may be torn"
    );
    Journal::begin(folder.path(), 2).unwrap();
    assert!(matches!(left_over(folder.path()), Err(StoreError::Corrupt(_))));
}

proptest! {
    #[test]
    fn a_cut_or_a_flipped_bit_leaves_a_prefix(frames in 1..6u8, at in 0..4_000usize, bit in 0..8u32, cut: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), frames);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        fs::write(&path, &bytes).unwrap();
        let (rows, _) = left_over(folder.path()).unwrap();
        let kept = puts(&rows);
        prop_assert!(kept < usize::from(frames));
        for n in 1..=kept {
            let n = u8::try_from(n).unwrap();
            prop_assert_eq!(rows.get(&full(Tree::Local, &[n])), Some(&Some(vec![n; usize::from(n)].into())));
        }
    }
}
