//! Tells the operator when something is wrong, and when it is over: by a webhook, by a command, and in the log.
//!
//! A thread looks every so often, at what the server knows anyway; the rules decide; whoever is to be told has a
//! bounded queue and a thread of its own, so that a webhook that hangs keeps nothing waiting.

mod command;
mod outlet;
mod readings;
mod rules;
mod state;
mod webhook;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use self::outlet::{Channel, Outlet};
use self::readings::Readings;
use self::state::States;
use crate::domain::secret::Secret;
use crate::domain::{Error, Result, clock};
use crate::service::Services;
use crate::telemetry::timestamp::rfc3339;

const STACK_BYTES: usize = 256 * 1024;

/// Whom to tell, and how often to look.
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

/// One thing to tell.
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

/// The watching thread and those who tell; they end when this is dropped.
pub struct Alerts {
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Alerts {
    /// Errors: `Internal` without a thread.
    pub fn start(services: Arc<Services>, options: AlertOptions) -> Result<Self> {
        let outlets: Vec<Outlet> = channels(&options).into_iter().map(Outlet::start).collect::<Result<_>>()?;
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("alerts".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&services, &options, &outlets, &stopped))
            .map_err(Error::internal)?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    /// Says that it is to end, and waits for nothing.
    pub fn ask_to_stop(&self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
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

fn run(services: &Arc<Services>, options: &AlertOptions, outlets: &[Outlet], stopped: &Receiver<()>) {
    let mut readings = Readings::default();
    let mut states = States::new();
    while matches!(stopped.recv_timeout(options.every), Err(RecvTimeoutError::Timeout)) {
        let readings = readings.take(services);
        for alert in states.evaluate(readings, &options.instance, clock::now_ms()) {
            match alert.status {
                "resolved" => log::info!(target: "alerts", "over: {}", alert.summary),
                _ => log::warn!(target: "alerts", "{}", alert.summary),
            }
            outlets.iter().for_each(|outlet| outlet.push(alert.clone()));
        }
    }
}

/// Tells all channels once that this is a test. How each took it; nothing where none is set up.
pub fn test(options: &AlertOptions) -> Vec<(&'static str, Result<(), String>)> {
    let now = clock::now_ms();
    let summary = "This is a test: alerts arrive here.".to_owned();
    let alert = Alert::new("firing", &rules::TEST, summary, &options.instance, now);
    let never = outlet::StopFlag::default();
    channels(options).into_iter().map(|channel| (channel.name, (channel.deliver)(&alert, &never))).collect()
}
