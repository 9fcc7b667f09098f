//! Tokens and cost since the start, for `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Asking;
use crate::domain::message::Usage;

/// Pairs of provider and model. Providers are configured and models are listed by them; more count as `other`.
const PAIRS: usize = 200;
const OTHER: &str = "other";

#[derive(Debug, Clone)]
pub struct Total {
    pub provider: String,
    pub model: String,
    pub tokens: Usage,
    /// Millionths of a US dollar.
    pub cost: u64,
}

#[derive(Default)]
pub(super) struct Totals(Mutex<BTreeMap<(String, String), (Usage, u64)>>);

impl Totals {
    pub(super) fn add(&self, asking: &Asking<'_>, model: &str, tokens: &Usage, cost: Option<u64>) {
        let model = if asking.is_listed { model } else { OTHER };
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pair = (asking.provider.to_owned(), model.to_owned());
        if pairs.len() >= PAIRS && !pairs.contains_key(&pair) {
            pair = (OTHER.to_owned(), OTHER.to_owned());
        }
        let total = pairs.entry(pair).or_default();
        total.0.add(tokens);
        total.1 = total.1.saturating_add(cost.unwrap_or(0));
    }

    pub(super) fn all(&self) -> Vec<Total> {
        let pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total = |((provider, model), (tokens, cost)): (&(String, String), &(Usage, u64))| Total {
            provider: provider.clone(),
            model: model.clone(),
            tokens: *tokens,
            cost: *cost,
        };
        pairs.iter().map(total).collect()
    }
}
