//! Which value of a setting counts, and what is said about a bad one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use portagent::config::{Config, Surroundings, Typed, banner, effective};
use portagent::domain::{Error, Kind};

/// A place to read settings in: flags, environment, and the files of a directory.
struct Place {
    typed: Typed,
    environment: HashMap<&'static str, OsString>,
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let environment = HashMap::from([("HOME", OsString::from("/home/lin"))]);
        Self { typed: Typed::default(), environment, directory: tempfile::tempdir().unwrap() }
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.typed.settings.push((name, value.to_owned()));
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.insert(name, value.into());
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn load(&self) -> Result<Config, Error> {
        let environment = |name: &str| self.environment.get(name).cloned();
        let names: Vec<String> = self.environment.keys().map(|&name| name.to_owned()).collect();
        let around = Surroundings { environment: &environment, names: &names, directory: self.directory.path() };
        Config::load(&self.typed, &around)
    }

    /// The value that counts, and where it came from.
    fn effective(&self, name: &str) -> (String, String) {
        let one = effective(&self.load().unwrap()).into_iter().find(|one| one.setting.name == name).unwrap();
        let directory = format!("{}/", self.directory.path().display());
        (one.value, one.source.to_string().replace(&directory, ""))
    }
}

#[test]
fn flags_before_environment_before_files_before_default() {
    let check = |place: Place, value: &str, source: &str| {
        assert_eq!(place.effective("PORT"), (value.to_owned(), source.to_owned()));
    };
    check(Place::new(), "5200", "default");
    check(Place::new().file(".env", "PORT=1"), "1", ".env:1");
    check(Place::new().file(".env", "PORT=1").file(".env.local", "# mine\nPORT=2"), "2", ".env.local:2");
    check(Place::new().file(".env", "PORT=1\nPORT=2"), "1", ".env:1");
    check(Place::new().file(".env", "PORT=1").env("PORT", "3"), "3", "environment");
    check(Place::new().env("PORT", "3").flag("PORT", "4").flag("PORT", "5"), "5", "--port");
}

#[test]
fn empty_is_unset_everywhere() {
    let place =
        Place::new().flag("PORT", "").env("PORT", " ").file(".env.local", "PORT=").file(".env", "PORT=''\nPORT=7");
    assert_eq!(place.effective("PORT"), ("7".to_owned(), ".env:2".to_owned()));
    assert_eq!(Place::new().env("JWT_SECRET", "").load().unwrap().jwt_secret, None);
}

#[test]
fn a_named_file_replaces_the_others() {
    let mut place = Place::new().file(".env", "PORT=1\nHOST=::1").file("my.env", "export PORT='2' # two\r\n");
    place.typed.env_file = Some(place.directory.path().join("my.env"));
    assert_eq!(place.effective("PORT"), ("2".to_owned(), "my.env:1".to_owned()));
    assert_eq!(place.effective("HOST"), ("0.0.0.0".to_owned(), "default".to_owned()));
    place.typed.env_file = Some(place.directory.path().join("none.env"));
    let error = place.load().unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.ends_with("none.env: no such file"), "{error}");
}

#[test]
fn the_typed_values() {
    let config = Place::new().load().unwrap();
    assert_eq!(
        (config.port, config.host.as_str(), config.data_dir.as_path()),
        (5200, "0.0.0.0", Path::new("/home/lin/.agentx"))
    );
    assert_eq!((config.llm.provider.name, config.llm.model.as_str()), ("anthropic", "claude-sonnet-5-5"));
    assert_eq!((config.login_failures_per_5min, config.registrations_per_hour), (10, 20));
    assert_eq!((config.base_path(), config.local_url(80).as_str()), ("", "http://localhost:80"));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert!(config.warnings.is_empty() && !config.invite_code_required && !config.invite_code_daily);
    let config = Place::new()
        .env("PUBLIC_URL", "https://a.example/chat/")
        .env("LLM_PROVIDER", "demo")
        .env("AGENTX_DIR", "~/data")
        .env("HOST", "[::1]")
        .load()
        .unwrap();
    assert_eq!((config.base_path(), config.local_url(80).as_str()), ("/chat", "http://localhost:80/chat"));
    assert_eq!((config.llm.provider.name, config.llm.model.as_str()), ("demo", "portagent-demo"));
    assert_eq!(config.log_file(), Path::new("/home/lin/data/logs/portagent.log"));
    assert_eq!(config.host, "::1");
}

