//! What is verified of a message before the convergence machine sees it. It runs beside the machine, on the task of the peer's stream.

use bytes::Bytes;
use prost::Message as _;
use tidegate_authn::{
    merkle::{self, Hash},
    verify_signature,
};
use tidegate_model::Key;
use tidegate_policy::AccountId;
use tidegate_replica::{Continuation, Dot, Frame, GroupId, Message, NodeId, Origin, Record};
use tidegate_service::View;

use super::{
    BatchProof, Vouching, cluster,
    proof::{self, BATCH, OWN, frame_leaf, own_leaf, records_hash, root_of},
};

/// A message that is not handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What it claims to bring.
    pub(crate) dot: Dot,
    /// Why it is a forgery; `None`: who vouches for it is not known here yet.
    pub(crate) why: Option<String>,
}

/// Why something is not believed.
type Doubt = Option<String>;

fn forged<T>(why: impl Into<String>) -> Result<T, Doubt> {
    Err(Some(why.into()))
}

/// A signature, and whose it says it is.
struct Signed<'a> {
    node: u64,
    key: &'a Bytes,
    signature: &'a Bytes,
}

/// What is not live does not stand in the state that is vouched for: a tombstone must not outlive what it buries, so its stamp must be its
/// write's own. Of an account that was moved the revisions go on from where they were, so that they are no lower than what wrote them; what
/// a made-up one of those buries shows in the next comparison of digests.
fn check_stamp(view: &View, record: &Record) -> Result<(), Doubt> {
    let Record { stamp, dot, value: None, key } = record else { return Ok(()) };
    let account = Key::account(key).and_then(|account| AccountId::from_u64(account).ok());
    let epoch = account.and_then(|a| view.directory.account(a)).map_or(0, |place| place.epoch);
    match stamp.epoch {
        0 if stamp.revision == dot.sequence => Ok(()),
        1.. if stamp.epoch > epoch => Err(None),
        1.. if stamp.revision >= dot.sequence => Ok(()),
        _ => forged(format!("{dot} has another write's stamp")),
    }
}

impl Vouching {
    /// Verifies a message of `from`. Of a frame that holds good the proof is completed, so that it vouches for the state without the frame.
    pub(crate) fn check(&self, from: NodeId, message: &mut Message) -> Result<(), Refused> {
        let (frame, page) = match message {
            Message::Push { frame, .. } => (frame, None),
            Message::PullReply { frame, next, .. } => (frame, Some(*next)),
            _ => return Ok(()),
        };
        let view = self.views.load();
        // While nobody has a key, nobody signs.
        if !view.directory.has_signing_keys() {
            return Ok(());
        }
        let checked = match frame.origin {
            Origin::Group { group, .. } => self.check_group(&view, from, group, frame, page),
            Origin::Node { node, .. } => self.check_own(&view, from, node, frame, page.is_none()),
        };
        let dot = Dot { origin: frame.origin, sequence: frame.upto };
        checked.map_err(|why| Refused { dot, why })
    }

    fn check_group(
        &self,
        view: &View,
        from: NodeId,
        group: GroupId,
        frame: &mut Frame,
        page: Option<Continuation>,
    ) -> Result<(), Doubt> {
        let taught = group == GroupId::DIRECTORY && page.is_some() && self.is_taught_by(from);
        match view.directory.placement(group) {
            // Its own groups a node has from their logs, and pays no heed to gossip of them.
            Some(own) if own.speakers().any(|n| n == self.me.0) => return Ok(()),
            Some(_) if !Self::is_signed(view, group) => return Ok(()),
            // A group of which the directory says nothing here yet.
            None if !taught => return Err(None),
            _ => {}
        }
        if page.is_some() {
            for record in &frame.records {
                check_stamp(view, record)?;
            }
        }
        if page.is_some_and(|next| next != Continuation::Done) {
            // Held back until the last page says what they lead to.
            frame.proof = None;
            return Ok(());
        }
        let Some(bytes) = &frame.proof else { return forged("nobody has signed it") };
        let Ok(mut proof) = BatchProof::decode(bytes.clone()) else {
            return forged("its signature can't be read");
        };
        if !taught && !self.speaks(view, group, proof.node) {
            if group == GroupId::DIRECTORY && page.is_some() {
                self.met_stranger(from, proof.node);
            }
            // It may vote since a moment that has not come here.
            let why = format!("n{} signed it, which does not vote in {group}", proof.node);
            return Err(self.knows_directory().then_some(why));
        }
        if page.is_none() {
            proof.after = frame.after;
            proof.records = Bytes::copy_from_slice(&records_hash(&frame.records));
        }
        let (upto, state) = (frame.upto, &proof.state);
        let leaf = frame_leaf(frame.origin, proof.after, upto, &proof.records, state);
        let root = root_of(leaf, proof.index, proof.size, &proof.path);
        let Some(root) = root else { return forged("its place among what was signed is none") };
        let signed = Signed { node: proof.node, key: &proof.key, signature: &proof.signature };
        if !taught {
            self.check_signature(view, BATCH, &root, &signed)?;
        }
        frame.proof = Some(proof.encode_to_vec().into());
        Ok(())
    }

    /// What a node writes is signed record by record; without that, as before the node had a key, the node itself and voters are believed.
    fn check_own(
        &self,
        view: &View,
        from: NodeId,
        writer: NodeId,
        frame: &Frame,
        pushed: bool,
    ) -> Result<(), Doubt> {
        let votes = || view.directory.placements().any(|p| p.speakers().any(|n| n == from.0));
        let believed = from == writer || votes();
        if pushed && from != writer {
            return forged(format!("{from} sends it unasked in the name of {writer}"));
        }
        for record in &frame.records {
            let Some(value) = &record.value else {
                return forged(format!("{} is a deletion, which no node writes", record.dot));
            };
            let (payload, proof) = proof::part(value);
            let Some(proof) = proof else {
                if believed {
                    continue;
                }
                return forged(format!("{} is not signed", record.dot));
            };
            let root = root_of(own_leaf(record, &payload), proof.index, proof.size, &proof.path);
            let Some(root) = root else {
                return forged(format!("{} has no place among what was signed", record.dot));
            };
            let signed = Signed { node: writer.0, key: &proof.key, signature: &proof.signature };
            match self.check_signature(view, OWN, &root, &signed) {
                // Its key is on its way.
                Err(None) if believed => {}
                checked => checked?,
            }
        }
        Ok(())
    }

    /// Verifies a signature, once for all that it covers.
    fn check_signature(
        &self,
        view: &View,
        purpose: &str,
        root: &Hash,
        signed: &Signed<'_>,
    ) -> Result<(), Doubt> {
        let Signed { node, key, signature } = signed;
        let mut keys = view.directory.signing_keys_of(*node);
        let named = keys.find(|k| k.public.starts_with(key) && key.len() == proof::KEY_ID_BYTES);
        let Some(named) = named else { return Err(None) };
        let cluster = cluster(view);
        let name = merkle::leaf([purpose.as_bytes(), &cluster, &named.public, root, signature]);
        if self.verified.lock().has(&name) {
            return Ok(());
        }
        if !verify_signature(&named.public, purpose, &[&cluster, root], signature) {
            return forged(format!("n{node} has not signed it"));
        }
        self.verified.lock().note(name);
        Ok(())
    }
}
