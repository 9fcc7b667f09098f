//! A connection to a tool server, whatever it goes over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::rpc::{Request, Trouble, Wait};

pub(super) trait Link: Send + Sync {
    /// Sends a request and waits for its answer.
    fn ask(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<Value, Trouble>;

    /// Sends a notification.
    fn tell(&self, method: &str, params: &Value, wait: &Wait<'_>) -> Result<(), Trouble>;

    /// Begins to listen to notices of changes. A modern server is asked for them with this request; one of the legacy
    /// era sends them, over HTTP on a stream of their own.
    fn watch(self: Arc<Self>, request: &Request<'_>, wait: &Wait<'_>) -> Result<(), Trouble>;

    /// Whether a server that announces changes is heard.
    fn has_notices(&self) -> bool {
        true
    }

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
