//! Every command, one file each. This list is the order of the help.

pub(super) mod alert;
pub(super) mod backup;
pub(super) mod config;
pub(super) mod db;
pub(super) mod doctor;
pub(super) mod healthcheck;
pub(super) mod help;
pub(super) mod invite;
pub(super) mod logs;
pub(super) mod retention;
pub(super) mod restore;
pub(super) mod serve;
pub(super) mod service;
pub(super) mod user;
pub(super) mod version;

use super::command::Command;

pub(super) static ALL: &[&Command] = &[
    &serve::COMMAND,
    &healthcheck::COMMAND,
    &doctor::COMMAND,
    &logs::COMMAND,
    &backup::make::COMMAND,
    &backup::list::COMMAND,
    &backup::verify::COMMAND,
    &restore::COMMAND,
    &user::list::COMMAND,
    &user::add::COMMAND,
    &user::passwd::COMMAND,
    &user::disable::COMMAND,
    &user::enable::COMMAND,
    &user::promote::COMMAND,
    &user::demote::COMMAND,
    &user::logout::COMMAND,
    &user::unlock::COMMAND,
    &user::export::COMMAND,
    &user::delete::COMMAND,
    &invite::create::COMMAND,
    &invite::list::COMMAND,
    &invite::revoke::COMMAND,
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
    &version::COMMAND,
    &help::COMMAND,
];

pub(super) fn find(name: &str) -> Option<&'static Command> {
    ALL.iter().copied().find(|command| command.name == name)
}

/// Whether it is the first of two words of some command.
pub(super) fn is_group(word: &str) -> bool {
    !members(word).is_empty()
}

/// The first words of the commands that have two, some more than once.
pub(super) fn groups() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter_map(|command| command.name.split_once(' ')).map(|(group, _)| group)
}

/// The second words of a group.
pub(super) fn members(group: &str) -> Vec<&'static str> {
    ALL.iter().filter_map(|command| command.name.strip_prefix(group)?.strip_prefix(' ')).collect()
}
