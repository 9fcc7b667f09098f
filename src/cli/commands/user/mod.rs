//! `portagent user …`: people, from the command line. A person is named by username, e-mail or userId.

pub(in crate::cli) mod add;
pub(in crate::cli) mod delete;
pub(in crate::cli) mod demote;
pub(in crate::cli) mod disable;
pub(in crate::cli) mod enable;
pub(in crate::cli) mod export;
pub(in crate::cli) mod import;
pub(in crate::cli) mod list;
pub(in crate::cli) mod logout;
pub(in crate::cli) mod passwd;
pub(in crate::cli) mod promote;
pub(in crate::cli) mod reset_2fa;
pub(in crate::cli) mod unlock;

use serde_json::{Value, json};

use crate::cli::command::Given;
use crate::cli::output::{one_line, print, print_json};
use crate::domain::Result;
use crate::domain::user::{Actor, Role, User};

/// The same names as over HTTP, and whether the account is active.
fn as_json(user: &User) -> Value {
    json!({
        "userId": user.id.as_str(),
        "username": user.username,
        "email": user.email,
        "containerId": user.container_id.as_str(),
        "displayName": user.display_name,
        "avatar": user.avatar,
        "role": user.role.as_str(),
        "isActive": user.is_active,
        "secondStep": user.has_second_step,
        "createdAt": user.created_at,
    })
}

/// Says what became of a user: the user as JSON, or a sentence.
fn report(given: &Given, user: &User, sentence: &str) -> Result<()> {
    if given.json { print_json(&as_json(user)) } else { print(&format!("{} {sentence}\n", one_line(&user.username))) }
}

fn set_active(given: &Given, active: bool, sentence: &str) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    report(given, &data.users.set_active(Actor::Operator, &user, active)?, sentence)
}

fn set_role(given: &Given, role: Role, sentence: &str) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    report(given, &data.users.set_role(Actor::Operator, &user, role)?, sentence)
}
