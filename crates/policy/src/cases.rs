//! Tests of policies as data: files of cases, each a caller, policies, a request and what must come out.
//!
//! Reading is pure: text in, [`Report`] out. Whatever a file refers to is fetched by the caller's loader, so nothing here opens a
//! file. The schema is documented in `docs/policy-tests.md` and, field by field, on the types of `cases/schema.rs`.
//!
//! ```
//! use tidegate_policy::cases;
//!
//! let text = r#"
//! source: IAM User Guide, Policy evaluation logic
//! cases:
//!   - name: nothing is allowed that nothing allows
//!     principal: arn:aws:iam::123456789012:user/ada
//!     identity: {Statement: {Effect: Allow, Action: "s3:Get*", Resource: "*"}}
//!     action: [s3:PutObject, s3:DeleteObject]
//!     resource: arn:aws:s3:::photos/cat.jpg
//!     expect: implicitDeny
//!     decided_by: identity
//! "#;
//! let report = cases::run("photos.yaml", text, &|file: &str| Err(format!("`{file}` is not here")))?;
//! assert!(report.passed());
//! assert!(cases::junit(&[report]).contains(r#"<testcase classname="photos" name="nothing is allowed that nothing allows"/>"#));
//! # Ok::<(), tidegate_policy::cases::CaseFileError>(())
//! ```

mod document;
mod judge;
mod junit;
mod principal;
mod question;
mod read;
mod report;
mod schema;
mod situation;

pub(crate) use document::json;
pub use document::{Loader, policy_text};
pub use junit::junit;
pub(crate) use principal::path_and_name;
pub use principal::{PrincipalSpec, PrincipalSpecError};
pub use question::Question;
pub use read::{CaseFile, CaseFileError};
pub use report::{CaseResult, Mismatch, Report, Verdict};
pub use situation::{Situation, SituationError};

/// Reads a file of cases and runs them.
///
/// # Errors
/// Where the file is not one of cases: the error names the file, the line and, within a case, the case. A case that fails is no
/// error but a line of the report.
pub fn run(file: &str, text: &str, loader: Loader<'_>) -> Result<Report, CaseFileError> {
    Ok(CaseFile::read(file, text)?.run(loader))
}

#[cfg(test)]
mod tests;
