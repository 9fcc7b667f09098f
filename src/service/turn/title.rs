//! The name of a conversation that has none: words of its first message, without asking a model.

use crate::domain::message::Part;
use crate::domain::text::is_combining_mark;

/// What a title has at most: letters as people count them, and characters, of which a letter may have several.
const LETTERS: usize = 60;
const CHARS: usize = 200;
/// So many letters of a word that is cut are left out with it; longer ones are cut.
const WORD: usize = 16;
/// Arrows, signs and emoji begin here, which are words of a kind.
const SYMBOLS: char = '\u{2190}';
/// Of a message that begins with a whole file, so many lines are looked at.
const LINES: usize = 400;

/// The first line of a message that says something in words; of code alone, its first comment or its names.
pub(super) fn title(parts: &[Part]) -> String {
    let text = parts.iter().find_map(|part| match part {
        Part::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    });
    let file = || {
        parts.iter().find_map(|part| if let Part::Attachment(file) = part { Some(file.name.as_str()) } else { None })
    };
    match text {
        Some(text) => cut(&line_of(text)),
        None => cut(file().unwrap_or_default()),
    }
}

fn line_of(text: &str) -> String {
    let (mut is_fenced, mut code) = (false, Vec::new());
    for whole in text.lines().take(LINES).filter(|line| !line.trim().is_empty()) {
        let line = whole.trim();
        // What is indented below code belongs to it.
        let is_below = !code.is_empty() && whole.starts_with([' ', '\t']);
        if line.starts_with("```") || line.starts_with("~~~") {
            is_fenced = !is_fenced;
        } else if is_fenced || is_below || is_code(line) {
            code.push(line);
        } else if line.contains(|c: char| c.is_alphanumeric() || c >= SYMBOLS) {
            return bare(line).to_owned();
        }
    }
    let comment = code.iter().find_map(|line| comment(line));
    match (comment, code.first()) {
        (Some(comment), _) => comment.to_owned(),
        (None, Some(line)) => names(line),
        (None, None) => bare(text.trim().lines().next().unwrap_or_default()).to_owned(),
    }
}

/// Without the marks of Markdown at its beginning.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['#', '>', '-', '*', ' ', '`']).trim()
}

/// Whether a line looks like one of a program: an end that no sentence has, or a beginning that few have.
fn is_code(line: &str) -> bool {
    const ENDS: [&str; 7] = ["{", "}", ";", "};", "({", "});", "=>"];
    const BEGINS: [&str; 16] = [
        "#!", "#include", "import ", "from __", "fn ", "pub ", "def ", "class ", "package ", "func ", "const ", "let ",
        "var ", "</", "<?", "//",
    ];
    const INSIDE: [&str; 8] = ["();", "() {", "):", "->", "=>", "==", "!=", "&&"];
    let words = line.split_whitespace().count();
    let has = |signs: &[&str]| signs.iter().any(|sign| line.contains(sign));
    let is_tag = line.starts_with('<') && line.ends_with('>');
    ENDS.iter().any(|end| line.ends_with(end))
        || BEGINS.iter().any(|begin| line.starts_with(begin)) && !line.ends_with(['.', '?', '。', '？'])
        || is_tag
        || has(&INSIDE) && words < 8
}

/// The words of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let marks = ["//", "/*", "#", "--", "\"\"\"", "'''", "<!--", ";", "*"];
    if line.starts_with("#!") || line.starts_with("#include") {
        return None;
    }
    let rest = marks.iter().find_map(|mark| line.strip_prefix(mark))?;
    let words = rest.trim_start_matches(['/', '*', '!', '#', '-']);
    let words = words.trim_end_matches("*/").trim_end_matches("-->").trim_end_matches("\"\"\"").trim();
    (words.chars().filter(|c| c.is_alphabetic()).count() > 2).then_some(words)
}

/// The names in a line of code, as words.
fn names(line: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for c in line.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if (begins || !c.is_alphanumeric()) && !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
        if c.is_alphanumeric() {
            words.push(c);
        }
        before = c;
    }
    words.trim_end().to_owned()
}

