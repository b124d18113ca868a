//! Several commands that take effect together.

use tidegate_replica::Record;

use crate::{
    Command, Envelope, GroupState, Reply,
    command::{Batch, caller_kind},
    rejection::{Rejection, RejectionKind},
};

/// Refuses a batch that the cluster itself did not send, or one in another.
pub(crate) fn check_batch(envelope: &Envelope, batch: &Batch) -> Result<(), Rejection> {
    let system = envelope.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
    if !system {
        let message = "Only the cluster itself may do this.";
        return Err(Rejection::new(RejectionKind::AccessDenied, message));
    }
    if batch.commands.iter().any(|e| matches!(e.command, Some(Command::Batch(_)))) {
        return Err(Rejection::invalid("A batch holds no other."));
    }
    Ok(())
}

/// Puts records behind earlier ones of the same batch: of one key the last one counts.
pub(crate) fn merge(all: &mut Vec<Record>, new: Vec<Record>) {
    for record in new {
        match all.iter_mut().find(|r| r.key == record.key) {
            Some(old) => *old = record,
            None => all.push(record),
        }
    }
}

impl GroupState {
    pub(crate) fn run_batch(
        &self,
        index: u64,
        time: u64,
        envelope: &Envelope,
        batch: &Batch,
    ) -> Result<(Vec<Record>, Reply), Rejection> {
        check_batch(envelope, batch)?;
        let mut state = self.clone();
        let mut all = Vec::new();
        for inner in &batch.commands {
            let (records, _reply) = state.execute(index, time, inner)?;
            for record in &records {
                state.absorb(record).map_err(|bad| Rejection::invalid(bad.to_string()))?;
            }
            merge(&mut all, records);
        }
        Ok((all, Reply::Done(true)))
    }
}
