//! Where an account stands in its organization.

/// An organization and an account's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    id: Box<str>,
    /// One path; a list, because the keys that hold it are multivalued.
    paths: Vec<String>,
}

impl Organization {
    /// The organization `o-…` and the account's path in it, from the root down with a slash behind each:
    /// `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`.
    pub fn new(id: &str, path: &str) -> Self {
        Self { id: id.into(), paths: vec![path.to_owned()] }
    }

    /// What `aws:PrincipalOrgID` and `aws:ResourceOrgID` hold.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `aws:PrincipalOrgPaths` and `aws:ResourceOrgPaths` hold.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }
}
