//! Text → the words that are searched for, without regard to case and accents. In scripts without spaces between words,
//! every character is one.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What of a word counts, in bytes: long ones are data, not words.
const WORD_BYTES: usize = 64;
/// Words of a query that count, and characters of it.
const QUERY_WORDS: usize = 16;
const QUERY_CHARS: usize = 256;
/// Places that are marked in one text.
const MARKS: usize = 64;
/// Characters of a snippet before the first word that was found, and in all.
const SNIPPET_BEFORE: usize = 40;
const SNIPPET_CHARS: usize = 200;

/// Calls `take` with every word of a text and where it stands.
pub fn each_word(text: &str, mut take: impl FnMut(&str, Range<usize>)) {
    let mut word = String::new();
    let mut span = 0..0;
    for (at, c) in text.char_indices() {
        for part in c.nfkd().filter(|part| !is_combining_mark(*part)).flat_map(char::to_lowercase) {
            let stands_alone = is_word(part);
            if (stands_alone || !part.is_alphanumeric()) && !word.is_empty() {
                take(&word, span.clone());
                word.clear();
            }
            if !part.is_alphanumeric() {
                continue;
            }
            if word.is_empty() {
                span.start = at;
            }
            span.end = at + c.len_utf8();
            if word.len() < WORD_BYTES {
                word.push(part);
            }
            if stands_alone {
                take(&word, span.clone());
                word.clear();
            }
        }
    }
    if !word.is_empty() {
        take(&word, span);
    }
}

/// A character that is a word: Chinese, Japanese, and scripts of South-East Asia.
fn is_word(c: char) -> bool {
    matches!(u32::from(c), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0xA4CF | 0xF900..=0xFAFF
        | 0x2_0000..=0x3_FFFF)
}

/// Words that follow each other; the last may be the beginning of one.
struct Phrase(Vec<PhraseWord>);

struct PhraseWord {
    text: String,
    /// Nothing stands between it and the word before: both are characters of a script without spaces.
    is_joined: bool,
}

/// What is searched for: every phrase, anywhere in the text.
pub struct Query(Vec<Phrase>);

/// Where a text has what was searched for.
#[derive(Debug, PartialEq, Eq)]
pub struct Matches {
    /// In order, none within another.
    pub places: Vec<Range<usize>>,
    /// Every word was found whole, not as the beginning of a longer one.
    pub are_whole: bool,
}

impl Query {
    /// What stands between spaces is a phrase: `C语言` is found where these characters follow each other.
    pub fn parse(text: &str) -> Self {
        let text: String = text.chars().take(QUERY_CHARS).collect();
        let phrase = |text: &str| {
            let (mut words, mut joint) = (Vec::new(), Joint::default());
            each_word(text, |word, span| {
                words.push(PhraseWord { text: word.to_owned(), is_joined: joint.is_joined(word, &span) });
            });
            Phrase(words)
        };
        Self(text.split_whitespace().map(phrase).filter(|phrase| !phrase.0.is_empty()).take(QUERY_WORDS).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the language of FTS5. Words hold letters and digits only, so nothing of it can be spelt in them.
    pub fn as_fts(&self) -> String {
        let words = |phrase: &Phrase| phrase.0.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        self.0.iter().map(|phrase| format!("\"{}\" *", words(phrase))).collect::<Vec<_>>().join(" AND ")
    }

    /// Looks for every phrase. `None` where one is missing.
    pub fn matches(&self, text: &str) -> Option<Matches> {
        let mut seekers: Vec<Seeker<'_>> = self.0.iter().map(Seeker::new).collect();
        let (mut places, mut joint) = (Vec::new(), Joint::default());
        each_word(text, |word, span| {
            let is_joined = joint.is_joined(word, &span);
            let found = seekers
                .iter_mut()
                .filter_map(|seeker| seeker.next(word, is_joined, &span))
                .max_by_key(|place| place.len());
            places.extend(found.filter(|_| places.len() < MARKS));
        });
        if !seekers.iter().all(|seeker| seeker.is_found) {
            return None;
        }
        places.sort_by_key(|place: &Range<usize>| place.start);
        places.dedup_by(|next, kept| {
            let overlap = next.start < kept.end;
            kept.end = if overlap { kept.end.max(next.end) } else { kept.end };
            overlap
        });
        Some(Matches { places, are_whole: seekers.iter().all(|seeker| seeker.is_whole) })
    }
}

/// The end of the last word, where that is a character.
#[derive(Default)]
struct Joint(Option<usize>);

impl Joint {
    fn is_joined(&mut self, word: &str, span: &Range<usize>) -> bool {
        let is_character = word.chars().next().is_some_and(is_word);
        let end = is_character.then_some(span.end);
        std::mem::replace(&mut self.0, end) == Some(span.start) && is_character
    }
}

/// Looks for one phrase, word by word.
struct Seeker<'a> {
    phrase: &'a [PhraseWord],
    /// Where those begin that have matched so far, and how many of their words.
    begun: Vec<(usize, usize)>,
    is_found: bool,
    is_whole: bool,
}

impl<'a> Seeker<'a> {
    fn new(phrase: &'a Phrase) -> Self {
        Self { phrase: &phrase.0, begun: Vec::new(), is_found: false, is_whole: false }
    }

