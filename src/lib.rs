//! Portagent: an AI agent gateway in one process. The rooms, in the order in which a request walks through them.

pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod hub;
pub mod llm;
pub mod ops;
pub mod render;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod ws;
