//! In which language and direction a block is written, by what most of it is: fonts, line height and the reading voice
//! follow.

/// How much of a block is looked at, in bytes.
const SAMPLE_BYTES: usize = 4096;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Language {
    /// `None` for English and what looks like it.
    pub tag: Option<&'static str>,
    pub is_rtl: bool,
}

impl Language {
    pub fn is_chinese(self) -> bool {
        self.tag == Some("zh-CN")
    }

    /// The attributes that say it.
    pub fn attributes(self) -> String {
        let lang = self.tag.map_or(String::new(), |tag| format!(" lang=\"{tag}\""));
        lang + if self.is_rtl { " dir=\"rtl\"" } else { "" }
    }
}

/// The language of most of `text`. A Han character counts like a word in letters.
pub fn of(text: &str) -> Language {
    let (mut han, mut kana, mut hangul, mut latin, mut cyrillic, mut arabic, mut hebrew) = (0, 0, 0, 0, 0, 0, 0);
    let mut script = ' ';
    let text = without_kind(text);
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for c in text[..end].chars() {
        let (count, kind) = match c {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => (&mut latin, 'l'),
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => (&mut han, ' '),
            '\u{3040}'..='\u{30ff}' => (&mut kana, ' '),
            '\u{ac00}'..='\u{d7af}' | '\u{1100}'..='\u{11ff}' => (&mut hangul, ' '),
            '\u{400}'..='\u{52f}' => (&mut cyrillic, 'c'),
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' => (&mut arabic, 'a'),
            '\u{590}'..='\u{5ff}' => (&mut hebrew, 'h'),
            _ => {
                script = ' ';
                continue;
            }
        };
        *count += usize::from(kind == ' ' || kind != script);
        script = kind;
    }
    let east = han + kana;
    let most = [east, hangul, latin, cyrillic, arabic, hebrew].into_iter().max().unwrap_or(0);
    let tag = match () {
        () if most == 0 || most == latin => None,
        () if most == east && kana * 5 > east => Some("ja"),
        () if most == east => Some("zh-CN"),
        () if most == hangul => Some("ko"),
        () if most == cyrillic => Some("ru"),
        () if most == arabic => Some("ar"),
        () => Some("he"),
    };
    Language { tag, is_rtl: matches!(tag, Some("ar" | "he")) }
}

/// Without the English word that a call-out begins with.
fn without_kind(text: &str) -> &str {
    let quoted = text.trim_start_matches(['>', ' ']);
    quoted.strip_prefix("[!").and_then(|kind| Some(kind.split_once(']')?.1)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_decides() {
        let check = |text: &str, tag: Option<&str>| assert_eq!(of(text).tag, tag, "{text}");
        check("", None);
        check("42 + 1", None);
        check("The word 中文 means Chinese.", None);
        check("用 systemd 的 timer 来做这件事", Some("zh-CN"));
        check("これは日本語の文章です", Some("ja"));
        check("한국어 문장입니다", Some("ko"));
        check("Это русский текст", Some("ru"));
        check("هذا نص عربي مع word", Some("ar"));
        check("A note about هذا in English text", None);
        assert!(of("שלום עולם").is_rtl);
    }
}
