//! iam-rs, which reads AWS's JSON itself.

use std::error::Error;

use iam_rs::{
    Arn, Context, Decision, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId,
};

use super::Engine;
use crate::{policy::Policy, workload::Question};

/// Its evaluator with its default options.
pub(super) struct Iam {
    evaluator: PolicyEvaluator,
}

impl Engine for Iam {
    const NAME: &'static str = "iam-rs 0.8";
    type Source = Vec<String>;
    type Request = IAMRequest;

    fn translate(policies: &[Policy]) -> Vec<String> {
        policies.iter().map(Policy::text).collect()
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        let policies: Result<Vec<_>, _> = source.iter().map(|t| IAMPolicy::from_json(t)).collect();
        Ok(Self { evaluator: PolicyEvaluator::with_policies(policies?) })
    }

    fn request(&self, question: &Question) -> IAMRequest {
        let caller = PrincipalId::String("arn:aws:iam::123456789012:user/ada".to_owned());
        IAMRequest::new_with_context(
            Principal::Aws(caller),
            question.action,
            Arn::parse(&question.resource).expect("an ARN of the workload"),
            Context::new()
                .with_string("aws:RequestedRegion", question.region)
                .with_string("aws:SourceIp", question.address.as_str())
                .with_boolean("aws:MultiFactorAuthPresent", question.mfa),
        )
    }

    fn decide(&mut self, request: &IAMRequest) -> bool {
        self.evaluator.evaluate(request).is_ok_and(|result| result.decision == Decision::Allow)
    }
}
