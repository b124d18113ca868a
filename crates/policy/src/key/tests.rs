//! What each key answers.
