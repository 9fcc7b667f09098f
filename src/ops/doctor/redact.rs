//! Before anything is shown, secrets and what looks like one become stars.

use crate::domain::finding::Finding;
use crate::domain::secret::Secret;

/// A secret that is shorter than this, in bytes, would turn ordinary words into stars.
const LEAST_BYTES: usize = 4;
/// How keys begin that are recognised wherever they come from.
const KEYS_BEGIN: [&str; 2] = ["sk-ant-", "AGE-SECRET-KEY-"];
/// The longest text that is shown, in characters.
const SHOWN_CHARS: usize = 500;

pub(super) fn clean(findings: &mut [Finding], secrets: &[Secret]) {
    for finding in findings {
        finding.message = cleaned(&finding.message, secrets);
        finding.hint = finding.hint.take().map(|hint| cleaned(&hint, secrets));
    }
}

fn cleaned(text: &str, secrets: &[Secret]) -> String {
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for secret in secrets.iter().map(|secret| secret.expose().trim()).filter(|secret| secret.len() >= LEAST_BYTES) {
        text = text.replace(secret, "***");
    }
    let is_key = |word: &&str| KEYS_BEGIN.iter().any(|begin| word.contains(begin));
    let words: Vec<&str> = text.split(' ').map(|word| if is_key(&word) { "***" } else { word }).collect();
    let text = words.join(" ");
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left() {
        let secrets = [Secret::new("topsecret"), Secret::new("abc"), Secret::new("")];
        let check = |text: &str, expected: &str| assert_eq!(cleaned(text, &secrets), expected);
        check("it says: topsecret, xtopsecretx", "it says: ***, x***x");
        check("key sk-ant-api03-other is wrong\n", "key *** is wrong ");
        check("it is not AGE-SECRET-KEY-1QQPQ!", "it is not ***");
        check("abc stays", "abc stays");
        assert_eq!(cleaned(&"字".repeat(600), &secrets).chars().count(), SHOWN_CHARS + 1);
    }
}
