//! A connection to a tool server, whatever it goes over.

use std::time::Duration;

use serde_json::Value;

use super::rpc::{Request, Trouble, Wait};

pub(super) trait Link: Send + Sync {
    /// Sends a request and waits for its answer.
    fn ask(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<Value, Trouble>;

    /// Sends a notification.
    fn tell(&self, method: &str, params: &Value, wait: &Wait<'_>) -> Result<(), Trouble>;

    /// Sends a request whose answer is a stream of notices, where they can be had without a thread for them.
    fn watch(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<(), Trouble>;

    /// Why it is of no use any more.
    fn gone(&self) -> Option<String>;

    /// Whether a notice came that the tools are others now; says so once.
    fn take_tools_changed(&self) -> bool;

    /// Begins to end it; what waits for answers is told so.
    fn close(&self);

    /// Waits until nothing is left of it. False when that takes longer.
    fn wait_closed(&self, most: Duration) -> bool;

    /// The last lines that the server wrote to its log.
    fn last_words(&self) -> Vec<String>;
}
