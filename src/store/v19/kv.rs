//! The key-value table of 1.9: which records there are, and which belong together.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, OptionalExtension};
use serde_json::value::RawValue;

use super::fold::Folded;
use super::json::{column, mended, words};
use super::messages::{message, parent};
use super::order::as_said;
use super::records::{Record, conversation, each_record, key, lifetime, session_of};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId, MAX_ID_BYTES, MessageId, SessionId};
use crate::domain::message::Message;

/// A conversation with everything that was said, in the order of its list.
#[derive(Debug, Clone, PartialEq)]
pub struct LegacyConversation {
    pub conversation: Conversation,
    pub messages: Vec<Message>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: ContainerId,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub updated_at: i64,
}

/// What was found. Everything but the first three lines is for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub containers: usize,
    pub conversations: usize,
    pub messages: usize,
    /// Messages that stood there twice, and are handed on once.
    pub duplicates: usize,
    /// Messages that got a new id, because another message with other words had theirs already.
    pub renamed: usize,
    /// Containers and conversations without an owner: kept out.
    pub ownerless_containers: usize,
    pub ownerless_conversations: usize,
    /// Lists of messages whose conversation is gone: kept out.
    pub orphans: usize,
    /// Records, lists and single messages that make no sense: kept out.
    pub malformed: usize,
}

/// One reading of `agentx.db`.
pub struct Legacy<'a> {
    conn: &'a Connection,
    is_owned: &'a dyn Fn(&ContainerId) -> bool,
    counts: Counts,
    /// Keys of the lists of messages that belong to a conversation, owned or not.
    claimed: HashSet<String>,
    /// Digests of the ids of all messages handed on: 8 bytes each, where the ids would take 60. Should two digests be the
    /// same by chance, a message gets a new id without need.
    message_ids: HashSet<u64>,
    conversation_ids: HashSet<ConversationId>,
}

impl<'a> Legacy<'a> {
    /// `is_owned` says which containers belong to a user; what is in others is counted and kept out.
    pub fn new(conn: &'a Connection, is_owned: &'a dyn Fn(&ContainerId) -> bool) -> Self {
        Self {
            conn,
            is_owned,
            counts: Counts::default(),
            claimed: HashSet::new(),
            message_ids: HashSet::new(),
            conversation_ids: HashSet::new(),
        }
    }

    /// Hands every owned container that has a record to `receive`. A user's container may have none.
    ///
    /// Errors: `Unavailable` or `Internal` when the database cannot be read, and whatever `receive` returns.
    pub fn each_container(&mut self, receive: &mut dyn FnMut(Container) -> Result<()>) -> Result<()> {
        each_record(self.conn, "containers", &mut |record| {
            let Some((record, times)) = record else {
                self.counts.malformed += 1;
                return Ok(());
            };
            let Some(id) = words(record.container_id) else {
                self.counts.malformed += 1;
                return Ok(());
            };
            let id = ContainerId::from_outside(&id);
            if !(self.is_owned)(&id) {
                self.counts.ownerless_containers += 1;
                return Ok(());
            }
            self.counts.containers += 1;
            let (created_at, updated_at) = lifetime(&record, times);
            receive(Container { id, created_at, updated_at })
        })
    }

    /// Hands every owned conversation with its messages to `receive`, one at a time, then counts the lists that are left.
    /// No two of them have the same id, and no two messages.
    ///
    /// Errors: `Unavailable` or `Internal` when the database cannot be read, and whatever `receive` returns.
    pub fn each_conversation(mut self, receive: &mut dyn FnMut(LegacyConversation) -> Result<()>) -> Result<Counts> {
        each_record(self.conn, "images", &mut |record| {
            let conversation = record.and_then(|(record, times)| conversation(&record, times));
            match conversation {
                Some((conversation, session)) => self.conversation(conversation, session, receive),
                None => {
                    self.counts.malformed += 1;
                    Ok(())
                }
            }
        })?;
        self.count_orphans()?;
        Ok(self.counts)
    }

