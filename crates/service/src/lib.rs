//! What a node answers: authentication against a view, decisions, tokens, and one table of errors.
//!
//! The one idea: every answer is a function of (view, caller, request, time). The view is immutable and says at which positions it
//! stands, so an answer can say how fresh it was.

mod authenticate;
mod contain;
mod decide;
mod denial;
mod error;
mod federation;
mod session_rules;
mod standing;
mod sts;
mod token;
mod view;

pub use authenticate::{Caller, authenticate, check, check_action, check_on};
pub use contain::{
    Contain, Named, check_foreign_lift, check_list, is_operator, lift, quarantine, quarantines,
    void_sessions,
};
pub use decide::{Answered, QUESTIONS_MAX, Question, decide, explain_question};
pub use denial::{AUTHORIZATION_MESSAGE_MAX, Denial, decode_authorization_message};
pub use error::{Reason, ServiceError};
pub use federation::{AssumeFederated, Vouched, assume_federated};
pub use session_rules::check_session;
pub use standing::{check_standing, refusal};
pub use sts::{
    AssumeRole, AssumeRoot, AssumedRole, GetFederationToken, InstanceCredentials, Issued,
    assume_role, assume_root, check_may_assume, get_federation_token, get_session_token,
    instance_credentials,
};
pub use tidegate_model::RejectionKind;
pub use token::{TOKEN_POSITIONS_MAX, Token};
pub use view::View;
