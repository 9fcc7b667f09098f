//! Turns in `agentx.db`: begun with the person's message, ended exactly once, closed after a crash.

use rusqlite::{Connection, params};

use super::branches::{self, Asked, BranchChange, Spot};
use super::conversations::{conversation_by_id, touch};
use super::files;
use super::messages::{self, Position};
use super::stored;
use super::tree;
use super::turn_row::{COLUMNS, TurnRow, turn_by_id, turn_row};
use crate::domain::conversation::Conversation;
use crate::domain::event::EndReason;
use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part, Usage};
use crate::domain::{Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Event numbers that a turn may use up; after a crash counting goes on behind them, so that none is used twice.
const SEQ_PER_TURN: u64 = 10_000_000;

/// A person's message on its way in.
pub struct Question {
    pub owner: ContainerId,
    pub conversation: ConversationId,
    pub asked: Asked,
    pub parts: Vec<Part>,
    pub client_message_id: Option<String>,
    /// What the conversation is called when it has no name yet.
    pub name_if_none: String,
    /// The newest event number of the session, where one is known in memory.
    pub latest_seq: Option<u64>,
}

/// How a turn is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopen {
    /// From the start: what it had produced is superseded.
    Again,
    /// Its answer goes on behind what is there; only what said why it ended is superseded.
    Continue,
}

impl Reopen {
    fn supersede(self, conn: &Connection, turn: &TurnRow) -> Result<()> {
        let of_turn = "sessionId = ?1 AND turnId = ?2 AND status <> 'superseded'";
        let ids = (&turn.session_id, &turn.id);
        let which = match self {
            Self::Again => "role <> 'user'",
            Self::Continue => {
                let sql = format!("SELECT EXISTS (SELECT 1 FROM messages WHERE {of_turn} AND role = 'assistant')");
                if !rows::value(conn, &sql, ids)? {
                    return Err(Error::conflict("nothing_to_continue", "There is no answer yet that could go on"));
                }
                "role = 'error'"
            }
        };
        let sql = format!("UPDATE messages SET status = 'superseded' WHERE {of_turn} AND {which}");
        rows::change(conn, &sql, ids).map(drop)
    }
}

/// A turn that has to be run.
pub struct NewTurn {
    /// With the model that was named for this turn, where one was.
    pub conversation: Conversation,
    pub question: Message,
    pub turn: TurnRow,
    /// The turn's first free place.
    pub next_index: u32,
    /// The newest event number used in the session.
    pub base_seq: u64,
    /// Of a question that stands beside another one.
    pub branch: Option<BranchChange>,
}

/// What became of it.
pub enum Begun {
    /// Stored; its turn has to be run.
    New(Box<NewTurn>),
    /// The same client message was here before: nothing was stored.
    Again { message_id: MessageId, turn_id: TurnId },
}

impl Store {
    /// Stores a person's message and its turn, in one transaction.
    ///
    /// Errors: `NotFound`; `TooLarge` where the person's storage is full; `Conflict` for a message that cannot be asked in
    /// other words, and past the number of versions.
    pub fn begin_turn(&self, question: Question) -> Result<Begun> {
        let most = self.quota.bytes();
        self.agent.write(move |conn| {
            let conversation = conversation_by_id(conn, &question.owner, &question.conversation)?;
            if let Some(again) = same_message(conn, &conversation, question.client_message_id.as_deref())? {
                return Ok(again);
            }
            let mut spot = branches::spot(conn, &conversation.session_id, &question.asked)?;
            let turn = insert_turn(conn, &conversation, &spot)?;
            let message = Message {
                id: turn.user_message_id.clone(),
                session_id: turn.session_id.clone(),
                turn_id: Some(turn.id.clone()),
                role: MessageRole::User,
                parts: question.parts,
                status: MessageStatus::Complete,
                model: None,
                usage: None,
                stop_reason: None,
                client_message_id: question.client_message_id,
                timestamp: clock::now_ms(),
            };
            stored::check_room(conn, &question.owner, messages::bytes(&message)? as u64, most)?;
            messages::save(conn, &message, Position { ordinal: turn.ordinal, index: 0 })?;
            files::attach(conn, &question.owner, &message.id, &message.parts)?;
            touch(conn, &conversation, &question.name_if_none)?;
            let base_seq = reserve_seq(conn, &turn.session_id, question.latest_seq)?;
            let mut conversation = conversation_by_id(conn, &question.owner, &question.conversation)?;
            conversation.model = spot.model.take().or(conversation.model);
            let mut branch = spot.change;
            branch.iter_mut().for_each(|change| change.siblings.push(turn.id.clone()));
            Ok(Begun::New(Box::new(NewTurn { conversation, question: message, turn, next_index: 1, base_seq, branch })))
        })
    }

