//! The rules of this room, against real files.

use std::sync::Arc;

use rusqlite::Connection;

use super::*;
use crate::domain::conversation::{Conversation, Listing};
use crate::domain::event::EndReason;
use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part, Usage};
use crate::domain::user::{Login, NewUser, Role, User};
use crate::domain::{Error, Kind};

mod search;
mod stored;

struct Fixture {
    directory: tempfile::TempDir,
    store: Arc<Store>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("opens"));
        Self { directory, store }
    }

    /// As the `sqlite3` program sees it: foreign keys are off.
    fn outside(&self, file: &str) -> Connection {
        let conn = Connection::open(self.directory.path().join("data").join(file)).expect("opens");
        conn.pragma_update(None, "foreign_keys", false).expect("off");
        conn
    }

    fn user(&self, name: &str) -> User {
        self.try_user(name, None, Admission::Open).expect("is free")
    }

    fn try_user(&self, name: &str, email: Option<&str>, admission: Admission) -> Result<User> {
        let new = NewUser {
            username: name.to_owned(),
            password: "secret1".to_owned(),
            email: email.map(str::to_owned),
            display_name: None,
            avatar: None,
        };
        self.store.add_user(new, "hash".to_owned(), admission)
    }

    fn conversation(&self, owner: &ContainerId) -> Conversation {
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
        self.store.add_conversation(conversation).expect("is stored")
    }

    fn ask(&self, conversation: &Conversation, text: &str, client_id: Option<&str>) -> Begun {
        self.store
            .begin_turn(Question {
                owner: conversation.container_id.clone(),
                conversation: conversation.id.clone(),
                asked: Asked::Next,
                parts: vec![Part::Text(text.to_owned())],
                client_message_id: client_id.map(str::to_owned),
                name_if_none: "Named".to_owned(),
                latest_seq: None,
            })
            .expect("is stored")
    }

    fn texts(&self, conversation: &Conversation) -> Vec<String> {
        let messages = self.store.messages(conversation, 200, None).expect("reads").messages;
        messages.iter().map(|message| format!("{:?} {:?}", message.status, message.parts)).collect()
    }
}

fn answer(turn: &TurnRow, id: &MessageId, text: &str, status: MessageStatus) -> Message {
    Message {
        id: id.clone(),
        session_id: turn.session_id.clone(),
        turn_id: Some(turn.id.clone()),
        role: MessageRole::Assistant,
        parts: vec![Part::Text(text.to_owned())],
        status,
        model: None,
        usage: Some(Usage { output: 3, ..Usage::default() }),
        stop_reason: None,
        client_message_id: None,
        timestamp: 7,
    }
}

fn new_turn(begun: Begun) -> (TurnRow, u64) {
    match begun {
        Begun::New(new) => (new.turn, new.base_seq),
        Begun::Again { .. } => panic!("is new"),
    }
}

#[test]
fn names_belong_to_one_person() {
    let fixture = Fixture::new();
    let check = |name: &str, email: Option<&str>, expected: &str| {
        let outcome = fixture.try_user(name, email, Admission::Open);
        assert_eq!(outcome.map_or_else(|error| error.to_string(), |user| user.username), expected);
    };
    check("John", Some("j@x.org"), "John");
    check("john", None, "Username 'john' already exists");
    check("j@X.org", None, "Username 'j@X.org' already exists");
    check("jane", Some("J@x.org"), "Email 'J@x.org' already exists");
    check("a@b.org", None, "a@b.org");
    check("bob", Some("A@b.org"), "Email 'A@b.org' already exists");
    for who in ["John", "JOHN", " john ", "j@x.org", "J@X.ORG"] {
        let found = fixture.store.credentials(who).expect("reads").expect(who);
        assert_eq!(found.user.username, "John");
    }
}