    /// The place of a phrase that ends with this word.
    fn next(&mut self, word: &str, is_joined: bool, span: &Range<usize>) -> Option<Range<usize>> {
        self.begun.push((span.start, 0));
        let (phrase, last) = (self.phrase, self.phrase.len() - 1);
        let (mut found, mut is_whole) = (None, false);
        self.begun.retain_mut(|(start, matched)| {
            let wanted = phrase[*matched].text.as_str();
            if phrase[*matched].is_joined && !is_joined {
                return false;
            }
            if *matched == last && word.starts_with(wanted) {
                found = Some(found.map_or(*start, |earlier: usize| earlier.min(*start)));
                is_whole |= word == wanted;
            }
            *matched += 1;
            *matched <= last && word == wanted
        });
        self.is_whole |= is_whole;
        self.is_found |= found.is_some();
        found.map(|start| start..span.end)
    }
}

/// A piece of text, and whether it is what was searched for.
pub type Piece = (String, bool);

/// What stands around the first place, in one line.
pub fn snippet(text: &str, places: &[Range<usize>]) -> Vec<Piece> {
    let first = places.first().map_or(0, |place| place.start);
    let start = text[..first].char_indices().rev().nth(SNIPPET_BEFORE - 1).map_or(0, |(at, _)| at);
    let end = text[start..].char_indices().nth(SNIPPET_CHARS).map_or(text.len(), |(at, _)| start + at);
    let mut pieces = Vec::new();
    let mut push = |text: &str, is_match: bool| {
        let line = one_line(text);
        if !line.is_empty() {
            pieces.push((line, is_match));
        }
    };
    if start > 0 {
        push("…", false);
    }
    let mut at = start;
    for place in places.iter().filter(|place| place.end <= end) {
        push(&text[at..place.start], false);
        push(&text[place.clone()], true);
        at = place.end;
    }
    push(&text[at..end], false);
    if end < text.len() {
        push("…", false);
    }
    pieces
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() {
            line.push(c);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word, span| {
            assert!(!text[span].is_empty());
            words.push(word.to_owned());
        });
        words
    }

    #[test]
    fn words_have_no_case_and_no_accents() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("", &[]);
        check("... !", &[]);
        check("Zoë's CAFÉ, n°7", &["zoe", "s", "cafe", "n", "7"]);
        check("中文和English混排", &["中", "文", "和", "english", "混", "排"]);
        check("ﬁne Ⅳ ½ ＡＢ", &["fine", "iv", "1", "2", "ab"]);
        check("ガス", &["カ", "ス"]);
        check("İstanbul ΣΊΣΥΦΟΣ", &["istanbul", "σισυφοσ"]);
        check("snake_case a-b", &["snake", "case", "a", "b"]);
        assert!(words(&"x".repeat(10_000))[0].len() <= WORD_BYTES);
    }

    #[test]
    fn every_phrase_has_to_be_there() {
        let check = |query: &str, text: &str, expected: &[&str]| {
            let found = Query::parse(query).matches(text).map_or(Vec::new(), |found| found.places);
            assert_eq!(found.into_iter().map(|place| &text[place]).collect::<Vec<_>>(), expected, "{query} in {text}");
        };
        check("hel", "Oh hello, hell", &["hello", "hell"]);
        check("wor hel", "hello world", &["hello", "world"]);
        check("wor hel", "hello", &[]);
        check("语言", "我学C语言。语文言", &["语言"]);
        check("c语言", "我学C语言", &["C语言"]);
        check("言", "语言", &["言"]);
        check("aab", "a aab", &["aab"]);
        check("a-a-b", "a a a b", &["a a b"]);
        check("cafe", "CAFÉ", &["CAFÉ"]);
        check("中文 中", "中文", &["中文"]);
        check("果树", "苹果，树", &[]);
        check("果，树", "苹果，树", &["果，树"]);
        check("c语言", "C 语言", &["C 语言"]);
        assert!(Query::parse(" ?! ").is_empty());
        assert!(!Query::parse("hel").matches("hello").expect("is there").are_whole);
        assert!(Query::parse("hello").matches("Hello!").expect("is there").are_whole);
    }

    #[test]
    fn a_snippet_is_one_line_around_the_first_place() {
        let text = format!("{}\n\nThe   needle\nis here. {}", "hay ".repeat(50), "more ".repeat(100));
        let found = Query::parse("needle").matches(&text).expect("is there");
        let pieces = snippet(&text, &found.places);
        assert_eq!(pieces.iter().filter(|(_, is_match)| *is_match).count(), 1);
        let line: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        assert!(
            line.starts_with('…') && line.ends_with('…') && line.contains("hay The needle is here. more"),
            "{line}"
        );
        assert!(line.chars().count() <= SNIPPET_CHARS + 2, "{line}");
        assert_eq!(snippet("日本", &[]), vec![("日本".to_owned(), false)]);
    }

    #[test]
    fn nothing_in_a_query_is_a_command() {
        assert_eq!(
            Query::parse("\"a\" OR b* NEAR(c) -d").as_fts(),
            r#""a" * AND "or" * AND "b" * AND "near c" * AND "d" *"#
        );
    }
}