    /// Opens the last turn that is shown of a conversation again, after an error, an interruption or a limit.
    ///
    /// Errors: `NotFound`; `Conflict` when it is not the last, or is not over, or was completed, or has nothing that
    /// could be continued.
    pub fn reopen_turn(
        &self,
        owner: &ContainerId,
        id: &ConversationId,
        turn: &TurnId,
        how: Reopen,
        latest_seq: Option<u64>,
    ) -> Result<Begun> {
        let (owner, id, turn) = (owner.clone(), id.clone(), turn.clone());
        self.agent.write(move |conn| {
            let mut conversation = conversation_by_id(conn, &owner, &id)?;
            let turn = turn_by_id(conn, &conversation.session_id, &turn)?;
            check_reopen(conn, &turn)?;
            let own_model: Option<String> = rows::value(conn, "SELECT model FROM turns WHERE turnId = ?1", [&turn.id])?;
            conversation.model = own_model.or(conversation.model);
            how.supersede(conn, &turn)?;
            rows::change(conn, "UPDATE turns SET state = 'queued', endedAt = NULL WHERE turnId = ?1", [&turn.id])?;
            let question = messages::by_id(conn, &turn.session_id, &turn.user_message_id)?;
            let base_seq = reserve_seq(conn, &turn.session_id, latest_seq)?;
            let next_index = messages::next_index(conn, &turn)?;
            let branch = None;
            Ok(Begun::New(Box::new(NewTurn { conversation, question, turn, next_index, base_seq, branch })))
        })
    }

    /// Deletes a turn that waits and its question, which is returned with the newest event number before the one that
    /// announces it. Turns behind it stand behind the one before it; its files can be sent again.
    ///
    /// Errors: `NotFound`; `Conflict` for a version of another question.
    pub fn take_back_turn(&self, turn: &TurnRow, latest_seq: Option<u64>) -> Result<(Message, u64)> {
        let turn = turn.clone();
        self.agent.write(move |conn| {
            let question = messages::by_id(conn, &turn.session_id, &turn.user_message_id)?;
            branches::unlink(conn, &turn)?;
            files::detach(conn, &question.id)?;
            rows::change(conn, "DELETE FROM messages WHERE messageId = ?1", [&question.id])?;
            rows::change(conn, "DELETE FROM turns WHERE turnId = ?1", [&turn.id])?;
            let base_seq = reserve_seq(conn, &turn.session_id, latest_seq)?;
            Ok((question, base_seq))
        })
    }

    /// Marks a turn as running; does not wait for it.
    pub fn turn_runs(&self, turn: &TurnId) {
        let turn = turn.clone();
        self.agent.write_later("the start of a turn", move |conn| {
            rows::change(conn, "UPDATE turns SET state = 'running' WHERE turnId = ?1 AND state = 'queued'", [turn])
                .map(drop)
        });
    }

    /// Ends a turn, storing those of its messages that are not stored yet. `latest_seq`: the number of the event that
    /// announces the end; without it no event numbers are given back.
    pub fn end_turn(
        &self,
        turn: &TurnRow,
        reason: EndReason,
        usage: Usage,
        messages: Vec<(Message, Position)>,
        latest_seq: Option<u64>,
    ) -> Result<()> {
        let turn = turn.clone();
        self.agent.write(move |conn| {
            for (message, place) in &messages {
                messages::save(conn, message, *place)?;
            }
            let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
            rows::change(
                conn,
                "UPDATE turns SET state = ?2, endedAt = ?3, inputTokens = inputTokens + ?4, \
                 cacheCreationTokens = cacheCreationTokens + ?5, cacheReadTokens = cacheReadTokens + ?6, \
                 outputTokens = outputTokens + ?7 WHERE turnId = ?1",
                params![
                    turn.id,
                    reason.as_str(),
                    clock::now_ms(),
                    count(usage.input),
                    count(usage.cache_creation),
                    count(usage.cache_read),
                    count(usage.output)
                ],
            )?;
            latest_seq.map_or(Ok(()), |latest| release_seq(conn, &turn, latest))
        })
    }

