//! The URLs that can be configured. Those that people see are plain: no credentials, no query, no fragment.

use super::PublicUrl;
use super::resolve::{Problem, problem};
use crate::domain::{Error, web_address};

/// In bytes.
const WEBHOOK_BYTES: usize = 4096;

/// The provider's base URL, without a slash at its end.
pub(super) fn api(text: &str) -> Result<String, Problem> {
    web_address::api(text).map_err(|no| problem(no.what, no.hint))
}

pub(super) fn public(text: &str) -> Result<PublicUrl, Problem> {
    let (scheme, authority, path) = split(text)?;
    let base_path = path.trim_end_matches('/');
    if !base_path.split('/').skip(1).all(is_segment) {
        let hint = "a sub-path is made of letters, digits and -._~, such as https://example.com/chat";
        return Err(problem("its path cannot be served under", hint));
    }
    Ok(PublicUrl { origin: format!("{scheme}://{authority}"), base_path: base_path.to_owned() })
}

/// Where alerts go: anything that can be posted to, since the path or the query is often the secret.
pub(super) fn webhook(text: &str) -> Result<String, Problem> {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    split(&text[..end])?;
    if text.len() > WEBHOOK_BYTES || !text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return Err(problem("not a URL", "write it as the service shows it, such as https://hooks.example.com/abc"));
    }
    Ok(text.to_owned())
}

/// One that was typed for a command. Errors: `Invalid`, without quoting it.
pub fn typed(text: &str) -> Result<PublicUrl, Error> {
    public(text.trim())
        .map_err(|problem| Error::invalid("bad_url", format!("--url: {}", problem.what)).hint(problem.hint))
}

fn split(text: &str) -> Result<(&'static str, &str, &str), Problem> {
    web_address::split(text).map_err(|no| problem(no.what, no.hint))
}

fn is_segment(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    !text.is_empty() && text != "." && text != ".." && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = public(text).ok();
            let found = found.as_ref().map(|url| (url.origin.as_str(), url.base_path.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("https://a.example", Some(("https://a.example", "")));
        check("https://a.example:8443/", Some(("https://a.example:8443", "")));
        check("https://a.example/chat/", Some(("https://a.example", "/chat")));
        check("https://a.example/a/b", Some(("https://a.example", "/a/b")));
        check("https://a.example/a//b", None);
        check("https://a.example/../b", None);
        check("https://a.example/a%20b", None);
    }
}
