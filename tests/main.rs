//! The tests that see the program from outside: one binary, so that it is linked once.
#![allow(clippy::unwrap_used)] // helpers of tests fail where they stand, as tests do

mod abuse;
mod accounts;
mod admin;
mod alerts;
mod arrows;
mod backup;
mod branches;
mod cli;
mod config;
mod conversations;
mod crash;
mod health;
mod db;
mod docs;
mod doctor;
mod files;
mod ledger;
mod llm;
mod log;
mod manual;
mod metrics;
mod migration;
mod page;
mod providers;
mod public_port;
mod restore;
mod search;
mod stream;
mod support;
mod systemd;
mod takeover;
mod tools;
mod transfer;
mod trouble;
mod turn;
