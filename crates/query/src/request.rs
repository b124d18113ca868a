//! Which operation of which service a form asks for.

use crate::{
    Code, Fields, Form, FormError, Refusal, Service,
    api::{Api, Operation},
    input,
};

/// A call that names an operation. Its input is still to be read: who calls is proven first.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Whose operation.
    pub service: Service,
    /// The operation.
    pub operation: &'static Operation,
}

impl From<FormError> for Refusal {
    fn from(e: FormError) -> Self {
        let code = match e {
            FormError::TooLong => Code::RequestEntityTooLarge,
            _ => Code::MalformedQueryString,
        };
        Self::new(code, e.to_string())
    }
}

fn find(action: &str, version: Option<&str>) -> Option<Service> {
    let has = |s: &Service| s.api().operation(action).is_some();
    let versioned = |s: &Service| version.is_some_and(|v| s.api().version == v);
    Service::ALL.into_iter().find(versioned).or_else(|| Service::ALL.into_iter().find(has))
}

impl Asked {
    /// The operation that a form asks for. `scope` is the service that its signature names; unsigned, the version or the action tells.
    ///
    /// # Errors
    /// `MissingAction`, `InvalidAction` and `NoSuchVersion`, in AWS's words.
    pub fn read(form: &Form, scope: Option<Service>) -> Result<Self, Refusal> {
        let action = form.text("Action").unwrap_or_default();
        if action.is_empty() {
            return Err(Refusal::new(Code::MissingAction, "The request is missing an action."));
        }
        let version = form.text("Version");
        let service = scope.or_else(|| find(action, version)).unwrap_or(Service::Iam);
        let api: &Api = service.api();
        if version != Some(api.version.as_str()) {
            let name = service.scope().to_uppercase();
            let shown: String = version.unwrap_or_default().chars().take(64).collect();
            let message =
                format!("The requested version ({shown}) of service {name} does not exist");
            return Err(Refusal::new(Code::NoSuchVersion, message));
        }
        let operation = api.operation(action).ok_or_else(|| {
            let shown: String = action.chars().take(128).collect();
            let message = format!("Could not find operation {shown} for version {}", api.version);
            Refusal::new(Code::InvalidAction, message)
        })?;
        Ok(Self { service, operation })
    }

    /// The input, of the operation's types and within its constraints.
    pub fn input(self, form: &Form) -> Result<Fields, Refusal> {
        input::read(self.service.api(), self.operation, form)
    }

    /// The body of an answer.
    ///
    /// # Errors
    /// [`crate::AnswerError`] where the answer is not of the operation's output type: a fault of ours.
    pub fn answer(self, output: &Fields, request_id: &str) -> Result<String, crate::AnswerError> {
        crate::answer::write(self.service.api(), self.operation, output, request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(form: &str, scope: Option<Service>) -> Result<(Service, &'static str), Code> {
        let form = Form::read(&[form]).map_err(|e| Refusal::from(e).code)?;
        let asked = Asked::read(&form, scope).map_err(|r| r.code)?;
        Ok((asked.service, asked.operation.name.as_str()))
    }

    #[test]
    fn the_scope_or_else_version_and_action_tell_the_service() {
        let iam = "Action=GetUser&Version=2010-05-08";
        assert_eq!(asked(iam, Some(Service::Iam)), Ok((Service::Iam, "GetUser")));
        assert_eq!(asked(iam, None), Ok((Service::Iam, "GetUser")));
        assert_eq!(asked(iam, Some(Service::Sts)), Err(Code::NoSuchVersion));
        let sts = "Action=AssumeRoleWithSAML&Version=2011-06-15";
        assert_eq!(asked(sts, None), Ok((Service::Sts, "AssumeRoleWithSAML")));
        let check = |form: &str, code| assert_eq!(asked(form, None), Err(code), "{form}");
        check("Version=2010-05-08", Code::MissingAction);
        check("Action=GetUser", Code::NoSuchVersion);
        check("Action=GetUser&Version=2010-05-07", Code::NoSuchVersion);
        check("Action=GetFoo&Version=2010-05-08", Code::InvalidAction);
        check("Action=GetUser&Version=2011-06-15", Code::InvalidAction);
        check("Action=%zz", Code::MalformedQueryString);
    }
}
