//! The name under which a browser saves what it downloads, RFC 6266.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 8187 section 3.2.1: what stands in `filename*` as it is.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `kind` is `inline` or `attachment`.
pub(crate) fn named(kind: &str, name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ';
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        return format!("{kind}; filename=\"{plain}\"");
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NOT_ATTR_CHAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_browsers_read_them() {
        let check =
            |name: &str, expected: &str| assert_eq!(named("attachment", name), format!("attachment; {expected}"));
        check("a b.txt", "filename=\"a b.txt\"");
        check("深\".txt", "filename=\"__.txt\"; filename*=UTF-8''%E6%B7%B1%22.txt");
        check("a\r\nb", "filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab");
    }
}
