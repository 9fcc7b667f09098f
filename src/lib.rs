//! Portagent: an AI agent gateway in one process. The rooms, in the order in which a request walks through them.

pub mod cli;
pub mod config;
pub mod app;
pub mod http;
pub mod ws;
pub mod ops;
pub mod service;
pub mod hub;
pub mod llm;
pub mod tools;
pub mod mcp;
pub mod net;
pub mod render;
pub mod store;
pub mod zip;
pub mod workdirs;
pub mod domain;
pub mod telemetry;
