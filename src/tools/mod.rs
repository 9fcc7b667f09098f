//! Tools that a model may call, behind one interface, wherever they come from. Which of them a conversation has, and
//! who has to agree to a call, is decided in `service`.
//!
//! A tool that fails is an answer to the model and not an error of the turn: the error's message reaches the model as
//! one sentence.

mod clock;
mod fetch;
mod files;
mod keep;
mod output;
mod picture;
mod remote;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::tool::ToolSpec;
use crate::domain::{Cancel, Error, Kind, Result};
use crate::workdirs::{Place, Workdirs};

pub use keep::{Kept, kept};
pub use output::{Blob, Output, TEXT_BYTES, sentence};
pub use remote::Remote;

/// What a call gets where its tool does not say otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// One tool. It is called from any number of threads at once.
pub trait Tool: Send + Sync {
    /// The same for as long as the tool exists: the provider's cache depends on it.
    fn spec(&self) -> &ToolSpec;

    fn consent(&self) -> Consent;

    /// Where it comes from, when it is not built in: the name of a tool server.
    fn server(&self) -> Option<&str> {
        None
    }

    /// Calls of one round that have the same lane run one after another, in the order of the model; others side by
    /// side.
    fn lane(&self) -> Option<&str> {
        None
    }

    /// The most that one call may take. Waiting for a person's consent is not part of it.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Runs it. Blocks until it is done, `call.deadline` has passed, or `call.cancel` ends it, which takes less than a
    /// second.
    ///
    /// Errors: any; the message is what the model learns.
    fn call(&self, call: &Call<'_>) -> Result<Output>;
}

/// What has to happen before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The person is asked, unless they have agreed before.
    Ask,
    /// Nothing.
    Auto,
}

/// One call, for one person, in one conversation.
pub struct Call<'a> {
    /// A JSON object, as the model wrote it.
    pub input: &'a str,
    pub owner: &'a ContainerId,
    pub conversation: &'a ConversationId,
    /// Writes a file in the conversation's work directory, where its owner has room for it.
    pub write: &'a (dyn Fn(&Place, &[u8]) -> Result<()> + Sync),
    pub deadline: Instant,
    /// What of the text goes to the model, in bytes: a tool that can make less should.
    pub text_bytes: usize,
    /// Says how far it is. May be called often: most of it is left out.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    pub cancel: &'a Cancel,
}

impl Call<'_> {
    /// The input, parsed.
    ///
    /// Errors: `Invalid`, with what is wrong about it.
    pub fn arguments<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.input)
            .map_err(|error| Error::invalid("bad_tool_input", format!("The input does not fit this tool: {error}")))
    }

    /// Errors: `cancelled`, or `tool_timeout` when the deadline has passed.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        if Instant::now() >= self.deadline {
            return Err(timed_out());
        }
        Ok(())
    }
}

/// How far a call is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Goes up to `total`, where that is known.
    pub done: f64,
    pub total: Option<f64>,
    pub message: Option<String>,
}

pub fn cancelled() -> Error {
    Error::new(Kind::Unavailable, "cancelled", "The call was stopped")
}

pub fn timed_out() -> Error {
    Error::new(Kind::Unavailable, "tool_timeout", "The call took too long and was stopped")
}

/// The tools that are part of this program, in an order that never changes. `fetch`: the hosts that `fetch_url` may ask
/// although they are not public; `None`: it is turned off.
pub fn built_in(workdirs: Workdirs, fetch: Option<&[String]>) -> Vec<Arc<dyn Tool>> {
    let mut tools: Vec<Arc<dyn Tool>> = vec![Arc::new(clock::CurrentTime::new())];
    tools.extend(files::all(workdirs));
    tools.extend(fetch.map(|allowed| Arc::new(fetch::FetchUrl::new(allowed)) as Arc<dyn Tool>));
    tools
}
