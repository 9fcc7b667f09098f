//! The few elements that models write as HTML, always balanced. All other HTML is shown as the text that it is.

use super::{DEPTH, Open, Writer, write};

/// Elements within a line.
const INLINE: [&str; 3] = ["sub", "sup", "kbd"];

impl Writer<'_> {
    /// A tag in a paragraph.
    pub(super) fn tag_in_text(&mut self, html: &str) {
        let tag = html.to_ascii_lowercase();
        if ["<br>", "<br/>", "<br />"].contains(&tag.as_str()) {
            return self.out.push_str("<br>");
        }
        let name = tag.trim_start_matches(['<', '/']).trim_end_matches('>');
        let Some(name) = INLINE.into_iter().find(|known| *known == name) else { return self.escaped(html) };
        let around = self.open.len();
        if !tag.starts_with("</") && around + self.inline_html.len() < DEPTH {
            self.inline_html.push((name, around));
            self.out.push_str(&tag);
        } else if self.inline_html.last() == Some(&(name, around)) {
            self.inline_html.pop();
            self.out.push_str(&tag);
        } else {
            self.escaped(html);
        }
    }

    /// The element around it ends.
    pub(super) fn close_inline_html(&mut self) {
        while let Some((name, _)) = self.inline_html.pop_if(|(_, around)| *around >= self.open.len()) {
            self.out.push_str(&format!("</{name}>"));
        }
    }

    pub(super) fn close_details(&mut self) {
        while matches!(self.open.last(), Some(Open::Details)) {
            self.open.pop();
            self.out.push_str("</details>");
        }
    }

    /// Raw HTML over lines: `<details>` and its summary are elements, the rest is text.
    pub(super) fn end_html_block(&mut self) {
        let raw = std::mem::take(&mut self.raw);
        let raw = self.without_stand_ins(&raw).into_owned();
        let mut rest = raw.trim_end();
        while let Some((at, length)) = details_tag(rest) {
            let (before, tag) = (&rest[..at], rest[at..at + length].to_ascii_lowercase());
            self.html_text(before);
            rest = &rest[at + length..];
            if tag.starts_with("<details") && self.open.len() < DEPTH {
                self.out.push_str(if tag.contains(" open") { "<details open>" } else { "<details>" });
                self.open.push(Open::Details);
                rest = self.summary(rest);
            } else if tag == "</details>" && matches!(self.open.last(), Some(Open::Details)) {
                self.open.pop();
                self.out.push_str("</details>");
            } else {
                self.html_text(&tag);
            }
        }
        self.html_text(rest);
    }

    /// The summary right behind `<details>`, and what stands behind it.
    fn summary<'h>(&mut self, html: &'h str) -> &'h str {
        let begin = html.trim_start();
        let is_summary = begin.get(..9).is_some_and(|tag| tag.eq_ignore_ascii_case("<summary>"));
        let Some(end) = find(begin, "</summary>").filter(|_| is_summary) else { return html };
        let blocks = write(begin[9..end].trim()).into_blocks().concat();
        let text = blocks.strip_prefix("<p>").and_then(|text| text.strip_suffix("</p>"));
        self.out.push_str("<summary>");
        match text.filter(|text| !text.contains("<p")) {
            Some(text) => self.out.push_str(text),
            None => self.escaped(&begin[9..end]),
        }
        self.out.push_str("</summary>");
        &begin[end + 10..]
    }

    fn html_text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.out.push_str("<p>");
        for (number, line) in text.split('\n').enumerate() {
            self.out.push_str(if number > 0 { "<br>\n" } else { "" });
            if !matches!(line.trim(), "<br>" | "<br/>" | "<br />") {
                self.escaped(line);
            }
        }
        self.out.push_str("</p>");
    }
}

/// The first tag of `details`, as its place and length.
fn details_tag(html: &str) -> Option<(usize, usize)> {
    let tags = ["<details>", "<details open>", "<details open=\"\">", "</details>"];
    tags.into_iter().filter_map(|tag| Some((find(html, tag)?, tag.len()))).min()
}

/// `text.find(tag)` without regard to case.
fn find(text: &str, tag: &str) -> Option<usize> {
    text.as_bytes().windows(tag.len()).position(|window| window.eq_ignore_ascii_case(tag.as_bytes()))
}
