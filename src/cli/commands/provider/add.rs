//! `portagent provider add NAME`.

use std::io::{self, IsTerminal as _, Read as _};

use serde_json::json;

use super::{checked_as_json, checked_as_text, list};
use crate::app::data::Verdict;
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{print, print_json};
use crate::cli::password::typed_unseen;
use crate::domain::provider::ProviderChange;
use crate::domain::secret::Secret;
use crate::domain::user::Actor;
use crate::domain::{Error, Result};

/// More than any key has, in bytes.
const KEY_BYTES: u64 = 8 * 1024;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "provider add",
    operands: &["NAME"],
    options: &[
        CommandOption { flag: "vendor", value: "VENDOR", about: "such as deepseek: sets the kind and the URL" },
        CommandOption { flag: "kind", value: "KIND", about: "how it is spoken to: anthropic, openai, responses or ollama" },
        CommandOption { flag: "url", value: "URL", about: "its base URL; default: that of the vendor or kind" },
        CommandOption { flag: "key-file", value: "FILE", about: "read the key from the first line of FILE" },
        CommandOption { flag: "no-key", value: "", about: "it needs none" },
        CommandOption { flag: "default-model", value: "MODEL", about: "default: the first that it lists" },
    ],
    json: true,
    quiet: true,
    about: "add a provider of models",
    details: "\
Without --key-file the key is typed unseen, or read from the first line of stdin. It is checked before it is saved: a key
that is refused is not saved, and where the provider cannot be reached, the output says that it could not be checked. A
running server uses the new provider at once.",
    examples: &[
        ("portagent provider add deepseek --vendor deepseek", "asks for the key"),
        ("portagent provider add work --kind openai --url https://llm.example.com/v1 --key-file key", "a server of yours"),
        ("portagent provider add local --vendor ollama --no-key", "models on this machine"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let option = |name: &str| given.option(name).map(str::to_owned);
    let change = ProviderChange {
        vendor: option("vendor"),
        kind: option("kind"),
        base_url: option("url"),
        api_key: key(given)?.map(|key| Some(Secret::new(key))),
        default_model: option("default-model"),
    };
    let saved = given.data_or_new()?.providers.add(Actor::Operator, Some(given.operand(0)), change)?;
    let is_checked = saved.checked.verdict == Verdict::Good;
    if given.json {
        let mut value = json!({ "provider": list::as_json(&saved.provider) });
        value["check"] = checked_as_json(&saved.checked);
        return print_json(&value);
    }
    let how = if is_checked { "saved" } else { "saved although it could not be checked" };
    print(&format!("{how}\n{}", checked_as_text(&saved.checked)))
}

/// `None` where there is none.
fn key(given: &Given) -> Result<Option<String>> {
    let text = match given.option("key-file") {
        _ if given.has("no-key") => return Ok(None),
        Some(path) => std::fs::File::open(path).and_then(first_line).map_err(|cause| {
            usage(format!("--key-file: cannot read {path}: {cause}"), "name a file with the key on its first line")
        })?,
        None if io::stdin().is_terminal() => typed_unseen("key", false)?,
        None => first_line(io::stdin().lock()).map_err(Error::internal)?,
    };
    Ok(Some(text.trim().to_owned()).filter(|key| !key.is_empty()))
}

fn first_line(from: impl io::Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(KEY_BYTES).read_to_end(&mut bytes)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
