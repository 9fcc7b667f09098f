//! The use cases: what people can do, independent of the wire that asks.

pub mod accounts;
mod allowance;
pub mod administration;
pub mod agent_files;
mod alive;
pub mod approvals;
pub mod audit;
pub mod clock_guard;
pub mod conversations;
mod cpu;
mod daily_code;
pub mod files;
mod hash_queue;
mod login_limits;
pub mod gauges;
pub mod health;
pub mod invites;
pub mod models;
pub mod operations;
mod own_account;
mod passwords;
pub mod search;
mod second_step;
pub mod setup_code;
mod slots;
mod throttle;
mod token;
mod tickets;
pub mod tool_servers;
pub mod toolbox;
mod totp;
pub mod transfer;
pub mod turn;
pub mod usage;
mod work_files;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use crate::mcp::{Servers as McpServers, Status as ServerStatus, View as ServerView};
pub use accounts::{AccountOptions, Accounts, AuthConfig, FirstStep, LoggedIn, Registration, RequestSource};
pub use administration::Administration;
use administration::Live;
pub use agent_files::AgentFiles;
pub use approvals::Approvals;
pub use conversations::{Conversations, MessagePage, NewConversation, Target};
pub use cpu::{CpuBudgets, Stopwatch};
pub use files::Files;
pub use gauges::Collector;
pub use health::{BACKUP_JOB, BackupPlan, Health, UpstreamRecord};
pub use invites::{Invite, Invites, NewInvite};
pub use operations::Operations;
pub use own_account::Confirmed;
pub use search::Search;
pub use tool_servers::{Tested, ToolServers};
pub use toolbox::Toolbox;
pub use transfer::Transfer;
use turn::TurnTools;
pub use turn::{Regenerate, Reopen, SendMessage, Sent, Turns};

pub use crate::store::{BudgetRow, Group, GroupBy, Range, Sums, UserPage};
pub use usage::{Ledger, UsageBook};

use self::passwords::Passwords;
use allowance::Rate;

use crate::domain::secret::Secret;
use crate::domain::user::Login;
use crate::domain::{Kind, Result, clock};
use crate::hub::Hub;
use crate::llm::Provider;
use crate::store::Store;
use models::{Notice, Providers, Registry};

/// Everything that a serving process offers. Commands do with [`Administration`] and [`Invites`] alone.
pub struct Services {
    pub accounts: Accounts,
    pub users: Administration,
    pub invites: Invites,
    pub conversations: Conversations,
    pub files: Files,
    pub agent_files: AgentFiles,
    pub search: Search,
    pub transfer: Transfer,
    pub turns: Arc<Turns>,
    pub models: Arc<Registry>,
    pub providers: Providers,
    pub operations: Arc<Operations>,
    pub ledger: Arc<Ledger>,
    pub usage: UsageBook,
    pub toolbox: Arc<Toolbox>,
    pub tool_servers: ToolServers,
    pub approvals: Arc<Approvals>,
    pub health: Health,
    pub gauges: Arc<Collector>,
    pub hub: Arc<Hub>,
    pub cpu: CpuBudgets,
    store: Arc<Store>,
    /// When it was last looked which logins have expired, in milliseconds since 1970.
    logins_seen_at: AtomicI64,
}

/// What the page shows about the server.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Of conversations that name none.
    pub provider: String,
    pub model: Option<String>,
    /// Whether a question can be answered at all.
    pub provider_ready: bool,
    /// What is missing, in a sentence for the one who asks.
    pub notice: Option<&'static str>,
    /// The answers come from the built-in demonstration.
    pub demo: bool,
}

