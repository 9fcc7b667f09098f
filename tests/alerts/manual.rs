//! The script of the operations manual, chapter 监控告警, as it stands there: only the port differs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::server::Server;

const SCRIPT: &str = r#"#!/bin/bash

HEALTH_URL="http://localhost:5200/health"
ALERT_EMAIL="admin@example.com"

response=$(curl -s -o /dev/null -w "%{http_code}" "$HEALTH_URL")

if [ "$response" != "200" ]; then
  echo "Portagent is down! Response code: $response" | mail -s "Alert: Portagent Down" "$ALERT_EMAIL"
fi
"#;

/// A `mail` that keeps what it is given.
const MAIL: &str = "#!/bin/sh\n{ echo \"$@\"; cat; } > \"$MAILBOX\"\n";

fn install(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn it_mails_when_the_server_is_down_and_only_then() {
    let tools = tempfile::tempdir().unwrap();
    let mut server = Server::start();
    install(&tools.path().join("mail"), MAIL);
    let script = tools.path().join("alert.sh");
    install(&script, &SCRIPT.replace("5200", &server.port().to_string()));
    let mailbox = tools.path().join("mailbox");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let run = || {
        let ran = Command::new(&script).env("PATH", &path).env("MAILBOX", &mailbox).status().unwrap();
        assert!(ran.success());
        std::fs::read_to_string(&mailbox).ok()
    };
    assert_eq!(run(), None, "all is well");
    assert!(server.terminate().success());
    let expected = "-s Alert: Portagent Down admin@example.com\nPortagent is down! Response code: 000\n";
    assert_eq!(run().as_deref(), Some(expected));
}