    /// The turns of a session that are not over, in their order: what a crash left, or what waits and runs.
    pub fn open_turns(&self, session: &SessionId) -> Result<Vec<TurnRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM turns WHERE sessionId = ?1 AND state IN ('queued', 'running') ORDER BY ordinal"
        );
        self.agent.read(|conn| rows::all(conn, &sql, [session], turn_row))
    }

    /// The newest turn of a session.
    pub fn newest_turn(&self, session: &SessionId) -> Result<Option<TurnRow>> {
        let sql = format!("SELECT {COLUMNS} FROM turns WHERE sessionId = ?1 ORDER BY ordinal DESC LIMIT 1");
        self.agent.read(|conn| rows::first(conn, &sql, [session], turn_row))
    }

    /// Closes what a crash left open: such turns and their partial messages are interrupted. Returns how many turns.
    pub fn close_open_turns(&self) -> Result<usize> {
        self.agent.write(|conn| {
            rows::change(conn, "UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'", [])?;
            rows::change(
                conn,
                "UPDATE turns SET state = 'interrupted', endedAt = ?1 WHERE state IN ('queued', 'running')",
                [clock::now_ms()],
            )
        })
    }
}

fn same_message(conn: &Connection, conversation: &Conversation, client_id: Option<&str>) -> Result<Option<Begun>> {
    let Some(client_id) = client_id else { return Ok(None) };
    let known =
        messages::select_one(conn, "sessionId = ?1 AND clientMessageId = ?2", (&conversation.session_id, client_id))?;
    Ok(known.map(|message| Begun::Again {
        turn_id: message.turn_id.unwrap_or_else(|| TurnId::from(String::new())),
        message_id: message.id,
    }))
}

fn insert_turn(conn: &Connection, conversation: &Conversation, spot: &Spot) -> Result<TurnRow> {
    let ordinal = "SELECT coalesce(max(ordinal), 0) + 1 FROM turns WHERE sessionId = ?1";
    let turn = TurnRow {
        id: TurnId::random(),
        session_id: conversation.session_id.clone(),
        ordinal: rows::value(conn, ordinal, [&conversation.session_id])?,
        user_message_id: MessageId::random(),
        state: "queued".to_owned(),
    };
    rows::change(
        conn,
        "INSERT INTO turns (turnId, sessionId, ordinal, userMessageId, state, createdAt, parentOrdinal, repeats, model) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            turn.id,
            turn.session_id,
            turn.ordinal,
            turn.user_message_id,
            turn.state,
            clock::now_ms(),
            spot.parent,
            spot.repeats,
            spot.model
        ],
    )?;
    Ok(turn)
}

fn check_reopen(conn: &Connection, turn: &TurnRow) -> Result<()> {
    if !matches!(turn.state.as_str(), "error" | "interrupted" | "limit") {
        return Err(Error::conflict("turn_not_retryable", "This answer is not one that failed"));
    }
    if tree::leaf(conn, &turn.session_id)? == turn.ordinal {
        return Ok(());
    }
    Err(Error::conflict("turn_not_newest", "The conversation has gone on since").hint("ask again as a new message"))
}

fn reserve_seq(conn: &Connection, session: &SessionId, latest: Option<u64>) -> Result<u64> {
    let stored: i64 = rows::value(conn, "SELECT seqReserved FROM sessions WHERE sessionId = ?1", [session])?;
    let base = latest.unwrap_or_else(|| stored.try_into().unwrap_or(0));
    let reserved = i64::try_from(base.saturating_add(SEQ_PER_TURN)).unwrap_or(i64::MAX);
    rows::change(
        conn,
        "UPDATE sessions SET seqReserved = max(seqReserved, ?2), updatedAt = ?3 WHERE sessionId = ?1",
        params![session, reserved, clock::now_ms()],
    )?;
    Ok(base)
}

/// Gives unused numbers back, so that an orderly restart leaves no gap; unless another turn may use them, or a newer
/// one has: an end that could not be stored in time is stored after that of the next turn.
fn release_seq(conn: &Connection, turn: &TurnRow, latest: u64) -> Result<()> {
    rows::change(
        conn,
        "UPDATE sessions SET seqReserved = ?2 WHERE sessionId = ?1 AND NOT EXISTS (SELECT 1 FROM turns \
         WHERE sessionId = ?1 AND (ordinal > ?3 OR state IN ('queued', 'running')))",
        params![turn.session_id, i64::try_from(latest).unwrap_or(i64::MAX), turn.ordinal],
    )
    .map(drop)
}
