//! One provider, with the list of its models as it was given last.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::domain::id::hex;
use crate::domain::provider::ProviderRow;
use crate::domain::{Error, Result};
use crate::llm::{Endpoint, Kind, Model, Provider, Timeouts};
use crate::store::Store;

/// How old a list becomes before it is asked for again, and how long a failure counts.
const LIST_AGE: Duration = Duration::from_secs(25 * 3600);
const FAILURE_AGE: Duration = Duration::from_secs(60);
/// How long one waits for a list that another one has asked for.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Entry {
    pub provider: Provider,
    /// `None`: it is the one of the settings.
    row: Option<ProviderRow>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asking: bool,
    /// When it was listed last, and when that failed last.
    listed: Option<Instant>,
    failed: Option<(Instant, Error)>,
}

impl Entry {
    pub(super) fn fixed(provider: Provider, store: &Arc<Store>) -> Self {
        let provider = remembering(provider, store);
        Self { provider, row: None, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn added(row: ProviderRow, store: &Arc<Store>) -> Arc<Self> {
        let provider = Provider::new(endpoint(&row), Timeouts::default());
        Arc::new(Self { row: Some(row), ..Self::fixed(provider, store) })
    }

    /// Whether it is made of this row, as it stands now.
    pub(super) fn is_of(&self, row: &ProviderRow) -> bool {
        self.row.as_ref() == Some(row)
    }

    pub fn name(&self) -> &str {
        &self.provider.endpoint().name
    }

    /// Whether it comes from the settings.
    pub fn is_fixed(&self) -> bool {
        self.row.is_none()
    }

    pub fn is_ready(&self) -> bool {
        self.provider.is_ready()
    }

    /// Its models as they were listed last, asked for where that was never or long ago.
    ///
    /// Errors: `Upstream` where it never gave any; a failure counts for a minute, so that a page does not wait for it
    /// again and again.
    pub fn models(&self) -> Result<Arc<Vec<Model>>> {
        self.listed(false)
    }

    /// The same, asked for now in any case; where that fails, a former list still counts.
    pub fn refresh(&self) -> Result<Arc<Vec<Model>>> {
        self.listed(true)
    }

    /// How many models it has listed, and why it did not.
    pub fn known(&self) -> (Option<usize>, Option<String>) {
        let failed = self.lock().failed.as_ref().map(|(_, error)| error.message.to_string());
        (self.provider.known_models().map(|models| models.len()), failed)
    }

    fn listed(&self, anew: bool) -> Result<Arc<Vec<Model>>> {
        let mut state = self.lock();
        let was_asking = state.asking;
        state = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.asking)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let is_young = |at: Option<Instant>, age: Duration| at.is_some_and(|at| at.elapsed() < age);
        let known = self.provider.known_models();
        if let Some(models) = known.clone().filter(|_| is_young(state.listed, LIST_AGE) && (!anew || was_asking)) {
            return Ok(models);
        }
        if let Some((at, error)) = &state.failed
            && is_young(Some(*at), FAILURE_AGE)
            && (!anew || was_asking)
        {
            return known.ok_or_else(|| again(error));
        }
        state.asking = true;
        drop(state);
        let asked = self.provider.list();
        let mut state = self.lock();
        state.asking = false;
        let outcome = match asked {
            Ok(listed) => {
                (state.listed, state.failed) = (Some(Instant::now()), None);
                Ok(Arc::new(listed.models))
            }
            Err(error) => {
                let outcome = known.ok_or_else(|| again(&error));
                state.failed = Some((Instant::now(), error));
                outcome
            }
        };
        self.changed.notify_all();
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lessons come from the store and go there. What cannot be read or written now is learned again.
fn remembering(provider: Provider, store: &Arc<Store>) -> Provider {
    let (name, digest) = (provider.endpoint().name.clone(), digest(provider.endpoint()));
    let kept = store.lessons(&name, &digest).unwrap_or_default();
    let store = Arc::downgrade(store);
    provider.with_lessons(
        &kept,
        Box::new(move |model, lessons| {
            let Some(store) = store.upgrade() else { return };
            if let Err(error) = store.keep_lesson(&name, &digest, model, lessons) {
                log::warn!(target: "llm", "what was learned about {name}/{model} is not kept: {}", error.with_cause());
            }
        }),
    )
}

/// What a lesson belongs to: another kind, address or key may be another server.
fn digest(endpoint: &Endpoint) -> String {
    let url = if endpoint.kind == Kind::Demo { "" } else { &endpoint.base_url };
    let key = endpoint.api_key.as_ref().filter(|_| endpoint.kind != Kind::Demo).map_or("", |key| key.expose());
    hex(&Sha256::digest([endpoint.kind.as_str(), url, key].join("\n")))
}

/// The same error for another one who asks.
fn again(error: &Error) -> Error {
    Error { hint: error.hint.clone(), ..Error::new(error.kind, error.code, error.message.clone()) }
}

pub(super) fn endpoint(row: &ProviderRow) -> Endpoint {
    Endpoint {
        name: row.name.clone(),
        kind: row.kind,
        base_url: row.base_url.clone(),
        api_key: row.api_key.clone(),
        needs_key: row.needs_key(),
        default_model: row.default_model.clone(),
    }
}
