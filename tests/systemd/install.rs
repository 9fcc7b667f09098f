//! `portagent service install` and `uninstall`, into a directory that stands for a machine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::server::Server;
use crate::support::{Run, program, run};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A machine with nothing but its accounts.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (name, text) in [("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n")] {
        fs::write(root.path().join("etc").join(name), text).unwrap();
    }
    root
}

fn service(root: &Path, arguments: &[&str]) -> Run {
    let root = root.to_str().unwrap();
    run(Path::new("/"), &[&["service"], arguments, &["--root", root]].concat())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_machine_s_service_comes_and_goes_and_the_data_stays() {
    if !is_root() {
        println!("skipped: only root makes accounts");
        return;
    }
    let root = machine();
    let at = |path: &str| root.path().join(path);
    let (unit, env_file) = (at("etc/systemd/system/portagent.service"), at("etc/portagent/portagent.env"));

    let installed = service(root.path(), &["install", "--force"]);
    assert_eq!((installed.code, installed.stderr.as_str()), (Some(0), ""));
    for line in
        ["made the system account portagent", "  systemctl daemon-reload", "  systemctl enable portagent.service"]
    {
        assert!(installed.stdout.lines().any(|found| found == line), "{line}: {}", installed.stdout);
    }
    let accounts = fs::read_to_string(at("etc/passwd")).unwrap();
    let account: Vec<&str> = accounts.lines().find(|line| line.starts_with("portagent:")).unwrap().split(':').collect();
    let id: u32 = account[2].parse().unwrap();
    assert_eq!((account[5], account[6], id < 1000), ("/var/lib/portagent", "/usr/sbin/nologin", true));
    assert_eq!((mode(&unit), mode(&env_file)), (0o644, 0o600));
    assert_eq!(fs::metadata(&env_file).unwrap().uid(), id, "only the service reads it");
    let settings = run(Path::new("/"), &["config", "-e", env_file.to_str().unwrap()]);
    assert!(settings.stdout.contains("/var/lib/portagent"), "{}", settings.stdout);

    fs::write(&env_file, "PORT=8080\n").unwrap();
    fs::write(&unit, "# changed by hand\n").unwrap();
    let again = service(root.path(), &["install", "--force"]);
    assert!(again.stdout.contains(&format!("kept {}", env_file.display())), "{}", again.stdout);
    assert_eq!(fs::read_to_string(&env_file).unwrap(), "PORT=8080\n");
    let old = at("etc/systemd/system/portagent.service.old");
    assert_eq!(fs::read_to_string(old).unwrap(), "# changed by hand\n");

    fs::create_dir_all(at("var/lib/portagent")).unwrap();
    let removed = service(root.path(), &["uninstall"]);
    assert_eq!((removed.code, removed.stderr.as_str()), (Some(0), ""));
    assert!(removed.stdout.contains("kept:\nsettings: /etc/portagent/portagent.env\n"), "{}", removed.stdout);
    assert!(!unit.exists() && env_file.exists() && at("var/lib/portagent").exists());
    assert_eq!(service(root.path(), &["uninstall"]).code, Some(1), "there is none any more");
}

#[test]
fn a_program_that_will_not_stay_is_refused() {
    let root = machine();
    let built = root.path().join("target/debug/portagent");
    fs::create_dir_all(built.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_portagent"), &built).unwrap();
    let install = |extra: &[&str]| -> Run {
        let mut command = Command::new(&built);
        command.args(["service", "install", "--root"]).arg(root.path()).args(extra).output().unwrap().into()
    };
    for extra in [&[][..], &["--user"]] {
        let refused = install(extra);
        let message = format!("error: {} is a build's output, which the next build replaces\n", built.display());
        assert_eq!((refused.code, refused.stderr.starts_with(&message)), (Some(2), true), "{}", refused.stderr);
        assert!(refused.stderr.contains("/bin and run that one, or add --force"), "{}", refused.stderr);
    }
    assert!(!root.path().join("etc/systemd").exists(), "nothing was written");
}

/// Copied to where it may stay, and started exactly as its unit says.
#[test]
fn a_user_s_service_starts_as_its_unit_says() {
    let home = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["service", "install", "--user", "--force", "--root"]).arg(root.path());
    let installed: Run = command.output().unwrap().into();
    assert_eq!((installed.code, installed.stderr.as_str()), (Some(0), ""));
    let inside = |path: &str| root.path().join(home.path().strip_prefix("/").unwrap()).join(path);
    let unit = fs::read_to_string(inside(".config/systemd/user/portagent.service")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let start = start.replace("%E", inside(".config").to_str().unwrap());
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words[1..3], ["serve", "--env-file"]);
    let settings: Run = Command::new(words[0]).args(["config", "-e", words[3]]).output().unwrap().into();
    assert!(settings.stdout.contains(&home.path().join(".agentx").display().to_string()), "{}", settings.stdout);
    let server = Server::builder().arg("--env-file").arg(words[3]).start();
    assert_eq!(server.http().get("/health", None).status, 200);
}
