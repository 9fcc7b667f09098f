//! Code.

use pulldown_cmark::CodeBlockKind;

use super::{Open, Writer};
use crate::render::escape::escape;
use crate::render::highlight;

/// How many characters of a block's language are shown.
const LANGUAGE_CHARS: usize = 32;

impl Writer<'_> {
    pub(super) fn code_span(&mut self, code: &str) {
        let code = self.without_stand_ins(code);
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
        let language: String = self.without_stand_ins(word).chars().take(LANGUAGE_CHARS).collect();
        self.out.push_str("<figure class=\"code\"><figcaption class=\"row is-apart code-head meta\"><span>");
        escape(&mut self.out, &language);
        self.out.push_str("</span></figcaption><pre tabindex=\"0\"><code>");
        self.in_code = true;
        Open::Code { language }
    }

    pub(super) fn end_code_block(&mut self, language: &str) {
        let raw = std::mem::take(&mut self.raw);
        let code = self.without_stand_ins(&raw);
        highlight::write(&mut self.out, code.strip_suffix('\n').unwrap_or(&code), language);
        self.out.push_str("</code></pre></figure>");
        self.in_code = false;
    }
}