#[test]
fn a_bad_value_is_named_with_where_it_came_from() {
    let check = |place: Place, message: &str| {
        let error = place.load().unwrap_err();
        assert_eq!((error.kind, error.message.as_ref()), (Kind::Invalid, message));
        assert!(error.hint.is_some());
    };
    check(Place::new().env("PORT", "99999"), "PORT=99999 (from environment): not a port");
    check(Place::new().flag("PORT", "x"), "PORT=x (from --port): not a port");
    check(Place::new().env("LLM_PROVIDER", "gpt"), "LLM_PROVIDER=gpt (from environment): not a provider");
    check(Place::new().env("LOG_LEVEL", "loud"), "LOG_LEVEL=loud (from environment): not a log level");
    let place = Place::new().file(".env", "\nINVITE_CODE_REQUIRED=perhaps");
    let from = place.directory.path().join(".env:2");
    let message = format!("INVITE_CODE_REQUIRED=perhaps (from {}): neither true nor false", from.display());
    check(place, &message);
    let mut homeless = Place::new();
    homeless.environment.clear();
    check(homeless, "AGENTX_DIR: HOME is not set, so there is no default");
    let error = Place::new().load().unwrap().reject("AGENTX_DIR", "permission denied");
    assert_eq!(error.message, "AGENTX_DIR: permission denied");
}

#[test]
fn secrets_are_never_shown() {
    let place = Place::new()
        .env("LLM_PROVIDER_KEY", "sk-ant-topsecret")
        .file(".env", "JWT_SECRET=topsecret-and-not-very-long")
        .flag("JWT_SECRET", "topsecret");
    let config = place.load().unwrap();
    let mut shown = format!("{config:?} {:?} {:?}", banner(&config), config.warnings);
    for one in effective(&config) {
        shown.push_str(&one.value);
    }
    assert!(!shown.contains("topsecret"), "{shown}");
    assert_eq!(place.effective("LLM_PROVIDER_KEY"), ("set".to_owned(), "environment".to_owned()));
    assert_eq!(config.jwt_secret.unwrap().expose(), "topsecret");
    assert_eq!(config.warnings.len(), 2, "seen in the process list, and short: {:?}", config.warnings);
    for (name, value) in [
        ("LLM_PROVIDER_KEY", "sk-ant topsecret"),
        ("LLM_PROVIDER_URL", "https://lin:topsecret@a.example"),
        ("LLM_PROVIDER_URL", "https://a.example?key=topsecret"),
        ("LLM_PROVIDER", "sk-topsecret"),
    ] {
        let error = Place::new().env(name, value).load().unwrap_err();
        assert!(!format!("{error:?}").contains("topsecret"), "{error:?}");
    }
}

#[test]
fn an_env_file_with_a_secret_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new().file(".env", "LLM_PROVIDER_KEY=sk-ant-1");
    let path = place.directory.path().join(".env");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warning = place.load().unwrap().warnings.remove(0);
    assert!(warning.contains("LLM_PROVIDER_KEY") && warning.contains("chmod 600"), "{warning}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(place.load().unwrap().warnings.is_empty());
}

#[test]
fn credentials_come_between_environment_and_files() {
    let place =
        || Place::new().file("llm-provider-key", "sk-ant-credential\n").file("port", "99").file("jwt-secret", "\n");
    let with = |place: Place| {
        let directory = place.directory.path().to_owned();
        let mut place = place.file(".env", "LLM_PROVIDER_KEY=sk-ant-file\nJWT_SECRET=from-the-file-0123456789abcdef");
        place.environment.insert("CREDENTIALS_DIRECTORY", directory.into());
        place
    };
    let found = with(place());
    let config = found.load().unwrap();
    assert_eq!(config.llm.api_key.unwrap().expose(), "sk-ant-credential");
    let shown = ("set".to_owned(), "credential llm-provider-key".to_owned());
    assert_eq!(found.effective("LLM_PROVIDER_KEY"), shown);
    assert_eq!(found.effective("JWT_SECRET").1, ".env:2", "empty means unset");
    assert_eq!(found.effective("PORT").1, "default", "only secrets are handed over this way");
    let environment = with(place().env("LLM_PROVIDER_KEY", "sk-ant-environment"));
    assert_eq!(environment.effective("LLM_PROVIDER_KEY").1, "environment");
    let error = with(Place::new().file("llm-provider-key", "sk-ant two words")).load().unwrap_err();
    assert!(error.message.starts_with("LLM_PROVIDER_KEY (from credential llm-provider-key): "), "{error}");
}

