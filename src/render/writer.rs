//! From Markdown events to HTML: the list of everything that can come out. No tag or attribute is written that does not
//! stand in this file as a literal, and all text goes through [`escape`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{BlockQuoteKind, Event, HeadingLevel, LinkType, Options, Parser, Tag};

mod code;
mod html;
mod links;
mod lists;
mod notes;
mod tables;

use self::tables::Table;
use super::address;
use super::escape::escape;
use super::language::{self, Language};
use super::math;
use super::normalize::{Normalized, is_stand_in, normalize, normalize_partial};

/// Elements inside each other within one block; what is deeper keeps its words and loses its tags.
const DEPTH: usize = 64;

/// A rendered text.
pub struct Page {
    pub blocks: Vec<Block>,
    /// The block of notes, where there are any, and in the source the beginning of the block that holds the first.
    pub notes: Option<(usize, String)>,
    /// Where in the source the last top-level block begins, a note included.
    pub last_start: usize,
    /// The line that opens a fence again which is open at the end.
    pub open_fence: Option<String>,
}

pub struct Block {
    /// Where it begins in the source, in bytes.
    pub start: usize,
    pub html: String,
}

impl Page {
    pub fn into_blocks(self) -> Vec<String> {
        self.blocks.into_iter().map(|block| block.html).chain(self.notes.map(|(_, html)| html)).collect()
    }
}

/// A whole text.
pub fn write(markdown: &str) -> Page {
    write_normalized(&normalize(markdown))
}

/// A text that goes on.
pub fn write_partial(markdown: &str) -> Page {
    write_normalized(&normalize_partial(markdown))
}

fn write_normalized(normalized: &Normalized<'_>) -> Page {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut writer = Writer::new(normalized);
    for (event, range) in Parser::new_ext(&normalized.text, options).into_offset_iter() {
        writer.event(event, range);
    }
    writer.finish()
}

