//! Calls of tools as they come in pieces: servers disagree on which piece belongs to which call.
//!
//! Seen in the field: no `index`; all of index 0; the id only in the first piece, or a new one in each; the name in each
//! piece; the whole call in one piece; arguments as an object.

use serde_json::{Map, Value};

use crate::llm::draft::Draft;
use crate::llm::json::{count, text};

#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
}

struct Call {
    index: Option<u64>,
    /// As the server calls it now.
    wire_id: String,
    name: String,
    /// As we call it.
    id: String,
    /// Fields that we do not know, which go back to the same server.
    extra: Map<String, Value>,
}

impl Calls {
    pub(super) fn take(&mut self, piece: &Value, draft: &mut Draft<'_>) {
        let (index, id) = (count(&piece["index"]), text(piece, "id"));
        let function = if piece["function"].is_object() { &piece["function"] } else { piece };
        let name = text(function, "name");
        let key = match self.find(index, id, name, draft) {
            Some(key) => key,
            None if name.is_empty() => return,
            None => {
                let key = self.calls.len();
                let own = draft.call(key as u64, id, name);
                self.calls.push(Call {
                    index,
                    wire_id: id.to_owned(),
                    name: name.to_owned(),
                    id: own,
                    extra: Map::new(),
                });
                key
            }
        };
        match &function["arguments"] {
            Value::String(arguments) => draft.call_input(key as u64, arguments),
            Value::Null => {}
            other => draft.call_input(key as u64, &other.to_string()),
        }
        let is_known = |name: &str| matches!(name, "index" | "id" | "type" | "function" | "name" | "arguments");
        let fields =
            piece.as_object().into_iter().flatten().filter(|(name, value)| !is_known(name) && !value.is_null());
        self.calls[key].extra.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
    }

    /// The call that a piece goes on with; `None`: it begins one.
    fn find(&self, index: Option<u64>, id: &str, name: &str, draft: &Draft<'_>) -> Option<usize> {
        let has_id = |call: &Call| !id.is_empty() && call.wire_id == id;
        let has_index = |call: &Call| index.is_some() && call.index == index;
        let by_both = self.calls.iter().rposition(|call| has_id(call) && has_index(call));
        let by_id = by_both.or_else(|| self.calls.iter().rposition(has_id));
        let by_index = self.calls.iter().rposition(has_index);
        let last = self.calls.len().checked_sub(1).filter(|_| index.is_none() || name.is_empty());
        let found = by_id.or(by_index).or(last)?;
        let call = &self.calls[found];
        let input = draft.input_of(found as u64);
        // Another id, or another index, with a name is another call, unless the one before is not complete yet.
        let is_complete =
            serde_json::from_str::<Map<String, Value>>(input).is_ok() || input.is_empty() && call.name != name;
        let has_another_id = by_id.is_none() && (!id.is_empty() || index.is_none());
        let has_another_index = index.is_some() && call.index.is_some() && call.index != index;
        let is_new = !name.is_empty() && is_complete && (has_another_id || has_another_index);
        (!is_new).then_some(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The unknown fields by the id of their call.
    pub(super) fn extra(&mut self) -> Map<String, Value> {
        let calls = self.calls.iter_mut().filter(|call| !call.extra.is_empty());
        calls.map(|call| (call.id.clone(), Value::Object(std::mem::take(&mut call.extra)))).collect()
    }
}