#[test]
fn names_of_1_9_that_differ_in_case_stay_two_people() {
    let fixture = Fixture::new();
    let insert = "INSERT INTO users (userId, username, passwordHash, containerId, createdAt, updatedAt) VALUES ";
    fixture
        .outside("portagent.db")
        .execute_batch(&format!("{insert} ('1', 'Ann', 'h', 'c1', 1, 1), ('2', 'ann', 'h', 'c2', 1, 1);"))
        .expect("inserts");
    let found = |who: &str| fixture.store.credentials(who).expect("reads").map(|found| found.user.username);
    assert_eq!(found("Ann").as_deref(), Some("Ann"));
    assert_eq!(found("ann").as_deref(), Some("ann"));
    assert_eq!(found("ANN"), None);
    fixture.outside("portagent.db").execute("UPDATE users SET username = 'Ben' WHERE userId = '1'", []).expect("ok");
    assert_eq!(found("ben").as_deref(), Some("Ben"));
}

#[test]
fn the_first_is_the_administrator_and_the_last_one_stays() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.user("first"), fixture.user("second"));
    assert_eq!((first.role, second.role), (Role::Admin, Role::User));
    let refused = |outcome: Result<()>| assert_eq!(outcome.expect_err("is refused").code, "last_administrator");
    refused(fixture.store.set_active(&first.id, false).map(drop));
    refused(fixture.store.set_role(&first.id, Role::User).map(drop));
    refused(fixture.store.delete_user(&first.id));
    fixture.store.set_role(&second.id, Role::Admin).expect("is promoted");
    fixture.store.delete_user(&first.id).expect("may go now");
    refused(fixture.store.set_active(&second.id, false).map(drop));
}

#[test]
fn two_cannot_both_be_first() {
    let fixture = Fixture::new();
    fixture.try_user("first", None, Admission::First).expect("is first");
    let error = fixture.try_user("second", None, Admission::First).expect_err("comes too late");
    assert_eq!(error.code, "not_the_first");
}

#[test]
fn an_invite_code_is_used_up_also_by_many_at_once() {
    let fixture = Arc::new(Fixture::new());
    fixture.user("admin");
    let now = crate::domain::clock::now_ms();
    let invite = Invite { code: "c".to_owned(), note: None, uses_left: 3, created_at: now, expires_at: now + 60_000 };
    fixture.store.add_invite(invite, None).expect("is stored");
    let threads: Vec<_> = (0..8)
        .map(|index| {
            let fixture = fixture.clone();
            std::thread::spawn(move || {
                fixture.try_user(&format!("user{index}"), None, Admission::Invite("c".to_owned())).is_ok()
            })
        })
        .collect();
    let admitted = threads.into_iter().filter(|_| true).map(|t| t.join().expect("ends")).filter(|ok| *ok).count();
    assert_eq!(admitted, 3);
    // A registration that fails gives its use back.
    let invite = Invite { code: "d".to_owned(), note: None, uses_left: 1, created_at: now, expires_at: now + 60_000 };
    fixture.store.add_invite(invite, None).expect("is stored");
    fixture.try_user("ADMIN", None, Admission::Invite("d".to_owned())).expect_err("is taken");
    fixture.try_user("other", None, Admission::Invite("d".to_owned())).expect("still good");
}

#[test]
fn a_change_from_outside_counts_at_once() {
    let fixture = Fixture::new();
    let user = fixture.user("john");
    let login = Login::Ours(fixture.store.begin_login(&user.id, None).expect("begins"));
    let mut watcher = fixture.store.watch_accounts().expect("watches");
    watcher.changed().expect("looks");
    assert!(fixture.store.caller(&user.id, &login).is_ok());
    fixture.outside("portagent.db").execute("UPDATE users SET isActive = 0", []).expect("updates");
    assert!(watcher.changed().expect("looks"));
    assert!(!watcher.changed().expect("looks"));
    assert_eq!(fixture.store.caller(&user.id, &login).expect_err("is out").kind, Kind::Unauthenticated);
    fixture.outside("portagent.db").execute("UPDATE users SET isActive = 1", []).expect("updates");
    assert!(fixture.store.caller(&user.id, &login).is_ok());
    fixture.outside("portagent.db").execute("DELETE FROM users", []).expect("deletes");
    assert!(fixture.store.caller(&user.id, &login).is_err());
    let left: i64 =
        fixture.outside("portagent.db").query_row("SELECT count(*) FROM logins", [], |row| row.get(0)).expect("counts");
    assert_eq!(left, 0);
}

