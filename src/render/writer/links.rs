//! Links, and pictures as links.

use super::{Open, Writer};
use crate::render::address;
use crate::render::escape::escape;

impl Writer<'_> {
    /// A link, or a picture as a link: anchors do not stand in each other.
    pub(super) fn link(&mut self, address: &str, is_email: bool, title: &str) -> Open {
        let address = self.without_stand_ins(address);
        let allowed = if self.in_anchor { None } else { address::safe(&address, is_email) };
        if let Some(allowed) = &allowed {
            let title = self.without_stand_ins(title);
            self.anchor(allowed, &title);
        }
        let is_anchor = allowed.is_some();
        self.in_anchor |= is_anchor;
        Open::Link { content_at: self.out.len(), is_anchor, address: address.into_owned() }
    }

    pub(super) fn anchor(&mut self, address: &str, title: &str) {
        self.out.push_str("<a href=\"");
        escape(&mut self.out, address);
        if !title.is_empty() {
            self.out.push_str("\" title=\"");
            escape(&mut self.out, title);
        }
        self.out.push_str("\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
    }

    pub(super) fn end_link(&mut self, content_at: usize, is_anchor: bool, address: &str) {
        if !is_anchor {
            return;
        }
        if self.out.len() == content_at {
            escape(&mut self.out, address);
        }
        self.out.push_str("</a>");
        self.in_anchor = false;
    }
}