    fn conversation(
        &mut self,
        mut conversation: Conversation,
        session: Option<String>,
        receive: &mut dyn FnMut(LegacyConversation) -> Result<()>,
    ) -> Result<()> {
        let session = match session {
            Some(session) => Some(session),
            None => session_of(self.conn, &conversation.id)?,
        };
        let list = match &session {
            Some(session) if self.may_claim(session, &conversation.id)? => Some(key("messages", session)),
            _ => None,
        };
        if let (Some(session), Some(list)) = (&session, &list) {
            // One that is too long for us would be cut, and might then be the same as another.
            if session.chars().count() <= MAX_ID_BYTES {
                conversation.session_id = SessionId::from_outside(session);
            }
            self.claimed.insert(list.clone());
        }
        if !(self.is_owned)(&conversation.container_id) {
            self.counts.ownerless_conversations += 1;
            return Ok(());
        }
        if !self.conversation_ids.insert(conversation.id.clone()) {
            self.counts.malformed += 1;
            return Ok(());
        }
        let messages = match list {
            Some(list) => self.messages(&list, &conversation)?,
            None => Vec::new(),
        };
        self.counts.conversations += 1;
        self.counts.messages += messages.len();
        receive(LegacyConversation { conversation, messages })
    }

    /// Two conversations may name the same session: it belongs to the one that the session's own record names, if that
    /// one says so, too, and else to the first.
    fn may_claim(&self, session: &str, id: &ConversationId) -> Result<bool> {
        if self.claimed.contains(&key("messages", session)) {
            return Ok(false);
        }
        let owner = self.field("sessions", session, |record| words(record.image_id))?;
        let Some(owner) = owner.filter(|owner| owner != id.as_str()) else { return Ok(true) };
        let claim = self.field("images", &owner, |record| words(record.session_id))?;
        Ok(claim.as_deref() != Some(session))
    }

    fn field(&self, kind: &str, id: &str, read: fn(&Record<'_>) -> Option<String>) -> Result<Option<String>> {
        let sql = "SELECT value FROM kv_storage WHERE key = ?1";
        let found = self.conn.query_row(sql, [key(kind, id)], |row| {
            let json = row.get_ref(0).map(column)?;
            Ok(json.and_then(|json| serde_json::from_str(&mended(&json)).ok().and_then(|record| read(&record))))
        });
        Ok(found.optional()?.flatten())
    }

    fn messages(&mut self, list: &str, conversation: &Conversation) -> Result<Vec<Message>> {
        let sql = "SELECT value FROM kv_storage WHERE key = ?1";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([list])?;
        let Some(row) = rows.next()? else { return Ok(Vec::new()) };
        let json = column(row.get_ref(0)?).unwrap_or_default();
        let json = mended(&json);
        let Ok(records) = serde_json::from_str::<Vec<&RawValue>>(&json) else {
            self.counts.malformed += 1;
            return Ok(Vec::new());
        };
        let mut stored = Vec::new();
        let mut before = conversation.created_at;
        for record in records {
            match message(record.get(), &conversation.session_id, before) {
                Some(message) => {
                    before = message.timestamp;
                    stored.push((message, parent(record.get())));
                }
                None => self.counts.malformed += 1,
            }
        }
        let mut folded = Folded::default();
        for message in as_said(stored) {
            folded.add(message, &mut self.counts);
        }
        for message in &mut folded.messages {
            if !self.message_ids.insert(digest(&message.id)) {
                message.id = MessageId::random();
                self.message_ids.insert(digest(&message.id));
                self.counts.renamed += 1;
            }
        }
        Ok(folded.messages)
    }

    fn count_orphans(&mut self) -> Result<()> {
        let mut statement =
            self.conn.prepare("SELECT key FROM kv_storage WHERE key >= 'messages:' AND key < 'messages;'")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = column(row.get_ref(0)?);
            self.counts.orphans += usize::from(key.is_none_or(|key| !self.claimed.contains(key.as_ref())));
        }
        Ok(())
    }
}

