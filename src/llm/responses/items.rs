//! The items of an answer that is being written: which one an event belongs to, whatever the server leaves out.

use serde_json::Value;

use crate::llm::json::{count, text};

#[derive(Default)]
pub(super) struct Items(Vec<Entry>);

pub(super) struct Entry {
    index: Option<u64>,
    id: String,
    /// What the draft calls it.
    pub key: u64,
    /// `message`, `reasoning`, `function_call` and many more.
    pub kind: String,
    /// Some of it has come in pieces: the whole, which comes at its end, has nothing new.
    pub is_told: bool,
    pub is_done: bool,
}

impl Items {
    /// The item of an event; a new one where none fits.
    pub(super) fn of(&mut self, event: &Value, kind: &str) -> &mut Entry {
        let item = &event["item"];
        let id = if item.is_object() { text(item, "id") } else { text(event, "item_id") };
        let index = count(&event["output_index"]);
        let place = self.find(index, id, kind).unwrap_or_else(|| {
            let key = self.0.len() as u64;
            let (kind, id) = (kind.to_owned(), id.to_owned());
            self.0.push(Entry { index, id, key, kind, is_told: false, is_done: false });
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    fn find(&self, index: Option<u64>, id: &str, kind: &str) -> Option<usize> {
        let by_id = self.0.iter().rposition(|entry| !id.is_empty() && entry.id == id);
        // Some servers give each event another id, and some everything the index 0.
        let fits = |entry: &Entry| entry.index == index && entry.kind == kind && !entry.is_done;
        by_id.or_else(|| self.0.iter().rposition(fits))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
