//! The codes: what is found, how bad it is, and a sentence on each. They never change their spelling.
//!
//! Spelling and levels are those of AWS's "IAM policy validation check reference" wherever it has the check. The others are ours:
//! what AWS leaves to the reader, and what only our parser refuses.

use core::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintLevel {
    /// It is refused, or does not do what it says.
    Error,
    /// It lets in more than is usually meant.
    SecurityWarning,
    /// It is probably not meant.
    Warning,
    /// It could be shorter or clearer.
    Suggestion,
}

impl LintLevel {
    /// The level as AWS's API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::SecurityWarning => "SECURITY_WARNING",
            Self::Warning => "WARNING",
            Self::Suggestion => "SUGGESTION",
        }
    }
}

impl fmt::Display for LintLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::SecurityWarning => "security warning",
            Self::Warning => "warning",
            Self::Suggestion => "suggestion",
        })
    }
}

macro_rules! codes {
    ($($level:ident { $($code:ident $text:literal $doc:literal,)* })*) => {
        /// What was found. Printed as its stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum LintCode {
            $($(#[doc = $doc] $code,)*)*
        }

        impl LintCode {
            /// Every code, the worst first.
            pub const ALL: &[Self] = &[$($(Self::$code,)*)*];

            /// How bad it is.
            pub fn level(self) -> LintLevel {
                match self {
                    $($(Self::$code)|* => LintLevel::$level,)*
                }
            }

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$code => $text,)*)*
                }
            }

            /// What it means, in a sentence.
            pub fn description(self) -> &'static str {
                match self {
                    $($(Self::$code => $doc,)*)*
                }
            }
        }
    };
}

