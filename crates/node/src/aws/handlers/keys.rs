//! Access keys.

use tidegate_model::{AccountState, Command, Reply, command, ids};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};

use super::{held, shapes};
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
        active: held::read_status(call)?,
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

pub(super) async fn last_used(call: &Call<'_>) -> Outcome {
    let id = call.text("AccessKeyId");
    let present = call.core.views.load();
    let owner = |account: &AccountState| account.access_key(&id).map(|k| k.user.clone());
    let user = owner(present.account(call.caller.account)?).unwrap_or_default();
    let (seen, account) = call.read(Subject::User(&user)).await?;
    let user = owner(&account).ok_or_else(|| {
        let message = format!("The Access Key with id {id} cannot be found.");
        Refusal::new(Code::NoSuchEntity, message)
    })?;
    let name = account.user(&user).map_or(user, |u| u.value.name.clone());
    let used = seen.region.last_used(account.id().as_u64(), &id);
    let word = |text: Option<&str>| text.unwrap_or("N/A").to_owned();
    let fields = Fields::new()
        .with_some("LastUsedDate", used.map(|u| UnixMillis(u.minute.saturating_mul(60_000))))
        .with("ServiceName", word(used.map(|u| u.service.as_str())))
        .with("Region", word(used.map(|u| u.region.as_str())));
    call.seen(&seen, Fields::new().with_text("UserName", &name).with("AccessKeyLastUsed", fields))
}
