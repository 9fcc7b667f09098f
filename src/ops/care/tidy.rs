//! Unused space goes back to the disk: free pages after big deletions, and a log that has grown. In small
//! steps with pauses, so that a person's message waits for milliseconds only.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Result;
use crate::domain::bytes::human;
use crate::ops::worker::Worker;
use crate::store::Store;
use crate::store::care::{Space, Which};

const PERIOD: Duration = Duration::from_secs(60);
/// Free pages are left for later use up to this many bytes, and up to this share of the file.
const FREE_BYTES: u64 = 1024 * 1024;
const FREE_PERCENT: u64 = 5;
/// Pages given back in one transaction, and the pause behind it.
const PAGES_A_STEP: u32 = 256;
const PAUSE: Duration = Duration::from_millis(100);
/// A log that is longer is worth a checkpoint of its own, in bytes; SQLite itself makes one every 4 MiB.
const WAL_BYTES: u64 = 16 * 1024 * 1024;
const STACK_BYTES: usize = 256 * 1024;

/// Errors: `Internal` without a thread.
pub fn tidy(store: Arc<Store>) -> Result<Worker> {
    Worker::start("tidy", STACK_BYTES, PERIOD, move |stop| {
        for which in Which::BOTH {
            // Trouble with a database is reported by those who need it.
            if let Err(error) = tidy_one(&store, which, &|| stop.wait(PAUSE)) {
                log::debug!(target: "ops", "{} was not tidied up: {}", which.file(), error.with_cause());
            }
        }
    })
}

fn tidy_one(store: &Store, which: Which, go_on: &dyn Fn() -> bool) -> Result<()> {
    let before = store.space(which)?;
    let mut now = before;
    while has_too_much(&now) && go_on() {
        store.give_back(which, PAGES_A_STEP)?;
        let left = store.space(which)?;
        if left.free_bytes >= now.free_bytes {
            break; // deletions are faster than we are, or nothing can be given back
        }
        now = left;
    }
    if now.free_bytes < before.free_bytes {
        let given = human(before.bytes.saturating_sub(now.bytes));
        log::info!(target: "ops", "{}: {given} of free space went back to the disk", which.file());
    }
    if store.space(which)?.wal_bytes > WAL_BYTES {
        store.shorten_log(which)?;
    }
    Ok(())
}

fn has_too_much(space: &Space) -> bool {
    space.gives_back
        && space.free_bytes > FREE_BYTES
        && space.free_bytes.saturating_mul(100) > space.bytes.saturating_mul(FREE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Conversation;
    use crate::domain::id::{ContainerId, ConversationId, SessionId};
    use crate::domain::message::Part;
    use crate::store::Question;

    #[test]
    fn a_little_free_space_is_left_alone() {
        let check = |free_mib: u64, mib: u64, gives_back: bool, expected: bool| {
            let space = Space { bytes: mib << 20, free_bytes: free_mib << 20, gives_back, wal_bytes: 0 };
            assert_eq!(has_too_much(&space), expected, "{space:?}");
        };
        check(1, 2, true, false);
        check(2, 10, true, true);
        check(2, 100, true, false);
        check(50, 100, false, false);
    }

    #[test]
    fn what_a_big_deletion_leaves_goes_back_and_the_log_is_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("opens");
        let owner = ContainerId::random();
        let conversation = Conversation {
            id: ConversationId::random(),
            container_id: owner.clone(),
            session_id: SessionId::random(),
            name: String::new(),
            description: None,
            system_prompt: None,
            model: None,
            effort: None,
            is_pinned: false,
            is_archived: false,
            created_at: 1,
            updated_at: 1,
        };
        store.add_conversation(conversation.clone()).expect("is stored");
        for _ in 0..16 {
            let question = Question {
                owner: owner.clone(),
                conversation: conversation.id.clone(),
                asked: crate::store::Asked::Next,
                parts: vec![Part::Text("x".repeat(400_000))],
                client_message_id: None,
                name_if_none: String::new(),
                latest_seq: None,
            };
            store.begin_turn(question).expect("is stored");
        }
        store.delete_container(&owner).expect("is deleted");
        let full = store.space(Which::Agentx).expect("reads");
        assert!(full.free_bytes > 6_000_000 && has_too_much(&full), "{full:?}");
        let steps = std::cell::Cell::new(0);
        let count = || {
            steps.set(steps.get() + 1);
            true
        };
        tidy_one(&store, Which::Agentx, &count).expect("is tidied up");
        let space = store.space(Which::Agentx).expect("reads");
        assert!(space.bytes < 2_000_000 && !has_too_much(&space), "{space:?}");
        assert!(steps.get() >= 5, "in steps");
        store.shorten_log(Which::Agentx).expect("is cut");
        assert_eq!(store.space(Which::Agentx).expect("reads").wal_bytes, 0);
    }
}
