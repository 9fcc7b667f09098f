//! What is stored: a file for each subject, with its queries. A public method of the store is one transaction.

pub mod branches;
pub mod budgets;
pub mod content;
pub mod conversations;
pub mod exported;
pub mod files;
pub mod invites;
pub mod jobs;
pub mod ledger;
pub mod logins;
mod cursor;
pub mod messages;
pub mod model_choices;
pub mod model_lessons;
mod newest;
pub mod people;
pub mod preambles;
pub mod providers;
pub mod prices;
pub mod retention;
pub mod searchable;
pub mod settings;
pub mod stored;
pub mod tools;
pub mod turns;
pub mod users;
pub mod work_files;
