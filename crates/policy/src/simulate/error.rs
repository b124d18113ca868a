//! Why nothing was simulated.

use crate::{ActionError, PolicyError};

/// Why nothing was simulated. Nothing was decided, and asking again in the same words gives the same error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// A list that needs an item, or a text that needs a character.
    #[error("`{0}` must not be empty")]
    Empty(String),
    /// More than is taken at once.
    #[error("`{name}` has {found}, more than {max}")]
    TooMany {
        /// The member.
        name: &'static str,
        /// How many there are.
        found: usize,
        /// How many are taken.
        max: usize,
    },
    /// A number outside of its range.
    #[error("`MaxItems` is {0}, not between 1 and 1000")]
    MaxItems(i64),
    /// Something of another operation.
    #[error("this simulation takes no `{0}`")]
    Foreign(&'static str),
    /// No action, or a pattern of actions.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// No resource.
    #[error("`{0}` is no resource: expected an ARN of at most 2048 characters, or `*`")]
    Resource(String),
    /// No account.
    #[error("`{0}` is no resource owner: expected an account, or the ARN of its root")]
    Owner(String),
    /// Nobody who can call.
    #[error("`{0}` is no caller: expected the ARN of a user, a role or a group")]
    Caller(String),
    /// The principals of a resource policy must be compared with somebody.
    #[error("a `ResourcePolicy` needs a `CallerArn`")]
    CallerNeeded,
    /// The trust policies of roles are no resource policies here.
    #[error("a `ResourcePolicy` can't be simulated for the role `{0}`")]
    PolicyOfRole(String),
    /// A condition key with another name than condition keys have, or one that comes again.
    #[error("`{0}` is no condition key, or comes twice: expected `service:name`, once")]
    ContextKey(String),
    /// A type that condition keys do not have.
    #[error(
        "`{found}` is no type of `{key}`: expected string, numeric, boolean, ip, binary or date, perhaps with `List`"
    )]
    ContextType {
        /// The key.
        key: String,
        /// Its type.
        found: String,
    },
    /// Another number of values than one.
    #[error("`{key}` has {found} values, and its type one")]
    ContextValues {
        /// The key.
        key: String,
        /// How many it has.
        found: usize,
    },
    /// A value of another type.
    #[error("`{value}`, a value of `{key}`, is not of the type {expected}")]
    ContextValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The type.
        expected: &'static str,
    },
    /// A scenario that there is not.
    #[error("`{0}` is no resource handling option")]
    Handling(String),
    /// A scenario without one of its resources.
    #[error("the resource handling option `{option}` needs a resource of the type {needed}")]
    HandlingNeeds {
        /// The scenario.
        option: String,
        /// The type of the resource.
        needed: &'static str,
    },
    /// An exclusion that names not just one thing, or one that there is not.
    #[error("item {0} of `PolicyExclusionList` names not just one policy or type of policies")]
    Exclusion(usize),
    /// A marker that did not come with an answer to the same question.
    #[error("the marker does not belong to this request")]
    Marker,
    /// A text that can't be looked into for condition keys.
    #[error("`{place}` is no policy: {source}")]
    Unreadable {
        /// The place in the input, `PolicyInputList.1`.
        place: String,
        /// What is wrong with it.
        source: PolicyError,
    },
    /// A policy that can't be evaluated.
    #[error("`{place}` can't be evaluated: {source}")]
    Malformed {
        /// The place in the input, `PolicyInputList.1`.
        place: String,
        /// What is wrong with it.
        source: PolicyError,
    },
}

impl SimulationError {
    /// AWS's code: `PolicyEvaluation` where a policy of the input could not be evaluated, else `InvalidInput`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "PolicyEvaluation",
            _ => "InvalidInput",
        }
    }
}
