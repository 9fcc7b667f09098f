//! Colours for code: keywords, strings, numbers, names, comments, and the lines of a diff.
//!
//! One pass from left to right with a table of words for each language; the text itself is never changed. This is no
//! parser: where a language is subtle, a word may stay black. Crates that know the grammars bring megabytes of them.

use super::escape::escape;

mod languages;

use self::languages::{Form, Language};

/// Appends `code` as HTML, coloured where `language` is known.
pub fn write(out: &mut String, code: &str, language: &str) {
    let Some(language) = languages::find(language) else { return escape(out, code) };
    match language.form {
        Form::Diff => code.split_inclusive('\n').for_each(|line| diff_line(out, line)),
        _ => Painter { out, code, at: 0, language, in_tag: false, line: 0, seen: 0 }.run(),
    }
}

fn span(out: &mut String, class: &str, text: &str) {
    out.push_str("<span class=\"hl-");
    out.push_str(class);
    out.push_str("\">");
    escape(out, text);
    out.push_str("</span>");
}

fn diff_line(out: &mut String, line: &str) {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let class = match text.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "comment",
        [b'@', b'@', ..] => "keyword",
        [b'd', b'i', b'f', b'f', b' ', ..] | [b'i', b'n', b'd', b'e', b'x', b' ', ..] => "comment",
        [b'+', ..] => "insert",
        [b'-', ..] => "delete",
        _ => return escape(out, line),
    };
    span(out, class, text);
    out.push_str(end);
}

struct Painter<'a> {
    out: &'a mut String,
    code: &'a str,
    at: usize,
    language: &'static Language,
    /// Between `<` and `>` of markup.
    in_tag: bool,
    /// Where the line begins that `seen` is in.
    line: usize,
    seen: usize,
}

impl<'a> Painter<'a> {
    fn run(&mut self) {
        let mut plain = 0;
        while self.at < self.code.len() {
            let from = self.at;
            let found = self.token();
            if let Some((length, class)) = found {
                escape(self.out, &self.code[plain..from]);
                let code = self.code;
                span(self.out, class, &code[from..from + length]);
                self.at = from + length;
                plain = self.at;
            } else if self.at == from {
                self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            }
        }
        escape(self.out, &self.code[plain..]);
    }

