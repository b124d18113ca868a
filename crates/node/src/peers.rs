//! The other nodes: two gossip lanes and one channel for calls to each, all behind the link model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tidegate_consensus::RaftMessage;
use tidegate_proto::peer::v1::{
    GossipRequest, Hello, Lane as WireLane, gossip_request::Frame,
    peer_service_client::PeerServiceClient,
};
use tidegate_replica::{Lane, NodeId, RegionName};
use tidegate_service::View;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::{
    dial::Dialer,
    link::LinkModel,
    raft_lane::{Carrier, RaftLane},
    shaper::{Ends, shape, travel},
    views::Views,
};

/// Messages that may wait for the urgent lane of one peer.
const URGENT_MAX: usize = 4_096;
/// Messages that may wait for the bulk lane of one peer. A push past it is lost and pulled later.
const BULK_MAX: usize = 8_192;
/// Pause before a peer is dialled again.
const REDIAL: Duration = Duration::from_millis(250);
/// Largest message between peers, in bytes: a whole Raft batch or a chunk of a catch-up.
pub(crate) const PEER_MESSAGE_MAX: usize = 16 << 20;

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) region: RegionName,
    pub(crate) address: String,
}

#[derive(Debug)]
struct Peer {
    place: Place,
    urgent: mpsc::Sender<Bytes>,
    bulk: mpsc::Sender<Bytes>,
    calls: Mutex<Option<Channel>>,
    raft: RaftLane,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Who this node is to its peers.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    pub(crate) cluster: String,
    pub(crate) node: NodeId,
    pub(crate) region: RegionName,
    pub(crate) views: Arc<Views>,
    /// A peer has said that this node was evicted.
    pub(crate) suspected: Arc<tokio::sync::Notify>,
}

/// Stands in the refusal of a stream of gossip from a node that was evicted.
pub(crate) const EVICTED: &str = "x-tidegate-evicted";

/// All peers that this node calls.
#[derive(Debug)]
pub(crate) struct Peers {
    me: Me,
    dialer: Dialer,
    link: Arc<LinkModel>,
    known: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
}

/// Why a call to a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("node {0} is not known here")]
    Unknown(NodeId),
    #[error("no connection to node {0}")]
    Connect(NodeId, #[source] tonic::transport::Error),
    #[error("the peer refused the call")]
    Status(#[from] tonic::Status),
    #[error("the peer refused: {0}")]
    Refused(String),
    #[error("the connection broke")]
    Broken,
    #[error("no answer in time")]
    Deadline,
}

impl Peers {
    pub(crate) fn new(me: Me, dialer: Dialer, link: Arc<LinkModel>) -> Self {
        Self { me, dialer, link, known: RwLock::new(BTreeMap::new()) }
    }

    /// Returns when a peer has said that this node was evicted.
    pub(crate) async fn suspected(&self) {
        self.me.suspected.notified().await;
    }

    /// Asks for what a peer's refusal does: this node looks how it stands.
    pub(crate) fn suspect(&self) {
        self.me.suspected.notify_one();
    }

    /// Everyone who is called.
    pub(crate) fn known(&self) -> Vec<NodeId> {
        self.known.read().keys().copied().collect()
    }

    /// Sets who is called. Connections to nodes that stay where they were go on.
    pub(crate) fn set(&self, places: &BTreeMap<NodeId, Place>) {
        let mut peers = self.known.write();
        peers.retain(|node, peer| places.get(node) == Some(&peer.place));
        for (node, place) in places {
            if *node != self.me.node && !peers.contains_key(node) {
                peers.insert(*node, Arc::new(self.start(*node, place.clone())));
            }
        }
    }

    /// Hands a gossip message to the lane. A lane that is full loses it: gossip repairs.
    pub(crate) fn send(&self, to: NodeId, lane: Lane, message: Bytes) {
        let peers = self.known.read();
        let Some(peer) = peers.get(&to) else { return };
        let queue = match lane {
            Lane::Urgent => &peer.urgent,
            Lane::Bulk => &peer.bulk,
        };
        if queue.try_send(message).is_err() {
            tracing::debug!(%to, ?lane, "a lane is full; one message was lost");
        }
    }

    fn start(&self, node: NodeId, place: Place) -> Peer {
        let ends = Ends { from: self.me.region.clone(), to: place.region.clone() };
        let mut tasks = Vec::new();
        let mut lane = |lane: WireLane, room: usize| {
            let (input, waiting) = mpsc::channel(room);
            let (shaped, output) = mpsc::channel(room);
            tasks.push(tokio::spawn(shape(Arc::clone(&self.link), ends.clone(), waiting, shaped)));
            let courier = Courier {
                me: self.me.clone(),
                dialer: self.dialer.clone(),
                node,
                address: place.address.clone(),
                lane,
            };
            tasks.push(tokio::spawn(courier.run(output)));
            input
        };
        let urgent = lane(WireLane::Urgent, URGENT_MAX);
        let bulk = lane(WireLane::Bulk, BULK_MAX);
        let (raft, asked) = RaftLane::new();
        let carrier = Carrier { dialer: self.dialer.clone(), node, address: place.address.clone() };
        tasks.push(tokio::spawn(carrier.run(asked)));
        Peer { place, urgent, bulk, calls: Mutex::new(None), raft, tasks }
    }

    /// Brings a Raft message to a peer and its answer back, through the link model, within `deadline`.
    pub(crate) async fn raft(
        &self,
        to: NodeId,
        deadline: Duration,
        message: RaftMessage,
    ) -> Result<Bytes, CallError> {
        let peer = self.known.read().get(&to).cloned().ok_or(CallError::Unknown(to))?;
        self.there_and_back(&peer, deadline, peer.raft.ask(message)).await
    }

    /// Delays what is asked and what is answered as the link model says. What it loses ends with the deadline.
    async fn there_and_back<T>(
        &self,
        peer: &Peer,
        deadline: Duration,
        exchange: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let there = Ends { from: self.me.region.clone(), to: peer.place.region.clone() };
        let back = Ends { from: there.to.clone(), to: there.from.clone() };
        let exchange = async {
            if !travel(&self.link, &there).await {
                core::future::pending::<()>().await;
            }
            let answer = exchange.await;
            if !travel(&self.link, &back).await {
                core::future::pending::<()>().await;
            }
            answer
        };
        tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(CallError::Deadline))
    }

    /// Calls a peer: there and back through the link model, within `deadline`.
    pub(crate) async fn call<T, F, R>(
        &self,
        to: NodeId,
        deadline: Duration,
        rpc: F,
    ) -> Result<T, CallError>
    where
        F: FnOnce(PeerServiceClient<Channel>) -> R,
        R: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let peer = self.known.read().get(&to).cloned().ok_or(CallError::Unknown(to))?;
        let exchange = async {
            let answer = rpc(self.client(to, &peer).await?).await;
            if let Err(status) = &answer
                && status.code() == tonic::Code::Unavailable
            {
                peer.calls.lock().take();
            }
            Ok(answer?.into_inner())
        };
        self.there_and_back(&peer, deadline, exchange).await
    }

    async fn client(
        &self,
        to: NodeId,
        peer: &Peer,
    ) -> Result<PeerServiceClient<Channel>, CallError> {
        let ready = peer.calls.lock().clone();
        let channel = if let Some(channel) = ready {
            channel
        } else {
            let dialed = self.dialer.channel(to, &peer.place.address).await;
            let channel = dialed.map_err(|e| CallError::Connect(to, e))?;
            peer.calls.lock().get_or_insert(channel).clone()
        };
        Ok(PeerServiceClient::new(channel)
            .max_decoding_message_size(PEER_MESSAGE_MAX)
            .max_encoding_message_size(PEER_MESSAGE_MAX))
    }
}

