//! Branches: a question that is asked in other words, or once more, is a turn beside the old one.
//!
//! The turns of a conversation are a tree. Each knows the turn before it by its ordinal, which is lower than its own. Of
//! turns with the same parent one is shown, and the others are marked; the shown branch leads from the beginning over those
//! without a mark. A conversation without marks is one branch, and nothing of this is read for it.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::conversations::conversation_by_id;
use super::messages;
use super::turns::{TurnRow, turn_by_id};
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

/// The turns of one branch, by ordinal; those of messages without turns belong to all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Option<Vec<i64>>);

impl Path {
    pub fn contains(&self, ordinal: i64) -> bool {
        ordinal == 0 || self.0.as_ref().is_none_or(|path| path.binary_search(&ordinal).is_ok())
    }

    fn ordinals(&self) -> &[i64] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The last turn that both have; 0: none.
    fn fork(&self, other: &Self) -> i64 {
        let pairs = self.ordinals().iter().zip(other.ordinals());
        pairs.take_while(|(one, other)| one == other).last().map_or(0, |(ordinal, _)| *ordinal)
    }
}

/// The tree; empty where there is only one branch.
#[derive(Debug, Default)]
pub struct Branches {
    /// By ordinal.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    ordinal: i64,
    /// 0: none.
    parent: i64,
    is_other: bool,
}

impl Branches {
    pub fn load(conn: &Connection, session: &SessionId) -> Result<Self> {
        let sql = "SELECT EXISTS (SELECT 1 FROM turns WHERE sessionId = ?1 AND isOther = 1)";
        if rows::value(conn, sql, [session])? { Self::read(conn, session) } else { Ok(Self::default()) }
    }

    fn read(conn: &Connection, session: &SessionId) -> Result<Self> {
        let sql =
            "SELECT ordinal, parentOrdinal, isOther FROM turns WHERE sessionId = ?1 AND ordinal > 0 ORDER BY ordinal";
        let rows: Vec<(i64, Option<i64>, bool)> =
            rows::all(conn, sql, [session], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Self::of(rows))
    }

    /// `turns`: ordinal, parent, mark; by ordinal.
    fn of(turns: Vec<(i64, Option<i64>, bool)>) -> Self {
        let mut nodes: Vec<Node> = Vec::with_capacity(turns.len());
        for (ordinal, parent, is_other) in turns {
            // Where the parent is gone, the turn before that stands for it.
            let before = parent.map_or(nodes.len(), |parent| nodes.partition_point(|node| node.ordinal <= parent));
            let parent = before.checked_sub(1).map_or(0, |at| nodes[at].ordinal);
            nodes.push(Node { ordinal, parent, is_other });
        }
        Self { nodes }
    }

    fn node(&self, ordinal: i64) -> Option<Node> {
        let at = self.nodes.binary_search_by_key(&ordinal, |node| node.ordinal).ok()?;
        Some(self.nodes[at])
    }

    pub fn shown(&self) -> Path {
        if self.nodes.is_empty() {
            return Path(None);
        }
        // Should another program have marked all of them, or none, it is the newest.
        let mut chosen: HashMap<i64, Node> = HashMap::new();
        for node in &self.nodes {
            if chosen.get(&node.parent).is_none_or(|known| known.is_other || !node.is_other) {
                chosen.insert(node.parent, *node);
            }
        }
        let (mut path, mut last) = (Vec::new(), 0);
        while let Some(node) = chosen.get(&last) {
            last = node.ordinal;
            path.push(last);
        }
        Path(Some(path))
    }

    /// The branch that ends with this turn.
    pub fn path_to(&self, ordinal: i64) -> Path {
        if self.nodes.is_empty() {
            return Path(None);
        }
        let mut path = Vec::new();
        let mut next = self.node(ordinal);
        while let Some(node) = next {
            path.push(node.ordinal);
            next = self.node(node.parent);
        }
        path.reverse();
        Path(Some(path))
    }

    fn children(&self, parent: i64) -> Vec<i64> {
        self.nodes.iter().filter(|node| node.parent == parent).map(|node| node.ordinal).collect()
    }

    /// Shows the branch that leads to this turn; returns what of the marks changes.
    fn choose(&mut self, ordinal: i64) -> Vec<(i64, bool)> {
        let path = self.path_to(ordinal);
        let on_path = path.ordinals().iter().filter_map(|ordinal| self.node(*ordinal));
        let chosen: HashMap<i64, i64> = on_path.map(|node| (node.parent, node.ordinal)).collect();
        self.mark(|node| chosen.get(&node.parent).map(|chosen| node.ordinal != *chosen))
    }