impl Services {
    pub fn new(
        store: Arc<Store>,
        provider: Provider,
        servers: Arc<McpServers>,
        key: Secret,
        options: AccountOptions,
    ) -> Result<Self> {
        let hub = Arc::new(Hub::new());
        hub.limit_sockets(|limits| limits.per_user = options.sockets_per_user as usize);
        let passwords = Arc::new(Passwords::default());
        let upstream = Arc::new(UpstreamRecord::default());
        let messages = Rate::new(options.messages_per_minute, Duration::from_secs(60));
        let models = Registry::new(store.clone(), provider);
        let ledger = Arc::new(Ledger::new(store.clone()));
        let toolbox = Toolbox::new(store.clone(), servers.clone(), options.fetch_hosts.as_deref());
        let approvals = Approvals::new(store.clone(), approvals::PATIENCE);
        servers.keep_tidy()?;
        let uploads = files::uploads();
        let tools = TurnTools { toolbox: toolbox.clone(), approvals: approvals.clone() };
        let turns = Turns::start(
            store.clone(),
            hub.clone(),
            ledger.clone(),
            models.clone(),
            tools,
            upstream.clone(),
            messages,
        )?;
        let live = Live { hub: hub.clone(), servers: servers.clone(), turns: turns.clone() };
        Ok(Self {
            accounts: Accounts::new(store.clone(), hub.clone(), passwords.clone(), key, options),
            users: Administration::serving(store.clone(), passwords, live),
            invites: Invites::new(store.clone()),
            files: Files::new(store.clone(), Arc::clone(&uploads)),
            agent_files: AgentFiles::new(store.clone(), uploads),
            conversations: Conversations::new(store.clone(), hub.clone(), turns.clone(), models.clone()),
            search: Search::new(store.clone()),
            transfer: Transfer::new(store.clone()),
            health: Health::new(store.clone(), upstream, models.clone()),
            gauges: Collector::new(store.clone(), models.clone()),
            providers: Providers::new(models.clone(), store.clone()),
            operations: Arc::default(),
            usage: UsageBook::new(store.clone()),
            ledger,
            tool_servers: ToolServers::new(servers),
            toolbox,
            approvals,
            turns,
            models,
            hub,
            cpu: CpuBudgets::default(),
            store,
            logins_seen_at: AtomicI64::new(clock::now_ms()),
        })
    }

    /// What the page shows about the server. Errors: what the store says.
    pub fn info(&self, notice: Notice) -> Result<ServerInfo> {
        let first = self.models.first()?;
        let endpoint = first.provider.endpoint();
        Ok(ServerInfo {
            provider: endpoint.name.clone(),
            model: Some(endpoint.default_model.clone()).filter(|model| !model.is_empty()),
            provider_ready: first.is_ready(),
            notice: (!first.is_ready()).then(|| notice.text()),
            demo: endpoint.kind == crate::llm::Kind::Demo,
        })
    }

    /// How many WebSockets there may be, in all and from one address.
    pub fn limit_sockets(&self, total: usize, per_address: usize) {
        self.hub.limit_sockets(|limits| (limits.total, limits.per_address) = (total, per_address));
    }

    /// Notices changes to accounts and logins, after which [`Self::close_invalid_logins`] is due.
    pub fn watch_accounts(&self) -> Result<crate::store::Watcher> {
        self.store.watch_accounts()
    }

    /// Looks after the database files, and stores what could not be stored before; every second.
    pub fn supervise_store(&self) {
        self.store.supervise();
        if self.store.is_writable() {
            self.turns.store_unstored();
            self.ledger.settle_waiting();
        }
    }

    /// Whether the login of an open socket may have expired since the last call.
    pub fn has_login_expired(&self) -> Result<bool> {
        let now = clock::now_ms();
        let last = self.logins_seen_at.swap(now, Ordering::Relaxed);
        let of_1_9 = |login: Login| match login {
            Login::Legacy { expires_at_s, .. } => (last / 1000..=now / 1000).contains(&expires_at_s),
            Login::Ours(_) => false,
        };
        Ok(self.hub.connected().into_iter().any(|(_, login, _)| of_1_9(login)) || self.store.has_expired(last, now)?)
    }

    /// Closes the sockets of logins that are no longer valid, and stops the turns of accounts that are no longer active.
    pub fn close_invalid_logins(&self) -> Result<()> {
        for (user, login, _) in self.hub.connected() {
            match self.store.caller(&user, &login) {
                Err(error) if error.kind == Kind::Unauthenticated => {
                    log::info!(target: "accounts", "closing a socket, its login has ended user={user}");
                    self.hub.close_login(&login);
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        for owner in self.turns.owners() {
            if !self.store.container_has_active_user(&owner)? {
                self.turns.abandon_owner(&owner);
            }
        }
        Ok(())
    }

    /// Closes what a crash left open. Only for the one server of a data directory. Returns how many turns there were.
    pub fn close_open_turns(&self) -> Result<usize> {
        let lost = self.ledger.settle_lost()?;
        if lost > 0 {
            log::info!(target: "ledger", "{lost} requests to providers were cut off by the last stop, and are settled");
        }
        self.store.close_open_turns()
    }

    /// Stops turns, storing what they have, and closes the databases.
    pub fn stop(&self) {
        self.operations.stop();
        self.turns.stop();
        self.tool_servers.close();
        self.store.close();
    }
}
