//! Small worlds, looked at exhaustively: every order of what can happen, as long as it is little.
//!
//! Where there is code of ours, it is that code that runs: convergence machines on real stores, the state that nodes' writes merge into, a
//! group's commands, the lattices. What is left to the model is the driver around them, and the order of events. Each model states what must
//! hold, says how many states it saw, and has bugs to be switched on that it must find: so it can fail.
//!
//!     cargo test -p tidegate-model --test models -- --nocapture

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what is not as expected here ends the test"
)]
#![expect(clippy::struct_excessive_bools, reason = "what has happened in a state is many facts")]

mod check;
mod machines;

mod eviction;
mod moving;
mod recovery;
mod revoking;
mod roles;
