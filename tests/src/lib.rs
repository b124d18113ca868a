//! Tests that run real binaries and real clients.
