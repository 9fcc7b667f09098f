//! Lists and their tasks.

use super::{DEPTH, Open, Writer};

impl Writer<'_> {
    pub(super) fn list(&mut self, first: Option<u64>) -> Open {
        if self.open.len() >= DEPTH {
            return Open::Tag("");
        }
        self.out.push_str(match first {
            Some(_) => "<ol",
            None => "<ul",
        });
        let class_at = self.out.len();
        match first {
            None | Some(1) => self.out.push('>'),
            Some(first) => self.out.push_str(&format!(" start=\"{first}\">")),
        }
        Open::List { class_at, is_task_list: false, is_ordered: first.is_some() }
    }

    pub(super) fn item(&mut self) -> Open {
        if self.open.len() > DEPTH {
            return Open::Tag("");
        }
        // In a list of tasks an item without a box leaves the first column empty.
        let (opening, closing) = match self.open.last() {
            Some(Open::List { is_task_list: true, .. }) => ("<li><span></span><span>", "</span></li>"),
            _ => ("<li>", "</li>"),
        };
        self.out.push_str(opening);
        Open::Item { content_at: self.out.len(), closing }
    }

    /// The marker comes right behind the item's beginning, perhaps with a paragraph opened in between.
    pub(super) fn task(&mut self, is_checked: bool) {
        let (open, paragraph) = match self.open.as_mut_slice() {
            [open @ .., Open::Tag("</p>")] => (open, "<p>"),
            open => (open, ""),
        };
        let [.., list, Open::Item { content_at, closing }] = open else {
            return self.out.push_str(if is_checked { "[x] " } else { "[ ] " });
        };
        if self.out.len() != *content_at + paragraph.len() {
            return;
        }
        let start = *content_at - if *closing == "</li>" { 0 } else { "<span></span><span>".len() };
        self.out.truncate(start);
        let checked = if is_checked { " checked" } else { "" };
        let label = match (self.language.is_chinese(), is_checked) {
            (false, true) => "done",
            (false, false) => "to do",
            (true, true) => "已完成",
            (true, false) => "未完成",
        };
        self.out
            .push_str(&format!("<input type=\"checkbox\"{checked} disabled aria-label=\"{label}\"><span>{paragraph}"));
        *closing = "</span></li>";
        if let Open::List { class_at, is_task_list: is_task_list @ false, is_ordered: false } = list
            && self.out[*class_at..].starts_with("><li><input")
        {
            self.out.insert_str(*class_at, " class=\"task-list\"");
            *is_task_list = true;
        }
    }
}
