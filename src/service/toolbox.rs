//! Which tools a conversation has. They are decided at its first turn and stay, with their order and their words: a
//! provider's cache and a model's thinking depend on it. They change in one stated step, at the beginning of a turn, when
//! the choice of the person or the administrator has changed, or a server was not ready before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::conversation::Conversation;
use crate::domain::id::hex;
use crate::domain::tool::ToolSpec;
use crate::domain::{Cancel, Error, Result};
use crate::mcp::{RemoteTool, Servers};
use crate::store::{ConversationTools, Store};
use crate::tools::{self, Remote, Tool};

/// What a first turn waits for servers that have to start.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// Tools of one conversation (some providers take no more), and bytes of their definitions.
const TOOLS: usize = 128;
const DEFINITION_BYTES: usize = 512 * 1024;
/// Names that a conversation may choose, and characters of each.
const CHOSEN: usize = 128;
const CHOSEN_CHARS: usize = 64;

pub struct Toolbox {
    store: Arc<Store>,
    pub servers: Arc<Servers>,
    built_in: Vec<Arc<dyn Tool>>,
}

/// A tool that can be chosen.
pub struct Choice {
    pub name: String,
    pub is_server: bool,
    pub is_default: bool,
}

/// A tool for one turn, and what its conversation's models are told of it.
pub struct Offered {
    pub spec: ToolSpec,
    pub tool: Arc<dyn Tool>,
}

/// The tools of one turn.
pub struct Set {
    /// What they are stored under.
    pub digest: String,
    pub tools: Vec<Offered>,
    pub change: Option<Change>,
}

/// What has changed since the turn before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

/// The tools of a conversation, as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Frozen {
    /// Servers that are in it, also those without a tool.
    servers: Vec<String>,
    /// Servers that were waited for in vain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    tools: Vec<FrozenTool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FrozenTool {
    name: String,
    description: String,
    schema: String,
    /// The server and its own name of the tool; `None`: built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<(String, String)>,
}

impl Toolbox {
    /// `fetch`: the hosts that `fetch_url` may ask although they are not public; `None`: it is turned off.
    pub(super) fn new(store: Arc<Store>, servers: Arc<Servers>, fetch: Option<&[String]>) -> Arc<Self> {
        let built_in = tools::built_in(store.workdirs(), fetch);
        Arc::new(Self { store, servers, built_in })
    }

    /// What conversations can choose from.
    pub fn choices(&self) -> Vec<Choice> {
        let built_in = self.built_in.iter().map(|tool| Choice {
            name: tool.spec().name.clone(),
            is_server: false,
            is_default: true,
        });
        let servers = self.servers.names().into_iter();
        built_in.chain(servers.map(|(name, is_default)| Choice { name, is_server: true, is_default })).collect()
    }

