//! `/health` against nginx answering a fixed string, both driven by `wrk` from Debian.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::server::Server;

const NGINX_PORT: u16 = 5299;

pub fn compare_with_nginx(binary: &str) {
    if !is_there("wrk") || !is_there("nginx") {
        println!("/health against nginx: not measured, install the Debian packages wrk and nginx");
        return;
    }
    let server = Server::start(binary, &[("LLM_PROVIDER", "demo"), ("LOG_LEVEL", "info")]);
    server.wait_healthy();
    let ours = requests_per_second(server.port, "/health");
    drop(server);
    let nginx = Nginx::start();
    let theirs = requests_per_second(NGINX_PORT, "/health");
    drop(nginx);
    super::report("/health, requests a second (wrk -t1 -c16)", format!("{ours:.0}"));
    super::report("nginx with a fixed string and an access log", format!("{theirs:.0}"));
    super::report("ratio to nginx", format!("{:.2}", ours / theirs));
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn requests_per_second(port: u16, path: &str) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c16", "-d5s", &format!("http://127.0.0.1:{port}{path}")])
        .output()
        .expect("wrk runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("Requests/sec:")).expect("wrk reports");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

struct Nginx {
    child: std::process::Child,
    _directory: tempfile::TempDir,
}

impl Nginx {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let home = directory.path().display();
        let config = format!(
            "daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log {home}/access.log; client_body_temp_path {home}; proxy_temp_path {home};\n\
             fastcgi_temp_path {home}; uwsgi_temp_path {home}; scgi_temp_path {home};\n\
             server {{ listen 127.0.0.1:{NGINX_PORT}; location / {{ default_type application/json;\n\
             return 200 '{{\"status\":\"ok\",\"timestamp\":1736899200000}}'; }} }} }}\n"
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, config).expect("writes");
        let child = Command::new("nginx").arg("-c").arg(&file).stderr(Stdio::null()).spawn().expect("nginx starts");
        std::thread::sleep(Duration::from_millis(500));
        Self { child, _directory: directory }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}
