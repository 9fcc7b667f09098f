//! One file per subject. A handler parses, makes one call, and answers.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod auth;
mod device;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod mcp;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod page;
pub(crate) mod second_step;
pub(crate) mod usage;
pub(crate) mod providers;
pub(crate) mod tools;
