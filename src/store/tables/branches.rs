//! Branches: a question that is asked in other words, or once more, is a turn beside the old one (see `tree`).

use rusqlite::{Connection, params};

use super::conversations::conversation_by_id;
use super::messages;
use super::tree::{Branches, id_of, ids_of, leaf};
use super::turn_row::{TurnRow, turn_by_id};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId, MessageId, SessionId, TurnId};
use crate::domain::message::{Message, MessageRole};
use crate::domain::{Error, Result, limits};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Where a new question stands.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Behind all that is shown.
    Next,
    /// Beside the one that it puts in other words.
    Instead(MessageId),
    /// Beside the turn whose question it repeats; `model`: the one that answers this time.
    Again { turn: TurnId, model: Option<String> },
}

/// What is shown from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchChange {
    /// The last turn that is still shown; `None`: none is.
    pub parent: Option<TurnId>,
    /// The new turn stands right behind it.
    pub joins: bool,
    /// All with the same parent as the new turn, in the order in which they were made.
    pub siblings: Vec<TurnId>,
    /// Turns that ran or waited in what is no longer shown.
    pub left: Vec<TurnId>,
}

/// A turn in its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchTurn {
    pub id: TurnId,
    pub parent: Option<TurnId>,
    pub is_shown: bool,
}

impl Store {
    /// Shows the branch that leads to a turn, and on from it as it was last shown. `None` where it is shown already; else
    /// the change, and the newest event number before the one that announces it.
    ///
    /// Errors: `NotFound`; `Conflict` while a turn runs or waits.
    pub fn select_branch(
        &self,
        owner: &ContainerId,
        id: &ConversationId,
        turn: &TurnId,
    ) -> Result<Option<(BranchChange, u64)>> {
        let (owner, id, turn) = (owner.clone(), id.clone(), turn.clone());
        self.agent.write(move |conn| {
            let session = conversation_by_id(conn, &owner, &id)?.session_id;
            let turn = turn_by_id(conn, &session, &turn)?;
            let mut tree = Branches::load(conn, &session)?;
            let before = tree.shown();
            if before.contains(turn.ordinal) {
                return Ok(None);
            }
            if !open(conn, &session)?.is_empty() {
                return Err(Error::conflict("branch_busy", "An answer is being written in this conversation")
                    .hint("Wait for its end, or stop it"));
            }
            write_marks(conn, &session, &tree.choose(turn.ordinal))?;
            let parent = id_of(conn, &session, before.fork(&tree.shown()))?;
            let sql =
                "UPDATE sessions SET seqReserved = seqReserved + 1 WHERE sessionId = ?1 RETURNING seqReserved - 1";
            let base: i64 = rows::value(conn, sql, [&session])?;
            let change = BranchChange { parent, joins: false, siblings: Vec::new(), left: Vec::new() };
            Ok(Some((change, base.try_into().unwrap_or(0))))
        })
    }

    /// The question of a turn. Errors: `NotFound`.
    pub fn question_of(&self, conversation: &Conversation, turn: &TurnId) -> Result<Message> {
        self.agent.read(|conn| {
            let turn = turn_by_id(conn, &conversation.session_id, turn)?;
            messages::by_id(conn, &turn.session_id, &turn.user_message_id)
        })
    }

    /// The turns of a conversation in the order in which they were made; empty where it is one branch.
    pub fn branches(&self, conversation: &Conversation) -> Result<Vec<BranchTurn>> {
        let session = &conversation.session_id;
        self.agent.read(|conn| {
            let tree = Branches::load(conn, session)?;
            let shown = tree.shown();
            let turns = tree.nodes.iter().filter_map(|node| {
                let both =
                    id_of(conn, session, node.ordinal).and_then(|id| Ok((id, id_of(conn, session, node.parent)?)));
                both.map(|(id, parent)| Some(BranchTurn { id: id?, parent, is_shown: shown.contains(node.ordinal) }))
                    .transpose()
            });
            turns.collect()
        })
    }
}

/// Where a new turn stands, and what is shown then; the marks of those beside it are written.
pub struct Spot {
    pub parent: i64,
    pub repeats: Option<TurnId>,
    pub model: Option<String>,
    /// Without the new turn itself.
    pub change: Option<BranchChange>,
}

