//! What a handler has at hand.

use std::sync::Arc;

use super::assets::Assets;
use super::gate::Gate;
use super::trust::Trust;
use crate::domain::secret::Secret;
use crate::service::Services;

pub(crate) struct Context {
    pub(crate) services: Arc<Services>,
    /// Empty, or like `/chat`.
    pub(crate) base_path: String,
    pub(crate) trust: Trust,
    pub(crate) assets: Assets,
    pub(crate) metrics_token: Option<Secret>,
    /// Limits the streams of `portagent doctor`.
    pub(crate) doctor: Gate,
    /// Limits those that are silent for long.
    pub(crate) silence: Gate,
}
