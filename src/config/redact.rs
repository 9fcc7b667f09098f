//! Values fit to be shown.

/// The longest value that is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// A value that may be wrong in every way, fit to be shown: what looks like a credential becomes stars.
pub(super) fn redacted(text: &str) -> String {
    if text.starts_with("sk-") || text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        return "***".to_owned();
    }
    let mut text = text.to_owned();
    let authority = text.find("://").map_or(0, |at| at + 3);
    if let Some(at) = text.rfind('@').filter(|at| *at > authority) {
        text.replace_range(authority..at, "***");
    }
    if let (true, Some(query)) = (text.contains("://"), text.find('?')) {
        text.replace_range(query + 1.., "***");
    }
    let escaped: String =
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    match escaped.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &escaped[..at]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_stars() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text), expected);
        check("sk-ant-api03-abc", "***");
        check("AGE-SECRET-KEY-1QQPQ", "***");
        check("https://user:pass/w@rd@host/x", "https://***@host/x");
        check("user:password@host", "***@host");
        check("@daily", "@daily");
        check("https://host/?key=abc", "https://host/?***");
        check("a\nb\u{1b}[0m", "a\\nb\\u{1b}[0m");
        check(&"字".repeat(300), &format!("{}…", "字".repeat(200)));
    }
}
