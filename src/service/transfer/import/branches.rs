//! Versions of questions, as an export of ours tells them: which turn stands behind which, and what was shown.

use std::collections::HashMap;

use super::arrival::Branch;
use crate::store::ImportedTurn;

/// Gives turns their places in the tree. `sources`: the id that each of them had.
pub(super) fn place(turns: &mut [ImportedTurn], sources: &[Option<String>], branches: &[Branch]) {
    if branches.is_empty() {
        return;
    }
    let told: HashMap<&str, &Branch> = branches.iter().map(|branch| (branch.turn.as_str(), branch)).collect();
    let at: HashMap<&str, usize> =
        sources.iter().enumerate().filter_map(|(at, id)| Some((id.as_deref()?, at))).collect();
    // The ordinal of each one's parent, and of each parent the child that is shown, else the last one.
    let (mut parents, mut shown) = (Vec::with_capacity(turns.len()), HashMap::new());
    for (here, source) in sources.iter().enumerate() {
        let branch = source.as_deref().and_then(|id| told.get(id));
        // A parent stands before its child; one that does not is none.
        let parent = match branch.map(|branch| branch.parent.as_deref()) {
            Some(Some(parent)) => at.get(parent).filter(|at| **at < here).map(|at| at + 1),
            Some(None) => Some(0),
            None => Some(here),
        };
        let parent = parent.unwrap_or(here);
        let is_shown = branch.is_none_or(|branch| branch.is_shown);
        match shown.get(&parent) {
            Some((_, true)) if !is_shown => {}
            _ => {
                shown.insert(parent, (here, is_shown));
            }
        }
        parents.push(parent);
    }
    for (here, (turn, parent)) in turns.iter_mut().zip(parents).enumerate() {
        turn.parent = i64::try_from(parent).ok();
        turn.is_other = shown.get(&parent).is_some_and(|(chosen, _)| *chosen != here);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TurnId;

    #[test]
    fn a_tree_comes_back() {
        let sources = ["a", "b", "c", "d", "e"].map(|id| Some(id.to_owned()));
        let branch = |turn: &str, parent: Option<&str>, is_shown: bool| Branch {
            turn: turn.to_owned(),
            parent: parent.map(str::to_owned),
            is_shown,
        };
        let branches = [
            branch("a", None, true),
            branch("b", Some("a"), false),
            branch("c", Some("b"), false),
            branch("d", Some("a"), true),
            branch("e", Some("x"), true),
        ];
        let turn = |_| ImportedTurn { id: TurnId::random(), parent: None, is_other: false, messages: Vec::new() };
        let mut turns: Vec<ImportedTurn> = sources.iter().map(turn).collect();
        place(&mut turns, &sources, &branches);
        let placed: Vec<_> = turns.iter().map(|turn| (turn.parent, turn.is_other)).collect();
        assert_eq!(placed, [(Some(0), false), (Some(1), true), (Some(2), false), (Some(1), false), (Some(4), false)]);
    }
}
