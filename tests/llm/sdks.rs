//! The scripted upstream itself, judged by the official clients from PyPI: `make test-sdks` installs and names them.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::upstream::{Script, Upstream};
use crate::support::wires::Wire;

#[test]
#[ignore = "needs the official clients: make test-sdks"]
fn the_official_clients_agree_with_the_scripted_upstream() {
    let python = std::env::var("SDK_PYTHON").expect("SDK_PYTHON names a Python that has the clients");
    let upstream = Upstream::start();
    let busy = || Script::refusal(429, "rate_limit_error", "slow down");
    for wire in Wire::ALL {
        upstream.push(wire.text(&["Hel", "lo, ", "世界"]));
        upstream.push(wire.call("look", r#"{"zone":"UTC"}"#));
        if wire != Wire::Ollama {
            upstream.push(wire.text(&["No", "on."]));
        }
        upstream.push(busy());
        if wire == Wire::Anthropic {
            upstream.push(Script::refusal(529, "overloaded_error", "Overloaded"));
        }
    }
    upstream.shows(json!({"capabilities": ["completion", "tools"], "details": {"family": "qwen3"},
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960}}));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/prove.py");
    let output = Command::new(python).arg(script).arg(upstream.url()).output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().count(), 4, "{said}");
}