/// What has to be done when an open element ends.
enum Open {
    /// Write this.
    Tag(&'static str),
    /// A single tilde is no strike-through: `3~5 元，6~8 元`.
    Tilde,
    Code {
        language: String,
    },
    Html,
    Details,
    List {
        /// Behind `<ul`, where a class would go.
        class_at: usize,
        is_task_list: bool,
        is_ordered: bool,
    },
    Item {
        content_at: usize,
        closing: &'static str,
    },
    Table,
    Head,
    Row,
    Cell {
        content_at: usize,
        closing: &'static str,
    },
    Link {
        content_at: usize,
        is_anchor: bool,
        address: String,
    },
    Note {
        label: String,
        /// What was being written around it.
        around: String,
    },
}

struct Writer<'a> {
    normalized: &'a Normalized<'a>,
    /// Keeps the ids of this text's notes apart from those of others.
    key: u32,
    out: String,
    /// Text that has come and is not written yet, so that an address is seen in one piece.
    text: String,
    open: Vec<Open>,
    in_code: bool,
    /// The code, or the raw HTML, that is being read.
    raw: String,
    in_anchor: bool,
    /// The last formula stood on lines of its own.
    after_display: bool,
    /// Elements that stand in the text as HTML, each with how many others are open around it.
    inline_html: Vec<(&'static str, usize)>,
    /// Of the top-level block.
    language: Language,
    table: Table,
    top_start: usize,
    blocks: Vec<Block>,
    numbers: HashMap<String, usize>,
    notes: Vec<(String, String)>,
    first_note: Option<usize>,
}

impl<'a> Writer<'a> {
    fn new(normalized: &'a Normalized<'a>) -> Self {
        let mut hasher = DefaultHasher::new();
        normalized.source.hash(&mut hasher);
        Self {
            normalized,
            key: (hasher.finish() >> 32) as u32,
            out: String::new(),
            text: String::new(),
            open: Vec::new(),
            in_code: false,
            raw: String::new(),
            in_anchor: false,
            after_display: false,
            inline_html: Vec::new(),
            language: Language::default(),
            table: Table::default(),
            top_start: 0,
            blocks: Vec::new(),
            numbers: HashMap::new(),
            notes: Vec::new(),
            first_note: None,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if self.open.is_empty() {
            self.top_start = self.normalized.source_offset(range.start);
            self.language = language::of(&self.normalized.text[range.clone()]);
        }
        match event {
            Event::Text(text) => return self.text(&text),
            Event::SoftBreak => return self.text.push('\n'),
            _ => self.flush_text(),
        }
        match event {
            Event::Start(tag) => self.start(tag, range.start),
            Event::End(_) => self.end(),
            Event::Code(code) => self.code_span(&code),
            Event::Html(html) => self.raw.push_str(&html),
            Event::InlineHtml(html) => self.tag_in_text(&html),
            Event::FootnoteReference(label) => self.note_reference(&label),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>"),
            Event::TaskListMarker(is_checked) => self.task(is_checked),
            // Formulas are found before.
            Event::InlineMath(text) | Event::DisplayMath(text) => self.escaped(&text),
            Event::Text(_) | Event::SoftBreak => {}
        }
        if self.open.is_empty() {
            self.end_block();
        }
    }

    fn finish(mut self) -> Page {
        self.flush_text();
        self.close_details();
        self.end_block();
        let notes = self.first_note.map(|start| (start, self.notes_block()));
        let last_block = self.blocks.last().map_or(0, |block| block.start);
        let open_fence = self.normalized.open_fence.clone();
        Page { last_start: self.top_start.max(last_block), blocks: self.blocks, notes, open_fence }
    }

    fn end_block(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let mut html = std::mem::take(&mut self.out);
        let attributes = self.language.attributes();
        if !attributes.is_empty() && !html.starts_with("<figure") {
            let name_end = html.find(['>', ' ']).unwrap_or(html.len());
            html.insert_str(name_end, &attributes);
        }
        self.blocks.push(Block { start: self.top_start, html });
    }

    fn start(&mut self, tag: Tag<'_>, offset: usize) {
        let open = match tag {
            Tag::Paragraph => self.tag("<p>", "</p>"),
            Tag::Heading { level, .. } => self.heading(level),
            Tag::BlockQuote(Some(kind)) => self.callout(kind),
            Tag::BlockQuote(None) => self.tag("<blockquote>", "</blockquote>"),
            Tag::CodeBlock(kind) => self.code_block(&kind),
            Tag::HtmlBlock => Open::Html,
            Tag::List(first) => self.list(first),
            Tag::Item => self.item(),
            Tag::FootnoteDefinition(label) => self.note(&label),
            Tag::Table(alignments) => self.table(&alignments),
            Tag::TableHead => self.head(),
            Tag::TableRow => self.row(),
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.tag("<em>", "</em>"),
            Tag::Strong => self.tag("<strong>", "</strong>"),
            Tag::Strikethrough if self.normalized.text.as_bytes()[offset..].starts_with(b"~~") => {
                self.tag("<del>", "</del>")
            }
            Tag::Strikethrough => {
                self.text.push('~');
                Open::Tilde
            }
            Tag::Link { link_type, dest_url, title, .. } => self.link(&dest_url, link_type == LinkType::Email, &title),
            Tag::Image { dest_url, title, .. } => self.link(&dest_url, false, &title),
            // Not switched on.
            _ => Open::Tag(""),
        };
        self.open.push(open);
    }

    fn end(&mut self) {
        self.close_inline_html();
        self.close_details();
        match self.open.pop() {
            Some(Open::Tag(closing)) => self.out.push_str(closing),
            Some(Open::Tilde) => self.text.push('~'),
            Some(Open::Code { language }) => self.end_code_block(&language),
            Some(Open::Html) => self.end_html_block(),
            Some(Open::List { is_ordered, .. }) => self.out.push_str(if is_ordered { "</ol>" } else { "</ul>" }),
            Some(Open::Item { closing, .. }) => self.out.push_str(closing),
            Some(Open::Table) => self.out.push_str("</tbody></table></div>"),
            Some(Open::Head) => self.end_head(),
            Some(Open::Row) => self.end_row(),
            Some(Open::Cell { content_at, closing }) => self.end_cell(content_at, closing),
            Some(Open::Link { content_at, is_anchor, address }) => self.end_link(content_at, is_anchor, &address),
            Some(Open::Note { label, around }) => {
                let html = std::mem::replace(&mut self.out, around);
                self.notes.push((label, html));
            }
            Some(Open::Details) | None => {}
        }
    }

    /// An element that may stand in itself: past [`DEPTH`] only its words stay.
    fn tag(&mut self, opening: &str, closing: &'static str) -> Open {
        if self.open.len() >= DEPTH {
            return Open::Tag("");
        }
        self.out.push_str(opening);
        Open::Tag(closing)
    }

    /// The page's own title is the only `h1`.
    fn heading(&mut self, level: HeadingLevel) -> Open {
        match level {
            HeadingLevel::H1 => self.tag("<h2>", "</h2>"),
            HeadingLevel::H2 => self.tag("<h3>", "</h3>"),
            HeadingLevel::H3 => self.tag("<h4>", "</h4>"),
            HeadingLevel::H4 => self.tag("<h5>", "</h5>"),
            HeadingLevel::H5 | HeadingLevel::H6 => self.tag("<h6>", "</h6>"),
        }
    }

    /// `> [!NOTE]`, with its kind as a word in the language of the text.
    fn callout(&mut self, kind: BlockQuoteKind) -> Open {
        let (state, english, chinese) = match kind {
            BlockQuoteKind::Note => ("info", "Note", "说明"),
            BlockQuoteKind::Tip => ("pass", "Tip", "提示"),
            BlockQuoteKind::Important => ("info", "Important", "重要"),
            BlockQuoteKind::Warning => ("warn", "Warning", "警告"),
            BlockQuoteKind::Caution => ("fail", "Caution", "当心"),
        };
        if self.open.len() >= DEPTH {
            return Open::Tag("");
        }
        let title = if self.language.is_chinese() { chinese } else { english };
        self.out.push_str(&format!(
            "<blockquote class=\"callout\" data-state=\"{state}\"><p class=\"callout-title\">{title}</p>"
        ));
        Open::Tag("</blockquote>")
    }
}

/// Text.
impl Writer<'_> {
    fn text(&mut self, text: &str) {
        if self.in_code { self.raw.push_str(text) } else { self.text.push_str(text) }
    }

