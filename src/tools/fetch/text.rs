//! The text of a page, as a reader sees it: headings, paragraphs, lists and links; no scripts, no styles.
//!
//! A reader of tags and nothing more: what is malformed comes out as text, and nothing here is ever shown as HTML.

mod entities;
mod tags;

use entities::entities;
use tags::{BLOCKS, SILENT, attribute, behind_end, end_of_tag};

/// The title, and the text.
pub(super) fn of(html: &str, base: &str) -> (Option<String>, String) {
    let mut reader =
        Reader { base, out: String::new(), title: None, silent: None, pre: 0, links: Vec::new(), space: false };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        reader.text(&rest[..at]);
        rest = reader.tag(&rest[at..]);
    }
    reader.text(rest);
    (reader.title, tidy(&reader.out))
}

struct Reader<'a> {
    base: &'a str,
    out: String,
    title: Option<String>,
    /// The element whose end is waited for.
    silent: Option<String>,
    pre: usize,
    /// Addresses of the links that are open.
    links: Vec<Option<String>>,
    /// A blank stands before the next word.
    space: bool,
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        if self.silent.is_some() || text.is_empty() {
            return;
        }
        let text = entities(text);
        if self.pre > 0 {
            self.out.push_str(&text);
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() && c != '\u{a0}' {
                self.space = true;
            } else if !c.is_control() {
                if std::mem::take(&mut self.space) && !self.out.is_empty() && !self.out.ends_with(['\n', ' ']) {
                    self.out.push(' ');
                }
                self.out.push(c);
            }
        }
    }

    /// Reads what begins with `<`; gives what is behind it.
    fn tag<'h>(&mut self, html: &'h str) -> &'h str {
        if let Some(comment) = html.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        let is_tag = html[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        if !is_tag {
            self.text("<");
            return &html[1..];
        }
        // What never ends is nothing to read.
        let Some(end) = end_of_tag(html) else { return "" };
        let (inside, rest) = (&html[1..end], &html[end + 1..]);
        let (is_end, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len());
        let name = inside[..length].to_ascii_lowercase();
        if let Some(silent) = self.silent.clone() {
            if is_end && silent == name {
                self.silent = None;
            }
            if !is_end && matches!(name.as_str(), "script" | "style") {
                return behind_end(rest, &name);
            }
            // The end of a head may be left out.
            if !is_end && silent == "head" && (name == "body" || BLOCKS.contains(&name.as_str())) {
                self.silent = None;
                self.begin(&name, inside);
                return rest;
            }
            // A title stands in the head, and is the one thing there to read.
            if !is_end && name == "title" && self.title.is_none() {
                let length = rest.find('<').unwrap_or(rest.len());
                self.title = Some(entities(&rest[..length]).split_whitespace().collect::<Vec<_>>().join(" "));
            }
            return rest;
        }
        if is_end {
            self.end(&name)
        } else {
            self.begin(&name, inside)
        }
        // A script may hold tags in texts: only its own end counts.
        if self.silent.as_deref().is_some_and(|silent| matches!(silent, "script" | "style")) {
            return behind_end(rest, &name);
        }
        rest
    }

    fn begin(&mut self, name: &str, inside: &str) {
        if SILENT.contains(&name) {
            self.silent = (!inside.ends_with('/')).then(|| name.to_owned());
            return;
        }
        if BLOCKS.contains(&name) {
            self.line();
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.out.push('\n');
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            "li" => self.out.push_str("- "),
            "p" | "table" | "blockquote" => self.out.push('\n'),
            "pre" => self.pre += 1,
            "td" | "th" => {
                let is_first = self.out.is_empty() || self.out.ends_with('\n');
                self.out.push_str(if is_first { "| " } else { " | " });
            }
            "a" => self.links.push(attribute(inside, "href").and_then(|href| resolved(self.base, &href))),
            "img" => {
                if let Some(alt) = attribute(inside, "alt").filter(|alt| !alt.trim().is_empty()) {
                    self.text(&format!(" [{}] ", alt.trim()));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "pre" => self.pre = self.pre.saturating_sub(1),
            "a" => {
                if let Some(Some(address)) = self.links.pop() {
                    self.out.push_str(&format!(" ({address})"));
                    self.space = true;
                }
            }
            _ => {}
        }
        if BLOCKS.contains(&name) {
            self.line();
        }
    }

    fn line(&mut self) {
        self.space = false;
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }
}

/// A link as an absolute address; `None` for those that lead nowhere else.
pub(super) fn resolved(base: &str, href: &str) -> Option<String> {
    let href = href.trim();
    let lower = href.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Some(href.to_owned());
    }
    let scheme_end = base.find("://")?;
    let authority_end = base[scheme_end + 3..].find(['/', '?', '#']).map_or(base.len(), |at| at + scheme_end + 3);
    let (origin, path) = (&base[..authority_end], base[authority_end..].split(['?', '#']).next().unwrap_or_default());
    if let Some(rest) = href.strip_prefix("//") {
        return Some(format!("{}://{rest}", &base[..scheme_end]));
    }
    let first = href.split(['/', '?', '#']).next().unwrap_or_default();
    if href.is_empty() || href.starts_with('#') || first.contains(':') {
        return None;
    }
    if href.starts_with('/') {
        return Some(format!("{origin}{href}"));
    }
    if href.starts_with('?') {
        return Some(format!("{origin}{path}{href}"));
    }
    let directory = path.rfind('/').map_or("/", |end| &path[..=end]);
    Some(format!("{origin}{directory}{href}"))
}

