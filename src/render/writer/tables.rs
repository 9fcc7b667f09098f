//! Tables in a scroller, with a name. They do not stand in each other, so one state is enough.

use pulldown_cmark::Alignment;

use super::{Open, Writer};
use crate::render::escape::escape;

/// How many characters of the head make the table's name.
const NAME_CHARS: usize = 120;

#[derive(Default)]
pub(super) struct Table {
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
    name: String,
    /// Where in the output the name goes.
    name_at: usize,
    /// Behind the row's last cell that is not empty.
    row_end: usize,
}

impl Table {
    /// Words of the head make the name.
    pub(super) fn name(&mut self, text: &str) {
        if self.in_head && self.name.len() < NAME_CHARS * 4 {
            self.name.push_str(text);
        }
    }
}

impl Writer<'_> {
    pub(super) fn table(&mut self, alignments: &[Alignment]) -> Open {
        self.out.push_str("<div class=\"table-scroll\" tabindex=\"0\" role=\"region\"");
        self.table = Table { alignments: alignments.to_vec(), name_at: self.out.len(), ..Table::default() };
        self.out.push_str("><table>");
        Open::Table
    }

    pub(super) fn head(&mut self) -> Open {
        self.out.push_str("<thead><tr>");
        self.table.in_head = true;
        Open::Head
    }

    /// A region wants a name, and the head's own words are in the right language.
    pub(super) fn end_head(&mut self) {
        self.out.push_str("</tr></thead><tbody>");
        self.table.in_head = false;
        let name: String = self.table.name.trim().chars().take(NAME_CHARS).collect();
        if !name.is_empty() {
            let mut label = String::from(" aria-label=\"");
            escape(&mut label, &name);
            label.push('"');
            self.out.insert_str(self.table.name_at, &label);
        }
    }

    pub(super) fn row(&mut self) -> Open {
        self.out.push_str("<tr>");
        self.table.column = 0;
        self.table.row_end = self.out.len();
        Open::Row
    }

    /// Empty cells at the end of a row are left out: the parser makes them up, in numbers that the source does not have.
    pub(super) fn end_row(&mut self) {
        self.out.truncate(self.table.row_end);
        self.out.push_str("</tr>");
    }

    pub(super) fn cell(&mut self) -> Open {
        let table = &mut self.table;
        let class = match table.alignments.get(table.column) {
            Some(Alignment::Right) => " class=\"u-number\">",
            Some(Alignment::Center) => " class=\"u-center\">",
            _ => ">",
        };
        table.column += 1;
        if !table.name.is_empty() {
            table.name(", ");
        }
        let (opening, closing) = if table.in_head { ("<th scope=\"col\"", "</th>") } else { ("<td", "</td>") };
        self.out.push_str(opening);
        self.out.push_str(class);
        Open::Cell { content_at: self.out.len(), closing }
    }

    pub(super) fn end_cell(&mut self, content_at: usize, closing: &str) {
        let is_empty = self.out.len() == content_at;
        self.out.push_str(closing);
        if !is_empty {
            self.table.row_end = self.out.len();
        }
    }
}