    fn flush_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        self.table.name(&self.normalized.original(&text));
        let mut from = 0;
        if self.normalized.has_stand_ins {
            for (at, c) in text.char_indices().filter(|(_, c)| is_stand_in(*c)) {
                self.plain(&text[from..at]);
                self.formula(c);
                from = at + c.len_utf8();
            }
        }
        self.plain(&text[from..]);
        text.clear();
        self.text = text; // its memory is used again
    }

    /// Words without marks: addresses become links, and a line break is one.
    fn plain(&mut self, text: &str) {
        let mut rest = text;
        if self.out.ends_with("</math>") && self.after_display {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        while !self.in_anchor
            && let Some((from, to)) = address::find(rest)
        {
            self.lines(&rest[..from]);
            self.anchor(&rest[from..to], "");
            escape(&mut self.out, &rest[from..to]);
            self.out.push_str("</a>");
            rest = &rest[to..];
        }
        self.lines(rest);
    }

    fn lines(&mut self, text: &str) {
        let mut lines = text.split('\n');
        escape(&mut self.out, lines.next().unwrap_or_default());
        for line in lines {
            self.out.push_str("<br>\n");
            escape(&mut self.out, line);
        }
    }

    /// What stands for a formula becomes one; other stand-ins go.
    fn formula(&mut self, stand_in: char) {
        let Some(formula) = self.normalized.formula(stand_in) else { return };
        if formula.is_display && self.out.ends_with("<br>\n") {
            self.out.truncate(self.out.len() - "<br>\n".len());
        }
        if !math::write(&mut self.out, &formula.tex, formula.is_display) {
            self.lines(&self.normalized.source[formula.source.clone()]);
        }
        self.after_display = formula.is_display;
    }

    fn escaped(&mut self, text: &str) {
        escape(&mut self.out, &self.normalized.original(text));
    }

    fn without_stand_ins<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.normalized.original(text)
    }
}