    fn rest(&self) -> &'a str {
        &self.code[self.at..]
    }

    fn before(&self) -> char {
        self.code[..self.at].chars().next_back().unwrap_or('\n')
    }

    fn line_start(&mut self) -> usize {
        if let Some(newline) = self.code[self.seen..self.at].rfind('\n') {
            self.line = self.seen + newline + 1;
        }
        self.seen = self.at;
        self.line
    }

    fn is_line_start(&mut self) -> bool {
        let line = self.line_start();
        self.at - line <= 80 && self.code[line..self.at].trim_start_matches(['-', ' ', '\t']).is_empty()
    }

    /// A coloured token here; without one `at` may still move over text that stays black.
    fn token(&mut self) -> Option<(usize, &'static str)> {
        let rest = self.rest();
        let first = rest.chars().next()?;
        if first.is_whitespace() {
            return None;
        }
        if let Some(length) = self.comment() {
            return Some((length, "comment"));
        }
        if self.language.form == Form::Markup {
            return self.markup(first);
        }
        if let Some(length) = self.string(first) {
            return Some((length, if self.is_key(length) { "name" } else { "string" }));
        }
        if self.language.form != Form::Code
            && let Some(token) = self.line_form(first)
        {
            return Some(token);
        }
        if self.rest().len() != rest.len() {
            return None;
        }
        if first.is_ascii_digit() && !is_word(self.before()) {
            return Some((number_length(rest), "number"));
        }
        if is_word(first) || self.language.sigils.contains(first) {
            return self.word(first);
        }
        None
    }

    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        for (open, close) in self.language.comments {
            if !rest.starts_with(open) {
                continue;
            }
            if close.is_empty() {
                let is_inside = open.starts_with('#') && !(self.before().is_whitespace() || self.before() == ';');
                return (!is_inside).then(|| rest.find('\n').unwrap_or(rest.len()));
            }
            return Some(rest[open.len()..].find(close).map_or(rest.len(), |end| open.len() + end + close.len()));
        }
        None
    }

    fn string(&self, first: char) -> Option<usize> {
        let rest = self.rest();
        let open = self.language.strings.iter().find(|open| rest.starts_with(**open))?;
        if *open == "'" && is_word(self.before()) && !self.language.has_chars {
            return None; // don't
        }
        let is_long = open.len() == 3 || first == '`';
        let close = *open;
        let bytes = rest.as_bytes();
        let mut at = open.len();
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if self.language.has_escapes => at += 1,
                b'\n' if !is_long => break,
                _ if bytes[at..].starts_with(close.as_bytes()) => {
                    let length = at + close.len();
                    let is_char = match first == '\'' && self.language.has_chars {
                        true if rest.starts_with("'\\") => length <= 12,
                        true => rest[..length].chars().count() == 3,
                        false => true,
                    };
                    return is_char.then_some(length);
                }
                _ => {}
            }
            at += 1;
        }
        if first == '\'' && self.language.has_chars {
            return None; // a lifetime, a label, an apostrophe
        }
        Some((at.min(bytes.len())..=bytes.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len()))
    }

    /// Whether the string of this length is the key of an object.
    fn is_key(&self, length: usize) -> bool {
        self.language.form == Form::Keys && self.rest()[length..].trim_start_matches(' ').starts_with(':')
    }

    /// Keys, sections and variables of formats that are written line by line.
    fn line_form(&mut self, first: char) -> Option<(usize, &'static str)> {
        let rest = self.rest();
        let is_start = self.is_line_start();
        match self.language.form {
            Form::Ini if is_start && first == '[' => Some((rest.find(['\n', '#']).unwrap_or(rest.len()), "keyword")),
            Form::Ini | Form::Keys if is_start && (is_word(first) || first == '.') => {
                let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
                let end = line.find(if self.language.form == Form::Ini { '=' } else { ':' })?;
                let key = line[..end].trim_end();
                (key.len() <= 60 && !key.contains(['"', '{', ',', '(', ' '])).then_some((key.len(), "name"))
            }
            Form::Style if is_word(first) && !first.is_ascii_digit() || first == '-' => {
                let length = rest.find(|c| !is_word(c) && c != '-').unwrap_or(rest.len());
                let is_property =
                    rest[length..].starts_with(':') && matches!(self.before(), ' ' | '\n' | ';' | '{' | '\t');
                self.at += length;
                is_property.then(|| self.at -= length).map(|()| (length, "name"))
            }
            Form::Style if first == '@' => {
                Some((1 + rest[1..].find(|c| !is_word(c) && c != '-').unwrap_or(rest.len() - 1), "keyword"))
            }
            _ => None,
        }
    }

    fn markup(&mut self, first: char) -> Option<(usize, &'static str)> {
        let rest = self.rest();
        if !self.in_tag {
            let name = rest.strip_prefix('<')?.trim_start_matches(['/', '!', '?']);
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return None;
            }
            let mark = rest.len() - name.len();
            self.in_tag = true;
            return Some((mark + word_length(name, "-:."), "keyword"));
        }
        match first {
            '>' => {
                self.in_tag = false;
                let back = usize::from(self.before() == '/');
                Some((1, "keyword")).filter(|_| back <= 1)
            }
            '"' | '\'' => Some((rest[1..].find(first).map_or(rest.len(), |end| end + 2), "string")),
            _ if is_word(first) || "@:".contains(first) => Some((word_length(rest, "-:.@"), "name")),
            _ => None,
        }
    }

    fn word(&mut self, first: char) -> Option<(usize, &'static str)> {
        let rest = self.rest();
        let is_sigil = !is_word(first);
        let length = if is_sigil { 1 + word_length(&rest[1..], "{}") } else { word_length(rest, self.language.inner) };
        let word = &rest[..length];
        if is_sigil {
            return (length > 1).then_some((length, "name"));
        }
        let knows = |words: &str| words.split(' ').any(|known| known == word);
        let folded = self.language.is_case_insensitive.then(|| word.to_ascii_lowercase());
        let is_keyword = match &folded {
            Some(folded) => self.language.keywords.split(' ').any(|known| known == folded),
            None => knows(self.language.keywords),
        };
        let behind = &rest[length..];
        let is_call = self.language.has_calls && behind.starts_with(['(', '!']) && !behind.starts_with("!=");
        let is_type = self.language.has_types && word.starts_with(|c: char| c.is_ascii_uppercase());
        let class = if is_keyword && self.before() != '.' {
            Some("keyword")
        } else if knows("true false null nil None True False NULL undefined NaN Infinity inf nan") {
            Some("number")
        } else {
            let is_name = is_call || is_type || self.language.form == Form::Shell && self.is_command();
            is_name.then_some("name")
        };
        self.at += if class.is_none() { length } else { 0 };
        class.map(|class| (length, class))
    }

    /// Whether a command's name stands here: at the beginning of a line, behind a prompt, a pipe, or `sudo`.
    fn is_command(&mut self) -> bool {
        let line = self.line_start();
        if self.at - line > 200 {
            return false;
        }
        let before = self.code[line..self.at].trim_end();
        let is_continued = self.code[..line].ends_with("\\\n");
        before.is_empty() && !is_continued
            || before.ends_with(['|', '&', ';', '(', '`'])
            || ["$", "#", "%", "sudo", "then", "do", "else"].contains(&before)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_length(text: &str, also: &str) -> usize {
    text.find(|c| !is_word(c) && !also.contains(c)).unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let is_exponent =
            matches!(byte, b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E') && !text.starts_with("0x");
        let is_point = byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%') || is_exponent || is_point) {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Random;
    use super::*;

    fn html(code: &str, language: &str) -> String {
        let mut out = String::new();
        write(&mut out, code, language);
        out
    }

    fn check(language: &str, code: &str, expected: &str) {
        let short = html(code, language).replace("<span class=\"hl-", "<").replace("</span>", "</>");
        assert_eq!(short, expected, "{language}: {code}");
    }

    #[test]
    fn colours_are_what_a_reader_expects() {
        check(
            "rust",
            "fn f<'a>(x: &'a str) -> u8 { b'x'; 0x1f } // no",
            "<keyword\">fn</> f&lt;'a&gt;(x: &amp;'a <keyword\">str</>) -&gt; <keyword\">u8</> { b<string\">'x'</>; \
             <number\">0x1f</> } <comment\">// no</>",
        );
        check(
            "python",
            "def f(): return \"\"\"a\nb\"\"\"",
            "<keyword\">def</> <name\">f</>(): <keyword\">return</> <string\">&quot;&quot;&quot;a\nb&quot;&quot;&quot;</>",
        );
        check(
            "json",
            "{\"a\": \"b\", \"c\": 1.5e3}",
            "{<name\">&quot;a&quot;</>: <string\">&quot;b&quot;</>, <name\">&quot;c&quot;</>: <number\">1.5e3</>}",
        );
        check(
            "bash",
            "sudo apt install x # y\necho \"$HOME\"",
            "<name\">sudo</> <name\">apt</> install x <comment\"># y</>\n<keyword\">echo</> <string\">&quot;$HOME&quot;</>",
        );
        check("sql", "SELECT a FROM t -- c", "<keyword\">SELECT</> a <keyword\">FROM</> t <comment\">-- c</>");
        check(
            "html",
            "<a href=\"x\">b</a>",
            "<keyword\">&lt;a</> <name\">href</>=<string\">&quot;x&quot;</><keyword\">&gt;</>b<keyword\">&lt;/a</><keyword\">&gt;</>",
        );
        check("diff", "-a\n+b\n c", "<delete\">-a</>\n<insert\">+b</>\n c");
        check("ini", "[Timer]\nOnCalendar=hourly", "<keyword\">[Timer]</>\n<name\">OnCalendar</>=hourly");
        check("yaml", "a:\n  - b: 'c' # d", "<name\">a</>:\n  - <name\">b</>: <string\">'c'</> <comment\"># d</>");
        check(
            "css",
            "a { color: #fff; margin: 0 2px }",
            "a { <name\">color</>: #fff; <name\">margin</>: <number\">0</> <number\">2px</> }",
        );
        check("unknown", "if <x>", "if &lt;x&gt;");
    }

    /// Whatever the code, only spans are added.
    #[test]
    fn the_text_is_never_changed() {
        let mut random = Random(5);
        let pieces = [
            "\"", "'", "`", "\"\"\"", "//", "/*", "*/", "#", "--", "<", ">", "&", "é", "中", "\n", " ", "\\", "x",
            "if", "0", "1e", "+", "-", "@", "$", "$x", "<!--", "-->", "[", "=", ":", "{", "\0", "😀", "a:", "fn f(",
            "'a",
        ];
        for name in languages::names().chain(["", "none"]) {
            for _ in 0..200 {
                let code: String = (0..1 + random.below(30)).map(|_| pieces[random.below(pieces.len())]).collect();
                let mut plain = html(&code, name);
                let classes = ["keyword", "string", "number", "name", "comment", "insert", "delete"];
                classes.iter().for_each(|class| plain = plain.replace(&format!("<span class=\"hl-{class}\">"), ""));
                let mut expected = String::new();
                escape(&mut expected, &code);
                assert_eq!(plain.replace("</span>", ""), expected, "{name}: {code:?}");
            }
        }
    }
}
