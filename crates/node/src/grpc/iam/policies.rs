//! Managed policies and their versions.

use super::{
    AccountState, Command, IamHandler, IdKind, Reply, Request, Response, Status, Subject,
    aws_managed, aws_policy, command, created, draw, evidence, ids, invalid, mutate, no_such, page,
    pb, policy, read, version, version_number, wire,
};

/// A policy of AWS by what it is called in the account's partition.
fn of_aws(account: &AccountState, arn: &str) -> Option<&'static aws_managed::ManagedPolicy> {
    aws_managed::find(&account.aws_managed(arn)?)
}

impl IamHandler {
    pub(super) async fn create_policy(
        &self,
        request: Request<pb::CreatePolicyRequest>,
    ) -> Result<Response<pb::CreatePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreatePolicy(command::CreatePolicy {
            name: r.policy_name,
            path: r.path,
            id: ids::unique_id(IdKind::ManagedPolicy, &draw(&self.0)),
            document: r.policy_document,
            description: r.description,
            tags: Vec::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreatePolicyResponse {
            policy: match &done.reply.reply {
                Some(Reply::Policy(v)) => Some(policy(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn get_policy(
        &self,
        request: Request<pb::GetPolicyRequest>,
    ) -> Result<Response<pb::GetPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetPolicy",
            Subject::Arn(&r.policy_arn),
        )
        .await?;
        let policy = match (account.policy(&r.policy_arn), of_aws(&account, &r.policy_arn)) {
            (Some(own), _) => policy(&account, &own.meta, own.revision),
            (None, Some(aws)) => aws_policy(&account, aws),
            (None, None) => return Err(no_such("policy", &r.policy_arn)),
        };
        Ok(Response::new(pb::GetPolicyResponse {
            policy: Some(policy),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn delete_policy(
        &self,
        request: Request<pb::DeletePolicyRequest>,
    ) -> Result<Response<pb::DeletePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command =
            Command::Delete(command::Delete { kind: 4, name: r.policy_arn, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeletePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_policies(
        &self,
        request: Request<pb::ListPoliciesRequest>,
    ) -> Result<Response<pb::ListPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListPolicies",
            Subject::All("policy"),
        )
        .await?;
        let (local, managed) = match r.scope.as_str() {
            "" | "Local" => (true, false),
            "AWS" => (false, true),
            "All" => (true, true),
            other => return Err(invalid(format!("the scope `{other}` is not Local, AWS or All"))),
        };
        // The account's own come first: a tilde sorts behind every name.
        let own = account
            .policies()
            .filter(|_| local)
            .map(|p| (p.meta.name.to_ascii_lowercase(), policy(&account, &p.meta, p.revision)));
        let aws = aws_managed::all()
            .iter()
            .filter(|_| managed)
            .map(|p| (format!("~{}", p.arn), aws_policy(&account, p)));
        let items = own.chain(aws);
        let (policies, next_page_token) =
            page(&self.0, "ListPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListPoliciesResponse {
            policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn create_policy_version(
        &self,
        request: Request<pb::CreatePolicyVersionRequest>,
    ) -> Result<Response<pb::CreatePolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let set_default = r.set_as_default;
        let command = Command::CreatePolicyVersion(command::CreatePolicyVersion {
            arn: r.policy_arn,
            document: r.policy_document,
            set_default: r.set_as_default,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreatePolicyVersionResponse {
            policy_version: match &done.reply.reply {
                Some(Reply::PolicyVersion(v)) => Some(pb::PolicyVersion {
                    version_id: format!("v{}", v.number),
                    document: v.document.clone(),
                    is_default_version: set_default,
                    create_date: Some(created(v.created)),
                }),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn get_policy_version(
        &self,
        request: Request<pb::GetPolicyVersionRequest>,
    ) -> Result<Response<pb::GetPolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetPolicyVersion",
            Subject::Arn(&r.policy_arn),
        )
        .await?;
        let policy_version = match (account.policy(&r.policy_arn), of_aws(&account, &r.policy_arn))
        {
            (Some(own), _) => {
                let number = version_number(&r.version_id)?;
                own.versions
                    .get(&number)
                    .map(|v| version(own, v))
                    .ok_or_else(|| no_such("policy version", &r.version_id))?
            }
            (None, Some(aws)) if *aws.default_version == *r.version_id => pb::PolicyVersion {
                version_id: r.version_id.clone(),
                document: aws.document.to_string(),
                is_default_version: true,
                create_date: tidegate_policy::parse_date(&aws.update_date)
                    .and_then(|d| Some(created(u64::try_from(d).ok()?))),
            },
            _ => return Err(no_such("policy version", &r.version_id)),
        };
        Ok(Response::new(pb::GetPolicyVersionResponse {
            policy_version: Some(policy_version),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn list_policy_versions(
        &self,
        request: Request<pb::ListPolicyVersionsRequest>,
    ) -> Result<Response<pb::ListPolicyVersionsResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListPolicyVersions",
            Subject::Arn(&r.policy_arn),
        )
        .await?;
        let own = account.policy(&r.policy_arn).ok_or_else(|| no_such("policy", &r.policy_arn))?;
        let items = own.versions.values().map(|v| (format!("{:08}", v.number), version(own, v)));
        let (versions, next_page_token) =
            page(&self.0, "ListPolicyVersions", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListPolicyVersionsResponse {
            versions,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn set_default_policy_version(
        &self,
        request: Request<pb::SetDefaultPolicyVersionRequest>,
    ) -> Result<Response<pb::SetDefaultPolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let version = version_number(&r.version_id)?;
        let command = Command::PolicyVersion(command::PolicyVersion {
            arn: r.policy_arn,
            version,
            delete: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::SetDefaultPolicyVersionResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_policy_version(
        &self,
        request: Request<pb::DeletePolicyVersionRequest>,
    ) -> Result<Response<pb::DeletePolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let version = version_number(&r.version_id)?;
        let command = Command::PolicyVersion(command::PolicyVersion {
            arn: r.policy_arn,
            version,
            delete: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeletePolicyVersionResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_entities_for_policy(
        &self,
        request: Request<pb::ListEntitiesForPolicyRequest>,
    ) -> Result<Response<pb::ListEntitiesForPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListEntitiesForPolicy",
            Subject::Arn(&r.policy_arn),
        )
        .await?;
        let items = account
            .entities_for(&r.policy_arn)
            .map(|(k, n)| {
                let name = format!("{}/{n}", k.word());
                (name.clone(), name)
            })
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter();
        let (entities, next_page_token) =
            page(&self.0, "ListEntitiesForPolicy", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListEntitiesForPolicyResponse {
            entities,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
