//! What a person has stored is counted rightly, also where other programs write.

use super::*;
use crate::domain::conversation::ConversationChange;
use crate::workdirs::Place;
use tables::stored::{ROW_BYTES, count_wrong};

impl Fixture {
    /// What it says, once it was held against the rows.
    fn stored(&self, owner: &ContainerId) -> u64 {
        assert_eq!(count_wrong(&self.outside("agentx.db")).expect("counts"), 0, "conversations are counted wrongly");
        self.store.stored_bytes(owner).expect("reads")
    }

    fn sql(&self, sql: &str) {
        self.outside("agentx.db").execute_batch(sql).expect("is done");
    }
}

#[test]
fn what_we_write_is_counted_with_it() {
    let (fixture, owner) = (Fixture::new(), ContainerId::random());
    let conversation = fixture.conversation(&owner);
    let row = ROW_BYTES as u64;
    assert_eq!(fixture.stored(&owner), row);
    let (turn, _) = new_turn(fixture.ask(&conversation, "hello", None));
    let question = r#"[{"type":"text","text":"hello"}]"#.len() as u64;
    assert_eq!(fixture.stored(&owner), 2 * row + question + "Named".len() as u64);
    let id = MessageId::random();
    let place = Position { ordinal: turn.ordinal, index: 1 };
    for (text, status) in [
        ("half", MessageStatus::Streaming),
        ("half an answer", MessageStatus::Streaming),
        ("a whole answer", MessageStatus::Complete),
        ("late", MessageStatus::Streaming),
    ] {
        fixture.store.checkpoint(vec![(answer(&turn, &id, text, status), place)]);
        fixture.store.ping().into_iter().for_each(|(_, answer)| answer.expect("answers"));
        fixture.store.probe().expect("the checkpoint is stored");
        fixture.stored(&owner);
    }
    let last = answer(&turn, &MessageId::random(), "the end", MessageStatus::Complete);
    let messages = vec![(last, Position { ordinal: turn.ordinal, index: 2 })];
    fixture.store.end_turn(&turn, EndReason::Completed, Usage::default(), messages, None).expect("is stored");
    let before = fixture.stored(&owner);
    for prompt in [Some("a prompt".to_owned()), Some("短".to_owned()), None] {
        let change = ConversationChange { system_prompt: Some(prompt), ..ConversationChange::default() };
        fixture.store.change_conversation(&owner, &conversation.id, change).expect("is stored");
        fixture.stored(&owner);
    }
    assert_eq!(fixture.stored(&owner), before);
    let set = |owner: &ContainerId, before: u64, measured: u64| {
        fixture.store.set_file_bytes(owner, &conversation.id, before, measured).expect("is stored");
        fixture.stored(owner)
    };
    assert_eq!(set(&owner, 0, 1000), before + 1000);
    assert_eq!(set(&owner, 0, 7), before + 1000, "another one has counted meanwhile");
    assert_eq!(set(&ContainerId::random(), 1000, 7), 0, "it is no one else's");
    assert_eq!(fixture.stored(&owner), before + 1000);

    let other = fixture.conversation(&owner);
    fixture.store.delete_conversation(&owner, &conversation.id).expect("is deleted");
    assert_eq!(fixture.stored(&owner), row, "its files too");
    fixture.ask(&other, "old", None);
    fixture.store.close_open_turns().expect("closes");
    assert_eq!(fixture.store.forget_idle(i64::MAX, 10).expect("forgets").len(), 1);
    assert_eq!(fixture.stored(&owner), 0);
    fixture.conversation(&owner);
    fixture.store.delete_container(&owner).expect("is deleted");
    assert_eq!(fixture.stored(&owner), 0);
}

