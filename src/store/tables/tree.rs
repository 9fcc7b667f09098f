//! The tree of a conversation's turns, and the branch of it that is shown.
//!
//! Each turn knows the turn before it by its ordinal, which is lower than its own. Of turns with the same parent one is
//! shown, and the others are marked; the shown branch leads from the beginning over those without a mark. A conversation
//! without marks is one branch, and nothing of this is read for it.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::domain::Result;
use crate::domain::id::{SessionId, TurnId};
use crate::store::sqlite::rows;

/// The turns of one branch, by ordinal; those of messages without turns belong to all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Option<Vec<i64>>);

impl Path {
    pub fn contains(&self, ordinal: i64) -> bool {
        ordinal == 0 || self.0.as_ref().is_none_or(|path| path.binary_search(&ordinal).is_ok())
    }

    pub(super) fn ordinals(&self) -> &[i64] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The last turn that both have; 0: none.
    pub(super) fn fork(&self, other: &Self) -> i64 {
        let pairs = self.ordinals().iter().zip(other.ordinals());
        pairs.take_while(|(one, other)| one == other).last().map_or(0, |(ordinal, _)| *ordinal)
    }
}

/// The tree; empty where there is only one branch.
#[derive(Debug, Default)]
pub struct Branches {
    /// By ordinal.
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub(super) ordinal: i64,
    /// 0: none.
    pub(super) parent: i64,
    pub(super) is_other: bool,
}

impl Branches {
    pub fn load(conn: &Connection, session: &SessionId) -> Result<Self> {
        let sql = "SELECT EXISTS (SELECT 1 FROM turns WHERE sessionId = ?1 AND isOther = 1)";
        if rows::value(conn, sql, [session])? { Self::read(conn, session) } else { Ok(Self::default()) }
    }

    pub(super) fn read(conn: &Connection, session: &SessionId) -> Result<Self> {
        let sql =
            "SELECT ordinal, parentOrdinal, isOther FROM turns WHERE sessionId = ?1 AND ordinal > 0 ORDER BY ordinal";
        let rows: Vec<(i64, Option<i64>, bool)> =
            rows::all(conn, sql, [session], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Self::of(rows))
    }

    /// `turns`: ordinal, parent, mark; by ordinal.
    pub(super) fn of(turns: Vec<(i64, Option<i64>, bool)>) -> Self {
        let mut nodes: Vec<Node> = Vec::with_capacity(turns.len());
        for (ordinal, parent, is_other) in turns {
            // Where the parent is gone, the turn before that stands for it.
            let before = parent.map_or(nodes.len(), |parent| nodes.partition_point(|node| node.ordinal <= parent));
            let parent = before.checked_sub(1).map_or(0, |at| nodes[at].ordinal);
            nodes.push(Node { ordinal, parent, is_other });
        }
        Self { nodes }
    }

    pub(super) fn node(&self, ordinal: i64) -> Option<Node> {
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

    pub(super) fn children(&self, parent: i64) -> Vec<i64> {
        self.nodes.iter().filter(|node| node.parent == parent).map(|node| node.ordinal).collect()
    }

    /// Shows the branch that leads to this turn; returns what of the marks changes.
    pub(super) fn choose(&mut self, ordinal: i64) -> Vec<(i64, bool)> {
        let path = self.path_to(ordinal);
        let on_path = path.ordinals().iter().filter_map(|ordinal| self.node(*ordinal));
        let chosen: HashMap<i64, i64> = on_path.map(|node| (node.parent, node.ordinal)).collect();
        self.mark(|node| chosen.get(&node.parent).map(|chosen| node.ordinal != *chosen))
    }

    pub(super) fn mark(&mut self, is_other: impl Fn(&Node) -> Option<bool>) -> Vec<(i64, bool)> {
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

pub(super) fn id_of(conn: &Connection, session: &SessionId, ordinal: i64) -> Result<Option<TurnId>> {
    let sql = "SELECT turnId FROM turns WHERE sessionId = ?1 AND ordinal = ?2 AND ordinal > 0";
    rows::first(conn, sql, params![session, ordinal], |row| row.get(0))
}

pub(super) fn ids_of(conn: &Connection, session: &SessionId, ordinals: &[i64]) -> Result<Vec<TurnId>> {
    ordinals.iter().filter_map(|ordinal| id_of(conn, session, *ordinal).transpose()).collect()
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
