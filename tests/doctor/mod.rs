//! `portagent doctor`: a healthy installation, and broken ones that each name their fault and nothing else.

mod broken;
mod healthy;
mod models;
mod proxy;

use serde_json::Value;

use self::models::Models;
use crate::support::Run;
use crate::support::people::sql;
use crate::support::server::{Builder, Server};

const KEY: &str = "sk-ant-api03-topsecret-key";
const JWT_SECRET: &str = "topsecret-jwt-0123456789-abcdefghij";
const MODEL: &str = "claude-test-1";

/// What a doctor said, which never holds a secret.
struct Report {
    code: Option<i32>,
    value: Value,
}

impl Report {
    fn of(run: Run) -> Self {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains("topsecret"), "a secret in {text}");
        }
        let value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        Self { code: run.code, value }
    }

    fn checks(&self) -> &Vec<Value> {
        self.value["checks"].as_array().unwrap()
    }

    /// The names of all checks with this verdict.
    fn with(&self, verdict: &str) -> Vec<&str> {
        self.checks().iter().filter(|one| one["verdict"] == verdict).map(|one| one["name"].as_str().unwrap()).collect()
    }

    /// There is one fault, it is this one, and what is said of it has these words in it.
    fn names(&self, fault: &str, words: &str) {
        println!("{}", self.value);
        assert_eq!((self.with("fail"), self.code), (vec![fault], Some(1)), "{:#}", self.value);
        let found = self.checks().iter().find(|one| one["verdict"] == "fail").unwrap();
        assert!(found["detail"].as_str().unwrap().contains(words), "{found:#}");
        assert!(found["hint"].is_string(), "there is a way out: {found:#}");
        assert_eq!(self.value["verdict"], "fail");
    }
}

fn doctor(server: &Server, arguments: &[&str]) -> Report {
    Report::of(server.run(&[&["doctor", "--json"], arguments].concat()))
}

/// With a model's server of ours behind it, and every secret set.
fn builder(models: &Models) -> Builder {
    Server::builder()
        .env("LLM_PROVIDER", "anthropic")
        .env("LLM_PROVIDER_KEY", KEY)
        .env("LLM_PROVIDER_URL", &models.url())
        .env("LLM_PROVIDER_MODEL", MODEL)
        .env("JWT_SECRET", JWT_SECRET)
}

/// A job as the schedule would have noted it.
fn noted(server: &Server, name: &str, ok_ago_hours: u32, error: Option<&str>) {
    let error = error.map_or("NULL".to_owned(), |error| format!("'{error}'"));
    let at = format!("(unixepoch() - {ok_ago_hours} * 3600) * 1000");
    sql(
        server,
        &format!(
            "INSERT OR REPLACE INTO jobs (name, lastStartedAt, lastEndedAt, lastOkAt, lastError) \
             VALUES ('{name}', {at}, {at}, {at}, {error});"
        ),
    );
}
