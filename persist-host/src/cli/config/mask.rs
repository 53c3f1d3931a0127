//! Options without their secrets: those whose names sound secret, and passwords that stand in URLs.

use serde_json::{Value, json};

/// What stands for a value that is not shown.
const MASK: &str = "***";

/// Parts of the names of options and parameters that make their values secret.
const SECRET_WORDS: [&str; 9] =
    ["secret", "password", "passphrase", "passwd", "pwd", "token", "credential", "signature", "key"];

/// Whole names that do. The properties of MongoDB's authentication may hold a session token.
const SECRET_NAMES: [&str; 4] = ["pass", "sig", "auth", "authmechanismproperties"];

/// A value whose tables and strings hold no secrets any more.
pub(super) fn masked(value: &Value) -> Value {
    match value {
        Value::Object(table) => table
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let shown = if is_secret(name) { json!(MASK) } else { masked(value) };
                (name.clone(), shown)
            })
            .collect(),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::String(text) => Value::from(masked_text(text)),
        other => other.clone(),
    }
}

/// A string without the passwords of its URLs and without the values of parameters that sound secret. Where a URL does not
/// follow the syntax, rather too much is masked.
pub(super) fn masked_text(text: &str) -> String {
    without_parameters(&without_passwords(text))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Masks what stands between the first `:` of an authority and its last `@`.
fn without_passwords(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((scheme, after)) = rest.split_once("://") {
        shown.push_str(scheme);
        shown.push_str("://");
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        rest = after;
        let Some(colon) = authority.find(':') else { continue };
        // A password with an unescaped `/`, `?` or `#` hides its `@` behind the end of the authority.
        let Some(end) = authority.rfind('@').or_else(|| after.rfind('@')) else { continue };
        if colon < end {
            shown.push_str(&after[..=colon]);
            shown.push_str(MASK);
            rest = &after[end..];
        }
    }
    shown.push_str(rest);
    shown
}

/// Masks the values of `NAME=VALUE`, as in a URL's query or a list of keywords.
fn without_parameters(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        rest = after;
        let of_name =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
        let start = before.trim_end().trim_end_matches(of_name);
        if is_secret(before[start.len()..].trim_end()) {
            shown.push_str(MASK);
            // In a query only `&` ends a value; among keywords, what may stand between two of them does.
            rest = match start.ends_with(['?', '&']) {
                true => after.find('&').map_or("", |end| &after[end..]),
                false => after_keyword(after),
            };
        }
    }
    shown.push_str(rest);
    shown
}

/// What follows the value that a text begins with, which may be in quotes.
fn after_keyword(text: &str) -> &str {
    let value = text.trim_start();
    let quote = value.chars().next().filter(|first| matches!(first, '\'' | '"'));
    match quote {
        Some(quote) => value[1..].split_once(quote).map_or("", |(_, after)| after),
        None => value.find([';', '&', ' ', '\t', '\n']).map_or("", |end| &value[end..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_sound_secret_are_masked_at_any_depth() {
        for name in ["password", "SECRET_ACCESS_KEY", "sessionToken", "api_key", "pwd", "sig"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["bucket", "signed_by", "author", "passive"] {
            assert!(!is_secret(name), "{name}");
        }
        let value = json!({"a": [{"token": "x", "b": 1, "url": "a://u:p@h"}], "none": null});
        assert_eq!(masked(&value), json!({"a": [{"token": "***", "b": 1, "url": "a://u:***@h"}]}));
    }

    #[test]
    fn passwords_in_urls_are_masked_and_the_rest_stays_readable() {
        for (text, shown) in [
            ("postgresql://u:SECRET@h:5432/d?sslmode=require", "postgresql://u:***@h:5432/d?sslmode=require"),
            ("mongodb://u:SECRET@h1:1,h2:2/d?w=1", "mongodb://u:***@h1:1,h2:2/d?w=1"),
            ("redis://:SECRET@h:6379/0", "redis://:***@h:6379/0"),
            ("redis://u:SE@CR:ET@h", "redis://u:***@h"),
            ("redis://u:@h", "redis://u:***@h"),
            ("redis://:SEC/R?E#T@h/0", "redis://:***@h/0"),
            ("redis://:A@h1,redis://:B@h2/0", "redis://:***@h1,redis://:***@h2/0"),
            ("https://u@h:443/p", "https://u@h:443/p"),
            ("http://[::1]:9000/b", "http://[::1]:9000/b"),
            ("h1:1,h2:2", "h1:1,h2:2"),
        ] {
            assert_eq!(masked_text(text), shown);
        }
    }

    #[test]
    fn parameters_that_sound_secret_are_masked() {
        for (text, shown) in [
            ("postgresql://h/d?password=SECRET&user=u", "postgresql://h/d?password=***&user=u"),
            ("postgresql://h/d?user=u&PASSWORD=S;E=C#RET", "postgresql://h/d?user=u&PASSWORD=***"),
            ("https://h/c?sv=1&sig=SECRET%3D&se=2", "https://h/c?sv=1&sig=***&se=2"),
            ("host=h password=SECRET user=u", "host=h password=*** user=u"),
            ("host=h password = 'SEC RET' user=u", "host=h password =*** user=u"),
            ("AccountName=n;AccountKey=SECRET==;Suffix=s", "AccountName=n;AccountKey=***;Suffix=s"),
            ("mongodb://h/?authSource=admin&tls=true", "mongodb://h/?authSource=admin&tls=true"),
        ] {
            assert_eq!(masked_text(text), shown);
        }
    }
}
