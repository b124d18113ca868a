//! Several commands at once, and the end of an account.

use super::*;
use crate::command::{Batch, EraseAccount};

fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

fn of_system(command: Command) -> Envelope {
    let caller = Some(system());
    Envelope { account: ACCOUNT, caller, command: Some(command), ..Envelope::default() }
}

fn batch(commands: Vec<Command>) -> Command {
    Command::Batch(Batch { commands: commands.into_iter().map(of_system).collect() })
}

#[test]
fn a_batch_takes_effect_together_or_not_at_all() {
    let mut world = World::new();
    let commands = vec![create_user("ada"), attach("ada", READ_ONLY, true)];
    assert_eq!(kind(world.root(batch(commands.clone()))), RejectionKind::AccessDenied);
    world.apply_as(system(), "", batch(commands)).unwrap();
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    assert_eq!(
        world.state.account(id).unwrap().attached(crate::EntityKind::User, "ada").count(),
        1
    );
    let twice = batch(vec![create_user("bob"), create_user("BOB")]);
    assert_eq!(kind(world.apply_as(system(), "", twice)), RejectionKind::EntityAlreadyExists);
    let nested = batch(vec![batch(vec![create_user("bob")])]);
    assert_eq!(kind(world.apply_as(system(), "", nested)), RejectionKind::ValidationError);
    // Of one key the last write counts, and there is one record of it.
    let undone = vec![attach("ada", READ_ONLY, false), attach("ada", READ_ONLY, true)];
    world.apply_as(system(), "", batch(undone)).unwrap();
    assert_eq!(
        world.state.account(id).unwrap().attached(crate::EntityKind::User, "ada").count(),
        1
    );
    world.check_fold();
}

#[test]
fn an_account_is_erased_some_records_at_a_time_and_nobody_in_it_is_known_from_the_first_on() {
    let mut world = World::new();
    for name in ["ada", "bob"] {
        world.root(create_user(name)).unwrap();
        world.root(attach(name, READ_ONLY, true)).unwrap();
    }
    let erase = || Command::EraseAccount(EraseAccount { records_max: 2 });
    assert_eq!(kind(world.root(erase())), RejectionKind::AccessDenied);
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    let mut steps = 0;
    loop {
        steps += 1;
        let done = world.apply_as(system(), "", erase()).unwrap().reply;
        assert!(world.state.account(id).is_none());
        assert_eq!(kind(world.root(create_user("eve"))), RejectionKind::AccountNotFound);
        if done == Some(Reply::Done(true)) {
            break;
        }
    }
    // The account, its key, two users and two attachments.
    assert_eq!((steps, world.state.accounts().count()), (3, 0));
    assert_eq!(kind(world.apply_as(system(), "", erase())), RejectionKind::AccountNotFound);
    world.check_fold();
    let init = InitAccount { name: "again".into(), email: "c@d".into(), ..InitAccount::default() };
    world.apply_as(system(), "", Command::InitAccount(init)).unwrap();
    let again = world.state.account(id).unwrap();
    assert_eq!((again.users().count(), again.account().unwrap().name.as_str()), (0, "again"));
    world.check_fold();
}

#[test]
fn an_account_of_another_partition_has_its_own_arns_and_policies_of_aws() {
    let mut world = World::new();
    let china = 222_222_222_222;
    let init = InitAccount { partition: "aws-cn".into(), ..InitAccount::default() };
    let mut run = |command| {
        let envelope = Envelope { account: china, ..of_system(command) };
        world.index += 1;
        world.state.apply(world.index, 0, &envelope).outcome.into_result()
    };
    run(Command::InitAccount(init)).unwrap();
    run(create_user("li")).unwrap();
    run(attach("li", READ_ONLY, true)).unwrap_err();
    run(attach("li", &READ_ONLY.replace("arn:aws:", "arn:aws-cn:"), true)).unwrap();
    let account = world.state.account(AccountId::from_u64(china).unwrap()).unwrap();
    assert_eq!(account.root_arn(), "arn:aws-cn:iam::222222222222:root");
    let li = account.user_resolved("li").unwrap();
    assert_eq!(&*li.principal.arn, "arn:aws-cn:iam::222222222222:user/li");
    assert_eq!(li.policies.identity.len(), 1);
}