/// How a hello says what the cluster was created as: 1 in earnest, 2 in development mode, 0 while this node does not know.
pub(crate) fn development(view: &View) -> u32 {
    view.directory.cluster().map_or(0, |c| if c.development { 2 } else { 1 })
}

/// Keeps one lane's stream to one peer open.
struct Courier {
    me: Me,
    dialer: Dialer,
    node: NodeId,
    address: String,
    lane: WireLane,
}

impl Courier {
    async fn run(self, mut messages: mpsc::Receiver<Bytes>) {
        loop {
            if let Err(error) = self.carry(&mut messages).await {
                tracing::debug!(node = %self.node, lane = ?self.lane, %error, "a lane broke");
            }
            if messages.is_closed() {
                return;
            }
            // What waited while the peer could not be reached is old: gossip sends anew.
            while messages.try_recv().is_ok() {}
            tokio::time::sleep(REDIAL).await;
        }
    }

    /// Notes where a peer refuses this node as one that was evicted.
    fn heard(&self, refusal: tonic::Status) -> tonic::Status {
        if refusal.metadata().contains_key(EVICTED) {
            self.me.suspected.notify_one();
        }
        refusal
    }

    async fn carry(
        &self,
        messages: &mut mpsc::Receiver<Bytes>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let channel = self.dialer.channel(self.node, &self.address).await?;
        let mut client =
            PeerServiceClient::new(channel).max_encoding_message_size(PEER_MESSAGE_MAX);
        // Little may lie in buffers below: what is urgent must not wait behind it.
        let (tx, rx) = mpsc::channel(16);
        let hello = Hello {
            cluster: self.me.cluster.clone(),
            node: self.me.node.0,
            region: self.me.region.as_str().to_owned(),
            lane: self.lane.into(),
            development: development(&self.me.views.load()),
        };
        tx.send(GossipRequest { frame: Some(Frame::Hello(hello)) }).await?;
        let answers = client.gossip(ReceiverStream::new(rx)).await;
        let mut answers = answers.map_err(|refusal| self.heard(refusal))?.into_inner();
        loop {
            tokio::select! {
                biased;
                answer = answers.message() => match answer.map_err(|refusal| self.heard(refusal))? {
                    Some(_) => {}
                    None => return Ok(()),
                },
                message = messages.recv() => match message {
                    Some(message) => {
                        tx.send(GossipRequest { frame: Some(Frame::Message(message)) }).await?;
                    }
                    None => return Ok(()),
                },
            }
        }
    }
}
