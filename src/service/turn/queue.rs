//! Which turns run and which wait: those of a conversation one after the other, and people in turn, so that a person
//! with many questions does not keep others waiting.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::active::{Active, Pending};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId, TurnId};
use crate::domain::{Code, Error, Kind, Result, limits};

#[derive(Default)]
pub(super) struct Queue {
    running: HashMap<ConversationId, Arc<Active>>,
    waiting: HashMap<ContainerId, VecDeque<Pending>>,
    /// Who has something waiting, in the order in which they get their turn.
    order: VecDeque<ContainerId>,
    /// Turns that are stored and on their way here, and that are no longer wanted.
    left: HashSet<TurnId>,
    /// Where a question is being taken back, once for each: nothing begins there.
    held: Vec<ConversationId>,
    closed: bool,
}

impl Queue {
    /// Errors: `RateLimited` when this person has too many waiting, `Unavailable` when all people together have.
    pub(super) fn check_room(&self, owner: &ContainerId) -> Result<()> {
        if self.closed {
            return Err(Error::unavailable(Code::STOPPING, "The server is stopping"));
        }
        if self.waiting.get(owner).is_some_and(|own| own.len() >= limits::WAITING_TURNS_PER_USER) {
            return Err(Error::new(Kind::RateLimited, "too_many_waiting", "Too many of your questions are waiting")
                .hint("wait for an answer, or stop one"));
        }
        if self.load().1 >= limits::WAITING_TURNS {
            return Err(Error::unavailable("too_busy", "The server has too many questions waiting"));
        }
        Ok(())
    }

    /// Hands a turn back when no more are taken, or when it is no longer wanted: then it is not announced. What is announced
    /// goes out in the order in which branches are left.
    pub(super) fn push(&mut self, pending: Pending, announce: impl FnOnce(&Pending)) -> Option<Pending> {
        if self.left.remove(&pending.turn.id) {
            return Some(pending);
        }
        announce(&pending);
        if self.closed {
            return Some(pending);
        }
        self.waiting_of(&pending.context.container_id).push_back(pending);
        None
    }

    fn waiting_of(&mut self, owner: &ContainerId) -> &mut VecDeque<Pending> {
        if !self.waiting.contains_key(owner) {
            self.order.push_back(owner.clone());
        }
        self.waiting.entry(owner.clone()).or_default()
    }

    /// Moves the next turn that may run from waiting to running.
    pub(super) fn start_next(&mut self) -> Option<Arc<Active>> {
        if self.closed || self.running.len() >= limits::RUNNING_TURNS {
            return None;
        }
        for _ in 0..self.order.len() {
            let owner = self.order.pop_front()?;
            let pending = self.startable(&owner);
            if self.waiting.get(&owner).is_some_and(|own| !own.is_empty()) {
                self.order.push_back(owner);
            } else {
                self.waiting.remove(&owner);
            }
            if let Some(pending) = pending {
                let id = pending.conversation.id.clone();
                let active = Arc::new(Active::new(pending));
                self.running.insert(id, active.clone());
                return Some(active);
            }
        }
        None
    }

    fn startable(&mut self, owner: &ContainerId) -> Option<Pending> {
        let own_running = self.running.values().filter(|active| &active.context.container_id == owner).count();
        if own_running >= limits::RUNNING_TURNS_PER_USER {
            return None;
        }
        let own = self.waiting.get_mut(owner)?;
        let index = own.iter().position(|Pending { conversation: Conversation { id, .. }, .. }| {
            !self.running.contains_key(id) && !self.held.contains(id)
        })?;
        own.remove(index)
    }

    /// A turn is over. Says whether its conversation has nothing more to do.
    pub(super) fn ended(&mut self, active: &Arc<Active>) -> bool {
        let id = &active.conversation.id;
        if self.running.get(id).is_some_and(|running| Arc::ptr_eq(running, active)) {
            self.running.remove(id);
        }
        self.is_idle(id)
    }

    fn is_idle(&self, id: &ConversationId) -> bool {
        !self.running.contains_key(id) && self.queued(id).is_empty() && !self.is_held(id)
    }

