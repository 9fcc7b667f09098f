//! Code, and raw HTML, which is shown as code would be: as it was written.

use pulldown_cmark::CodeBlockKind;

use super::{Open, Writer};
use crate::render::escape::escape;

/// How many characters of a block's language are shown.
const LANGUAGE_CHARS: usize = 32;

impl Writer<'_> {
    pub(super) fn code_span(&mut self, code: &str) {
        let code = self.without_joints(code);
        self.table.name(&code);
        self.out.push_str("<code>");
        escape(&mut self.out, &code);
        self.out.push_str("</code>");
    }

    pub(super) fn code_block(&mut self, kind: &CodeBlockKind<'_>) -> Open {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        let word = info.split([' ', '\t', ',', '{']).next().unwrap_or_default();
        let language: String = word.chars().take(LANGUAGE_CHARS).collect();
        self.out.push_str("<figure class=\"code\"><figcaption class=\"row is-apart code-head meta\"><span>");
        self.escaped(&language);
        self.out.push_str("</span></figcaption><pre tabindex=\"0\"><code>");
        self.in_code = true;
        Open::Code
    }

    pub(super) fn end_code_block(&mut self) {
        if self.out.ends_with('\n') {
            self.out.pop();
        }
        self.out.push_str("</code></pre></figure>");
        self.in_code = false;
    }

    /// Raw HTML, line by line, as the text that it is.
    pub(super) fn html_block(&mut self, html: &str) {
        for line in html.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => {
                    self.escaped(line);
                    self.out.push_str("<br>\n");
                }
                None => self.escaped(line),
            }
        }
    }

    pub(super) fn end_html_block(&mut self) {
        if self.out.ends_with("<br>\n") {
            self.out.truncate(self.out.len() - "<br>\n".len());
        }
        self.out.push_str("</p>");
    }
}