fn digest(id: &MessageId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_str().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use rusqlite::OpenFlags;

    use super::*;
    use crate::domain::Error;
    use crate::domain::message::Part;

    fn all(conn: &Connection, is_owned: &dyn Fn(&ContainerId) -> bool) -> (Vec<LegacyConversation>, Counts) {
        let mut found = Vec::new();
        let mut legacy = Legacy::new(conn, is_owned);
        legacy.each_container(&mut |_| Ok(())).expect("containers");
        let counts = legacy.each_conversation(&mut |conversation| {
            found.push(conversation);
            Ok(())
        });
        (found, counts.expect("conversations"))
    }

    fn store(rows: &[(&str, &str)]) -> Connection {
        let conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(
            "CREATE TABLE kv_storage(key TEXT PRIMARY KEY, value TEXT, created_at INTEGER, updated_at INTEGER)",
        )
        .expect("a table");
        for (key, value) in rows {
            conn.execute("INSERT INTO kv_storage VALUES (?1, ?2, 5, 6)", [key, value]).expect("a row");
        }
        conn
    }

    fn texts(conversation: &LegacyConversation) -> Vec<&str> {
        conversation
            .messages
            .iter()
            .map(|message| match message.parts.first() {
                Some(Part::Text(text)) => text.as_str(),
                _ => "-",
            })
            .collect()
    }

    #[test]
    fn the_sample_is_read_in_order() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v19/agentx.db");
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the sample");
        assert!(super::super::is_legacy_agentx(&conn).expect("an answer"));
        let (found, counts) = all(&conn, &|_| true);
        assert_eq!(counts, Counts { containers: 1, conversations: 1, messages: 6, ..Counts::default() });
        let LegacyConversation { conversation, messages } = &found[0];
        assert_eq!(conversation.id.as_str(), "img_mwrk93ek_ic6314");
        assert_eq!(conversation.session_id.as_str(), "sess_mwrk93ek_68zztm");
        assert_eq!(conversation.container_id.as_str(), "user-60c586d9-811e-46e1-bc47-2a2921f2b375");
        assert_eq!((conversation.name.as_str(), conversation.description.as_deref()), ("k9", None));
        assert_eq!(conversation.system_prompt.as_deref(), Some("You are a helpful AI assistant."));
        assert_eq!((conversation.created_at, conversation.updated_at), (1_795_335_248_252, 1_795_335_261_707));
        assert_eq!(messages[1].id.as_str(), "msg_fake_372");
        assert_eq!(messages[5].timestamp, 1_795_335_264_671);
        let said =
            ["first CHUNKS2", "Hello word1 ", "killed CHUNKS100 GAP100", "after restart CHUNKS2", "Hello word1 "];
        assert_eq!(texts(&found[0])[..5], said);
    }

    #[test]
    fn dirt_is_counted_and_kept_out() {
        let conn = store(&[
            ("containers:user-a", r#"{"containerId":"user-a","createdAt":1,"updatedAt":2}"#),
            ("containers:user-x", r#"{"containerId":"user-x"}"#),
            ("containers:bad", "{"),
            ("images:i1", r#"{"imageId":"i1","containerId":"user-a","sessionId":"a/b//c?d","name":"one"}"#),
            ("images:i2", r#"{"imageId":"i2","containerId":"user-x","sessionId":"s2","name":"nobody's"}"#),
            ("images:i3", "not json"),
            ("images:i4", r#"{"containerId":"user-a"}"#),
            ("images:i5", r#"{"imageId":"i5","containerId":"user-a","sessionId":"s5","name":null,"createdAt":"x"}"#),
            (
                "images:i6",
                r#"{"imageId":"i6","containerId":"user-a","name":"\ud83d","description":"","systemPrompt":""}"#,
            ),
            ("sessions:s6", r#"{"sessionId":"s6","imageId":"i6"}"#),
            ("sessions:bad", "{{{"),
            (
                "messages:a:b:c",
                r#"[{"id":"m1","role":"user","content":"x\ud83d"},{"role":"alien"},7,null,{"id":"m2","role":"user","content":"y"}]"#,
            ),
            ("messages:s2", r#"[{"id":"m3","role":"user","content":"secret"}]"#),
            ("messages:s5", r#"[{"id":"m4","#),
            ("messages:s6", r#"[{"id":"m1","role":"user","content":"other list, same id"}]"#),
            ("messages:gone", r#"[{"id":"m9","role":"user","content":"left over"}]"#),
            ("idx:images:name:k:i1", "i1"),
        ]);
        conn.execute(
            "INSERT INTO kv_storage VALUES ('images:blob', X'ff00', NULL, NULL), ('messages:null', NULL, 1, 1)",
            [],
        )
        .expect("rows");
        let (found, counts) = all(&conn, &|container| container.as_str() == "user-a");
        let expected = Counts {
            containers: 1,
            conversations: 3,
            messages: 3,
            duplicates: 0,
            renamed: 1,
            ownerless_containers: 1,
            ownerless_conversations: 1,
            orphans: 2,
            malformed: 1 + 3 + 3 + 1,
        };
        assert_eq!(counts, expected);
        assert_eq!(texts(&found[0]), ["x\u{fffd}", "y"]);
        assert_eq!(found[0].conversation.session_id.as_str(), "a/b//c?d");
        assert_eq!((found[1].conversation.created_at, found[1].conversation.updated_at), (5, 6));
        assert_eq!(texts(&found[2]), ["other list, same id"]);
        assert_eq!(found[2].conversation.session_id.as_str(), "s6");
        assert_eq!(found[2].conversation.name, "\u{fffd}");
        assert_eq!((&found[2].conversation.description, &found[2].conversation.system_prompt), (&None, &None));
        assert_ne!(found[2].messages[0].id.as_str(), "m1");
    }

    #[test]
    fn duplicates_are_folded_and_no_word_is_lost() {
        let conn = store(&[
            ("images:i", r#"{"imageId":"i","containerId":"c","sessionId":"s","name":"n"}"#),
            (
                "messages:s",
                r#"[{"id":"u","role":"user","content":"hi","timestamp":10},
                    {"id":"a","role":"assistant","subtype":"tool-call","toolCall":{"id":"t","name":"ls","input":{}},"timestamp":11},
                    {"id":"a","role":"assistant","content":[{"type":"text","text":"he"}],"timestamp":12},
                    {"id":"u","role":"user","content":"hi","timestamp":99},
                    {"id":"b","role":"assistant","content":[{"type":"text","text":"part"}],"timestamp":13},
                    {"id":"b","role":"assistant","content":[{"type":"text","text":"part and rest"}],"timestamp":14},
                    {"id":"b","role":"assistant","content":[{"type":"text","text":"part"}],"timestamp":15}]"#,
            ),
        ]);
        let (found, counts) = all(&conn, &|_| true);
        assert_eq!((counts.messages, counts.duplicates, counts.renamed), (4, 3, 1));
        assert_eq!(texts(&found[0]), ["hi", "he", "-", "part and rest"], "the call was stored before its text");
        let times: Vec<_> = found[0].messages.iter().map(|message| message.timestamp).collect();
        assert_eq!(times, [10, 12, 11, 13]);
    }

    #[test]
    fn a_session_has_one_conversation() {
        let conn = store(&[
            ("images:i1", r#"{"imageId":"i1","containerId":"c","sessionId":"s","name":"wrong"}"#),
            ("images:i2", r#"{"imageId":"i2","containerId":"c","sessionId":"s","name":"right"}"#),
            ("images:i3", r#"{"imageId":"i3","containerId":"c","sessionId":"s","name":"late"}"#),
            ("sessions:s", r#"{"sessionId":"s","imageId":"i2"}"#),
            ("messages:s", r#"[{"id":"m","role":"user","content":"x"}]"#),
        ]);
        let (found, counts) = all(&conn, &|_| true);
        assert_eq!((counts.conversations, counts.messages, counts.orphans), (3, 1, 0));
        let sizes: Vec<_> = found.iter().map(|found| found.messages.len()).collect();
        assert_eq!(sizes, [0, 1, 0]);
        assert_eq!(found[1].conversation.session_id.as_str(), "s");
        assert_ne!(found[0].conversation.session_id, found[2].conversation.session_id);
    }

    #[test]
    fn a_refusal_of_the_receiver_ends_it() {
        let conn = store(&[("images:i", r#"{"imageId":"i","containerId":"c","sessionId":"s","name":"n"}"#)]);
        let mut refuse = |_| Err(Error::conflict("full", "No room"));
        let error = Legacy::new(&conn, &|_| true).each_conversation(&mut refuse).expect_err("a refusal");
        assert_eq!(error.code, "full");
    }
}
