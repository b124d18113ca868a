//! Accounts, for operators.

use super::{
    AccountHandler, AccountId, AccountService, CallerRef, Command, Envelope, GroupId, Reason,
    Reply, Request, Response, ServiceError, Status, access_key, command, confirmed, draw, ids,
    invalid, no_such, operator, page, pb, record, refuse, secret, wire,
};

#[tonic::async_trait]
impl AccountService for AccountHandler {
    async fn create_account(
        &self,
        request: Request<pb::CreateAccountRequest>,
    ) -> Result<Response<pb::CreateAccountResponse>, Status> {
        let core = &self.0;
        let caller = operator(core, &request, "tidegate:CreateAccount")?;
        let r = request.into_inner();
        let number = match r.account_id.as_str() {
            "" => {
                let fold = |n: u64, b: &u8| (n << 8 | u64::from(*b)) % 999_999_999_000;
                draw(core).iter().fold(0, fold) + 1_000
            }
            chosen => {
                let wrong = |e: tidegate_policy::AccountIdError| invalid(e.to_string());
                chosen.parse::<AccountId>().map_err(wrong)?.as_u64()
            }
        };
        let id = ids::access_key_id(number, &draw(core));
        let (secret, sealed_secret) = secret(core, &id)?;
        let root_key = record::AccessKey {
            id: id.clone(),
            active: true,
            sealed_secret,
            ..record::AccessKey::default()
        };
        let placement = record::AccountPlacement {
            account: number,
            email: r.email,
            name: r.name,
            root_key: Some(root_key),
            partition: r.partition,
            ..record::AccountPlacement::default()
        };
        let caller = confirmed(core, caller, "tidegate:CreateAccount").await?;
        let request_id = wire::request_id(core, r.request_id);
        let envelope = Envelope {
            request_id: request_id.clone(),
            caller: Some(CallerRef { account: caller.account.as_u64(), ..caller.reference }),
            command: Some(Command::ReserveAccount(command::ReserveAccount {
                placement: Some(placement),
            })),
            ..Envelope::default()
        };
        if r.validate_only {
            return Err(invalid("accounts can't be validated only"));
        }
        let (index, reply) =
            core.propose(GroupId::DIRECTORY, &envelope, core.patience()).await.map_err(refuse)?;
        let (place, revision) = ((GroupId::DIRECTORY, index), reply.revision);
        let Some(Reply::AccountPlacement(reserved)) = reply.reply else {
            return Err(refuse(ServiceError::new(
                Reason::Internal,
                "the directory gave another answer than an account",
            )));
        };
        let position = self.made(&reserved).await?;
        let made = AccountId::from_u64(reserved.account).map_err(|e| invalid(e.to_string()))?;
        let mut metadata = wire::metadata(core, made, place, revision, request_id)?;
        metadata.token = position;
        let first = reserved.root_key.as_ref().is_some_and(|k| k.id == id);
        let key = reserved.root_key.clone().unwrap_or_default();
        Ok(Response::new(pb::CreateAccountResponse {
            account: Some(account(&record::AccountPlacement { active: true, ..reserved })),
            root_access_key: Some(pb::CreatedAccessKey {
                access_key: Some(access_key(&key)),
                secret_access_key: if first { secret } else { String::new() },
            }),
            metadata: Some(metadata),
        }))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        if request.get_ref().account_id != caller.account.to_string() {
            operator(core, &request, "tidegate:GetAccount")?;
        }
        let r = request.into_inner();
        let id: AccountId = r
            .account_id
            .parse()
            .map_err(|e: tidegate_policy::AccountIdError| invalid(e.to_string()))?;
        let view = wire::view(core, r.consistency.as_ref(), &[GroupId::DIRECTORY]).await?;
        view.group_of(id).map_err(refuse)?;
        let found = view.directory.account(id).ok_or_else(|| no_such("account", &r.account_id))?;
        let evidence = wire::evidence(core, &view, &[GroupId::DIRECTORY])?;
        Ok(Response::new(pb::GetAccountResponse {
            account: Some(account(found)),
            evidence: Some(evidence),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        let core = &self.0;
        operator(core, &request, "tidegate:ListAccounts")?;
        let r = request.into_inner();
        let view = wire::view(core, r.consistency.as_ref(), &[GroupId::DIRECTORY]).await?;
        let items = view.directory.accounts().map(|a| (format!("{:012}", a.account), account(a)));
        let (accounts, next_page_token) =
            page(core, "ListAccounts", r.page_size, &r.page_token, items)?;
        let evidence = Some(wire::evidence(core, &view, &[GroupId::DIRECTORY])?);
        Ok(Response::new(pb::ListAccountsResponse { accounts, next_page_token, evidence }))
    }

    async fn delete_account(
        &self,
        request: Request<pb::DeleteAccountRequest>,
    ) -> Result<Response<pb::DeleteAccountResponse>, Status> {
        let core = &self.0;
        let action = "tidegate:DeleteAccount";
        let caller = operator(core, &request, action)?;
        let r = request.into_inner();
        let id: AccountId = r
            .account_id
            .parse()
            .map_err(|e: tidegate_policy::AccountIdError| invalid(e.to_string()))?;
        let caller = confirmed(core, caller, action).await?;
        let request_id = wire::request_id(core, r.request_id);
        let close = command::CloseAccount { account: id.as_u64() };
        let envelope = Envelope {
            request_id: request_id.clone(),
            caller: Some(CallerRef { account: caller.account.as_u64(), ..caller.reference }),
            command: Some(Command::CloseAccount(close)),
            ..Envelope::default()
        };
        let (index, reply) =
            core.propose(GroupId::DIRECTORY, &envelope, core.patience()).await.map_err(refuse)?;
        let token = self.deleted(id, index).await?;
        let mut metadata =
            wire::metadata(core, id, (GroupId::DIRECTORY, index), reply.revision, request_id)?;
        metadata.token = token;
        Ok(Response::new(pb::DeleteAccountResponse { metadata: Some(metadata) }))
    }
}

fn account(a: &record::AccountPlacement) -> pb::Account {
    pb::Account {
        id: format!("{:012}", a.account),
        name: a.name.clone(),
        email: a.email.clone(),
        state: match (a.closing, a.active) {
            (true, _) => "CLOSING",
            (_, true) => "ACTIVE",
            (_, false) => "PENDING",
        }
        .to_owned(),
        group: a.group,
        partition: if a.partition.is_empty() { "aws" } else { &a.partition }.to_owned(),
    }
}

impl AccountHandler {
    /// Waits until whoever leads the directory has let the account's group erase it and forgotten it, and gives a token that covers both.
    async fn deleted(&self, id: AccountId, closed: u64) -> Result<String, Status> {
        let core = &self.0;
        let origin = core.origin(GroupId::DIRECTORY);
        let mut changes = core.views.changes();
        let gone = async {
            loop {
                let view = core.views.load();
                let seen = view.positions.get(origin) >= closed;
                if (seen && view.directory.account(id).is_none())
                    || changes.changed().await.is_err()
                {
                    return;
                }
            }
        };
        if tokio::time::timeout(core.patience(), gone).await.is_err() {
            let message =
                format!("the account {id} is closed and will be erased; ask for it later");
            return Err(refuse(ServiceError::new(Reason::UnknownOutcome, message)));
        }
        let positions =
            core.read_index(GroupId::DIRECTORY, core.patience()).await.map_err(refuse)?;
        core.token(&core.views.load(), positions).map_err(refuse)
    }

    /// Waits until whoever leads the directory has made the account in its group and said so, and gives a token that covers both.
    async fn made(&self, reserved: &record::AccountPlacement) -> Result<String, Status> {
        let core = &self.0;
        let id = AccountId::from_u64(reserved.account).map_err(|e| invalid(e.to_string()))?;
        let mut changes = core.views.changes();
        let active = async {
            while !core.views.load().directory.account(id).is_some_and(|a| a.active) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(core.patience(), active).await.is_err() {
            let message =
                format!("the account {id} is reserved and will be made; ask for it later");
            return Err(refuse(ServiceError::new(Reason::UnknownOutcome, message)));
        }
        let mut positions =
            core.read_index(GroupId::DIRECTORY, core.patience()).await.map_err(refuse)?;
        let group = GroupId(reserved.group);
        positions.join(&core.read_index(group, core.patience()).await.map_err(refuse)?);
        core.token(&core.views.load(), positions).map_err(refuse)
    }
}
