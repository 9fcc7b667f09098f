//! Opens everything, starts it, and stops it.

pub mod backup;
pub mod data;
pub mod db;
mod alerts;
pub mod doctor;
mod manager;
mod operations;
pub mod restore;
mod signals;
mod trust;

use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::config::{self, Config};
use crate::domain::{Code, Error, Result};
use crate::http::{self, Server, ServerOptions};
use crate::llm::{self, Endpoint, Kind, Provider, Timeouts, demo::Demo};
use crate::mcp::Servers as McpServers;
use crate::ops::care::{self, Marker};
use crate::ops::{self, Job, Worker};
use crate::service::models::Notice;
use crate::service::{AccountOptions, Services};
use crate::store::{DirectoryLock, Store};
use crate::telemetry::{self, LogOptions};
use crate::ws;
use manager::Manager;

/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";
/// How old a list of models becomes.
const MODELS_AGE: Duration = Duration::from_secs(24 * 3600);
/// What requests and sockets get to end at a stop, before the turns are stored.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

pub use crate::mcp::{HOST_ARGUMENT, run_host};
pub use crate::ops::{become_owner, become_owner_but_for};
pub use alerts::test as alert_test;
pub use data::DataDirectory;
pub use trust::trust;

/// Serves until a signal says stop. `anew`: also where data seems to be missing. `reload` reads the settings again, when
/// SIGHUP asks for it.
///
/// Errors: what cannot be opened or bound, with the way out.
pub fn serve(config: Config, anew: bool, reload: &dyn Fn() -> Result<Config>) -> Result<()> {
    if !anew {
        data::check_not_lost(&config)?;
    }
    // A wrong directory is the operator's mistake, reported before anything is written to it or to a log in it.
    let lock = DirectoryLock::take(&config.data_dir).map_err(|error| not_usable(&config, error))?;
    let log = telemetry::init(LogOptions { level: config.log_level, file: Some(config.log_file()), stdout: true })?;
    let manager = Manager::from_environment();
    let mut signals = signals::Waiting::start()?;
    let running = Running::start(&config, &lock, anew)?;
    let watchdog = manager.start_watchdog(&running.services)?;
    manager.say(&format!("READY=1\nSTATUS=serving on http://{}", running.server.local_addr()));
    let signal = signals.until_stop(|| {
        manager.say_reloading();
        signals::reload(&config, reload);
        manager.say("READY=1");
    });
    log::info!(target: "app", "stopping on signal {signal}; a second one stops immediately");
    manager.say("STOPPING=1\nSTATUS=storing what runs");
    signals.next_one_stops_at_once();
    drop(watchdog);
    running.stop();
    log::info!(target: "app", "stopped");
    drop(lock);
    drop(log);
    Ok(())
}

/// The server and everything that runs for it.
struct Running {
    services: Arc<Services>,
    server: Server,
    watch: Worker,
    scheduler: Worker,
    alerts: Worker,
    tidy: Worker,
    indexing: Worker,
    marker: Marker,
    _demo: Option<Demo>,
}

impl Running {
    fn start(config: &Config, lock: &DirectoryLock, anew: bool) -> Result<Self> {
        for line in config::banner(config) {
            log::info!(target: "app", "{line}");
        }
        for line in &config.warnings {
            log::warn!(target: "app", "{line}");
        }
        let store = Arc::new(Store::serve(&config.data_dir, lock, anew).map_err(|error| not_usable(config, error))?);
        let is_demo = config.llm.provider.kind == Kind::Demo;
        let demo = is_demo.then(llm::demo::start).transpose()?;
        let servers = mcp_servers(config);
        let services = Arc::new(services(config, store.clone(), servers, demo.as_ref())?);
        let interrupted = services.close_open_turns()?;
        if interrupted > 0 {
            log::warn!(target: "app", "{interrupted} turns were cut off by the last stop; what they had is kept");
        }
        backup::watch(config, &services)?;
        let watch = ops::watch(services.clone())?;
        let marker = Marker::set(&config.data_dir);
        let backups = Arc::default();
        operations::equip(config, &services, &store, &backups);
        let jobs = jobs(config, &services, &store, &backups, marker.was_there);
        let tidy = care::tidy(store.clone())?;
        let indexing = ops::indexing(services.clone())?;
        let scheduler = ops::schedule(store.clone(), jobs)?;
        let alerts = ops::alerts(services.clone(), store, alerts::options(config))?;
        let server = listen(config, &services)?;
        announce(config, &services, &server)?;
        keep_models_listed(&services)?;
        Ok(Self { services, server, watch, scheduler, alerts, tidy, indexing, marker, _demo: demo })
    }

    /// Stops accepting, stores what runs, closes sockets, and leaves no `-wal` file behind.
    fn stop(self) {
        self.server.stop_accepting();
        self.scheduler.ask_to_stop();
        self.alerts.ask_to_stop();
        self.indexing.ask_to_stop();
        drop(self.watch);
        self.services.turns.stop();
        self.services.hub.close_all();
        let deadline = Instant::now() + CLOSE_GRACE;
        self.services.hub.wait_closed(deadline);
        self.server.close_all(deadline);
        drop(self.scheduler);
        drop(self.alerts);
        drop(self.tidy);
        drop(self.indexing);
        self.services.stop();
        self.marker.remove();
    }
}