codes! {
    Error {
        // Refused by the parser.
        JsonSyntaxError "JSON_SYNTAX_ERROR" "The text is not JSON, or nests too deeply.",
        DuplicateKeys "DUPLICATE_KEYS" "A key stands twice in one object.",
        DocumentTooLarge "DOCUMENT_TOO_LARGE" "The text is longer than any policy that is read.",
        UnsupportedCharacter "UNSUPPORTED_CHARACTER" "A character beyond U+00FF, or a control character.",
        DataTypeMismatch "DATA_TYPE_MISMATCH" "An element is of another JSON type than the grammar wants.",
        InvalidVersion "INVALID_VERSION" "A version other than `2012-10-17` and `2008-10-17`.",
        InvalidPolicyElement "INVALID_POLICY_ELEMENT" "An element that the grammar does not know, or not in this kind of policy.",
        MissingStatement "MISSING_STATEMENT" "A policy without a statement.",
        MissingEffect "MISSING_EFFECT" "A statement without `Effect`.",
        InvalidEffect "INVALID_EFFECT" "An effect other than `Allow` and `Deny`; case matters.",
        MissingAction "MISSING_ACTION" "A statement without `Action` or `NotAction`.",
        MissingPrincipal "MISSING_PRINCIPAL" "A statement without `Principal` in a kind of policy that needs one.",
        MissingResource "MISSING_RESOURCE" "A statement without `Resource` or `NotResource` in a kind of policy that needs one.",
        UnsupportedElementCombination "UNSUPPORTED_ELEMENT_COMBINATION" "An element together with its `Not` form.",
        UnsupportedPrincipal "UNSUPPORTED_PRINCIPAL" "A principal in a kind of policy that is attached to principals.",
        UnsupportedSid "UNSUPPORTED_SID" "A `Sid` of other characters than letters and digits.",
        UniqueSidsRequired "UNIQUE_SIDS_REQUIRED" "Two statements of one `Sid`.",
        InvalidArnPrefix "INVALID_ARN_PREFIX" "A resource that is neither `*` nor begins with `arn:`.",
        MissingArnField "MISSING_ARN_FIELD" "An ARN of fewer than six parts whose last is no star.",
        InvalidPrincipalFormat "INVALID_PRINCIPAL_FORMAT" "A principal that can name nobody: neither `*` nor an account, ARN, unique id or provider.",
        InvalidPrincipalKey "INVALID_PRINCIPAL_KEY" "A kind of principal other than `AWS`, `Service`, `Federated` and `CanonicalUser`.",
        InvalidServicePrincipalFormat "INVALID_SERVICE_PRINCIPAL_FORMAT" "A service principal that is no domain such as `ec2.amazonaws.com`.",
        UnsupportedWildcardInPrincipal "UNSUPPORTED_WILDCARD_IN_PRINCIPAL" "A wildcard inside a principal: only the whole `*` is one.",
        InvalidConditionOperator "INVALID_CONDITION_OPERATOR" "A condition operator that does not exist.",
        NullWithIfExists "NULL_WITH_IF_EXISTS" "`NullIfExists`: `Null` asks whether a key exists by itself.",
        DuplicateKeysWithDifferentCase "DUPLICATE_KEYS_WITH_DIFFERENT_CASE" "A condition key or operator twice in one block, spelled in two ways.",
        InvalidConditionKeyFormat "INVALID_CONDITION_KEY_FORMAT" "A condition key that is not written `service:name`.",
        RoleTrustPolicySyntaxErrorNotPrincipal "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL" "`NotPrincipal` in a trust policy.",
        RoleTrustPolicySyntaxErrorResource "ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE" "`Resource` or `NotResource` in a trust policy, whose resource is its role.",
        RoleTrustPolicyUnsupportedWildcardInPrincipal "ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL" "A bare `*` as the principal of a trust policy, which is refused as AWS does (`AWS` with `*` says the same), or every service.",
        ScpSyntaxErrorPrincipal "SCP_SYNTAX_ERROR_PRINCIPAL" "A principal in a service control policy.",
        RcpSyntaxErrorAllow "RCP_SYNTAX_ERROR_ALLOW" "`Allow` in a resource control policy, but for the one that AWS attaches, which allows everything.",
        RcpSyntaxErrorPrincipal "RCP_SYNTAX_ERROR_PRINCIPAL" "A principal other than `*` in a resource control policy.",
        RcpSyntaxErrorAction "RCP_SYNTAX_ERROR_ACTION" "`*` as the action of a resource control policy that denies, which names a service's actions.",
        RcpSyntaxErrorNotAction "RCP_SYNTAX_ERROR_NOTACTION" "`NotAction` in a resource control policy.",

        // Read, and without the effect that it seems to have.
        InvalidServiceInAction "INVALID_SERVICE_IN_ACTION" "An action of a service that AWS's reference does not list, and a letter away from one that it lists.",
        InvalidAction "INVALID_ACTION" "An action that is not written `service:Name`, or that its service does not list, and a letter away from one that it lists.",
        InvalidGlobalConditionKey "INVALID_GLOBAL_CONDITION_KEY" "A key of a condition or a variable that begins with `aws:` and is none of AWS's global keys.",
        InvalidServiceConditionKey "INVALID_SERVICE_CONDITION_KEY" "A condition key that its service does not list, and a letter away from one that it lists.",
        InvalidService "INVALID_SERVICE" "A resource or a condition key of a service that AWS's reference does not list, and a letter away from one that it lists.",
        MissingTagKeyInCondition "MISSING_TAG_KEY_IN_CONDITION" "A condition key on tags without the tag's key behind its slash.",
        InvalidPartition "INVALID_PARTITION" "A resource of a partition that does not exist.",
        InvalidArnServiceCase "INVALID_ARN_SERVICE_CASE" "A service in upper case in an ARN.",
        InvalidArnRegion "INVALID_ARN_REGION" "A region that can't be one.",
        InvalidArnAccount "INVALID_ARN_ACCOUNT" "An account that is not twelve digits.",
        MissingArnRegion "MISSING_ARN_REGION" "An ARN without the region that its resource type has.",
        MissingArnAccount "MISSING_ARN_ACCOUNT" "An ARN without the account that its resource type has.",
        ArnRegionNotAllowed "ARN_REGION_NOT_ALLOWED" "An ARN with a region where its resource type has none.",
        ArnAccountNotAllowed "ARN_ACCOUNT_NOT_ALLOWED" "An ARN with an account where its resource type has none.",
        InvalidArnResource "INVALID_ARN_RESOURCE" "An ARN that names a resource type of its service, in a form that no resource of the type has.",
        InvalidConditionMultipleBoolean "INVALID_CONDITION_MULTIPLE_BOOLEAN" "A condition that takes both `true` and `false`.",
        MissingQualifier "MISSING_QUALIFIER" "A key of several values without `ForAllValues` or `ForAnyValue`.",
        PrivateIpAddress "PRIVATE_IP_ADDRESS" "Only private addresses for `aws:SourceIp`, where none ever arrives: the condition never holds.",
        PrivateNotIpAddress "PRIVATE_NOT_IP_ADDRESS" "Only private addresses excluded from `aws:SourceIp`, where none ever arrives: the condition always holds.",
        MissingBraceInVariable "MISSING_BRACE_IN_VARIABLE" "`${` without its closing brace.",
        MissingQuoteInVariable "MISSING_QUOTE_IN_VARIABLE" "The default of a variable without its single quotes.",
        UnsupportedSpaceInVariable "UNSUPPORTED_SPACE_IN_VARIABLE" "A space in the name of a variable.",
        EmptyVariable "EMPTY_VARIABLE" "`${}`.",
        VariableUnsupportedInElement "VARIABLE_UNSUPPORTED_IN_ELEMENT" "A variable where none is replaced: in an action, a principal or the first five parts of an ARN.",
        VariableUnsupportedInVersion "VARIABLE_UNSUPPORTED_IN_VERSION" "A variable in a policy of version 2008-10-17, where it is text.",
        InvalidVariableForOperator "INVALID_VARIABLE_FOR_OPERATOR" "A variable in a value of an operator that is neither on strings nor on ARNs.",
        MultivaluedKeyInVariable "MULTIVALUED_KEY_IN_VARIABLE" "A variable for a key of several values, which is never replaced.",
        NotPrincipalWithoutAccount "NOT_PRINCIPAL_WITHOUT_ACCOUNT" "`Deny` with `NotPrincipal` that lists a user or role without its account, or a session without its role, and so denies it too.",
        MismatchedActionForTrustPolicy "MISMATCHED_ACTION_FOR_TRUST_POLICY" "An action that no trust policy decides on.",
        MismatchedActionForPrincipal "MISMATCHED_ACTION_FOR_PRINCIPAL" "A principal that can't make the call: only identity providers assume a role with SAML or a web identity, and in no other way.",
        InvalidFederatedPrincipalSyntaxInRoleTrustPolicy "INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY" "A `Federated` principal that is neither the ARN of a provider nor one of the domains that need none.",
        ScpSyntaxErrorActionWildcard "SCP_SYNTAX_ERROR_ACTION_WILDCARD" "A wildcard before the end of an action in a service control policy (classic syntax).",
        ScpSyntaxErrorAllowCondition "SCP_SYNTAX_ERROR_ALLOW_CONDITION" "`Allow` with `Condition` in a service control policy (classic syntax).",
        ScpSyntaxErrorAllowNotAction "SCP_SYNTAX_ERROR_ALLOW_NOTACTION" "`Allow` with `NotAction` in a service control policy.",
        ScpSyntaxErrorAllowResource "SCP_SYNTAX_ERROR_ALLOW_RESOURCE" "`Allow` with a resource other than `*` in a service control policy (classic syntax).",
        ScpSyntaxErrorNotResource "SCP_SYNTAX_ERROR_NOTRESOURCE" "`NotResource` in a service control policy (classic syntax).",
        PolicySizeExceedsScpQuota "POLICY_SIZE_EXCEEDS_SCP_QUOTA" "A service control policy longer than 5,120 characters, white space counted.",
        PolicySizeExceedsRcpQuota "POLICY_SIZE_EXCEEDS_RCP_QUOTA" "A resource control policy longer than 5,120 characters, white space counted.",
    }

    SecurityWarning {
        AllowWithNotPrincipal "ALLOW_WITH_NOT_PRINCIPAL" "`Allow` with `NotPrincipal`: everyone but some, anonymous callers too.",
        AllowWithNotAction "ALLOW_WITH_NOT_ACTION" "`Allow` with `NotAction` on all resources: every action that AWS adds, too.",
        AllowWithNotResource "ALLOW_WITH_NOT_RESOURCE" "`Allow` with `NotResource`: every resource but some.",
        PassRoleWithStarInResource "PASS_ROLE_WITH_STAR_IN_RESOURCE" "`iam:PassRole` on every role, without saying to which service.",
        ForAllValuesWithSingleValuedKey "FORALLVALUES_WITH_SINGLE_VALUED_KEY" "`ForAllValues` on a key of one value: it holds when the key is missing.",
        AnyonePrincipalWithoutCondition "ANYONE_PRINCIPAL_WITHOUT_CONDITION" "Anyone may assume the role or use the resource, without any condition.",
        RestrictAccessToServicePrincipal "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL" "A service is let in without saying on whose behalf: the confused deputy.",
        MissingConditionKeyForOidcPrincipal "MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL" "An identity provider that everyone shares is let in without a condition on whose identity it is.",
        MfaConditionWithoutIfExists "MFA_CONDITION_WITHOUT_IF_EXISTS" "`Deny` where `aws:MultiFactorAuthPresent` is false: long-term keys do not bring it and are not denied; `BoolIfExists` denies them.",
        MissingPairedConditionKeys "MISSING_PAIRED_CONDITION_KEYS" "A private address without its VPC: every VPC can have the same addresses.",
    }

    Warning {
        MissingVersion "MISSING_VERSION" "No version, or the old one: policy variables do not work.",
        UnknownService "UNKNOWN_SERVICE" "An action or a resource of a service that AWS's reference does not list: a new one of AWS's, one of your own, or a mistake.",
        UnknownAction "UNKNOWN_ACTION" "An action that its service does not list in AWS's reference.",
        UnknownResourceType "UNKNOWN_RESOURCE_TYPE" "An ARN that no resource type of its service has in AWS's reference.",
        UnknownConditionKey "UNKNOWN_CONDITION_KEY" "A condition key that AWS's reference does not list.",
        ResourceMismatch "RESOURCE_MISMATCH" "An action that none of the statement's resources can be used with: the statement says nothing of it.",
        IrrelevantConditionKey "IRRELEVANT_CONDITION_KEY" "A condition key of a service, or on tags, that none of the statement's actions brings: it never has a value.",
        UnsupportedActionForConditionKey "UNSUPPORTED_ACTION_FOR_CONDITION_KEY" "An action that never brings the key that it is allowed on condition of, while others of the statement do: it is never allowed.",
        CreateSlrWithStarInResource "CREATE_SLR_WITH_STAR_IN_RESOURCE" "`iam:CreateServiceLinkedRole` on every role, without saying for which service.",
        InvalidRoleReference "INVALID_ROLE_REFERENCE" "A principal that is a role's unique id: what is left of a role that was deleted.",
        InvalidUserReference "INVALID_USER_REFERENCE" "A principal that is a user's unique id: what is left of a user that was deleted.",
        WildcardWithoutLikeOperator "WILDCARD_WITHOUT_LIKE_OPERATOR" "`*` or `?` in a value of an operator that knows no wildcards.",
        ForAnyValueWithSingleValuedKey "FORANYVALUE_WITH_SINGLE_VALUED_KEY" "`ForAnyValue` on a key of one value, where it does nothing.",
        TypeMismatch "TYPE_MISMATCH" "An operator of another type than the values of its key have.",
        TypeMismatchBoolean "TYPE_MISMATCH_BOOLEAN" "A value of `Bool` or `Null` that is neither `true` nor `false`: it keeps an allow from applying, but no deny.",
        TypeMismatchDate "TYPE_MISMATCH_DATE" "A value of a date operator that is no date: it keeps an allow from applying, but no deny.",
        TypeMismatchIpRange "TYPE_MISMATCH_IP_RANGE" "A value of an address operator that is no address or CIDR block: it keeps an allow from applying, but no deny.",
        TypeMismatchNumber "TYPE_MISMATCH_NUMBER" "A value of a numeric operator that is no number: it keeps an allow from applying, but no deny.",
        TypeMismatchString "TYPE_MISMATCH_STRING" "A value of `BinaryEquals` that is not base64: it keeps an allow from applying, but no deny.",
        PolicySizeExceedsIdentityPolicyQuota "POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA" "A policy of identities or a boundary longer than 6,144 characters, white space not counted.",
        PolicySizeExceedsRoleTrustPolicyQuota "POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA" "A trust policy longer than 2,048 characters, white space not counted.",
        PolicySizeExceedsSessionPolicyQuota "POLICY_SIZE_EXCEEDS_SESSION_POLICY_QUOTA" "A session policy longer than 2,048 characters, white space not counted.",
    }

    Suggestion {
        EmptyArrayAction "EMPTY_ARRAY_ACTION" "A list of actions without one: the statement says nothing, or speaks of all.",
        EmptyArrayResource "EMPTY_ARRAY_RESOURCE" "A list of resources without one: the statement says nothing, or speaks of all.",
        EmptyArrayPrincipal "EMPTY_ARRAY_PRINCIPAL" "A list of principals without one.",
        EmptyArrayCondition "EMPTY_ARRAY_CONDITION" "A list of condition values without one.",
        EmptyObjectCondition "EMPTY_OBJECT_CONDITION" "`Condition`, or an operator in it, without a key.",
        EmptyObjectPrincipal "EMPTY_OBJECT_PRINCIPAL" "`Principal` without a principal.",
        EmptySidValue "EMPTY_SID_VALUE" "A `Sid` without a character.",
        NullWithQualifier "NULL_WITH_QUALIFIER" "`ForAllValues:Null` or `ForAnyValue:Null`: `Null` asks for a key, not for its values, so that the qualifier does nothing.",
        ResourceWithoutAction "RESOURCE_WITHOUT_ACTION" "A resource that none of the statement's actions can be used with.",
        RedundantAction "REDUNDANT_ACTION" "An action that another one of the list covers.",
        RedundantResource "REDUNDANT_RESOURCE" "A resource that another one of the list covers.",
        RedundantPrincipal "REDUNDANT_PRINCIPAL" "A principal that another one of the list covers.",
        RedundantConditionValue "REDUNDANT_CONDITION_VALUE" "A condition value that stands in its list twice.",
        RedundantStatement "REDUNDANT_STATEMENT" "A statement that says what an earlier one says.",
        PrivateIpAddressSubset "PRIVATE_IP_ADDRESS_SUBSET" "A private address among others for `aws:SourceIp`, where none ever arrives.",
        ImproveIpRange "IMPROVE_IP_RANGE" "An address block with bits behind its prefix.",
    }
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