#[test]
fn secrets_are_read_from_the_files_that_variables_name() {
    let place = Place::new().file("key", "sk-ant-in-a-file\n");
    let path = place.directory.path().join("key").display().to_string();
    let place = place.file(".env", &format!("LLM_PROVIDER_KEY_FILE={path}\nMETRICS_TOKEN_FILE={path}"));
    let config = place.load().unwrap();
    assert_eq!(config.llm.api_key.unwrap().expose(), "sk-ant-in-a-file");
    assert_eq!(config.metrics_token.unwrap().expose(), "sk-ant-in-a-file");
    assert_eq!(place.effective("LLM_PROVIDER_KEY"), ("set".to_owned(), "LLM_PROVIDER_KEY_FILE=key".to_owned()));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let place = place.env("LLM_PROVIDER_KEY", "sk-ant-1");
    assert_eq!(place.effective("LLM_PROVIDER_KEY").1, "environment", "that counts before the file");
    let error = Place::new().env("JWT_SECRET_FILE", "/nothing/there").load().unwrap_err();
    assert_eq!(error.message, "JWT_SECRET_FILE=/nothing/there: no such file");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let file = "PORT=x\nLLM_PROVIDER_KYE=abc\nLOG_LEVEL=loud\nBACKUP_SCHEDULE=noon";
    let error = Place::new().file(".env", file).env("JWT_SECRET_FILE", "/nothing/there").load().unwrap_err();
    let said: Vec<&str> = std::iter::once(&error).chain(error.also()).map(|error| error.message.as_ref()).collect();
    for name in ["JWT_SECRET_FILE=/nothing/there: ", "PORT=x ", "LOG_LEVEL=loud ", "BACKUP_SCHEDULE=noon "] {
        assert!(said.iter().any(|line| line.starts_with(name)), "{name}: {said:?}");
    }
    assert!(said.iter().any(|line| line.ends_with("did you mean LLM_PROVIDER_KEY?")), "{said:?}");
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(!format!("{error:?}").contains("abc"));
}

#[test]
fn names_that_are_nearly_ours_are_named() {
    let place = Place::new().file(".env", "BACKUP_RETENTION=7\nHTTPS_PROXY=x\n").env("LLM_PROVIDER_URI", "http://a");
    let warnings = place.load().unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("LLM_PROVIDER_URI (from environment) is no setting"), "{warnings:?}");
    assert!(warnings[1].ends_with(".env:1) is no setting and was passed over: did you mean BACKUP_RETENTION_DAYS?"));
}

#[test]
fn an_env_file_in_utf_16_is_called_that() {
    let utf16: Vec<u8> = "\u{feff}PORT=6000\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let without_mark: Vec<u8> = "PORT=6000\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, what) in [
        (utf16, "it is UTF-16 text, not UTF-8"),
        (without_mark, "it is UTF-16 text, not UTF-8"),
        (vec![0xc3], "it is not UTF-8 text"),
    ] {
        let place = Place::new();
        std::fs::write(place.directory.path().join(".env"), bytes).unwrap();
        let error = place.load().unwrap_err();
        assert!(error.message.ends_with(what), "{error}");
        assert!(error.hint.unwrap().starts_with("save it again as UTF-8"));
    }
}

#[test]
fn an_env_file_of_someone_else_is_not_read_unless_it_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new().file(".env", "PORT=6001");
    let path = place.directory.path().join(".env");
    assert_eq!(place.load().unwrap().port, 6001);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let config = place.load().unwrap();
    assert_eq!(config.port, 5200, "others may write it");
    assert!(config.warnings[0].contains("was ignored: others may write it"), "{:?}", config.warnings);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    // Only root may give a file away.
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
        let config = place.load().unwrap();
        assert_eq!(config.port, 5200, "it belongs to another user");
        assert!(config.warnings[0].contains("belongs to another user"), "{:?}", config.warnings);
        let mut named = place;
        named.typed.env_file = Some(path.clone());
        assert_eq!(named.load().unwrap().port, 6001);
    }
}
