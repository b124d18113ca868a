//! Hostile forms to the AWS Query protocol: they are read or refused, never a panic, and what is refused can be shown as XML.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_query::{Asked, Form, Refusal, Service};

/// Reads a form as the front door does.
fn read(text: &str, scope: Option<Service>) -> Result<(), Refusal> {
    let form = Form::read(&[text])?;
    let asked = Asked::read(&form, scope)?;
    let input = asked.input(&form)?;
    // A value that was taken is one that can be asked for.
    for (name, _) in input.iter() {
        assert!(input.get(name).is_some());
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for scope in [None, Some(Service::Iam), Some(Service::Sts)] {
        if let Err(refusal) = read(text, scope) {
            let body = refusal.body(scope, "id");
            assert!(body.contains("<Message>") && body.ends_with("</ErrorResponse>"), "{body}");
        }
    }
});
