//! What a password must be like.

use super::PasswordPolicy;

/// Characters that count as symbols, as AWS lists them.
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";
/// Least length where the account says nothing.
const LENGTH_DEFAULT: usize = 8;
/// Kinds of characters, of four, where the account says nothing.
const CLASSES_DEFAULT: usize = 3;

/// Which of lower case, upper case, digits and symbols a password has.
fn classes(password: &str) -> [bool; 4] {
    let has = |of: fn(char) -> bool| password.chars().any(of);
    [
        has(|c| c.is_ascii_lowercase()),
        has(|c| c.is_ascii_uppercase()),
        has(|c| c.is_ascii_digit()),
        has(|c| SYMBOLS.contains(c)),
    ]
}

/// What is wrong with a password under an account's policy, in AWS's words; `policy` is `None` where the account has none.
pub fn violation(policy: Option<&PasswordPolicy>, password: &str) -> Option<String> {
    let length = password.chars().count();
    let classes = classes(password);
    let short = |min: usize| {
        (length < min).then(|| format!("Password should have a minimum length of {min}"))
    };
    let Some(policy) = policy else {
        let few = || {
            let message = "Password should have at least three of: lowercase letters, uppercase letters, numbers, symbols";
            (classes.into_iter().filter(|c| *c).count() < CLASSES_DEFAULT)
                .then(|| message.to_owned())
        };
        return short(LENGTH_DEFAULT).or_else(few);
    };
    let wanted = [policy.lowercase, policy.uppercase, policy.numbers, policy.symbols];
    let names = ["lowercase letter", "uppercase letter", "number", "symbol"];
    let lacking =
        wanted.into_iter().zip(classes).zip(names).find(|((wants, has), _)| *wants && !has);
    short(policy.length_min as usize)
        .or_else(|| lacking.map(|(_, name)| format!("Password should have at least one {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_policy_or_else_awss_default_decides() {
        let check = |policy: Option<&PasswordPolicy>, password: &str, wrong: Option<&str>| {
            let found = violation(policy, password);
            match (wrong, &found) {
                (None, None) => {}
                (Some(part), Some(message)) if message.contains(part) => {}
                _ => panic!("{password}: {found:?}"),
            }
        };
        check(None, "Passw0rd", None);
        check(None, "Pass-word", None);
        check(None, "Passw0r", Some("minimum length of 8"));
        check(None, "password1", Some("at least three of"));
        let policy = PasswordPolicy {
            length_min: 6,
            symbols: true,
            uppercase: true,
            ..PasswordPolicy::default()
        };
        check(Some(&policy), "ABC-DEF", None);
        check(Some(&policy), "abc-def", Some("one uppercase letter"));
        check(Some(&policy), "ABCDEF1", Some("one symbol"));
        check(Some(&policy), "A-b", Some("minimum length of 6"));
    }
}