/// No line ends in blanks, and there is at most one empty line in a row.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() && is_blank {
            continue;
        }
        is_blank = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_text() {
        let check = |html: &str, expected: &str| assert_eq!(of(html, "https://e.org/a/b?c").1, expected, "{html}");
        check("<p>One <b>two</b>\n three</p><p>four", "One two three\n\nfour");
        check("<h2>Head</h2>text", "## Head\ntext");
        check("<ul><li>a<li>b</ul>c", "- a\n- b\nc");
        check("a<br>b<hr/>c", "a\nb\nc");
        check("<pre>a\n  b</pre>", "a\n  b");
        check("<a href='/x?y=1&amp;z=2'>link</a> on", "link (https://e.org/x?y=1&z=2) on");
        check(
            "<a href=page.html>x</a><a href=#here>y</a><a href='javascript:alert(1)'>z</a>",
            "x (https://e.org/a/page.html) yz",
        );
        check("<script>if (a<b) { '<p>no</p>' }</script>yes<style>p{}</style>", "yes");
        check("<script src=x></script><noscript>no</noscript>yes", "yes");
        check("<!-- <p>no</p> -->yes<!doctype html>", "yes");
        check("<img alt='a cat' src=x><img src=y>", "[a cat]");
        check("<p title='a > b'>c</p>", "c");
        check("1 < 2 &amp;&amp; 3 &gt; 2 &#20013;&#x6587; &nope; &", "1 < 2 && 3 > 2 中文 &nope; &");
        check("<tr><td>a</td><td>b</td></tr>", "| a | b");
        check("<p>never closed <a href=", "never closed");
        check("<head><title>t</title><p>the head never ends", "the head never ends");
        check("<head><script>'</head>'</script></head>yes", "yes");
        check("<script>never closed", "");
        check("\u{0}\u{1b}[2Jx&#27;y", "[2Jx&#27;y");
    }

    #[test]
    fn the_title_is_read() {
        let page =
            "<html><head><meta charset=utf-8><title> A &amp;\n B </title><style>x</style></head><body>text</body>";
        assert_eq!(of(page, ""), (Some("A & B".to_owned()), "text".to_owned()));
    }

    #[test]
    fn hostile_pages_take_no_time() {
        let began = std::time::Instant::now();
        for piece in ["<", "<a href=\"", "<!--", "&", "<script>", "</", "<p ", "\"'", "<pre>"] {
            of(&piece.repeat(200_000 / piece.len()), "https://e.org/");
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