    /// Whether a question of a conversation is being taken back, which is an event of its own.
    pub(super) fn is_held(&self, id: &ConversationId) -> bool {
        self.held.contains(id)
    }

    /// Takes a turn that waits, unless the one before it is ending and this may be the next. Until [`Queue::resume`],
    /// nothing of its conversation begins.
    pub(super) fn withdraw(&mut self, id: &ConversationId, turn: &TurnId) -> Option<Pending> {
        if self.running.get(id).is_some_and(|active| active.is_over()) {
            return None;
        }
        let taken = self.take(|pending| &pending.conversation.id == id && &pending.turn.id == turn).pop()?;
        self.held.push(id.clone());
        Some(taken)
    }

    /// After [`Queue::withdraw`]: `back` takes its old place, or is handed back when no more are taken. Says, too, whether
    /// the conversation has nothing more to do.
    pub(super) fn resume(&mut self, id: &ConversationId, mut back: Option<Pending>) -> (Option<Pending>, bool) {
        if let Some(at) = self.held.iter().position(|held| held == id) {
            self.held.swap_remove(at);
        }
        if let Some(pending) = back.take_if(|_| !self.closed) {
            let is_behind = |other: &Pending| &other.conversation.id == id && other.turn.ordinal > pending.turn.ordinal;
            let own = self.waiting_of(&pending.context.container_id);
            let at = own.iter().position(is_behind).unwrap_or(own.len());
            own.insert(at, pending);
        }
        (back, self.is_idle(id))
    }

    pub(super) fn running(&self, id: &ConversationId) -> Option<Arc<Active>> {
        self.running.get(id).cloned()
    }

    pub(super) fn all_running(&self) -> Vec<Arc<Active>> {
        self.running.values().cloned().collect()
    }

    pub(super) fn queued(&self, id: &ConversationId) -> Vec<TurnId> {
        let all = self.waiting.values().flatten();
        all.filter(|pending| &pending.conversation.id == id).map(|pending| pending.turn.id.clone()).collect()
    }

    pub(super) fn take_waiting(&mut self, id: &ConversationId) -> Vec<Pending> {
        self.take(|pending| &pending.conversation.id == id)
    }

    fn take(&mut self, is_meant: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let mut taken = Vec::new();
        for own in self.waiting.values_mut() {
            let (these, others) = own.drain(..).partition(&is_meant);
            *own = others;
            taken.extend(Vec::from_iter::<VecDeque<Pending>>(these));
        }
        taken
    }

    /// Takes those of these turns of a conversation that wait, and says which of them runs. Those that are neither are not
    /// taken later.
    pub(super) fn leave(&mut self, id: &ConversationId, left: &[TurnId]) -> (Vec<Pending>, Option<Arc<Active>>) {
        let taken = self.take(|pending| left.contains(&pending.turn.id));
        let running = self.running(id).filter(|active| left.contains(&active.turn.id));
        let is_here = |turn: &&TurnId| {
            taken.iter().any(|pending| pending.turn.id == **turn)
                || running.as_ref().is_some_and(|active| active.turn.id == **turn)
        };
        let on_their_way = left.iter().filter(|turn| !is_here(turn)).cloned();
        let room = limits::WAITING_TURNS.saturating_sub(self.left.len());
        self.left.extend(on_their_way.take(room));
        (taken, running)
    }

    pub(super) fn take_owner(&mut self, owner: &ContainerId) -> (Vec<Pending>, Vec<Arc<Active>>) {
        let waiting = self.waiting.remove(owner).map(Vec::from).unwrap_or_default();
        let running = self.running.values().filter(|active| &active.context.container_id == owner).cloned().collect();
        self.order.retain(|other| other != owner);
        (waiting, running)
    }

    pub(super) fn close(&mut self) -> (Vec<Pending>, Vec<Arc<Active>>) {
        self.closed = true;
        self.order.clear();
        (self.waiting.drain().flat_map(|(_, own)| own).collect(), self.all_running())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn owners(&self) -> Vec<ContainerId> {
        let running = self.running.values().map(|active| active.context.container_id.clone());
        let mut owners: Vec<ContainerId> = running.chain(self.waiting.keys().cloned()).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// How many run and how many wait.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.values().map(VecDeque::len).sum())
    }
}
