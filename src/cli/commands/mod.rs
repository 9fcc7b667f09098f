//! Every command, one file each. This list is the order of the help.

pub(super) mod alert;
pub(super) mod backup;
pub(super) mod budget;
pub(super) mod completion;
pub(super) mod config;
pub(super) mod db;
pub(super) mod doctor;
pub(super) mod healthcheck;
pub(super) mod help;
pub(super) mod invite;
pub(super) mod logs;
pub(super) mod mcp;
pub(super) mod model;
pub(super) mod provider;
pub(super) mod price;
pub(super) mod man;
pub(super) mod retention;
pub(super) mod restore;
pub(super) mod serve;
pub(super) mod service;
pub(super) mod usage;
pub(super) mod setup_code;
pub(super) mod user;
pub(super) mod version;

use super::command::Table;

pub(super) static TABLE: Table = Table {
    default: &serve::COMMAND,
    help: &help::COMMAND,
    version: &version::COMMAND,
    all: &[
        &serve::COMMAND,
        &healthcheck::COMMAND,
        &doctor::COMMAND,
        &logs::COMMAND,
        &backup::make::COMMAND,
        &backup::list::COMMAND,
        &backup::verify::COMMAND,
        &restore::COMMAND,
        &setup_code::COMMAND,
        &user::list::COMMAND,
        &user::add::COMMAND,
        &user::passwd::COMMAND,
        &user::disable::COMMAND,
        &user::enable::COMMAND,
        &user::promote::COMMAND,
        &user::demote::COMMAND,
        &user::logout::COMMAND,
        &user::unlock::COMMAND,
        &user::reset_2fa::COMMAND,
        &user::export::COMMAND,
        &user::import::COMMAND,
        &user::delete::COMMAND,
        &invite::create::COMMAND,
        &invite::list::COMMAND,
        &invite::revoke::COMMAND,
        &provider::list::COMMAND,
        &provider::add::COMMAND,
        &provider::test::COMMAND,
        &provider::remove::COMMAND,
        &model::list::COMMAND,
        &model::default::COMMAND,
        &model::allow::COMMAND,
        &model::context::COMMAND,
        &mcp::list::COMMAND,
        &mcp::add::COMMAND,
        &mcp::test::COMMAND,
        &mcp::remove::COMMAND,
        &usage::COMMAND,
        &budget::list::COMMAND,
        &budget::set::COMMAND,
        &budget::clear::COMMAND,
        &price::list::COMMAND,
        &price::set::COMMAND,
        &price::clear::COMMAND,
        &retention::show::COMMAND,
        &retention::set::COMMAND,
        &retention::off::COMMAND,
        &retention::run_now::COMMAND,
        &db::check::COMMAND,
        &db::stats::COMMAND,
        &db::vacuum::COMMAND,
        &db::optimize::COMMAND,
        &db::recover::COMMAND,
        &alert::test::COMMAND,
        &config::COMMAND,
        &service::install::COMMAND,
        &service::uninstall::COMMAND,
        &service::print::COMMAND,
        &completion::COMMAND,
        &man::COMMAND,
        &version::COMMAND,
        &help::COMMAND,
    ],
};
