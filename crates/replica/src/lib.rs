//! `replica`.
