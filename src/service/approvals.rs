//! Questions to people: may this tool be called? A question is asked once, answered once by its owner, in any tab, and
//! declined when no one answers it in time. It lives as long as its turn: a turn that a stop or a crash cuts off takes
//! its question with it, and asks it again when it is asked again.
//!
//! Neither the model nor a tool server can answer one, and what a server says about its tools is not believed.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::{ContainerId, ConversationId, uuid_v4};
use crate::domain::tool::{Decision, Question};
use crate::domain::user::Caller;
use crate::domain::{Cancel, Error, Result, clock};
use crate::store::Store;

/// A question that is not answered within this time is declined.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

pub struct Approvals {
    store: Arc<Store>,
    patience: Duration,
    open: Mutex<HashMap<String, Open>>,
}

struct Open {
    owner: ContainerId,
    conversation: ConversationId,
    question: Question,
    answer: SyncSender<Decision>,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Declined,
    /// No one answered.
    Expired,
    Cancelled,
}

/// Who wants to call what.
pub(super) struct Wanted<'a> {
    pub owner: &'a ContainerId,
    pub conversation: &'a ConversationId,
    pub tool_call_id: &'a str,
    pub tool_name: &'a str,
    pub server: Option<&'a str>,
    pub input: &'a str,
    /// What a permission is remembered under.
    pub key: &'a str,
}

impl Approvals {
    /// `patience`: how long an answer is waited for.
    pub(super) fn new(store: Arc<Store>, patience: Duration) -> Arc<Self> {
        Arc::new(Self { store, patience, open: Mutex::default() })
    }

    /// Asks, unless the person has allowed it before. `announce` is called with the question and with its answer.
    pub(super) fn ask(
        &self,
        wanted: &Wanted<'_>,
        cancel: &Cancel,
        announce: &dyn Fn(&Question, Option<Decision>),
    ) -> Result<Verdict> {
        if self.store.is_tool_allowed(wanted.owner, wanted.conversation, wanted.key)? {
            return Ok(Verdict::Allowed);
        }
        let question = Question {
            id: format!("appr_{}", uuid_v4()),
            tool_call_id: wanted.tool_call_id.to_owned(),
            tool_name: wanted.tool_name.to_owned(),
            server: wanted.server.map(str::to_owned),
            input: wanted.input.to_owned(),
            expires_at: clock::now_ms().saturating_add(i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX)),
        };
        let (answer, answers) = mpsc::sync_channel(2);
        let (owner, conversation) = (wanted.owner.clone(), wanted.conversation.clone());
        let open = Open { owner, conversation, question: question.clone(), answer: answer.clone() };
        self.open().insert(question.id.clone(), open);
        announce(&question, None);
        // `Deny` from here is not the person's: the flag tells.
        let held = cancel.hold(move || {
            let _ = answer.try_send(Decision::Deny); // the turn is over: no one else needs it
        });
        let outcome =
            if held.is_none() { Err(RecvTimeoutError::Disconnected) } else { answers.recv_timeout(self.patience) };
        self.open().remove(&question.id);
        let (verdict, decision) = match outcome {
            _ if cancel.is_cancelled() => return Ok(Verdict::Cancelled),
            Ok(Decision::Deny) => (Verdict::Declined, Decision::Deny),
            Ok(decision) => (Verdict::Allowed, decision),
            Err(_) => (Verdict::Expired, Decision::Deny),
        };
        match decision {
            Decision::Conversation => self.store.allow_tool(wanted.owner, Some(wanted.conversation), wanted.key)?,
            Decision::Always => self.store.allow_tool(wanted.owner, None, wanted.key)?,
            Decision::Once | Decision::Deny => {}
        }
        announce(&question, Some(decision));
        Ok(verdict)
    }

    /// Answers a question of the caller's. Errors: `NotFound`, also when it is answered or too old.
    pub fn answer(&self, caller: &Caller, id: &str, decision: Decision) -> Result<()> {
        let mut open = self.open();
        let is_own = open.get(id).is_some_and(|open| open.owner == caller.user.container_id);
        let found = if is_own { open.remove(id) } else { None };
        drop(open);
        let Some(found) = found else {
            return Err(Error::not_found("The question").hint("it was answered already, or the turn is over"));
        };
        let _ = found.answer.try_send(decision); // a turn that was stopped at this moment needs none
        Ok(())
    }

    /// The open questions of a conversation, oldest first.
    pub fn open_in(&self, conversation: &ConversationId) -> Vec<Question> {
        let open = self.open();
        let own = open.values().filter(|open| &open.conversation == conversation);
        let mut questions: Vec<Question> = own.map(|open| open.question.clone()).collect();
        questions.sort_by(|one, other| (one.expires_at, &one.id).cmp(&(other.expires_at, &other.id)));
        questions
    }

    /// What the caller has allowed for good.
    pub fn allowed(&self, caller: &Caller) -> Result<Vec<String>> {
        self.store.allowed_tools(&caller.user.container_id)
    }

    /// Takes a permission back. Errors: `NotFound`.
    pub fn forbid(&self, caller: &Caller, tool: &str) -> Result<()> {
        if self.store.forbid_tool(&caller.user.container_id, tool)? {
            return Ok(());
        }
        Err(Error::not_found("The permission"))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_not_answered_is_declined_after_ten_minutes() {
        assert_eq!(PATIENCE, Duration::from_secs(600));
        let home = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(home.path()).expect("opens"));
        let approvals = Approvals::new(store, Duration::from_millis(5));
        let (owner, conversation) = (ContainerId::from("c".to_owned()), ConversationId::from("i".to_owned()));
        let wanted = Wanted {
            owner: &owner,
            conversation: &conversation,
            tool_call_id: "t1",
            tool_name: "a__b",
            server: Some("a"),
            input: "{}",
            key: "a__b",
        };
        let told = Mutex::new(Vec::new());
        let began = clock::now_ms();
        let verdict = approvals.ask(&wanted, &Cancel::new(), &|question, decision| {
            assert_eq!(
                approvals.open_in(&conversation).len(),
                usize::from(decision.is_none()),
                "it is open, then gone"
            );
            told.lock().expect("not poisoned").push((question.expires_at >= began + 5, decision));
        });
        assert_eq!(verdict.expect("a verdict"), Verdict::Expired);
        let told = told.into_inner().expect("not poisoned");
        assert_eq!(told, [(true, None), (true, Some(Decision::Deny))], "all tabs learn that it was declined");
    }
}