#[test]
fn what_another_program_writes_is_counted_by_triggers() {
    let (fixture, owner, other) = (Fixture::new(), ContainerId::random(), ContainerId::random());
    let conversation = fixture.conversation(&owner);
    fixture.conversation(&other);
    let (turn, _) = new_turn(fixture.ask(&conversation, "hello", None));
    let before = fixture.stored(&owner);
    let session = &turn.session_id;
    fixture.sql(&format!(
        "INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) VALUES \
         ('m1', '{session}', 9, 'user', '[\"三个字\"]', 1), ('m2', '{session}', 10, 'user', '[]', 1)"
    ));
    assert_eq!(fixture.stored(&owner), before + 2 * ROW_BYTES as u64 + 2 + "[\"三个字\"]".len() as u64);
    fixture
        .sql("UPDATE messages SET content = '[7]' WHERE messageId = 'm1'; DELETE FROM messages WHERE messageId = 'm2'");
    assert_eq!(fixture.stored(&owner), before + ROW_BYTES as u64 + 3);
    fixture.sql("UPDATE images SET name = '名', description = 'd', systemPrompt = 'long' WHERE name = 'Named'");
    fixture.stored(&owner);
    fixture.sql(&format!("UPDATE images SET containerId = '{other}' WHERE name = '名'"));
    assert_eq!(fixture.stored(&owner), 0);
    assert!(fixture.stored(&other) > before);
    fixture.sql(
        "INSERT INTO images SELECT 'i', containerId, 's', 'copy', NULL, 'prompt', NULL, 1, 1, NULL, 0, 0 FROM images LIMIT 1;
         INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt)
         SELECT sessionId, imageId, containerId, 1, 1 FROM images WHERE imageId = 'i'",
    );
    fixture.stored(&other);
    fixture.sql("DELETE FROM images");
    assert_eq!(fixture.stored(&other), 0);
}

#[test]
fn what_was_counted_wrongly_is_counted_anew() {
    let (fixture, owner) = (Fixture::new(), ContainerId::random());
    (0..120).for_each(|_| drop(fixture.conversation(&owner)));
    let before = fixture.stored(&owner);
    fixture.sql("UPDATE sessions SET storedBytes = storedBytes + 1, containerId = 'another'");
    assert_eq!(fixture.store.recount_stored().expect("counts"), 120);
    assert_eq!((fixture.stored(&owner), fixture.store.recount_stored().expect("counts")), (before, 0));
}

#[test]
fn a_full_storage_is_full_in_the_transaction_that_writes() {
    let (fixture, owner) = (Fixture::new(), ContainerId::random());
    let conversation = fixture.conversation(&owner);
    fixture.store.limit_stored(20_000);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (store, owner, conversation) = (fixture.store.clone(), owner.clone(), conversation.id.clone());
            std::thread::spawn(move || {
                let question = || Question {
                    owner: owner.clone(),
                    conversation: conversation.clone(),
                    asked: Asked::Next,
                    parts: vec![Part::Text("x".repeat(1000))],
                    client_message_id: None,
                    name_if_none: String::new(),
                    latest_seq: None,
                };
                let stored = (0..10).filter(|_| match store.begin_turn(question()) {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!((error.kind, error.code), (Kind::TooLarge, crate::domain::Code::QUOTA_EXCEEDED));
                        false
                    }
                });
                stored.count()
            })
        })
        .collect();
    let stored: usize = threads.into_iter().map(|thread| thread.join().expect("ends")).sum();
    assert_eq!(stored, 12, "so many of 1000 bytes, each with its row");
    assert!(fixture.stored(&owner) <= 20_000);
    assert!(fixture.store.check_room(&owner, 20_000).is_err());
    fixture.store.limit_stored(0);
    fixture.store.check_room(&owner, u64::MAX).expect("no limit");
}

#[test]
fn an_agents_file_has_its_name_where_there_is_room() {
    let (fixture, owner) = (Fixture::new(), ContainerId::random());
    let conversation = fixture.conversation(&owner);
    let before = fixture.stored(&owner);
    fixture.store.limit_stored(before + 1000);
    let workdir = || fixture.store.workdirs().workdir(&owner, &conversation.id).expect("a directory");
    let write = |name: &str, bytes: usize| {
        let draft = workdir().write(&Place::parse(name)?, &vec![b'x'; bytes])?;
        fixture.store.keep_work_file(&owner, &conversation.id, draft)
    };
    let files = || workdir().measure(&mut |_| ()).expect("is measured");
    write("one", 600).expect("there is room");
    write("one", 900).expect("what it replaces gives its room");
    assert_eq!(fixture.stored(&owner), before + 900);
    assert_eq!(write("two", 101).expect_err("there is none").code, crate::domain::Code::QUOTA_EXCEEDED);
    assert_eq!((files().files, files().bytes), (1, 900), "nothing of it is left");
    write("two", 100).expect("just enough");
    write("one", 0).expect("less is always right");
    assert_eq!(fixture.stored(&owner), before + 100);
    let stranger = ContainerId::random();
    let draft = workdir().write(&Place::parse("three").expect("a place"), b"x").expect("is written");
    let error = fixture.store.keep_work_file(&stranger, &conversation.id, draft).expect_err("not theirs");
    assert_eq!((error.kind, files().files), (Kind::NotFound, 2));
}
