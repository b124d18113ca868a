//! Kinds of callers, as they stand in the log.

/// The root user.
pub const ROOT: u32 = 1;
/// A user.
pub const USER: u32 = 2;
/// A role session.
pub const SESSION: u32 = 3;
/// The cluster itself: only nodes say so.
pub const SYSTEM: u32 = 4;
/// A member, about nodes: it has no rights in any account.
pub const NODE: u32 = 5;
/// A session that acts as the user, or root user, who asked for it.
pub const USER_SESSION: u32 = 40;
/// A session of somebody whom a user, or root user, vouches for.
pub const FEDERATED_SESSION: u32 = 41;
