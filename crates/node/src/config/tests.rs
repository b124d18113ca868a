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
            aws: String::new(),
            metrics: String::new(),
            advertised_grpc: None,
            advertised_peer: None,
        },
        tls: Tls { ca: "ca.pem".into(), certificate: "n1.pem".into(), key: "n1.key".into() },
        cluster_key: "cluster.key".into(),
        sealing_key: None,
        recovery_key: None,
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
        federation: Federation::default(),
        links: Vec::new(),
        relearn: false,
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

#[test]
fn links_are_for_development_alone_and_are_checked() {
    let link = Link {
        from_region: "eu-central-1".to_owned(),
        to_region: "us-east-1".to_owned(),
        delay_ms: 40,
        loss: 0.01,
        ..Link::default()
    };
    let development = |development, link: &Link| {
        let mut config = example();
        config.founding = Some(Founding {
            development,
            groups: 4,
            voters: vec![config.node],
            operator_account: "000000000001".to_owned(),
            operator_email: "a@b".to_owned(),
            operator_access_key_id: "AKIA".to_owned(),
            operator_secret_file: "secret".into(),
        });
        config.links = vec![link.clone()];
        let text = config.to_toml().unwrap();
        NodeConfig::from_toml(&text).map(|read| assert_eq!(read, config))
    };
    development(true, &link).unwrap();
    development(false, &link).unwrap_err();
    for bad in [
        Link { loss: 2.0, ..link.clone() },
        Link { from_region: String::new(), ..link.clone() },
        Link { delay_max_ms: Some(1), ..link.clone() },
        Link { delay_max_ms: Some(50), sigma: Some(0.1), ..link.clone() },
        Link { delay_ms: 3_600_000, ..link.clone() },
    ] {
        development(true, &bad).unwrap_err();
    }
}
