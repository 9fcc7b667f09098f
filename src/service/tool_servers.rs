//! What administrators do with tool servers: in the page, or from the command line. Every change leaves an audit line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::audit::record;
use crate::domain::id::ContainerId;
use crate::domain::user::Actor;
use crate::domain::{Cancel, Result};
use crate::mcp::{CallLimits, CallResult, Declared, Servers, Status, View};

/// What a test may take: a package that is downloaded first takes a minute.
const TEST_PATIENCE: Duration = Duration::from_secs(120);

pub struct ToolServers {
    servers: Arc<Servers>,
}

/// How a test went.
pub struct Tested {
    pub status: Status,
    /// Until the server was ready, or had failed.
    pub took: Duration,
    /// Where a tool was called: its answer, or why there is none.
    pub result: Option<std::result::Result<CallResult, String>>,
}

impl ToolServers {
    pub fn new(servers: Arc<Servers>) -> Self {
        Self { servers }
    }

    /// One that is not declared, by its address, under the name `test`. Errors: `Invalid`.
    pub fn of_url(url: &str) -> Result<Self> {
        let declared = Declared::parse(&serde_json::json!({ "url": url }))?;
        // There is no file in such a place.
        let nowhere = std::path::Path::new("/nonexistent");
        Ok(Self::new(Servers::new(nowhere, Some(("test".to_owned(), declared)))))
    }

    /// All servers; and why `mcp.json` cannot be read, if it cannot.
    pub fn list(&self, _by: Actor<'_>) -> (Vec<View>, Option<String>) {
        self.servers.list()
    }

    /// Errors: `Invalid`, `Conflict`, `Unavailable`.
    pub fn add(&self, by: Actor<'_>, name: &str, declared: &Value) -> Result<()> {
        self.servers.declare(name, Declared::parse(declared)?, true)?;
        record("mcp.add", by, format_args!("server:{name}"));
        Ok(())
    }

    /// Replaces a declaration. Secrets that come back masked stay as they were.
    ///
    /// Errors: `Invalid`, `NotFound`, `Unavailable`.
    pub fn change(&self, by: Actor<'_>, name: &str, declared: &Value) -> Result<()> {
        self.servers.declare(name, Declared::parse(declared)?, false)?;
        record("mcp.change", by, format_args!("server:{name}"));
        Ok(())
    }

    /// Errors: `NotFound`, `Conflict`, `Unavailable`.
    pub fn remove(&self, by: Actor<'_>, name: &str) -> Result<()> {
        self.servers.remove(name)?;
        record("mcp.remove", by, format_args!("server:{name}"));
        Ok(())
    }

    /// Starts a server anew and, where one is named, calls a tool. `owner`: whose instance, where each person has one.
    ///
    /// Errors: `NotFound`, `Unavailable`.
    pub fn test(
        &self,
        by: Actor<'_>,
        name: &str,
        owner: Option<&ContainerId>,
        call: Option<(&str, &Value)>,
    ) -> Result<Tested> {
        let (began, cancel) = (Instant::now(), Cancel::new());
        let status = self.servers.test(name, owner, began + TEST_PATIENCE, &cancel)?;
        let took = began.elapsed();
        record("mcp.test", by, format_args!("server:{name}"));
        let result = call.filter(|_| status.state == "ready").map(|(tool, input)| {
            let limits = CallLimits { deadline: Instant::now() + TEST_PATIENCE, cancel: &cancel, progress: &|_| {} };
            self.servers.call(owner, (name, tool), input, limits).map_err(|error| error.message.into_owned())
        });
        Ok(Tested { status, took, result })
    }

    /// Ends what runs. For commands, which end with it.
    pub fn close(&self) {
        self.servers.close();
    }
}
