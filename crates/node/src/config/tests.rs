//! Settings are read strictly.

use super::*;

fn example() -> NodeConfig {
    NodeConfig {
        cluster: "dev".into(),
        node: 1,
        region: "eu-central-1".into(),
        data: "data/n1".into(),
        listen: Listen {
            grpc: "127.0.0.1:7401".into(),
            peer: "127.0.0.1:7501".into(),
            metrics: String::new(),
            advertised_grpc: None,
            advertised_peer: None,
        },
        tls: Tls { ca: "ca.pem".into(), certificate: "n1.pem".into(), key: "n1.key".into() },
        cluster_key: "cluster.key".into(),
        peers: vec![Peer {
            node: 2,
            region: "eu-central-1".into(),
            address: "127.0.0.1:7502".into(),
            grpc: String::new(),
        }],
        founding: None,
        store: Store::default(),
        raft: Raft::default(),
        gossip: Gossip::default(),
        limits: Limits::default(),
        telemetry: Telemetry::default(),
    }
}

#[test]
fn what_is_written_is_read_again() {
    let text = example().to_toml().unwrap();
    assert_eq!(NodeConfig::from_toml(&text).unwrap(), example());
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let text = format!("colour = \"blue\"\n{}", example().to_toml().unwrap());
    let error = NodeConfig::from_toml(&text).unwrap_err().to_string();
    assert!(error.contains("colour"), "{error}");
}

#[test]
fn contradictions_are_refused() {
    type Damage = fn(&mut NodeConfig);
    let bad: [(&str, Damage); 4] = [
        ("node", |c| c.node = 0),
        ("peers", |c| c.peers[0].node = 1),
        ("raft.election_min_ms", |c| c.raft.election_min_ms = 300),
        ("cluster", |c| c.cluster = "a b".into()),
    ];
    for (key, change) in bad {
        let mut config = example();
        change(&mut config);
        assert!(config.check().unwrap_err().to_string().contains(key));
    }
}
