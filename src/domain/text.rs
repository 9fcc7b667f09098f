//! Characters that text can hide behind, and the one form of what is written in several ways: a letter with its accent is
//! one character on some keyboards and two on others.

use unicode_normalization::UnicodeNormalization as _;

/// An accent and the like, which belongs to the letter before it.
pub use unicode_normalization::char::is_combining_mark;

/// The form of names and addresses (NFC, as RFC 8265 wants it for usernames).
pub fn normal_name(name: &str) -> String {
    name.nfc().collect()
}

/// The form of passwords: NFKC, so that full-width letters and digits are those of ASCII.
pub fn normal_password(password: &str) -> String {
    password.nfkc().collect()
}

/// How the same text may have been written, the given way first and each once.
pub fn ways_to_write(text: &str) -> Vec<String> {
    let mut ways = vec![text.to_owned()];
    for way in [text.nfc().collect(), text.nfd().collect()] {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// Characters that draw nothing or turn the writing direction (Unicode: default ignorable, bidirectional controls, line
/// and paragraph separators): two names could look the same, and a terminal could show something else.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}
