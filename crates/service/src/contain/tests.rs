//! Who may contain whom.