    fn mark(&mut self, is_other: impl Fn(&Node) -> Option<bool>) -> Vec<(i64, bool)> {
        let mut changes = Vec::new();
        for node in &mut self.nodes {
            if let Some(is_other) = is_other(node).filter(|is_other| *is_other != node.is_other) {
                node.is_other = is_other;
                changes.push((node.ordinal, is_other));
            }
        }
        changes
    }
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

/// The last turn that is shown; 0: there is none.
pub fn leaf(conn: &Connection, session: &SessionId) -> Result<i64> {
    match Branches::load(conn, session)?.shown() {
        Path(Some(path)) => Ok(path.last().copied().unwrap_or(0)),
        Path(None) => rows::value(conn, "SELECT coalesce(max(ordinal), 0) FROM turns WHERE sessionId = ?1", [session]),
    }
}

/// By turn, the versions of its question, for those of these turns that have several.
pub fn siblings(
    conn: &Connection,
    session: &SessionId,
    tree: &Branches,
    mut ordinals: Vec<i64>,
) -> Result<HashMap<TurnId, Vec<TurnId>>> {
    let mut families = HashMap::new();
    ordinals.dedup();
    for node in ordinals.into_iter().filter_map(|ordinal| tree.node(ordinal)) {
        let family = tree.children(node.parent);
        if family.len() < 2 {
            continue;
        }
        if let Some(id) = id_of(conn, session, node.ordinal)? {
            families.insert(id, ids_of(conn, session, &family)?);
        }
    }
    Ok(families)
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

fn id_of(conn: &Connection, session: &SessionId, ordinal: i64) -> Result<Option<TurnId>> {
    let sql = "SELECT turnId FROM turns WHERE sessionId = ?1 AND ordinal = ?2 AND ordinal > 0";
    rows::first(conn, sql, params![session, ordinal], |row| row.get(0))
}

fn ids_of(conn: &Connection, session: &SessionId, ordinals: &[i64]) -> Result<Vec<TurnId>> {
    ordinals.iter().filter_map(|ordinal| id_of(conn, session, *ordinal).transpose()).collect()
}

fn write_marks(conn: &Connection, session: &SessionId, marks: &[(i64, bool)]) -> Result<()> {
    for (ordinal, is_other) in marks {
        let sql = "UPDATE turns SET isOther = ?3 WHERE sessionId = ?1 AND ordinal = ?2";
        rows::change(conn, sql, params![session, ordinal, is_other])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1<0 2<1 3<1*`: each turn with its parent, and a star where it is marked.
    fn tree(text: &str) -> Branches {
        let turns = text.split_whitespace().map(|turn| {
            let (ordinal, parent) = turn.trim_end_matches('*').split_once('<').expect("a pair");
            (ordinal.parse().expect("a number"), parent.parse().ok(), turn.ends_with('*'))
        });
        Branches::of(turns.collect())
    }

    #[test]
    fn the_shown_branch_leads_over_turns_without_a_mark() {
        let check = |text: &str, expected: &[i64]| assert_eq!(tree(text).shown().ordinals(), expected, "{text}");
        check("1<? 2<? 3<?", &[1, 2, 3]);
        check("1<0 2<1* 3<2 4<1 5<4", &[1, 4, 5]);
        check("1<0* 2<1 3<0", &[3]);
        check("1<0 2<1* 3<1*", &[1, 3]);
        check("1<0 2<1 3<1", &[1, 3]);
        check("1<0 4<3 5<4", &[1, 4, 5]); // the parent of the second is gone
        check("1<0 2<7 3<2", &[1, 2, 3]); // a parent that cannot be
        assert_eq!(tree("").shown(), Path(None));
    }

    #[test]
    fn a_branch_that_is_chosen_is_shown_as_it_was_last() {
        let mut tree = tree("1<0 2<1* 3<2* 4<2 5<4 6<1 7<6");
        let before = tree.shown();
        assert_eq!(tree.choose(5), [(2, false), (6, true)]);
        assert_eq!(tree.shown().ordinals(), [1, 2, 4, 5]);
        assert_eq!(before.fork(&tree.shown()), 1);
        assert_eq!(tree.choose(3), [(3, false), (4, true)]);
        assert_eq!(tree.choose(1), [], "it is shown already, with what stands behind it");
        assert_eq!(tree.shown().ordinals(), [1, 2, 3]);
        assert_eq!((tree.path_to(7).ordinals(), tree.children(1)), (&[1, 6, 7][..], vec![2, 6]));
        assert!(tree.shown().contains(0) && !tree.shown().contains(7));
    }
}
