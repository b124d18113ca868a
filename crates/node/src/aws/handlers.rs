//! The operations, one row each; what a row does stands in the file of its entity.

mod access;
mod account;
mod certificates;
mod details;
mod granting;
mod groups;
mod held;
mod inline;
mod instance_profiles;
mod keys;
mod managed;
mod mfa;
mod organization;
mod passwords;
mod policies;
mod providers;
mod reports;
mod roles;
mod service_credentials;
mod service_linked;
mod settings;
mod shapes;
mod simulate;
mod ssh_keys;
pub(crate) mod sts;
mod tags;
mod users;

use futures::future::BoxFuture;
use tidegate_query::{Code, Refusal, Service};

use super::{answer::Outcome, call::Call, federation};

macro_rules! operations {
    ($($service:ident { $($name:ident => $module:ident::$handler:ident;)* })*) => {
        /// The operations that are served.
        #[cfg(test)]
        pub(super) const SERVED: &[(Service, &str)] = &[$($((Service::$service, stringify!($name)),)*)*];

        fn handler<'c>(call: &'c Call<'_>) -> Option<BoxFuture<'c, Outcome>> {
            match (call.asked.service, call.asked.operation.name.as_str()) {
                $($((Service::$service, stringify!($name)) => Some(Box::pin($module::$handler(call))),)*)*
                _ => None,
            }
        }
    };
}

