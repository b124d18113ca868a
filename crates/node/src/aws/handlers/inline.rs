//! Inline policies of users, groups and roles.

use tidegate_model::{Command, EntityKind, command};
use tidegate_query::{Fields, Value};

use crate::{
    aws::{
        answer::Outcome,
        call::{Call, no_such},
    },
    operations::Subject,
};

/// The entity that a call names, the member of the input that names it, and what reads of it are about.
pub(super) fn entity(kind: EntityKind, name: &str) -> (&'static str, Subject<'_>) {
    match kind {
        EntityKind::User => ("UserName", Subject::User(name)),
        EntityKind::Group => ("GroupName", Subject::Group(name)),
        EntityKind::Role => ("RoleName", Subject::Role(name)),
    }
}

async fn write(call: &Call<'_>, kind: EntityKind, document: String) -> Outcome {
    let name = call.text(entity(kind, "").0);
    let policy = call.text("PolicyName");
    call.just(Command::PutInline(command::PutInline { kind: kind as u32, name, policy, document }))
        .await
}

async fn put(call: &Call<'_>, kind: EntityKind) -> Outcome {
    write(call, kind, call.text("PolicyDocument")).await
}

async fn delete(call: &Call<'_>, kind: EntityKind) -> Outcome {
    write(call, kind, String::new()).await
}

async fn get(call: &Call<'_>, kind: EntityKind) -> Outcome {
    let (name, policy) = (call.text(entity(kind, "").0), call.text("PolicyName"));
    let (member, subject) = entity(kind, &name);
    let (seen, account) = call.read(subject).await?;
    super::managed::check_there(&account, kind, &name)?;
    let found = account
        .inline(kind, &name)
        .find(|i| i.name.eq_ignore_ascii_case(&policy))
        .ok_or_else(|| no_such(&format!("{} policy", kind.word()), &policy))?;
    let output = Fields::new()
        .with(member, name.as_str())
        .with("PolicyName", &*found.name)
        .with("PolicyDocument", &*found.document);
    call.seen(&seen, output)
}

async fn list(call: &Call<'_>, kind: EntityKind) -> Outcome {
    let name = call.text(entity(kind, "").0);
    let (seen, account) = call.read(entity(kind, &name).1).await?;
    super::managed::check_there(&account, kind, &name)?;
    let names = account
        .inline(kind, &name)
        .map(|i| (i.name.to_ascii_lowercase(), Value::Text(i.name.clone())));
    call.seen(&seen, call.page("PolicyNames", names)?)
}

macro_rules! of_each {
    ($($handler:ident $kind:ident $name:ident;)*) => {
        $(pub(super) async fn $name(call: &Call<'_>) -> Outcome {
            $handler(call, EntityKind::$kind).await
        })*
    };
}

of_each! {
    put User put_user;
    get User get_user;
    delete User delete_user;
    list User list_user;
    put Group put_group;
    get Group get_group;
    delete Group delete_group;
    list Group list_group;
    put Role put_role;
    get Role get_role;
    delete Role delete_role;
    list Role list_role;
}
