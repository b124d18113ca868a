//! What any node may write, also one that is cut off: quarantines, sessions void before a time, last uses. It merges without an order.
//!
//! The one idea: a record's key holds the node and incarnation that wrote it, so every key has one writer, and the newest record of a key is
//! that writer's last word. What holds for the cluster is the join over writers, made when records are absorbed ([`RegionState`]): the
//! union of quarantines, the maximum of times. A lift is no region record: it is a command in the account's group that names the quarantines
//! it saw. The two meet as a two-phase set ([`standing`]), in whatever order they arrive.

mod key;
mod quarantine;
mod rules;
mod standing;
mod state;

pub use key::{KEYS, RegionKey, check_writer, writer};
pub use quarantine::{
    CLOCK_SKEW_MAX_MILLIS, LastUsed, Lift, QUARANTINE_MILLIS_MAX, QUARANTINE_MILLIS_MIN,
    Quarantine, REASON_CHARS_MAX, ROOT_ENTITY, Subject, Target, VoidSessions, access_cell,
    target_kind,
};
pub use rules::{
    ISSUER_MAX, LIFTS_AT_ONCE_MAX, NODE_MAX, check_quarantine, check_quota, check_reason, may_lift,
    may_quarantine,
};
pub use standing::{is_void, quarantined, standing, void_before};
pub use state::{
    ABSENCE_MILLIS_MAX, LAST_USED_MILLIS_MAX, RegionState, SESSION_MILLIS_MAX, quarantine_is_over,
    void_is_over,
};

#[cfg(test)]
mod tests;
