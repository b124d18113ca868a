//! Reading, running and reporting cases.