#[test]
fn deleting_from_outside_takes_what_hangs_on_it() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    new_turn(fixture.ask(&conversation, "hello", None));
    let outside = fixture.outside("agentx.db");
    outside.execute("DELETE FROM containers", []).expect("deletes");
    for table in ["images", "sessions", "turns", "messages"] {
        let left: i64 =
            outside.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counts");
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn another_users_id_reads_like_one_that_does_not_exist() {
    let fixture = Fixture::new();
    let (mine, theirs) = (ContainerId::random(), ContainerId::random());
    let conversation = fixture.conversation(&mine);
    let no = |error: Error| assert_eq!(error.message, "Conversation not found");
    no(fixture.store.conversation(&theirs, &conversation.id).expect_err("no"));
    no(fixture.store.conversation(&mine, &ConversationId::random()).expect_err("no"));
    no(fixture.store.delete_conversation(&theirs, &conversation.id).expect_err("no"));
    no(fixture.store.conversations(&theirs, Listing::default(), 10, Some(&conversation.id)).expect_err("no"));
    assert!(fixture.store.conversations(&theirs, Listing::default(), 10, None).expect("reads").is_empty());
}

#[test]
fn the_same_client_message_is_stored_once() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    let (turn, _) = new_turn(fixture.ask(&conversation, "hello", Some("c1")));
    match fixture.ask(&conversation, "hello", Some("c1")) {
        Begun::Again { message_id, turn_id } => assert_eq!((message_id, turn_id), (turn.user_message_id, turn.id)),
        Begun::New(_) => panic!("was stored twice"),
    }
    assert_eq!(fixture.texts(&conversation).len(), 1);
    let named = fixture.store.conversation(&conversation.container_id, &conversation.id).expect("reads");
    assert_eq!(named.name, "Named");
}

#[test]
fn a_late_checkpoint_changes_nothing_and_a_waiting_question_stands_behind() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    let (first, _) = new_turn(fixture.ask(&conversation, "one", None));
    let (second, _) = new_turn(fixture.ask(&conversation, "two", None));
    let (id, place) = (MessageId::random(), Position { ordinal: first.ordinal, index: 1 });
    fixture.store.checkpoint(vec![(answer(&first, &id, "par", MessageStatus::Streaming), place)]);
    fixture.store.save_message(answer(&first, &id, "partial, whole", MessageStatus::Complete), place).expect("saves");
    fixture.store.checkpoint(vec![(answer(&first, &id, "par", MessageStatus::Streaming), place)]);
    fixture.store.end_turn(&first, EndReason::Completed, Usage::default(), Vec::new(), Some(9)).expect("ends");
    assert_eq!(
        fixture.texts(&conversation),
        ["Complete [Text(\"one\")]", "Complete [Text(\"partial, whole\")]", "Complete [Text(\"two\")]"]
    );
    let (history, _) = fixture.store.history(&first, usize::MAX).expect("reads");
    assert_eq!(history.len(), 2, "a question that waits does not go to the model yet");
    let (cut, _) = fixture.store.history(&second, 4).expect("reads");
    assert_eq!(cut.len(), 1, "what does not fit is left out by whole turns");
}

#[test]
fn after_a_crash_numbers_go_on_behind_all_that_were_sent() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    let (turn, base) = new_turn(fixture.ask(&conversation, "one", None));
    assert_eq!(base, 0);
    assert!(fixture.store.seq_reserved(&conversation.session_id).expect("reads") > 1_000_000);
    fixture.store.end_turn(&turn, EndReason::Completed, Usage::default(), Vec::new(), Some(42)).expect("ends");
    assert_eq!(fixture.store.seq_reserved(&conversation.session_id).expect("reads"), 42);
    let (_, base) = new_turn(fixture.ask(&conversation, "two", None));
    assert_eq!(base, 42);
}

#[test]
fn an_end_that_is_stored_late_gives_back_no_number_that_a_newer_turn_used() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    let (first, _) = new_turn(fixture.ask(&conversation, "one", None));
    let (second, _) = new_turn(fixture.ask(&conversation, "two", None));
    let end = |turn, latest| fixture.store.end_turn(turn, EndReason::Completed, Usage::default(), Vec::new(), latest);
    end(&second, Some(50)).expect("ends");
    end(&first, Some(20)).expect("ends");
    let (third, base) = new_turn(fixture.ask(&conversation, "three", None));
    assert!(base >= 50, "{base}");
    end(&third, None).expect("ends");
    assert!(fixture.store.seq_reserved(&conversation.session_id).expect("reads") > base, "not known: nothing is free");
}

