//! Makes one message of those that 1.9 stored more than once, because every open tab stored what it had received.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Counts;
use crate::domain::id::MessageId;
use crate::domain::message::{Message, Part};

/// The messages of one list, the same one only once.
#[derive(Default)]
pub struct Folded {
    pub messages: Vec<Message>,
    places: HashMap<MessageId, usize>,
}

impl Folded {
    /// The same id with the same words is a duplicate; where one has the words of the other and more, the longer one
    /// stays, in the place of the first. Other words under the same id are another message, and no word is dropped: it
    /// gets an id of its own.
    pub fn add(&mut self, mut message: Message, counts: &mut Counts) {
        if let Some(place) = self.places.get(&message.id) {
            let first = &mut self.messages[*place];
            if first.role == message.role && (first.parts == message.parts || continues(&message.parts, &first.parts)) {
                counts.duplicates += 1;
                return;
            }
            if first.role == message.role && continues(&first.parts, &message.parts) {
                first.parts = message.parts;
                counts.duplicates += 1;
                return;
            }
            message.id = MessageId::random();
            counts.renamed += 1;
        }
        if let Entry::Vacant(entry) = self.places.entry(message.id.clone()) {
            entry.insert(self.messages.len());
        }
        self.messages.push(message);
    }
}

/// Whether `long` is `short` and more: the first state of an answer and a later one.
fn continues(short: &[Part], long: &[Part]) -> bool {
    match (short, long) {
        ([], _) => true,
        ([Part::Text(short)], [Part::Text(long), ..]) => long.starts_with(short.as_str()),
        _ => false,
    }
}
