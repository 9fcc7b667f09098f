//! A tool of a tool server.

use std::sync::Arc;
use std::time::Duration;

use super::{Blob, Call, Consent, Output, Progress, Tool};
use crate::domain::Result;
use crate::domain::tool::{Extras, ToolSpec};
use crate::mcp::{Approval, CallLimits, CallResult, Declared, Servers};

pub struct Remote {
    servers: Arc<Servers>,
    spec: ToolSpec,
    server: String,
    /// As its server calls it.
    name: String,
    approval: Approval,
    patience: Duration,
    lane: Option<String>,
}

impl Remote {
    /// `declared`: what is declared of the server now; `None` when it is gone.
    pub fn new(servers: Arc<Servers>, spec: ToolSpec, server: String, name: String) -> Self {
        let approval = servers.approval(&server, &name);
        let declared = servers.declared(&server);
        let patience = declared.as_ref().map_or(Duration::from_secs(60), Declared::timeout);
        let lane = declared.is_none_or(|declared| !declared.parallel).then(|| format!("server {server}"));
        Self { servers, spec, server, name, approval, patience, lane }
    }
}

impl Tool for Remote {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn consent(&self) -> Consent {
        match self.approval {
            Approval::Ask => Consent::Ask,
            Approval::Auto => Consent::Auto,
        }
    }

    fn server(&self) -> Option<&str> {
        Some(&self.server)
    }

    fn lane(&self) -> Option<&str> {
        self.lane.as_deref()
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn call(&self, call: &Call<'_>) -> Result<Output> {
        let input = call.arguments()?;
        let progress = |progress: crate::mcp::Progress| {
            let crate::mcp::Progress { done, total, message } = progress;
            (call.progress)(Progress { done, total, message });
        };
        let limits = CallLimits { deadline: call.deadline, cancel: call.cancel, progress: &progress };
        let result = self.servers.call(Some(call.owner), (&self.server, &self.name), &input, limits)?;
        let CallResult { text, blobs, structured, resources, is_error } = result;
        let blobs = blobs.into_iter().map(|(media_type, bytes)| Blob { media_type, bytes });
        let extras = Extras { structured, resources, ..Extras::default() };
        Ok(Output { text, blobs: blobs.collect(), extras, is_error })
    }
}