    /// A choice of tools, checked. A name that does not exist now is kept: a server may come back.
    ///
    /// Errors: `Invalid`.
    pub(super) fn checked(mut chosen: Vec<String>) -> Result<Vec<String>> {
        let is_bad = |name: &String| {
            name.is_empty() || name.chars().count() > CHOSEN_CHARS || name.chars().any(char::is_control)
        };
        if chosen.len() > CHOSEN || chosen.iter().any(is_bad) {
            return Err(Error::invalid("invalid_tools", format!("`tools` is a list of at most {CHOSEN} names")));
        }
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen)
    }

    /// The tools for a turn that begins, and what has changed. A server that is not ready is left out and offered later.
    pub(super) fn offer(&self, conversation: &Conversation, cancel: &Cancel) -> Result<Set> {
        let ConversationTools { chosen, set } =
            self.store.conversation_tools(&conversation.container_id, &conversation.id)?;
        let (known, before) = match set {
            Some((digest, text)) => (digest, serde_json::from_str::<Frozen>(&text).ok()),
            None => (String::new(), None),
        };
        let wanted: Vec<Choice> = match &chosen {
            Some(names) => self.choices().into_iter().filter(|choice| names.contains(&choice.name)).collect(),
            None => self.choices().into_iter().filter(|choice| choice.is_default).collect(),
        };
        let now = self.changed(before.as_ref(), &wanted, conversation, cancel);
        if before.as_ref() == Some(&now) {
            return Ok(Set { digest: known, tools: self.tools(now), change: None });
        }
        let definitions = serde_json::to_string(&now).map_err(Error::internal)?;
        let digest = hex(&Sha256::digest(definitions.as_bytes()));
        self.store.keep_tool_set(&conversation.container_id, &conversation.id, digest.clone(), definitions)?;
        let change = before.map(|before| Change::between(&before, &now));
        Ok(Set { digest, tools: self.tools(now), change: change.filter(|change| change != &Change::default()) })
    }

    /// What was there and is still wanted stays as it was, at its place; what is new stands behind it.
    fn changed(
        &self,
        before: Option<&Frozen>,
        wanted: &[Choice],
        conversation: &Conversation,
        cancel: &Cancel,
    ) -> Frozen {
        let is_wanted = |name: &str, is_server| wanted.iter().any(|one| one.name == name && one.is_server == is_server);
        let mut now = before.cloned().unwrap_or_default();
        now.servers.retain(|server| is_wanted(server, true));
        now.missing.clear();
        now.tools.retain(|tool| match &tool.remote {
            Some((server, _)) => is_wanted(server, true),
            None => is_wanted(&tool.name, false),
        });
        for tool in &self.built_in {
            let spec = tool.spec();
            let is_new = !now.tools.iter().any(|known| known.remote.is_none() && known.name == spec.name);
            if is_new && is_wanted(&spec.name, false) {
                now.tools.push(FrozenTool::built_in(spec));
            }
        }
        let missing: Vec<String> = wanted
            .iter()
            .filter(|choice| choice.is_server && !now.servers.contains(&choice.name))
            .map(|choice| choice.name.clone())
            .collect();
        if !missing.is_empty() {
            // A server is waited for once: later turns take it when it has become ready meanwhile.
            let was_waited_for = |name: &String| before.is_some_and(|before| before.missing.contains(name));
            let patience = if missing.iter().all(was_waited_for) { Duration::ZERO } else { START_PATIENCE };
            let offered = self.servers.offer(&conversation.container_id, &missing, Instant::now() + patience, cancel);
            now.servers.extend(missing.into_iter().filter(|name| !offered.missing.contains(name)));
            now.missing = offered.missing;
            now.tools.extend(offered.tools.into_iter().map(FrozenTool::remote));
        }
        now.cut(&conversation.id);
        now
    }

    fn tools(&self, frozen: Frozen) -> Vec<Offered> {
        let tool = |tool: FrozenTool| -> Option<Offered> {
            let remote = tool.remote.clone();
            let spec = tool.spec();
            let tool: Arc<dyn Tool> = match remote {
                Some((server, own)) => Arc::new(Remote::new(self.servers.clone(), spec.clone(), server, own)),
                None => self.built_in.iter().find(|tool| tool.spec().name == spec.name).cloned()?,
            };
            Some(Offered { spec, tool })
        };
        frozen.tools.into_iter().filter_map(tool).collect()
    }
}

/// What models were told of tools, read back. Older sets that only a preamble refers to are lists of name, description
/// and schema.
pub(super) fn specs(definitions: &str) -> Result<Vec<ToolSpec>> {
    if definitions.starts_with('[') {
        let rows: Vec<(String, String, String)> = serde_json::from_str(definitions).map_err(Error::internal)?;
        return Ok(rows
            .into_iter()
            .map(|(name, description, input_schema)| ToolSpec { name, description, input_schema })
            .collect());
    }
    let frozen: Frozen = serde_json::from_str(definitions).map_err(Error::internal)?;
    Ok(frozen.tools.into_iter().map(FrozenTool::spec).collect())
}

impl FrozenTool {
    fn spec(self) -> ToolSpec {
        ToolSpec { name: self.name, description: self.description, input_schema: self.schema }
    }

    fn built_in(spec: &ToolSpec) -> Self {
        let ToolSpec { name, description, input_schema } = spec.clone();
        Self { name, description, schema: input_schema, remote: None }
    }

    fn remote(tool: RemoteTool) -> Self {
        let RemoteTool { server, name, model_name, description, schema, .. } = tool;
        Self { name: model_name, description, schema, remote: Some((server, name)) }
    }
}

impl Frozen {
    /// Within the limits, and without a name that appears twice.
    fn cut(&mut self, conversation: &crate::domain::id::ConversationId) {
        let before = self.tools.len();
        let (mut names, mut bytes) = (std::collections::HashSet::new(), 0);
        self.tools.retain(|tool| {
            bytes += tool.name.len() + tool.description.len() + tool.schema.len();
            names.len() < TOOLS && bytes <= DEFINITION_BYTES && names.insert(tool.name.clone())
        });
        if self.tools.len() < before {
            let left_out = before - self.tools.len();
            log::warn!(target: "tools", "conversation={conversation} has too many tools: {left_out} are left out");
        }
    }
}

impl Change {
    fn between(before: &Frozen, now: &Frozen) -> Self {
        let missing_in = |these: &Frozen, those: &Frozen| {
            let names = these.tools.iter().map(|tool| tool.name.clone());
            names.filter(|name| !those.tools.iter().any(|tool| &tool.name == name)).collect()
        };
        Self { added: missing_in(now, before), removed: missing_in(before, now) }
    }
}
