//! `authn`.
