//! `portagent model list`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::app::data::Offer;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::user::Role;
use crate::domain::{Error, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "model list",
    operands: &[],
    options: &[CommandOption {
        flag: "verbose",
        value: "",
        about: "also what each can do, and what its refusals have taught (-v)",
    }],
    json: true,
    quiet: false,
    about: "ask all providers for their models",
    details: "It costs nothing. The default is marked with a star.",
    examples: &[
        ("portagent model list", "a table"),
        (
            "portagent model list -v",
            "with what each can do, as far as its provider says, and what was learned about it",
        ),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let models = given.data_or_new()?.models;
    let offers = models.offers_for(Role::Admin)?;
    let learned: BTreeMap<String, String> = models.learned()?.into_iter().collect();
    if given.json {
        let models = serde_json::to_value(&offers).map_err(Error::internal)?;
        return print_json(&json!({ "models": models, "learned": learned }));
    }
    let is_verbose = given.has("verbose");
    let rows: Vec<Vec<String>> = offers.iter().map(|offer| row(offer, is_verbose.then_some(&learned))).collect();
    let mut headings = vec!["MODEL", "NAME", "CONTEXT", "LIFE"];
    headings.extend(["CAN", "LEARNED"].into_iter().filter(|_| is_verbose));
    print(&table(&headings, &rows))
}

fn row(offer: &Offer, learned: Option<&BTreeMap<String, String>>) -> Vec<String> {
    let star = if offer.is_default { " *" } else { "" };
    let mut row = vec![
        format!("{}{star}", offer.id),
        offer.name.clone(),
        offer.context_tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string()),
        life(offer),
    ];
    if let Some(learned) = learned {
        let words = learned.get(&offer.id).map_or("-", String::as_str);
        row.extend([can(offer), words.to_owned()]);
    }
    row
}

fn life(offer: &Offer) -> String {
    match (offer.lifecycle.as_str(), offer.retires_at.get(..10).unwrap_or(&offer.retires_at)) {
        ("", "") => "-".to_owned(),
        (state, "") => state.to_owned(),
        ("retired", day) => format!("retired {day}"),
        (state, day) => format!("{state} until {day}").trim_start().to_owned(),
    }
}

fn can(offer: &Offer) -> String {
    let abilities =
        [("images", offer.images), ("files", offer.files), ("tools", offer.tools), ("thinking", offer.thinking)];
    let mut yes: Vec<&str> = abilities.iter().filter(|(_, can)| *can == Some(true)).map(|(name, _)| *name).collect();
    let efforts = format!("effort={}", offer.efforts.join(","));
    yes.extend(Some(&*efforts).filter(|_| !offer.efforts.is_empty()));
    if yes.is_empty() { "-".to_owned() } else { yes.join(" ") }
}
