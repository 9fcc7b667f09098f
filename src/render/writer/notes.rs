//! Footnotes: numbered in the order in which they are referred to, gathered in one block at the end.

use super::{Open, Writer};

impl Writer<'_> {
    pub(super) fn note_reference(&mut self, label: &str) {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(label.to_lowercase()).or_insert(next);
        let key = self.key;
        if self.in_anchor {
            self.out.push_str(&format!("<sup>{number}</sup>"));
            return;
        }
        // An id only where the number appears first: that is where the note leads back to.
        let id = if number == next { format!(" id=\"fnref-{key:08x}-{number}\"") } else { String::new() };
        self.out
            .push_str(&format!("<sup><a href=\"#fn-{key:08x}-{number}\"{id} role=\"doc-noteref\">{number}</a></sup>"));
    }

    pub(super) fn note(&mut self, label: &str) -> Open {
        self.first_note.get_or_insert(self.top_start);
        Open::Note { label: label.to_lowercase(), around: std::mem::take(&mut self.out) }
    }

    /// All notes by number; one that nothing refers to comes behind them, because its words were written too.
    pub(super) fn notes_block(&mut self) -> String {
        let mut ordered: Vec<Option<String>> = vec![None; self.numbers.len()];
        let mut unused = Vec::new();
        for (label, html) in std::mem::take(&mut self.notes) {
            match self.numbers.get(&label).map(|number| &mut ordered[number - 1]) {
                Some(place @ None) => *place = Some(html),
                _ => unused.push(html),
            }
        }
        let mut out = String::from("<div class=\"footnotes\" role=\"doc-endnotes\"><ol>");
        for (index, html) in ordered.into_iter().enumerate() {
            let (key, number) = (self.key, index + 1);
            let back = format!("<a href=\"#fnref-{key:08x}-{number}\" role=\"doc-backlink\">↩</a>");
            let html = html.unwrap_or_default();
            let (body, closing) = html.strip_suffix("</p>").map_or((html.as_str(), ""), |body| (body, "</p>"));
            out.push_str(&format!("<li id=\"fn-{key:08x}-{number}\">{body} {back}{closing}</li>"));
        }
        for html in unused {
            out.push_str(&format!("<li>{html}</li>"));
        }
        out.push_str("</ol></div>");
        out
    }
}
