//! What may be the name of one file or directory. Names come from clients, models and archives.

/// The longest name (Linux's NAME_MAX), in bytes.
const NAME_BYTES: usize = 255;

/// Whether this names something in a directory, and neither the directory itself nor anything above or below it.
pub fn is_plain(name: &[u8]) -> bool {
    let leads_away = matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0);
    !leads_away && name.len() <= NAME_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &[u8], expected: bool| assert_eq!(is_plain(name), expected, "{name:?}");
        for good in ["user-1", "img 深", "...", ".hidden", "..x", "a\nb", "-rf", "a\\b", &"x".repeat(255)] {
            check(good.as_bytes(), true);
        }
        check(b"\xff\xfe", true);
        for bad in ["", ".", "..", "/", "a/b", "../x", "x/..", "a\0b", &"x".repeat(256)] {
            check(bad.as_bytes(), false);
        }
    }
}
