//! `consensus`.
