//! `portagent price list`.

use serde_json::{Value, json};

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json, table};
use crate::domain::user::Actor;
use crate::domain::{Result, money};
use crate::service::usage::ListedPrice;
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "price list",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "list what models cost, in US dollars for a million tokens",
    details: "A model that is not in the list has no price: its tokens are counted, and its cost is not known, unless the \
              provider says what it charges. In --json amounts are millionths of a dollar.",
    examples: &[("portagent price list", "shipped prices, and those that were set")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let prices = given.data_or_new()?.usage.prices(Actor::Operator)?;
    if given.json {
        return print_json(&Value::Array(prices.iter().map(as_json).collect()));
    }
    let rows: Vec<Vec<String>> = prices.iter().map(row).collect();
    print(&table(&["MODEL", "PROMPT", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "FROM", "SOURCE"], &rows))
}

fn row(ListedPrice { price, source }: &ListedPrice) -> Vec<String> {
    let known = |amount: Option<u64>| amount.map_or_else(|| "?".to_owned(), money::show);
    vec![
        format!("{}/{}", price.provider, price.model),
        if price.above > 0 { format!("> {}", price.above) } else { String::new() },
        money::show(price.input),
        known(price.cache_read),
        known(price.cache_write),
        money::show(price.output),
        timestamp::rfc3339(price.valid_from)[..10].to_owned(),
        source.unwrap_or("set here").to_owned(),
    ]
}

fn as_json(ListedPrice { price, source }: &ListedPrice) -> Value {
    json!({
        "provider": price.provider, "model": price.model, "validFrom": price.valid_from, "aboveTokens": price.above,
        "inputMicros": price.input, "outputMicros": price.output, "cacheReadMicros": price.cache_read,
        "cacheWriteMicros": price.cache_write, "source": source,
    })
}