/// Errors: `NotFound`; `Conflict` past the number of versions of a question, and for what was taken over without turns.
pub fn spot(conn: &Connection, session: &SessionId, asked: &Asked) -> Result<Spot> {
    let (beside, repeats, model) = match asked {
        Asked::Next => return next(conn, session),
        Asked::Instead(message) => (turn_of_question(conn, session, message)?, None, None),
        Asked::Again { turn, model } => {
            let turn = turn_by_id(conn, session, turn)?;
            let original = "SELECT coalesce(repeats, turnId) FROM turns WHERE turnId = ?1";
            let original: TurnId = rows::value(conn, original, [&turn.id])?;
            (turn, Some(original), model.clone())
        }
    };
    let mut tree = Branches::read(conn, session)?;
    let before = tree.shown();
    let parent = tree.node(beside.ordinal).map_or(0, |node| node.parent);
    let versions = tree.children(parent);
    if versions.len() >= limits::VERSIONS_PER_QUESTION {
        let message = format!("There are already {} versions of this question, which is the most", versions.len());
        return Err(Error::conflict("too_many_versions", message).hint("Ask it as a new message"));
    }
    let mut marks = tree.choose(parent);
    marks.extend(tree.mark(|node| (node.parent == parent).then_some(true)));
    write_marks(conn, session, &marks)?;
    let path = tree.path_to(parent);
    let fork = before.fork(&path);
    let mut change = BranchChange {
        parent: id_of(conn, session, fork)?,
        joins: fork == parent,
        siblings: ids_of(conn, session, &versions)?,
        left: Vec::new(),
    };
    change.left =
        open(conn, session)?.into_iter().filter(|turn| !path.contains(turn.ordinal)).map(|turn| turn.id).collect();
    Ok(Spot { parent, repeats, model, change: Some(change) })
}

/// Before a turn is deleted: what stands behind it stands behind the turn before it.
///
/// Errors: `Conflict` where its question has other versions.
pub fn unlink(conn: &Connection, turn: &TurnRow) -> Result<()> {
    let tree = Branches::read(conn, &turn.session_id)?;
    let parent = tree.node(turn.ordinal).map_or(0, |node| node.parent);
    if tree.children(parent).len() > 1 {
        return Err(Error::conflict("turn_has_versions", "This question has other versions").hint("Stop it instead"));
    }
    let sql = "UPDATE turns SET parentOrdinal = ?3 WHERE sessionId = ?1 AND parentOrdinal = ?2";
    rows::change(conn, sql, (&turn.session_id, turn.ordinal, parent)).map(drop)
}

fn next(conn: &Connection, session: &SessionId) -> Result<Spot> {
    Ok(Spot { parent: leaf(conn, session)?, repeats: None, model: None, change: None })
}

fn turn_of_question(conn: &Connection, session: &SessionId, id: &MessageId) -> Result<TurnRow> {
    let message = messages::by_id(conn, session, id)?;
    let refused = |text: &'static str| Error::conflict("not_editable", text);
    if message.role != MessageRole::User {
        return Err(refused("Only a question can be asked in other words"));
    }
    let Some(turn) = message.turn_id else {
        return Err(
            refused("This question is from an older version and cannot be changed").hint("Ask it as a new message")
        );
    };
    turn_by_id(conn, session, &turn)
}

struct OpenTurn {
    id: TurnId,
    ordinal: i64,
}

fn open(conn: &Connection, session: &SessionId) -> Result<Vec<OpenTurn>> {
    let sql = "SELECT turnId, ordinal FROM turns WHERE sessionId = ?1 AND state IN ('queued', 'running')";
    rows::all(conn, sql, [session], |row| Ok(OpenTurn { id: row.get(0)?, ordinal: row.get(1)? }))
}

fn write_marks(conn: &Connection, session: &SessionId, marks: &[(i64, bool)]) -> Result<()> {
    for (ordinal, is_other) in marks {
        let sql = "UPDATE turns SET isOther = ?3 WHERE sessionId = ?1 AND ordinal = ?2";
        rows::change(conn, sql, params![session, ordinal, is_other])?;
    }
    Ok(())
}
