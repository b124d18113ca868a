//! Policies as tools write them: exact actions, a dozen exact objects and a few folders a statement, a condition in every second.

use super::Draft;
use crate::policy::{Effect, Policy, Statement};

const READ: &[&str] = &["GetObject", "GetObjectVersion", "GetObjectTagging"];
const WRITE: &[&str] = &["PutObject", "PutObjectTagging", "PutObjectAcl"];
const CHANGE: &[&str] = &["GetObject", "PutObject", "DeleteObject"];

/// Objects that a statement names one by one.
const OBJECTS: usize = 12;
/// Folders that it names with a star behind.
const FOLDERS: usize = 4;

fn folders(bucket: &str) -> impl Iterator<Item = String> + '_ {
    (0..FOLDERS).map(move |n| format!("{bucket}/data/{n}/*"))
}

pub(super) fn policy(t: &str) -> Policy {
    let mut statements: Vec<Statement> = (0..6)
        .map(|app| {
            let bucket = format!("{t}-app{app}");
            let objects = (0..OBJECTS).map(|n| format!("{bucket}/config/{n}.json"));
            let resources = objects.chain(folders(&bucket)).collect();
            let actions = [READ, WRITE, CHANGE][app % 3];
            let statement = Statement::new(app + 1, Effect::Allow, actions, resources);
            if app % 2 == 1 { statement.in_regions(&["us-east-1", "eu-west-1"]) } else { statement }
        })
        .collect();
    let protected = || folders(&format!("{t}-app2")).chain(folders(&format!("{t}-app5"))).collect();
    let deletes = ["DeleteObject", "DeleteObjectVersion"];
    statements.push(Statement::new(7, Effect::Deny, &deletes, protected()).with_mfa(false));
    let puts = ["PutObject", "PutObjectAcl"];
    statements
        .push(Statement::new(8, Effect::Deny, &puts, protected()).on_networks(&["203.0.113.0/24"]));
    Policy::new(statements)
}

pub(super) fn question(draft: &mut Draft, kind: usize, t: &str) {
    let (o, object, folder) =
        (draft.number.clone(), draft.choice % OBJECTS, draft.choice % FOLDERS);
    match kind {
        0 => _ = draft.ask("s3:GetObject", &format!("{t}-app0/config/{object}.json")),
        1 => _ = draft.ask("s3:PutObject", &format!("{t}-app1/data/{folder}/{o}")),
        2 => _ = draft.ask("s3:DeleteObject", &format!("{t}-app2/data/{folder}/{o}")).mfa(),
        3 => _ = draft.ask("s3:GetObjectTagging", &format!("{t}-app3/config/{object}.json")),
        4 => {
            let resource = format!("{t}-app3/data/{folder}/{o}");
            draft.ask("s3:GetObject", &resource).region("ap-south-1").denied();
        }
        5 => {
            draft.ask("s3:GetObject", &format!("{t}-app0/config/{}.json", OBJECTS + object));
            draft.denied();
        }
        6 => {
            let resource = format!("{t}-app2/data/{folder}/{o}");
            draft.ask("s3:PutObject", &resource).at("203.0.113.7").denied();
        }
        _ => draft.ask("s3:DeleteObject", &format!("{t}-app2/data/{folder}/{o}")).denied(),
    }
}
