//! Policies that an index likes least: wildcards everywhere, three of eight resources begin with one, and conditions decide.

use super::Draft;
use crate::policy::{Effect, Policy, Statement};

pub(super) fn policy(t: &str) -> Policy {
    let allow = |number, actions: &[&str], resource: String| {
        Statement::new(number, Effect::Allow, actions, vec![resource])
    };
    let deny = |number, actions: &[&str], resource: String| {
        Statement::new(number, Effect::Deny, actions, vec![resource])
    };
    Policy::new(vec![
        allow(1, &["Get*", "List*"], format!("{t}-*"))
            .in_regions(&["us-east-1", "eu-west-1"])
            .on_networks(&["10.0.0.0/8"]),
        allow(2, &["Put*"], format!("{t}-*/in/*")).with_mfa(true).in_regions(&["us-east-1"]),
        allow(3, &["*Object"], format!("*-{t}-share/*"))
            .on_networks(&["10.0.0.0/8", "172.16.0.0/12"]),
        allow(4, &["*Tagging"], format!("{t}-*/tags/*"))
            .in_regions(&["us-east-1"])
            .on_networks(&["10.0.0.0/8", "192.168.0.0/16"]),
        allow(5, &["Delete*"], format!("*/{t}/trash/*"))
            .with_mfa(true)
            .on_networks(&["10.0.0.0/8"]),
        allow(6, &["*"], format!("{t}-sandbox/*"))
            .in_regions(&["eu-west-1"])
            .on_networks(&["192.168.0.0/16"]),
        deny(7, &["Delete*"], format!("*{t}-*/protected/*")).with_mfa(false),
        deny(8, &["*"], format!("{t}-*/restricted/*")).on_networks(&["203.0.113.0/24"]),
    ])
}

pub(super) fn question(draft: &mut Draft, kind: usize, t: &str) {
    let o = draft.number.clone();
    match kind {
        0 => _ = draft.ask("s3:GetObject", &format!("{t}-data/reports/{o}.csv")),
        1 => _ = draft.ask("s3:PutObject", &format!("{t}-logs/in/{o}")).mfa(),
        2 => {
            draft.ask("s3:GetObject", &format!("org{o}-{t}-share/{o}")).region("ap-south-1");
        }
        3 => _ = draft.ask("s3:DeleteObject", &format!("bucket{o}/{t}/trash/{o}")).mfa(),
        4 => {
            let report = format!("{t}-data/reports/{o}.csv");
            draft.ask("s3:GetObject", &report).region("ap-south-1").at("172.16.3.4").denied();
        }
        5 => draft.ask("s3:PutObject", &format!("other-bucket-{o}/some/key/{o}")).mfa().denied(),
        6 => {
            let restricted = format!("{t}-logs/restricted/in/{o}");
            draft.ask("s3:PutObject", &restricted).mfa().at("203.0.113.7").denied();
        }
        _ => draft.ask("s3:DeleteObject", &format!("org-{t}-share/protected/{o}")).denied(),
    }
}