/// Cut between letters, and between words where that costs little.
fn cut(line: &str) -> String {
    let words = line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let ends: Vec<usize> = letter_ends(&line);
    let bytes = |chars: usize| line.char_indices().nth(chars).map_or(line.len(), |(at, _)| at);
    if ends.len() <= LETTERS && line.len() <= bytes(CHARS) {
        return line;
    }
    let fitting = |end: &&usize| **end <= bytes(CHARS - 1);
    let kept = ends.iter().take(LETTERS - 1).take_while(fitting).last().copied().unwrap_or(0);
    let (short, rest) = line.split_at(kept);
    let is_within_a_word = rest.starts_with(char::is_alphanumeric) && short.ends_with(char::is_alphanumeric);
    let word = short.rfind(char::is_whitespace).filter(|at| is_within_a_word && short[*at..].chars().count() <= WORD);
    format!("{}…", short[..word.unwrap_or(kept)].trim_end())
}

/// Where each letter ends: marks, joined emoji, and the pairs that are flags belong together (the rules of Unicode's
/// annex 29 for what people type).
fn letter_ends(text: &str) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let (mut joins, mut flags) = (false, 0);
    for (at, c) in text.char_indices() {
        let is_flag = matches!(c, '\u{1f1e6}'..='\u{1f1ff}');
        let belongs = joins
            || is_combining_mark(c)
            || matches!(c, '\u{200d}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' | '\u{1160}'..='\u{11ff}')
            || is_flag && flags % 2 == 1;
        flags = if is_flag { flags + 1 } else { 0 };
        joins = c == '\u{200d}';
        let end = at + c.len_utf8();
        match ends.last_mut().filter(|_| belongs) {
            Some(last) => *last = end,
            None => ends.push(end),
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(title(&[Part::Text(text.to_owned())]), expected, "{text}");
    }

    #[test]
    fn a_conversation_is_named_after_its_first_line() {
        check("\n\n## Hello  \nthere", "Hello");
        check("", "");
        check("---\nHello", "Hello");
        check("?!", "?!");
        check("🎉🎉\nHello", "🎉🎉");
        check("one\ttwo   three\u{7}four", "one two three four");
        check("为什么天空是蓝色的？\n请简单说明", "为什么天空是蓝色的？");
        check("Is 3 -> 4 a good step in this old proof of mine?", "Is 3 -> 4 a good step in this old proof of mine?");
        check("let me know what you think.", "let me know what you think.");
    }

    #[test]
    fn a_title_is_cut_between_letters_and_words() {
        check(&"长".repeat(100), &format!("{}…", "长".repeat(59)));
        let family = "👨‍👩‍👧‍👦";
        check(&family.repeat(70), &format!("{}…", family.repeat(28)));
        check(&"🇨🇳".repeat(70), &format!("{}…", "🇨🇳".repeat(59)));
        check(&"e\u{301}".repeat(70), &format!("{}…", "e\u{301}".repeat(59)));
        check(&"word ".repeat(30), &format!("{}…", "word ".repeat(12).trim_end()));
        check(
            "Please explain to me why the reconciliation of the quarterly statements takes so long",
            "Please explain to me why the reconciliation of the…",
        );
        check(&"x".repeat(100), &format!("{}…", "x".repeat(59)));
    }

    #[test]
    fn a_chat_that_begins_with_code_is_named_in_words() {
        check("```rust\nfn main() {}\n```\nWhy does this not compile?", "Why does this not compile?");
        check("import os\n\ndef main():\n    pass\n\nwhat does this do", "what does this do");
        check("<div>\n</div>\n居中怎么写？", "居中怎么写？");
        check("```\n// Sorts by age.\nsort(people);\n```", "Sorts by age.");
        check("#!/bin/sh\n# Cleans the cache\nrm -rf x;", "Cleans the cache");
        check("fn parse_header(readLine: &str) {", "fn parse header read Line str");
        check("```\nx\n```", "x");
    }
}
