//! From Markdown events to HTML: the list of everything that can come out. No tag or attribute is written that does not
//! stand in this file as a literal, and all text goes through [`escape`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag};

mod code;
mod links;
mod lists;
mod notes;
mod tables;

use self::tables::Table;
use super::address;
use super::escape::escape;
use super::tame::{JOINT, Tamed, tame};

/// Elements inside each other within one block; what is deeper keeps its words and loses its tags.
const DEPTH: usize = 64;

/// A rendered text.
pub struct Page {
    pub blocks: Vec<Block>,
    /// The block of notes, where there are any, and in the source the beginning of the block that holds the first.
    pub notes: Option<(usize, String)>,
    /// Where in the source the last top-level block begins, a note included.
    pub last_start: usize,
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

pub fn write(markdown: &str) -> Page {
    let tamed = tame(markdown);
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::new(&tamed, markdown);
    for (event, range) in Parser::new_ext(&tamed.text, options).into_offset_iter() {
        writer.event(event, range.start);
    }
    writer.finish()
}

/// What has to be done when an open element ends.
enum Open {
    /// Write this.
    Tag(&'static str),
    /// A single tilde is no strike-through: `3~5 元，6~8 元`.
    Tilde,
    Code,
    Html,
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
    tamed: &'a Tamed<'a>,
    /// Keeps the ids of this text's notes apart from those of others.
    key: u32,
    out: String,
    /// Text that has come and is not written yet, so that an address is seen in one piece.
    text: String,
    open: Vec<Open>,
    in_code: bool,
    in_anchor: bool,
    table: Table,
    top_start: usize,
    blocks: Vec<Block>,
    numbers: HashMap<String, usize>,
    notes: Vec<(String, String)>,
    first_note: Option<usize>,
}

impl<'a> Writer<'a> {
    fn new(tamed: &'a Tamed<'a>, source: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        Self {
            tamed,
            key: (hasher.finish() >> 32) as u32,
            out: String::new(),
            text: String::new(),
            open: Vec::new(),
            in_code: false,
            in_anchor: false,
            table: Table::default(),
            top_start: 0,
            blocks: Vec::new(),
            numbers: HashMap::new(),
            notes: Vec::new(),
            first_note: None,
        }
    }

    fn event(&mut self, event: Event<'_>, offset: usize) {
        if self.open.is_empty() {
            self.top_start = self.tamed.source_offset(offset);
        }
        match event {
            Event::Text(text) => return self.text(&text),
            Event::SoftBreak => return self.text.push('\n'),
            _ => self.flush_text(),
        }
        match event {
            Event::Start(tag) => self.start(tag, offset),
            Event::End(_) => self.end(),
            Event::Code(code) => self.code_span(&code),
            Event::Html(html) => self.html_block(&html),
            Event::InlineHtml(html) if is_line_break(&html) => self.out.push_str("<br>"),
            Event::InlineHtml(html) => self.escaped(&html),
            Event::FootnoteReference(label) => self.note_reference(&label),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>"),
            Event::TaskListMarker(is_checked) => self.task(is_checked),
            // Not switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) => self.escaped(&text),
            Event::Text(_) | Event::SoftBreak => {}
        }
        if self.open.is_empty() {
            self.end_block();
        }
    }

    fn finish(mut self) -> Page {
        self.flush_text();
        self.end_block();
        let notes = self.first_note.map(|start| (start, self.notes_block()));
        let last_block = self.blocks.last().map_or(0, |block| block.start);
        Page { last_start: self.top_start.max(last_block), blocks: self.blocks, notes }
    }

    fn end_block(&mut self) {
        if !self.out.is_empty() {
            self.blocks.push(Block { start: self.top_start, html: std::mem::take(&mut self.out) });
        }
    }

    fn start(&mut self, tag: Tag<'_>, offset: usize) {
        let open = match tag {
            Tag::Paragraph => self.tag("<p>", "</p>"),
            Tag::Heading { level, .. } => self.heading(level),
            Tag::BlockQuote(_) => self.tag("<blockquote>", "</blockquote>"),
            Tag::CodeBlock(kind) => self.code_block(&kind),
            Tag::HtmlBlock => {
                self.out.push_str("<p>");
                Open::Html
            }
            Tag::List(first) => self.list(first),
            Tag::Item => self.item(),
            Tag::FootnoteDefinition(label) => self.note(&label),
            Tag::Table(alignments) => self.table(&alignments),
            Tag::TableHead => self.head(),
            Tag::TableRow => self.row(),
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.tag("<em>", "</em>"),
            Tag::Strong => self.tag("<strong>", "</strong>"),
            Tag::Strikethrough if self.tamed.text.as_bytes()[offset..].starts_with(b"~~") => {
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
        match self.open.pop() {
            Some(Open::Tag(closing)) => self.out.push_str(closing),
            Some(Open::Tilde) => self.text.push('~'),
            Some(Open::Code) => self.end_code_block(),
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
            None => {}
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
            HeadingLevel::H1 | HeadingLevel::H2 => self.tag("<h2>", "</h2>"),
            HeadingLevel::H3 => self.tag("<h3>", "</h3>"),
            HeadingLevel::H4 => self.tag("<h4>", "</h4>"),
            HeadingLevel::H5 => self.tag("<h5>", "</h5>"),
            HeadingLevel::H6 => self.tag("<h6>", "</h6>"),
        }
    }
}

/// Text.
impl Writer<'_> {
    fn text(&mut self, text: &str) {
        if self.in_code {
            return self.escaped(text);
        }
        // Chinese has no blanks, so a line that was only broken in the source goes on without one.
        if let Some(line) = self.text.strip_suffix('\n')
            && line.ends_with(is_unspaced)
            && text.starts_with(is_unspaced)
        {
            self.text.pop();
        }
        self.text.push_str(text);
    }

    fn flush_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        if self.tamed.has_joints {
            text.retain(|c| c != JOINT);
        }
        self.table.name(&text);
        let mut rest = text.as_str();
        while !self.in_anchor
            && let Some((from, to)) = address::find(rest)
        {
            escape(&mut self.out, &rest[..from]);
            self.anchor(&rest[from..to], "");
            escape(&mut self.out, &rest[from..to]);
            self.out.push_str("</a>");
            rest = &rest[to..];
        }
        escape(&mut self.out, rest);
        text.clear();
        self.text = text; // its memory is used again
    }

    fn escaped(&mut self, text: &str) {
        let text = self.without_joints(text);
        escape(&mut self.out, &text);
    }

    fn without_joints<'t>(&self, text: &'t str) -> CowStr<'t> {
        if self.tamed.has_joints && text.contains(JOINT) { text.replace(JOINT, "").into() } else { text.into() }
    }
}

fn is_line_break(html: &str) -> bool {
    ["<br>", "<br/>", "<br />"].iter().any(|known| html.eq_ignore_ascii_case(known))
}

/// Han, kana and full-width punctuation: written without blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{312f}' | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff65}' | '\u{20000}'..='\u{3ffff}')
}