/// Asks the providers for their models at the start and once a day. A question does not wait for that: without a list it is
/// asked as every model understands it.
fn keep_models_listed(services: &Arc<Services>) -> Result<()> {
    let services = Arc::downgrade(services);
    let list = move || {
        while let Some(services) = services.upgrade() {
            services.models.refresh();
            drop(services);
            std::thread::sleep(MODELS_AGE);
        }
    };
    std::thread::Builder::new().name("models".to_owned()).spawn(list).map_err(Error::internal)?;
    Ok(())
}

/// The scheduled jobs, in the order in which they are checked.
fn jobs(
    config: &Config,
    services: &Arc<Services>,
    store: &Arc<Store>,
    backups: &Arc<Mutex<()>>,
    after_a_crash: bool,
) -> Vec<Job> {
    vec![
        backup::job(config, store.clone(), backups.clone()),
        ops::people::job(services.clone(), store.clone()),
        care::optimize_job(store.clone()),
        care::files_job(services.clone()),
        care::integrity_job(store.clone(), Arc::new(AtomicBool::new(after_a_crash))),
    ]
}

fn listen(config: &Config, services: &Arc<Services>) -> Result<Server> {
    let options = ServerOptions {
        host: config.host.clone(),
        port: config.port,
        trusted_proxies: config.trusted_proxies.clone(),
        base_path: config.base_path().to_owned(),
        public_origin: config.public_url.as_ref().map(|url| url.origin.clone()),
        knows_local: config.knows_local(),
        metrics_token: config.metrics_token.clone(),
        max_connections: None,
    };
    let ws_options = ws::WsOptions {
        public_origin: config.public_url.as_ref().map(|url| url.origin.clone()),
        ..ws::WsOptions::default()
    };
    let for_sockets = services.clone();
    let upgrade = move |request: &http::Request| -> Result<http::RunSocket> {
        let accepted = ws::accept(&for_sockets, &ws_options, &upgrade_of(request))?;
        Ok(Box::new(move |stream: TcpStream, leftover: Vec<u8>| accepted.run(stream, leftover)))
    };
    Server::start(options, services.clone(), Arc::new(upgrade))
}

/// What a WebSocket needs to know of the request it begins with.
fn upgrade_of(request: &http::Request) -> ws::Upgrade {
    ws::Upgrade {
        method: request.method.as_str().to_owned(),
        target_query: request.query.clone(),
        headers: request.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        host: request.host().map(str::to_owned),
        address: request.counted_as,
        request_id: request.id.clone(),
    }
}

fn announce(config: &Config, services: &Services, server: &Server) -> Result<()> {
    log::info!(target: "app", "listening on http://{}", server.local_addr());
    if let Some(code) = services.accounts.publish_setup_code()? {
        let who = if config.knows_local() { "from another machine it" } else { "its registration" };
        let code = code.expose();
        telemetry::always(
            "app",
            format_args!("no account yet: the first one becomes the administrator; {who} needs the setup code {code}"),
        );
    }
    if let Some(notice) = services.info(Notice::Administrator)?.notice {
        log::warn!(target: "app", "{notice}");
    }
    Ok(())
}

fn open_store(config: &Config) -> Result<Store> {
    Store::open(&config.data_dir).map_err(|error| not_usable(config, error))
}

/// A data directory that cannot be used is a wrong setting: the error says where the setting came from.
fn not_usable(config: &Config, error: Error) -> Error {
    if error.code != Code::DATA_DIR_NOT_WRITABLE {
        return error;
    }
    let rejected = config.reject("AGENTX_DIR", &error.message);
    match error.hint {
        Some(hint) => rejected.hint(hint),
        None => rejected,
    }
}

/// The declared tool servers, with the one that ENABLE_PROMPTX declares.
fn mcp_servers(config: &Config) -> Arc<McpServers> {
    let promptx = ("promptx".to_owned(), McpServers::promptx(config.has_promptx));
    McpServers::new(&config.data_dir, config.enable_promptx.then_some(promptx))
}

fn services(config: &Config, store: Arc<Store>, servers: Arc<McpServers>, demo: Option<&Demo>) -> Result<Services> {
    let key = match &config.jwt_secret {
        Some(secret) => secret.clone(),
        None => store.token_key()?,
    };
    let options = AccountOptions {
        invite_code_required: config.invite_code_required,
        invite_code_daily: config.invite_code_daily,
        login_failures_per_5min: config.login_failures_per_5min,
        registrations_per_hour: config.registrations_per_hour,
        messages_per_minute: config.messages_per_minute,
        fetch_hosts: config.fetch_hosts.clone(),
        sockets_per_user: config.sockets_per_user,
    };
    store.limit_stored(u64::from(config.storage_per_user_mib) << 20);
    Services::new(store, Provider::new(endpoint(config, demo), Timeouts::default()), servers, key, options)
}

fn endpoint(config: &Config, demo: Option<&Demo>) -> Endpoint {
    let vendor = config.llm.provider;
    let own = Endpoint {
        name: vendor.name.to_owned(),
        kind: vendor.kind_at(config.llm.url.as_deref()),
        base_url: config.llm.url.clone().unwrap_or_else(|| vendor.url.to_owned()),
        api_key: config.llm.api_key.clone(),
        // A server of one's own may need none.
        needs_key: vendor.kind == Kind::Demo
            || vendor.needs_key() && (config.llm.url.is_none() || vendor.kind == Kind::Anthropic),
        default_model: config.llm.model.clone(),
    };
    match demo {
        Some(demo) => Endpoint { default_model: own.default_model, ..demo.endpoint() },
        // Only the server runs it; a command starts none.
        None if own.kind == Kind::Demo => Endpoint { base_url: NOWHERE.to_owned(), needs_key: false, ..own },
        None => own,
    }
}