#[test]
fn a_turn_that_failed_can_be_asked_again() {
    let fixture = Fixture::new();
    let conversation = fixture.conversation(&ContainerId::random());
    let (owner, id) = (&conversation.container_id, &conversation.id);
    let (turn, _) = new_turn(fixture.ask(&conversation, "one", None));
    let again = || fixture.store.reopen_turn(owner, id, &turn.id, Reopen::Again, None);
    assert_eq!(again().err().expect("runs").code, "turn_not_retryable");
    let message = answer(&turn, &MessageId::random(), "par", MessageStatus::Interrupted);
    let last = vec![(message, Position { ordinal: turn.ordinal, index: 1 })];
    fixture.store.end_turn(&turn, EndReason::Error, Usage::default(), last, Some(5)).expect("ends");
    match again().expect("opens again") {
        Begun::New(new) => assert_eq!((new.question.id, new.next_index), (turn.user_message_id.clone(), 2)),
        Begun::Again { .. } => panic!("is to be run"),
    }
    assert_eq!(fixture.texts(&conversation), ["Complete [Text(\"one\")]"]);
    assert_eq!(fixture.store.close_open_turns().expect("closes"), 1);
    let (_, _) = new_turn(fixture.ask(&conversation, "two", None));
    assert_eq!(again().err().expect("is old").code, "turn_not_newest");
}

#[test]
fn a_piece_that_fails_takes_no_other_with_it() {
    let fixture = Fixture::new();
    let owner = ContainerId::random();
    let threads: Vec<_> = (0..32)
        .map(|index| {
            let (store, owner) = (fixture.store.clone(), owner.clone());
            std::thread::spawn(move || {
                store.agent.write(move |conn| {
                    conn.execute("INSERT INTO containers VALUES (?1, 1, 1)", [format!("{owner}-{index}")])?;
                    if index % 4 == 0 {
                        panic!("on purpose")
                    }
                    if index % 2 == 0 { Err(Error::not_found("x")) } else { Ok(()) }
                })
            })
        })
        .collect();
    let stored = threads.into_iter().map(|thread| thread.join().expect("ends")).filter(Result::is_ok).count();
    assert_eq!(stored, 16);
    let rows: i64 = fixture
        .outside("agentx.db")
        .query_row("SELECT count(*) FROM containers", [], |row| row.get(0))
        .expect("counts");
    assert_eq!(rows, 16);
}

#[test]
fn a_database_that_another_program_holds_is_named_and_recovers() {
    let fixture = Fixture::new();
    let holder = fixture.outside("agentx.db");
    holder.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let outcome = fixture.store.agent.write(|_| Ok(()));
    assert_eq!(outcome.expect_err("is locked").code, "database_busy");
    holder.execute_batch("COMMIT").expect("unlocks");
    fixture.store.agent.write(|_| Ok(())).expect("goes on");
}

#[test]
fn closing_leaves_one_private_file_each_and_a_newer_schema_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    fixture.conversation(&ContainerId::random());
    fixture.store.close();
    let data = fixture.directory.path().join("data");
    let mut names: Vec<_> = std::fs::read_dir(&data)
        .expect("lists")
        .map(|entry| entry.expect("reads").file_name().into_string().expect("utf-8"))
        .collect();
    names.sort();
    assert_eq!(names, ["agentx.db", "portagent.db"]);
    let mode = std::fs::metadata(data.join("agentx.db")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fixture.outside("agentx.db").pragma_update(None, "user_version", 99).expect("writes");
    let before = std::fs::read(data.join("agentx.db")).expect("reads");
    let error = Store::open(fixture.directory.path()).err().expect("is refused");
    assert!(error.message.contains("agentx.db: it was written by schema 99, this program knows"), "{error}");
    assert_eq!(std::fs::read(data.join("agentx.db")).expect("reads"), before);
}
