//! Where a statement stands, as AWS's simulator counts.

use super::Position;
use crate::document::{Span, line_and_column};

/// First and last place of a statement. AWS's reader notes where it stands before it reads an item of a list, and behind the brace of
/// a statement that is in no list (seen in its answers, and in the examples of its API reference).
pub(super) fn of(text: &str, span: Span) -> (Position, Position) {
    let before = text.get(..span.start).unwrap_or_default().trim_end();
    let start = match before.as_bytes().last() {
        Some(b'[') => before.len(),
        Some(b',') => before.trim_end_matches(',').trim_end().len(),
        _ => span.start + 1,
    };
    (place(text, start), place(text, span.end))
}

fn place(text: &str, offset: usize) -> Position {
    let (line, column) = line_and_column(text, offset);
    Position { line, column }
}
