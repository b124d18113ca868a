//! Access keys.

use tidegate_model::{Command, Reply, command, ids};
use tidegate_query::{Fields, Value};

use super::shapes;
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given, no_such},
    },
    operations::{self, Subject, draw},
};

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let id = ids::access_key_id(call.caller.account.as_u64(), &draw(call.core));
    let (secret, sealed_secret) = operations::secret(call.core, &id)?;
    let command = command::CreateAccessKey { user: call.user_name(), id, sealed_secret };
    let done = call.change(Command::CreateAccessKey(command)).await?;
    let key = given(&done, |r| if let Reply::AccessKey(k) = r { Some(k.clone()) } else { None })?;
    let key = shapes::access_key(&done.account, &key).with("SecretAccessKey", secret);
    call.changed(&done, Fields::new().with("AccessKey", key))
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateAccessKey(command::UpdateAccessKey {
        user: call.user_name(),
        id: call.text("AccessKeyId"),
        active: call.text("Status") == "Active",
        delete: false,
    }))
    .await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateAccessKey(command::UpdateAccessKey {
        user: call.user_name(),
        id: call.text("AccessKeyId"),
        active: false,
        delete: true,
    }))
    .await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    if !name.is_empty() {
        account.user(&name).ok_or_else(|| no_such("user", &name))?;
    }
    let keys = account
        .access_keys(&name)
        .map(|k| (k.id.clone(), Value::Structure(shapes::access_key(&account, k))));
    let page = call.page("AccessKeyMetadata", keys)?;
    call.seen(&seen, page)
}
