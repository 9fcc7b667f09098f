//! Which lines of the log are wanted, for `portagent logs` and for administrators in the page.

use log::LevelFilter;

use super::parse::parse;

#[derive(Debug, Default)]
pub struct LogFilter {
    /// This level and worse.
    pub level: Option<LevelFilter>,
    /// Milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// A userId in lower case; empty for no wish.
    pub user: Vec<u8>,
    /// In lower case, as far as ASCII has one; empty for no wish.
    pub text: Vec<u8>,
}

impl LogFilter {
    /// What is no line of ours has neither time nor level, so it is shown only without these filters.
    pub fn wants(&self, line: &[u8]) -> bool {
        contains(line, &self.user)
            && contains(line, &self.text)
            && (self.level.is_none() && self.since_ms.is_none() || self.fits(line))
    }

    fn fits(&self, line: &[u8]) -> bool {
        let Some(parsed) = std::str::from_utf8(line).ok().and_then(parse) else { return false };
        self.level.is_none_or(|level| parsed.level <= level) && self.since_ms.is_none_or(|since| parsed.ms >= since)
    }
}

/// `text` is in lower case.
fn contains(line: &[u8], text: &[u8]) -> bool {
    let Some((first, _)) = text.split_first() else { return true };
    let same = |part: &[u8]| part[0].to_ascii_lowercase() == *first && part.eq_ignore_ascii_case(text);
    line.windows(text.len()).any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted() {
        let line = "2026-11-22T07:50:33.845Z WARN  http POST /api/auth/login 429 1ms 小林";
        let check = |level, since_ms, text: &str, expected| {
            let filter = LogFilter { level, since_ms, text: text.as_bytes().to_vec(), ..LogFilter::default() };
            assert_eq!(filter.wants(line.as_bytes()), expected, "{filter:?}");
        };
        check(None, None, "", true);
        check(None, None, "post /API/auth/LOGIN".to_ascii_lowercase().as_str(), true);
        check(None, None, "小林", true);
        check(None, None, "logout", false);
        check(Some(LevelFilter::Warn), None, "", true);
        check(Some(LevelFilter::Info), None, "", true);
        check(Some(LevelFilter::Error), None, "", false);
        check(None, Some(1_795_333_833_845), "", true);
        check(None, Some(1_795_333_833_846), "", false);
    }

    #[test]
    fn what_is_not_ours() {
        let stranger = b"half a line \xff";
        assert!(LogFilter::default().wants(stranger));
        assert!(!LogFilter { level: Some(LevelFilter::Debug), ..LogFilter::default() }.wants(stranger));
        assert!(!LogFilter { since_ms: Some(0), ..LogFilter::default() }.wants(stranger));
    }
}
