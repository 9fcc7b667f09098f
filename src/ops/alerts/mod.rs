//! Alerts for the operator, when something is wrong and when it is over: by webhook, by command, and in the log.
//!
//! A thread evaluates the rules periodically, from what the server knows anyway. Each channel has a bounded queue and a
//! thread of its own, so that a webhook that hangs delays nothing else.

mod command;
mod readings;
mod rules;
mod sender;
mod state;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use self::readings::Readings;
use self::sender::{AlertSender, Channel};
use self::state::States;
use crate::domain::secret::Secret;
use crate::domain::{Result, clock};
use crate::ops::worker::{Stop, Worker};
use crate::service::Services;
use crate::store::Store;
use crate::telemetry::timestamp::rfc3339;

const STACK_BYTES: usize = 256 * 1024;

/// Where alerts go, and how often the rules are evaluated.
#[derive(Debug, Clone)]
pub struct AlertOptions {
    /// Gets a POST with JSON. It may carry a secret, so it is never shown.
    pub webhook: Option<Secret>,
    /// Handed to `sh -c`, with what happened in its environment.
    pub command: Option<Secret>,
    /// What this server is called in an alert.
    pub instance: String,
    pub every: Duration,
    /// Variables that the command does not get to see.
    pub hidden: Vec<&'static str>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: &'static str,
    pub alert: &'static str,
    /// `critical`, `warning` or, for a test, `info`.
    pub severity: &'static str,
    /// A sentence.
    pub summary: String,
    /// `None` where it is no matter of numbers.
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// RFC 3339.
    pub starts_at: String,
    pub ends_at: Option<String>,
    pub instance: String,
    pub version: &'static str,
    /// All of it in one line, where Slack, Mattermost and others look for it.
    pub text: String,
}

impl Alert {
    fn new(status: &'static str, rule: &rules::Rule, summary: String, instance: &str, began: i64) -> Self {
        let text = format!("[{status}] {instance}: {summary}");
        Self {
            status,
            alert: rule.name,
            severity: rule.severity,
            summary,
            value: None,
            threshold: rule.threshold,
            starts_at: rfc3339(began),
            ends_at: None,
            instance: instance.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            text,
        }
    }
}

/// Evaluates the rules and sends what they say, until the worker is dropped.
///
/// Errors: `Internal` without a thread.
pub fn alerts(services: Arc<Services>, store: Arc<Store>, options: AlertOptions) -> Result<Worker> {
    let senders: Vec<AlertSender> = channels(&options).into_iter().map(AlertSender::start).collect::<Result<_>>()?;
    let mut readings = Readings::default();
    let mut states = States::new();
    Worker::start("alerts", STACK_BYTES, options.every, move |_| {
        let readings = readings.take(&services, &store);
        for alert in states.evaluate(readings, &options.instance, clock::now_ms()) {
            match alert.status {
                "resolved" => log::info!(target: "alerts", "over: {}", alert.summary),
                _ => log::warn!(target: "alerts", "{}", alert.summary),
            }
            senders.iter().for_each(|sender| sender.push(alert.clone()));
        }
    })
}

fn channels(options: &AlertOptions) -> Vec<Channel> {
    let mut channels = Vec::new();
    if let Some(url) = options.webhook.clone() {
        channels
            .push(Channel { name: "webhook", deliver: Box::new(move |alert, _| webhook::post(url.expose(), alert)) });
    }
    if let Some(line) = options.command.clone() {
        let hidden = options.hidden.clone();
        channels.push(Channel {
            name: "command",
            deliver: Box::new(move |alert, stop| command::run(line.expose(), alert, &hidden, stop)),
        });
    }
    channels
}

/// Sends a test alert over all channels, and returns the outcome of each; nothing where none is configured.
pub fn test(options: &AlertOptions) -> Vec<(&'static str, Result<(), String>)> {
    let now = clock::now_ms();
    let summary = "This is a test: alerts arrive here.".to_owned();
    let alert = Alert::new("firing", &rules::TEST, summary, &options.instance, now);
    let never = Stop::default();
    channels(options).into_iter().map(|channel| (channel.name, (channel.deliver)(&alert, &never))).collect()
}
