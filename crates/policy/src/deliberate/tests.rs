//! Each bug is found.
