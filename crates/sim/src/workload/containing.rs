//! Clients quarantine users, lift quarantines, and ask whether the users may still do what their policies allow.

use std::{collections::BTreeSet, time::Duration};

use rand::Rng;
use tidegate_client::{CallError, Client, ClientError, Receipt};
use tidegate_history::quarantines::{Id, Op, What};
use tidegate_proto::{
    decision::v1::{AuthorizeRequest, AuthorizeResponse, Effect, Question},
    iam::v1::PutUserPolicyRequest,
    region::v1::{
        LiftQuarantineRequest, ListQuarantinesRequest, QuarantineRequest, Target, target,
    },
};

use super::{AGAIN, PATIENCE, Session, why};
use crate::world::elapsed;

/// Users that are quarantined now and then.
const TARGETS: u32 = 2;
/// How long a quarantine lasts: longer than any run.
const LASTS: i64 = 24 * 3_600;
/// Tries to lift a quarantine: the node that took it may be gone, and it with it.
const LIFTS_MOST: u32 = 20;

fn name(target: u32) -> String {
    format!("target-{target}")
}

fn arn(target: u32) -> String {
    format!("arn:aws:iam::000000000001:user/{}", name(target))
}

impl Session {
    fn note(&self, start: Duration, what: What) {
        let op = Op { start, end: elapsed(), what };
        tracing::info!(session = self.knows.name, start = ?op.start, what = ?op.what, "done");
        self.knows.shared.lock().quarantines.ops.push(op);
    }

    /// Makes the users that are quarantined, who may do everything with buckets.
    pub(super) async fn make_targets(&mut self) -> Result<(), ClientError> {
        for target in 0..TARGETS {
            self.create(name(target)).await?;
            let message = PutUserPolicyRequest {
                user_name: name(target),
                policy_name: "all".to_owned(),
                policy_document: r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#.to_owned(),
                request_id: format!("policy-{target}"),
                validate_only: false,
            };
            loop {
                let (node, client) = self.any()?;
                match client.send(&message).await {
                    Ok(_) => break,
                    Err(error) => tracing::info!(node, target, why = why(&error), "no policy yet"),
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(())
    }

    /// Quarantines a user at some node, which may be cut off. Without an answer nobody knows whether it was taken.
    pub(super) async fn contain(&mut self) -> Result<(), ClientError> {
        let target = self.random.random_range(0..TARGETS);
        let (node, client) = self.any()?;
        let request = QuarantineRequest {
            request_id: format!("contain-{}", self.next_id()),
            target: Some(Target { target: Some(target::Target::PrincipalArn(arn(target))) }),
            reason: "simulated".to_owned(),
            duration: Some(prost_types::Duration { seconds: LASTS, nanos: 0 }),
            timeout: None,
        };
        let start = elapsed();
        let told = tokio::time::timeout(2 * PATIENCE, async {
            let mut receipts = client.quarantine(request, PATIENCE).await?;
            let mut taken = Id::new();
            while let Some(receipt) = receipts.next().await? {
                match receipt {
                    Receipt::Accepted(quarantine) => {
                        taken.clone_from(&quarantine.quarantine_id);
                        self.taken(start, target, node, quarantine.quarantine_id);
                    }
                    Receipt::Finished(end) if end.covered => {
                        self.note(start, What::Arrived { id: taken.clone() });
                    }
                    Receipt::Finished(_) | Receipt::Acknowledged(_) => {}
                }
            }
            Ok::<_, CallError>(())
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(node, why = why(&error), "no word of a quarantine"),
            Err(_late) => tracing::info!(node, "no word of a quarantine in time"),
        }
        Ok(())
    }

    fn taken(&self, start: Duration, target: u32, node: u64, id: Id) {
        let cut = self.knows.office.lock().cut.contains(&node);
        let mut seen = self.knows.shared.lock();
        seen.standing.push(id.clone());
        seen.contained += 1;
        seen.contained_cut_off += u64::from(cut);
        drop(seen);
        self.note(start, What::Taken { id, target, node });
    }

    /// Lifts a quarantine that somebody has taken, at whatever node knows of it.
    pub(super) async fn lift(&mut self) -> Result<(), ClientError> {
        let id = {
            let mut seen = self.knows.shared.lock();
            let many = seen.standing.len();
            if many == 0 {
                return Ok(());
            }
            seen.standing.swap_remove(self.random.random_range(0..many))
        };
        let request = LiftQuarantineRequest {
            request_id: format!("lift-{}", self.next_id()),
            account_id: String::new(),
            quarantine_ids: vec![id.clone()],
        };
        let start = elapsed();
        self.note(start, What::Lifted { id: id.clone(), done: false });
        for _ in 0..LIFTS_MOST {
            let (node, client) = self.any()?;
            match client.send(&request).await {
                Ok(_) => {
                    let cut = !self.knows.office.lock().cut.is_empty();
                    self.note(start, What::Lifted { id, done: true });
                    let mut seen = self.knows.shared.lock();
                    seen.lifted += 1;
                    seen.lifted_cut_off += u64::from(cut);
                    return Ok(());
                }
                Err(error) => tracing::info!(node, id, why = why(&error), "not lifted yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Asks whether somebody who may be quarantined may do what his policies allow.
    pub(super) async fn ask_contained(&mut self) -> Result<(), ClientError> {
        let target = self.random.random_range(0..TARGETS);
        let (node, client) = self.any()?;
        let question = Question {
            principal: arn(target),
            action: "s3:GetObject".to_owned(),
            resource: "arn:aws:s3:::bucket/key".to_owned(),
            ..Question::default()
        };
        let message = AuthorizeRequest { question: Some(question), consistency: None };
        let start = elapsed();
        let answer: Result<AuthorizeResponse, _> = client.send(&message).await;
        match answer.map(|a| a.answer.unwrap_or_default()) {
            Ok(answer) => {
                let by = answer.quarantine.map(|q| q.quarantine_id);
                // Who is denied for another reason proves nothing.
                if by.is_some() || answer.effect == i32::from(Effect::Allow) {
                    self.note(start, What::Asked { target, node, by });
                }
            }
            Err(error) => tracing::info!(node, target, why = why(&error), "not asked"),
        }
        Ok(())
    }
}

/// The quarantines that stand as a node knows.
pub(super) async fn standing(client: &Client) -> Result<BTreeSet<Id>, CallError> {
    let mut message = ListQuarantinesRequest { page_size: 100, ..Default::default() };
    let mut all = BTreeSet::new();
    loop {
        let page = client.send(&message).await?;
        all.extend(page.quarantines.into_iter().map(|q| q.quarantine_id));
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            return Ok(all);
        }
    }
}
