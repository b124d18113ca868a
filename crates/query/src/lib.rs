//! The AWS Query protocol of IAM and STS: from a form to a typed input, and from an answer to XML.
//!
//! The one idea: everything follows from the service models that AWS publishes. A handler sees values that are of the published types and
//! within the published constraints, and can't send an answer that is not of the published shape.
//!
//! ```
//! use tidegate_query::{Asked, Fields, Form};
//!
//! let form = Form::read(&["Action=DeleteUser&Version=2010-05-08&UserName=ada"])?;
//! let asked = Asked::read(&form, None)?;
//! let input = asked.input(&form)?;
//! assert_eq!(input.text("UserName"), Some("ada"));
//! let body = asked.answer(&Fields::new(), "7d1f")?;
//! assert!(body.starts_with("<DeleteUserResponse xmlns="));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants:
//! - a form within its bounds is read in time and memory proportional to its length;
//! - what is refused is refused with a code of the one table in [`Code`];
//! - the service models in `data/` are those that AWS publishes, without their prose.

mod answer;
mod api;
mod form;
mod input;
mod pattern;
mod refusal;
mod request;
mod value;

pub use answer::AnswerError;
pub use api::{Api, DocumentedError, Operation, Service};
pub use form::{DEPTH_MAX, FORM_BYTES_MAX, Form, FormError, PARAMETERS_MAX};
pub use refusal::{Code, Refusal};
pub use request::Asked;
pub use value::{Fields, Value};
