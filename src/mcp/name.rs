//! What a tool is called towards a model: `<server>__<tool>`, at most 64 of `[A-Za-z0-9_-]`.

use sha2::{Digest as _, Sha256};

use crate::domain::id::hex;

/// Characters; the least that the providers allow.
const NAME_CHARS: usize = 64;
/// Of a name that had to be changed, in hexadecimal digits of its digest.
const DIGEST_CHARS: usize = 8;

/// The same name for the same tool, today and after every restart; another for another.
pub(super) fn model_name(server: &str, tool: &str) -> String {
    let whole = format!("{server}__{tool}");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if whole.len() <= NAME_CHARS && whole.chars().all(is_allowed) {
        return whole;
    }
    let digest = hex(&Sha256::digest(whole.as_bytes()));
    let room = NAME_CHARS - DIGEST_CHARS - 1;
    let kept: String = whole.chars().map(|c| if is_allowed(c) { c } else { '_' }).take(room).collect();
    format!("{kept}_{}", &digest[..DIGEST_CHARS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_distinct() {
        assert_eq!(model_name("time", "get_current_time"), "time__get_current_time");
        let long = model_name("server", &"x".repeat(100));
        assert_eq!((long.len(), &long[..10]), (64, "server__xx"));
        assert_ne!(long, model_name("server", &"x".repeat(101)));
        assert_eq!(long, model_name("server", &"x".repeat(100)));
        let odd = model_name("s", "读 文件");
        assert!(odd.starts_with("s_______") && odd.len() <= 64, "{odd}");
        assert_ne!(odd, model_name("s", "写 文件"));
        assert_ne!(model_name("s", "a.b"), model_name("s", "a/b"));
    }
}
