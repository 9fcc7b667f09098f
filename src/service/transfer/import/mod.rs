//! Conversations from elsewhere: read one at a time, whatever the size of the file, and stored some at a time. What was
//! imported before is known by its id, which is made from where it comes from: the same file twice brings nothing twice.

mod arrival;
mod branches;
mod chatgpt;
mod open_webui;
mod own;
mod settle;
mod source;
mod split;

use std::fs::File;
use std::sync::Arc;

use serde::Deserialize;

pub use arrival::{Changed, Reason};

use crate::domain::id::ContainerId;
use crate::domain::loose_json::{Raw, mended};
use crate::domain::{Error, Result};
use crate::store::{Imported, Store};
use arrival::Arrival;
use settle::Settler;
use source::Source;
use split::{Broken, Element, Split};

/// One conversation, in bytes of its JSON; a larger one is left out.
pub const CONVERSATION_BYTES: usize = 16 * 1024 * 1024;
/// What is stored in one transaction: people's commits wait for it.
const BATCH_CONVERSATIONS: usize = 100;
const BATCH_BYTES: usize = 1024 * 1024;
/// Conversations left out that are named one by one.
const NAMED: usize = 100;

/// What became of a file.
#[derive(Debug, Default)]
pub struct Report {
    /// Which program it comes from, where that was seen.
    pub origin: Option<&'static str>,
    pub imported: u64,
    pub messages: u64,
    /// Files that came with them.
    pub files: u64,
    /// Conversations that are here already.
    pub already_here: u64,
    pub skipped: u64,
    /// The first of those that were left out, and why.
    pub skips: Vec<Skip>,
    pub changed: Changed,
    /// Why it ended early. What is counted above is here all the same.
    pub stopped: Option<Error>,
}

#[derive(Debug, Clone)]
pub struct Skip {
    pub name: String,
    pub reason: Reason,
}

/// A file that is about to be read, for one person.
pub struct Import {
    store: Arc<Store>,
    owner: ContainerId,
    source: Source,
}

/// What runs, with what it has gathered for the next transaction.
struct Running<'a> {
    settler: Settler<'a>,
    owner: &'a ContainerId,
    batch: Vec<Imported>,
    batch_bytes: usize,
    report: Report,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    mapping: Raw<'a>,
    #[serde(borrow)]
    chat: Raw<'a>,
    #[serde(borrow)]
    messages: Raw<'a>,
}

impl Import {
    /// Errors: `Invalid` for what is no export.
    pub fn of(store: Arc<Store>, owner: &ContainerId, file: File) -> Result<Self> {
        Ok(Self { store, owner: owner.clone(), source: Source::open(file)? })
    }

    /// Reads and stores it. `go_on` is asked before each conversation and told what is done; its error ends the import.
    pub fn run(&self, go_on: &mut dyn FnMut(&Report) -> Result<()>) -> Report {
        let settler = Settler { store: &self.store, owner: &self.owner, source: &self.source };
        let mut running =
            Running { settler, owner: &self.owner, batch: Vec::new(), batch_bytes: 0, report: Report::default() };
        let ended = self.documents(&mut running, go_on).and_then(|()| running.store_batch());
        running.report.stopped = ended.err();
        running.report
    }

    fn documents(&self, running: &mut Running<'_>, go_on: &mut dyn FnMut(&Report) -> Result<()>) -> Result<()> {
        for (number, name) in self.source.documents().iter().enumerate() {
            let reader = match self.source.document(number) {
                Ok(reader) => reader,
                Err(_) => {
                    running.skip(name, Reason::Damaged);
                    continue;
                }
            };
            let mut split = Split::new(reader, CONVERSATION_BYTES);
            loop {
                go_on(&running.report)?; // what is left out, or here already, costs time too
                match split.next() {
                    Ok(None) => break,
                    Ok(Some(Element::TooLarge)) => running.skip("", Reason::TooLarge),
                    Ok(Some(Element::Whole(json))) => running.take(&json)?,
                    Err(broken) => {
                        running.skip(name, reason_of(&broken));
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

fn reason_of(broken: &Broken) -> Reason {
    match broken {
        Broken::Truncated => Reason::Truncated,
        Broken::NotJson => Reason::Unreadable,
        Broken::Unreadable => Reason::Damaged,
    }
}

impl Running<'_> {
    fn skip(&mut self, name: &str, reason: Reason) {
        self.report.skipped += 1;
        if self.report.skips.len() < NAMED {
            self.report.skips.push(Skip { name: settle::plain(name), reason });
        }
    }

    fn take(&mut self, json: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(json);
        let arrival = match read(&mended(&text)) {
            Ok(arrival) => arrival,
            Err(reason) => {
                self.skip("", reason);
                return Ok(());
            }
        };
        self.report.origin = self.report.origin.or(Some(arrival.origin));
        if arrival.drafts.is_empty() {
            self.skip(&arrival.name, Reason::Empty);
            return Ok(());
        }
        let id = settle::id_of(self.owner, &arrival, json);
        if self.settler.is_here(&id, &arrival)? {
            self.report.already_here += 1;
            return Ok(());
        }
        let settled = self.settler.settle(id, arrival)?;
        self.report.files += settled.files;
        self.report.changed.add(settled.changed);
        self.batch_bytes += settled.bytes;
        self.batch.push(settled.imported);
        if self.batch.len() >= BATCH_CONVERSATIONS || self.batch_bytes >= BATCH_BYTES {
            self.store_batch()?;
        }
        Ok(())
    }

    fn store_batch(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.batch_bytes = 0;
        let stored = self.settler.store.import_conversations(self.owner, std::mem::take(&mut self.batch))?;
        self.report.imported += stored.conversations;
        self.report.messages += stored.messages;
        self.report.already_here += stored.already_here;
        // An account that was deleted meanwhile leaves nothing behind: its own deletion came too early for this.
        if !self.settler.store.container_has_user(self.owner)? {
            self.settler.store.delete_container(self.owner)?;
            self.settler.store.workdirs().remove_container(self.owner)?;
            return Err(Error::unauthenticated());
        }
        stored.full.map_or(Ok(()), Err)
    }
}

/// The form is seen by its members.
fn read(json: &str) -> Result<Arrival, Reason> {
    let shape: Shape<'_> = serde_json::from_str(json).map_err(|_| Reason::Unreadable)?;
    if shape.mapping.is_some() {
        chatgpt::read(json)
    } else if shape.chat.is_some() {
        open_webui::read(json)
    } else if shape.messages.is_some() {
        own::read(json)
    } else {
        Err(Reason::UnknownForm)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    #[test]
    fn what_is_left_out_is_paced_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("opens"));
        let mut file = tempfile::tempfile().expect("a file");
        let nothing = vec!["{}"; 500].join(",");
        write!(file, "[{nothing}]").and_then(|()| file.rewind()).expect("is written");
        let mut asked = 0;
        let report = Import::of(store.clone(), &ContainerId::random(), file.try_clone().expect("opens"))
            .expect("is JSON")
            .run(&mut |_| {
                asked += 1;
                Ok(())
            });
        assert_eq!((report.skipped, report.skips.len()), (500, NAMED));
        assert!(asked >= 500, "asked {asked} times");
        let refused = Import::of(store, &ContainerId::random(), file).expect("is JSON");
        let report = refused.run(&mut |_| Err(Error::unauthenticated()));
        assert!(report.stopped.is_some(), "it ends where it is told to");
    }
}