operations! {
    Iam {
        CreateUser => users::create;
        GetUser => users::get;
        UpdateUser => users::update;
        DeleteUser => users::delete;
        ListUsers => users::list;
        TagUser => tags::user;
        UntagUser => tags::user;
        ListUserTags => tags::list_user;
        CreateGroup => groups::create;
        GetGroup => groups::get;
        UpdateGroup => groups::update;
        DeleteGroup => groups::delete;
        ListGroups => groups::list;
        AddUserToGroup => groups::add_user;
        RemoveUserFromGroup => groups::remove_user;
        ListGroupsForUser => groups::list_for_user;
        CreateRole => roles::create;
        GetRole => roles::get;
        UpdateRole => roles::update;
        UpdateRoleDescription => roles::update_description;
        UpdateAssumeRolePolicy => roles::update_trust;
        DeleteRole => roles::delete;
        ListRoles => roles::list;
        TagRole => tags::role;
        UntagRole => tags::role;
        ListRoleTags => tags::list_role;
        CreatePolicy => policies::create;
        GetPolicy => policies::get;
        DeletePolicy => policies::delete;
        ListPolicies => policies::list;
        CreatePolicyVersion => policies::create_version;
        GetPolicyVersion => policies::get_version;
        ListPolicyVersions => policies::list_versions;
        SetDefaultPolicyVersion => policies::set_default_version;
        DeletePolicyVersion => policies::delete_version;
        TagPolicy => tags::policy;
        UntagPolicy => tags::policy;
        ListPolicyTags => tags::list_policy;
        ListEntitiesForPolicy => policies::list_entities;
        AttachUserPolicy => managed::attach_user;
        DetachUserPolicy => managed::detach_user;
        ListAttachedUserPolicies => managed::list_user;
        AttachGroupPolicy => managed::attach_group;
        DetachGroupPolicy => managed::detach_group;
        ListAttachedGroupPolicies => managed::list_group;
        AttachRolePolicy => managed::attach_role;
        DetachRolePolicy => managed::detach_role;
        ListAttachedRolePolicies => managed::list_role;
        PutUserPermissionsBoundary => managed::put_user_boundary;
        DeleteUserPermissionsBoundary => managed::delete_user_boundary;
        PutRolePermissionsBoundary => managed::put_role_boundary;
        DeleteRolePermissionsBoundary => managed::delete_role_boundary;
        PutUserPolicy => inline::put_user;
        GetUserPolicy => inline::get_user;
        DeleteUserPolicy => inline::delete_user;
        ListUserPolicies => inline::list_user;
        PutGroupPolicy => inline::put_group;
        GetGroupPolicy => inline::get_group;
        DeleteGroupPolicy => inline::delete_group;
        ListGroupPolicies => inline::list_group;
        PutRolePolicy => inline::put_role;
        GetRolePolicy => inline::get_role;
        DeleteRolePolicy => inline::delete_role;
        ListRolePolicies => inline::list_role;
        CreateAccessKey => keys::create;
        UpdateAccessKey => keys::update;
        DeleteAccessKey => keys::delete;
        ListAccessKeys => keys::list;
        GetAccessKeyLastUsed => keys::last_used;
        CreateInstanceProfile => instance_profiles::create;
        GetInstanceProfile => instance_profiles::get;
        DeleteInstanceProfile => instance_profiles::delete;
        ListInstanceProfiles => instance_profiles::list;
        ListInstanceProfilesForRole => instance_profiles::list_for_role;
        AddRoleToInstanceProfile => instance_profiles::add_role;
        RemoveRoleFromInstanceProfile => instance_profiles::remove_role;
        TagInstanceProfile => tags::instance_profile;
        UntagInstanceProfile => tags::instance_profile;
        ListInstanceProfileTags => tags::list_instance_profile;
        CreateOpenIDConnectProvider => providers::create_oidc;
        GetOpenIDConnectProvider => providers::get_oidc;
        ListOpenIDConnectProviders => providers::list_oidc;
        DeleteOpenIDConnectProvider => providers::delete_oidc;
        AddClientIDToOpenIDConnectProvider => providers::add_client_id;
        RemoveClientIDFromOpenIDConnectProvider => providers::remove_client_id;
        UpdateOpenIDConnectProviderThumbprint => providers::update_thumbprints;
        TagOpenIDConnectProvider => tags::oidc_provider;
        UntagOpenIDConnectProvider => tags::oidc_provider;
        ListOpenIDConnectProviderTags => tags::list_oidc_provider;
        CreateSAMLProvider => providers::create_saml;
        GetSAMLProvider => providers::get_saml;
        ListSAMLProviders => providers::list_saml;
        UpdateSAMLProvider => providers::update_saml;
        DeleteSAMLProvider => providers::delete_saml;
        TagSAMLProvider => tags::saml_provider;
        UntagSAMLProvider => tags::saml_provider;
        ListSAMLProviderTags => tags::list_saml_provider;
        CreateAccountAlias => passwords::create_alias;
        DeleteAccountAlias => passwords::delete_alias;
        ListAccountAliases => passwords::list_aliases;
        UpdateAccountPasswordPolicy => passwords::update_policy;
        GetAccountPasswordPolicy => passwords::get_policy;
        DeleteAccountPasswordPolicy => passwords::delete_policy;
        CreateLoginProfile => passwords::create_login;
        GetLoginProfile => passwords::get_login;
        UpdateLoginProfile => passwords::update_login;
        DeleteLoginProfile => passwords::delete_login;
        ChangePassword => passwords::change_own;
        CreateVirtualMFADevice => mfa::create;
        EnableMFADevice => mfa::enable;
        ResyncMFADevice => mfa::resync;
        DeactivateMFADevice => mfa::deactivate;
        DeleteVirtualMFADevice => mfa::delete;
        GetMFADevice => mfa::get;
        ListMFADevices => mfa::list;
        ListVirtualMFADevices => mfa::list_virtual;
        TagMFADevice => tags::mfa_device;
        UntagMFADevice => tags::mfa_device;
        ListMFADeviceTags => tags::list_mfa_device;
        SimulateCustomPolicy => simulate::custom;
        SimulatePrincipalPolicy => simulate::principal;
        GetContextKeysForCustomPolicy => simulate::custom_keys;
        GetContextKeysForPrincipalPolicy => simulate::principal_keys;
        GenerateCredentialReport => reports::generate;
        GetCredentialReport => reports::get;
        UploadServerCertificate => certificates::upload_server;
        GetServerCertificate => certificates::get_server;
        ListServerCertificates => certificates::list_servers;
        UpdateServerCertificate => certificates::update_server;
        DeleteServerCertificate => certificates::delete_server;
        TagServerCertificate => tags::server_certificate;
        UntagServerCertificate => tags::server_certificate;
        ListServerCertificateTags => tags::list_server_certificate;
        UploadSigningCertificate => certificates::upload_signing;
        ListSigningCertificates => certificates::list_signing;
        UpdateSigningCertificate => certificates::update_signing;
        DeleteSigningCertificate => certificates::delete_signing;
        UploadSSHPublicKey => ssh_keys::upload;
        GetSSHPublicKey => ssh_keys::get;
        ListSSHPublicKeys => ssh_keys::list;
        UpdateSSHPublicKey => ssh_keys::update;
        DeleteSSHPublicKey => ssh_keys::delete;
        CreateServiceSpecificCredential => service_credentials::create;
        ListServiceSpecificCredentials => service_credentials::list;
        UpdateServiceSpecificCredential => service_credentials::update;
        ResetServiceSpecificCredential => service_credentials::reset;
        DeleteServiceSpecificCredential => service_credentials::delete;
        CreateServiceLinkedRole => service_linked::create;
        DeleteServiceLinkedRole => service_linked::delete;
        GetServiceLinkedRoleDeletionStatus => service_linked::deletion_status;
        GenerateServiceLastAccessedDetails => access::generate;
        GetServiceLastAccessedDetails => access::get;
        GetServiceLastAccessedDetailsWithEntities => access::get_with_entities;
        ListPoliciesGrantingServiceAccess => access::list_granting;
        GenerateOrganizationsAccessReport => access::generate_organization;
        GetOrganizationsAccessReport => access::get_organization;
        GetAccountProperties => settings::get_properties;
        PutAccountProperties => settings::put_properties;
        SetSecurityTokenServicePreferences => settings::set_token_version;
        ListOrganizationsFeatures => organization::list_features;
        EnableOrganizationsRootCredentialsManagement => organization::enable_credentials;
        DisableOrganizationsRootCredentialsManagement => organization::disable_credentials;
        EnableOrganizationsRootSessions => organization::enable_sessions;
        DisableOrganizationsRootSessions => organization::disable_sessions;
        GetAccountSummary => account::summary;
        GetAccountAuthorizationDetails => details::get;
        EnableOutboundWebIdentityFederation => federation::enable;
        DisableOutboundWebIdentityFederation => federation::disable;
        GetOutboundWebIdentityFederationInfo => federation::get_info;
    }
    Sts {
        AssumeRole => sts::assume_role;
        AssumeRoot => organization::assume_root;
        GetSessionToken => sts::get_session_token;
        GetFederationToken => sts::get_federation_token;
        DecodeAuthorizationMessage => sts::decode_message;
        GetCallerIdentity => sts::get_caller_identity;
        GetAccessKeyInfo => sts::get_access_key_info;
        GetWebIdentityToken => federation::get_token;
    }
}

/// What begins a session, and is answered once this node can sign one.
const BEGIN_SESSIONS: [&str; 4] =
    ["AssumeRole", "AssumeRoot", "GetSessionToken", "GetFederationToken"];

/// Serves a call.
pub(super) async fn run(call: &Call<'_>) -> Outcome {
    if BEGIN_SESSIONS.contains(&call.asked.operation.name.as_str()) {
        crate::vouching::settled(call.core).await;
    }
    match handler(call) {
        Some(answer) => answer.await,
        None => Err(Refusal::new(
            Code::UnsupportedOperation,
            format!("The operation {} is not served here.", call.asked.operation.name),
        )),
    }
}
